#include "hub/erasure_parts.h"

#include "api/import.h"
#include "hub/journal_row.h"
#include "hub/purge.h"
#include "model/erasure.h"
#include "store/key.h"
#include "store/rows.h"

enum { STEP_ARENA_BYTES = 256 * 1024 * 1024 };

/* A change of a log, with its row. */
struct logged {
    Hopnhat__LogRow *row;
    struct change change;
    size_t edit; /* of the record */
};

/* Reads a change that may touch the record. False: it does not, or it cannot be read. */
static bool read_logged(struct taking *taking, struct dot dot, struct arena *arena, struct logged *logged)
{
    struct key key;
    struct error unreadable; /* nothing in it counts */
    key_dot(&key, dot.replica, dot.seq);
    logged->row = row_get(&taking->admission->transaction, HUB_LOG, key_bytes(&key),
                          &hopnhat__log_row__descriptor, arena);
    if (!logged->row ||
        !change_unpack(&logged->change, dot, bytes_of(logged->row->logged.data, logged->row->logged.len),
                       arena, &unreadable))
        return false;
    const Hopnhat__Change *body = logged->change.body;
    for (logged->edit = 0; logged->edit < body->n_edits; logged->edit++)
        if (body->edits[logged->edit]->type == taking->type &&
            memcmp(body->edits[logged->edit]->record.data, taking->id, RECORD_ID_BYTES) == 0)
            return true;
    return false;
}

bool erasing_takes_entry(struct taking *taking, struct entry_id id, bool *goes, struct arena *arena,
                         struct error *error)
{
    struct logged logged;
    *goes = true; /* of a log that is not here in full nobody can say who had been told */
    if (read_logged(taking, id.dot, arena, &logged)) {
        size_t first = logged.change.first_op[logged.edit];
        const Hopnhat__Edit *edit = logged.change.body->edits[logged.edit];
        if (id.index >= first && id.index - first < edit->n_ops)
            *goes = change_is_erased(&logged.change, id.index) ||
                    erasure_takes(taking->erasure, &logged.change, edit->ops[id.index - first]);
    }
    return transaction_is_sound(&taking->admission->transaction, error);
}

typedef bool take_increment_function(void *context, const Hopnhat__Op *op, struct bytes value,
                                     struct error *error);

static bool tell_increments(struct taking *taking, const struct logged *logged, const bool *takes,
                            take_increment_function *take_increment, struct error *error)
{
    const Hopnhat__Edit *edit = logged->change.body->edits[logged->edit];
    for (size_t i = 0; i < edit->n_ops; i++) {
        size_t number = logged->change.first_op[logged->edit] + i;
        if (takes[number] && edit->ops[i]->kind == HOPNHAT__OP_KIND__ADD &&
            !take_increment(taking, edit->ops[i], change_value(&logged->change, number), error))
            return false;
    }
    return true;
}

/* Takes the values out of one change, and stores it so. */
static bool take_change(struct taking *taking, struct logged *logged, take_increment_function *take_increment,
                        bool *altered, struct arena *arena, struct error *error)
{
    const struct change *change = &logged->change;
    bool *takes = arena_alloc(arena, change->op_count * sizeof *takes);
    struct bytes stored;
    struct key key;
    if (!takes)
        return out_of_memory(error);
    *altered = erasure_mark(taking->erasure, change, logged->edit, takes);
    if (!*altered)
        return true;
    if ((take_increment && !tell_increments(taking, logged, takes, take_increment, error)) ||
        !change_erase(change, takes, arena, &stored, error))
        return false;
    logged->row->logged = (ProtobufCBinaryData){stored.size, (uint8_t *)(uintptr_t)stored.data};
    key_dot(&key, change->dot.replica, change->dot.seq);
    row_put(&taking->admission->transaction, HUB_LOG, key_bytes(&key), &logged->row->base);
    return true;
}

/* The changes that touched the record, from the last one backwards. */
static bool take_history(struct taking *taking, take_increment_function *take_increment, struct arena *arena,
                         struct error *error)
{
    struct dot dot =
        purge_last(taking->admission->hub, &taking->admission->transaction, taking->type, taking->id);
    if (taking->record)
        dot = (struct dot){taking->record->last_replica, taking->record->last_seq};
    while (dot.seq) {
        struct logged logged;
        bool altered;
        arena_reset(arena);
        if (!read_logged(taking, dot, arena, &logged) ||
            logged.row->n_touched < TOUCHED_NUMBERS * (logged.edit + 1))
            return error_set(error, ERROR_CORRUPT,
                             "the history of the record cannot be read: run verify, nothing was erased");
        const uint64_t *touched = logged.row->touched + TOUCHED_NUMBERS * logged.edit;
        if (!take_change(taking, &logged, take_increment, &altered, arena, error))
            return false;
        dot = (struct dot){touched[TOUCHED_REPLICA], touched[TOUCHED_SEQ]};
    }
    return true;
}

