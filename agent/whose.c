#include "agent/whose.h"

#include "base/hex.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

static const char HEADQUARTERS[] = "headquarters";

static bool is_listed(const struct whose *whose, uint64_t replica)
{
    for (size_t i = 0; i < whose->count; i++)
        if (whose->list[i].replica == replica)
            return true;
    return false;
}

static bool add(struct whose *whose, uint64_t replica, const char *office, struct arena *arena)
{
    if (whose->count == whose->capacity) {
        size_t capacity = whose->capacity ? 2 * whose->capacity : 16;
        struct whose_replica *list = arena_alloc(arena, capacity * sizeof *list);
        if (!list)
            return false;
        if (whose->count)
            memcpy(list, whose->list, whose->count * sizeof *list);
        whose->list = list;
        whose->capacity = capacity;
    }
    whose->list[whose->count++] = (struct whose_replica){replica, office};
    return true;
}

/* The replicas that the office's record names. */
static bool add_office(struct whose *whose, const Hopnhat__Record *record, struct arena *arena)
{
    const Hopnhat__Field *replicas = record_field(record, OFFICE_REPLICAS);
    const Hopnhat__Field *codes = record_field(record, OFFICE_CODE);
    const Hopnhat__Entry *code = codes ? fold_latest(codes) : NULL;
    if (!replicas || !code)
        return true;
    const char *office = arena_string(arena, code->value.data, code->value.len);
    bool done = office != NULL;
    for (size_t i = 0; done && i < replicas->n_entries; i++) {
        struct bytes text = entry_value(replicas->entries[i]);
        uint8_t number[8];
        if (text.size == 2 * sizeof number && hex_decode((const char *)text.data, text.size, number))
            done = add(whose, get_u64_be(number), office, arena);
    }
    return done;
}

/* Who wrote the record of an office and is no office's own is headquarters. */
static bool add_writers(struct whose *whose, const Hopnhat__Record *record, struct arena *arena)
{
    for (size_t i = 0; i < record->n_fields; i++)
        for (size_t j = 0; j < record->fields[i]->n_entries; j++) {
            uint64_t replica = record->fields[i]->entries[j]->replica;
            if (!is_listed(whose, replica) && !add(whose, replica, HEADQUARTERS, arena))
                return false;
        }
    return true;
}

static bool each_office(struct whose *whose, struct transaction *snapshot, struct arena *arena,
                        bool (*take)(struct whose *, const Hopnhat__Record *, struct arena *))
{
    struct cursor cursor;
    struct key prefix = {0};
    struct arena step;
    bool done = true;
    arena_init(&step, LIMIT_MESSAGE_ARENA_BYTES);
    key_add_u32(&prefix, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE);
    cursor_open(&cursor, snapshot, AGENT_MIRROR);
    for (bool here = cursor_seek(&cursor, key_bytes(&prefix));
         here && done && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor)) {
        const Hopnhat__Record *record =
            row_unpack(snapshot, cursor.value, &hopnhat__record__descriptor, &step);
        done = record && take(whose, record, arena);
        arena_reset(&step);
    }
    cursor_close(&cursor);
    arena_release(&step);
    return done;
}

bool whose_read(struct transaction *snapshot, struct arena *arena, struct whose *whose)
{
    *whose = (struct whose){0};
    return each_office(whose, snapshot, arena, add_office) &&
           each_office(whose, snapshot, arena, add_writers);
}

const char *whose_office(const struct whose *whose, uint64_t replica, uint32_t rank)
{
    for (size_t i = 0; i < whose->count; i++)
        if (whose->list[i].replica == replica)
            return whose->list[i].office;
    return rank == HOPNHAT__RANK__RANK_HEADQUARTERS ? HEADQUARTERS : NULL;
}
