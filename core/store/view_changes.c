#include "store/view_changes.h"

#include <stdlib.h>

enum { CHANGES_BYTES = 1024 * 1024 * 1024 };

struct view_change {
    uint8_t database;
    bool put;
    uint16_t key_size;
    uint32_t value_size;
    const uint8_t *key, *value;
};

void view_changes_init(struct view_changes *changes)
{
    *changes = (struct view_changes){0};
    arena_init(&changes->arena, CHANGES_BYTES);
}

void view_changes_release(struct view_changes *changes)
{
    arena_release(&changes->arena);
    free(changes->changes);
    free(changes->counts);
    changes->changes = NULL;
    changes->counts = NULL;
    changes->count = changes->capacity = changes->count_types = 0;
}

void view_changes_reset(struct view_changes *changes)
{
    arena_reset(&changes->arena);
    changes->count = changes->count_types = 0;
}

static bool add(struct view_changes *changes, uint8_t database, bool put, const struct key *key,
                struct bytes value, struct error *error)
{
    if (changes->count == changes->capacity) {
        size_t capacity = changes->capacity ? 2 * changes->capacity : 1024;
        struct view_change *grown = realloc(changes->changes, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        changes->changes = grown;
        changes->capacity = capacity;
    }
    uint8_t *copy = arena_copy(&changes->arena, key->data, key->size);
    uint8_t *data = value.size ? arena_copy(&changes->arena, value.data, value.size) : copy;
    if (!copy || !data)
        return out_of_memory(error);
    changes->changes[changes->count++] = (struct view_change){
        .database = database,
        .put = put,
        .key_size = (uint16_t)key->size,
        .value_size = (uint32_t)value.size,
        .key = copy,
        .value = data,
    };
    return true;
}

static bool note_count(struct view_changes *changes, uint32_t type, int difference, struct error *error)
{
    size_t i = 0;
    while (i < changes->count_types && changes->counts[i].type != type)
        i++;
    if (i == changes->count_types) {
        struct count_change *grown = realloc(changes->counts, (i + 1) * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        changes->counts = grown;
        changes->counts[changes->count_types++] = (struct count_change){.type = type};
    }
    changes->counts[i].difference += difference;
    return true;
}

/* Rows that are in one of the two only. */
static bool add_rows(struct view_changes *changes, uint32_t type, const uint8_t id[16],
                     const struct contribution *before, const struct contribution *now, struct error *error)
{
    size_t i = 0, j = 0;
    struct key key;
    while (i < before->count || j < now->count) {
        int order = i == before->count ? 1
                    : j == now->count  ? -1
                                       : contribution_compare(&before->rows[i], &now->rows[j]);
        const struct contribution_row *row = order < 0 ? &before->rows[i] : &now->rows[j];
        i += order <= 0;
        j += order >= 0;
        if (order == 0)
            continue;
        contribution_key(row, type, id, &key);
        if (!add(changes, row->database, order > 0, &key, bytes_of(NULL, 0), error))
            return false;
    }
    return true;
}

bool view_changes_add(struct view_changes *changes, uint32_t type, const uint8_t id[16],
                      const struct contribution *before, const struct contribution *now,
                      struct arena *scratch, struct error *error)
{
    static const struct contribution nothing;
    const struct contribution *former = before ? before : &nothing;
    struct bytes stored = {0};
    struct key key;
    int difference = (now->flags & CONTRIBUTION_LIVE) - (former->flags & CONTRIBUTION_LIVE);
    if (!add_rows(changes, type, id, former, now, error) ||
        (difference && !note_count(changes, type, difference, error)))
        return false;
    key_record(&key, type, id);
    if (now->flags == 0)
        return !before || add(changes, VIEW_CONTRIBUTION, false, &key, stored, error);
    return contribution_pack(now, scratch, &stored, error) &&
           add(changes, VIEW_CONTRIBUTION, true, &key, stored, error);
}

static int by_key(const void *a, const void *b)
{
    const struct view_change *left = a, *right = b;
    if (left->database != right->database)
        return left->database - right->database;
    return bytes_compare(bytes_of(left->key, left->key_size), bytes_of(right->key, right->key_size));
}

static void apply_counts(const struct view_changes *changes, struct transaction *transaction)
{
    for (size_t i = 0; i < changes->count_types; i++) {
        struct bytes value;
        uint8_t key[4], number[8];
        put_u32_be(key, changes->counts[i].type);
        bool found = transaction_get(transaction, VIEW_COUNT, bytes_of(key, sizeof key), &value);
        uint64_t count = found && value.size == sizeof number ? get_u64_be(value.data) : 0;
        put_u64_be(number, count + (uint64_t)changes->counts[i].difference);
        transaction_put(transaction, VIEW_COUNT, bytes_of(key, sizeof key), bytes_of(number, sizeof number));
    }
}

void view_changes_apply(struct view_changes *changes, struct transaction *transaction)
{
    if (changes->count)
        qsort(changes->changes, changes->count, sizeof *changes->changes, by_key);
    for (size_t i = 0; i < changes->count; i++) {
        const struct view_change *change = &changes->changes[i];
        struct bytes key = bytes_of(change->key, change->key_size);
        if (change->put)
            transaction_put(transaction, change->database, key, bytes_of(change->value, change->value_size));
        else
            transaction_delete(transaction, change->database, key);
    }
    apply_counts(changes, transaction);
}