static bool take_refused(struct taking *taking, const Hopnhat__Quarantined *read, struct arena *arena,
                         struct error *error)
{
    static char gone[] = "refused; the reason is not kept, since it may quote what has been erased";
    Hopnhat__Quarantined row = *read;
    struct dot dot = {row.refusal->replica, row.refusal->seq};
    struct logged logged;
    struct key key;
    bool altered;
    if (!read_logged(taking, dot, arena, &logged))
        return true;
    if (!take_change(taking, &logged, NULL, &altered, arena, error))
        return false;
    if (!altered)
        return true;
    row.refusal->text = gone;
    key_dot(&key, dot.replica, dot.seq);
    row_put(&taking->admission->transaction, HUB_QUARANTINE, key_bytes(&key), &row.base);
    return true;
}

/* Reads the next row of the database at or after *key, which moves past it; NULL: no more. */
static void *next_row(struct taking *taking, unsigned database, struct key *key,
                      const ProtobufCMessageDescriptor *type, struct arena *arena)
{
    struct cursor cursor;
    void *row = NULL;
    arena_reset(arena);
    cursor_open(&cursor, &taking->admission->transaction, database);
    if (cursor_seek(&cursor, key_bytes(key))) {
        row = row_unpack(&taking->admission->transaction, cursor.value, type, arena);
        key->size = 0;
        key_add(key, cursor.key.data, cursor.key.size);
        key_add(key, "", 1);
    }
    cursor_close(&cursor);
    return row;
}

bool erasing_take_logged(struct taking *taking, take_increment_function *take_increment, struct error *error)
{
    const Hopnhat__Quarantined *row;
    struct key key = {0};
    struct arena arena;
    arena_init(&arena, STEP_ARENA_BYTES);
    bool done = take_history(taking, take_increment, &arena, error);
    while (done && (row = next_row(taking, HUB_QUARANTINE, &key, &hopnhat__quarantined__descriptor, &arena)))
        done = take_refused(taking, row, &arena, error);
    arena_release(&arena);
    return done && transaction_is_sound(&taking->admission->transaction, error);
}

/* Whether the row shows a value that goes: those of writers who had been told of the erasure stay. */
static bool shows_taken(struct taking *taking, const Hopnhat__Resolution *row, bool *shows,
                        struct error *error)
{
    struct arena step;
    bool done = true;
    arena_init(&step, STEP_ARENA_BYTES);
    *shows = false;
    for (size_t i = 0; i <= row->n_candidates && done && !*shows; i++) {
        struct entry_id id = {{0, 0}, 0};
        if (i < row->n_candidates)
            id = entry_id_of(row->candidates[i]->entry);
        else if (row->chosen)
            id = (struct entry_id){{row->chosen->replica, row->chosen->seq}, row->chosen->index};
        arena_reset(&step);
        if (id.dot.seq)
            done = erasing_takes_entry(taking, id, shows, &step, error);
    }
    arena_release(&step);
    return done;
}

/* What stands side by side in the field without what was taken is a conflict of its own. */
static bool open_again(struct taking *taking, uint32_t number, struct error *error)
{
    const struct catalog *catalog = taking->admission->hub->catalog;
    const struct catalog_type *type = catalog_type(catalog, taking->type);
    const Hopnhat__FieldDefinition *field = type ? type_field(type, number) : NULL;
    bool deleted;
    if (!field || !taking->record || !fold_concurrent(type, taking->record, field))
        return true;
    return journal_deleted(catalog, taking->record, taking->arena, &deleted, error) &&
           journal_open(taking->admission, taking->record, field, deleted, NULL, error);
}

static bool take_row(struct taking *taking, Hopnhat__Resolution *row, struct error *error)
{
    bool shows, settled = row->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED;
    if (!erasure_covers(taking->erasure, row->field))
        return true;
    if (!shows_taken(taking, row, &shows, error))
        return false;
    if (!shows)
        return true;
    journal_erase(taking->admission, row);
    return settled || open_again(taking, row->field, error);
}

bool erasing_take_journal(struct taking *taking, struct error *error)
{
    Hopnhat__Resolution *row;
    struct key key, prefix;
    struct arena arena;
    bool done = true;
    arena_init(&arena, STEP_ARENA_BYTES);
    key_record(&key, taking->type, taking->id);
    prefix = key;
    while (done && (row = next_row(taking, HUB_CONFLICT, &key, &hopnhat__resolution__descriptor, &arena)) &&
           memcmp(key.data, prefix.data, prefix.size) == 0)
        done = take_row(taking, row, error);
    arena_release(&arena);
    return done && transaction_is_sound(&taking->admission->transaction, error);
}

static bool covers(void *context, uint32_t field)
{
    return erasure_covers(context, field);
}

bool erasing_take_imports(struct taking *taking, struct error *error)
{
    import_log_forget(&taking->admission->transaction, HUB_IMPORT, taking->id, covers,
                      (void *)(uintptr_t)taking->erasure);
    return transaction_is_sound(&taking->admission->transaction, error);
}
