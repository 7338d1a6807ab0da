#include "agent/outvoted.h"

#include "agent/erasure.h"
#include "agent/log.h"
#include "agent/mirror.h"
#include "base/defect.h"
#include "model/erasure.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

enum { COUNT_ARENA_BYTES = 1024 * 1024 };

static void field_key(struct key *key, uint32_t type, const uint8_t id[16], uint32_t field)
{
    key_record(key, type, id);
    key_add_u32(key, field);
}

Hopnhat__Outvoted *outvoted_row(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                                uint32_t field, struct arena *arena)
{
    struct key key;
    field_key(&key, type, id, field);
    return row_get(transaction, AGENT_OUTVOTED, key_bytes(&key), &hopnhat__outvoted__descriptor, arena);
}

static void put_row(struct transaction *transaction, const Hopnhat__Record *record, uint32_t field,
                    const Hopnhat__Outvoted *row)
{
    struct key key;
    field_key(&key, record->type, record->id.data, field);
    row_put(transaction, AGENT_OUTVOTED, key_bytes(&key), &row->base);
}

static void delete_row(struct transaction *transaction, const Hopnhat__Record *record, uint32_t field)
{
    struct key key;
    field_key(&key, record->type, record->id.data, field);
    transaction_delete(transaction, AGENT_OUTVOTED, key_bytes(&key));
}

/* The key of the next row, of one record (`within` is its key) or of all (`within` is empty). No cursor stays
 * open: the caller may put and delete. */
static bool next_row(struct transaction *transaction, struct bytes within, struct key *key)
{
    struct cursor cursor;
    key_add(key, "", 1);
    cursor_open(&cursor, transaction, AGENT_OUTVOTED);
    bool here = cursor_seek(&cursor, key_bytes(key)) && cursor_within(&cursor, within);
    if (here) {
        key->size = 0;
        key_add(key, cursor.key.data, cursor.key.size);
    }
    cursor_close(&cursor);
    return here;
}

static uint32_t field_of(const struct key *key)
{
    return get_u32_be(key->data + RECORD_KEY_BYTES);
}

/* The record is not to be seen any more. What a deletion took along stays: it may have been purged. */
static void leave_rows(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                       struct arena *arena)
{
    struct key key, record;
    key_record(&record, type, id);
    for (key = record; next_row(transaction, key_bytes(&record), &key);) {
        Hopnhat__Outvoted *row = outvoted_row(transaction, type, id, field_of(&key), arena);
        if (row && row->deleted && !row->dismissed) {
            row->has_settled = row->settled = true;
            row_put(transaction, AGENT_OUTVOTED, key_bytes(&key), &row->base);
        } else {
            transaction_delete(transaction, AGENT_OUTVOTED, key_bytes(&key));
        }
    }
}

/* Whether the value that the row keeps has been erased, by the own log. Where that was trimmed, a value that
 * the mirror does not hold any more at the head counts as erased with its field. */
static bool is_erased(struct transaction *transaction, const struct key *key, const Hopnhat__Outvoted *row,
                      struct arena *arena)
{
    const struct entry_id value = {{row->replica, row->seq}, row->index};
    const uint8_t *id = key->data + 4;
    uint32_t type = get_u32_be(key->data), field = field_of(key);
    struct change change;
    if (log_change(transaction, value.dot, arena, &change))
        return value.index < change.op_count && change_is_erased(&change, value.index);
    const Hopnhat__Record *record = mirror_get(transaction, type, id, arena);
    const Hopnhat__Field *bag = record ? record_field(record, field) : NULL;
    return erasure_covers(agent_erasure(transaction, type, id, arena), field) &&
           !(bag && bag_find(bag, value));
}

static void drop_erased(struct transaction *transaction, struct bytes within, struct arena *arena)
{
    struct key key = {0};
    for (key_add(&key, within.data, within.size); next_row(transaction, within, &key); arena_reset(arena)) {
        const Hopnhat__Outvoted *row =
            outvoted_row(transaction, get_u32_be(key.data), key.data + 4, field_of(&key), arena);
        if (row && is_erased(transaction, &key, row, arena))
            transaction_delete(transaction, AGENT_OUTVOTED, key_bytes(&key));
    }
}

void outvoted_drop_erased(struct transaction *transaction, struct arena *arena)
{
    drop_erased(transaction, bytes_of(NULL, 0), arena);
}

void outvoted_drop_erased_of(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                             struct arena *arena)
{
    struct key record;
    key_record(&record, type, id);
    drop_erased(transaction, key_bytes(&record), arena);
}

/* The latest own entry of the bag; NULL: none. */
static const Hopnhat__Entry *own_entry(const struct agent *agent, const Hopnhat__Field *field)
{
    const Hopnhat__Entry *latest = NULL;
    for (size_t i = 0; field && i < field->n_entries; i++)
        if (agent_log(agent, field->entries[i]->replica) &&
            (!latest || field->entries[i]->time >= latest->time))
            latest = field->entries[i];
    return latest;
}

/* One field of the record, and what it reads as. */
struct seen {
    const Hopnhat__Record *record;
    const Hopnhat__FieldDefinition *definition;
    const Hopnhat__Field *field;
    struct bytes value;
    bool merged; /* by the hub, out of all that were written: nobody lost */
};

static bool fold_seen(const struct catalog_type *type, struct seen *seen, struct transaction *transaction,
                      struct arena *arena)
{
    struct reading reading;
    struct error error;
    if (!fold_field(type, seen->record, seen->definition, arena, &reading, &error)) {
        if (error.code == ERROR_MEMORY)
            transaction_fail(transaction, &error);
        return false;
    }
    seen->value = reading.count ? reading.values[0] : bytes_of(NULL, 0);
    seen->merged = reading.entries && reading.entries[0]->merged;
    return true;
}

struct standing {
    bool lost, settled, dismissed, deleted;
};

static void keep(struct transaction *transaction, const Hopnhat__Record *record, uint32_t field,
                 const Hopnhat__Entry *own, struct standing standing)
{
    Hopnhat__Outvoted row = HOPNHAT__OUTVOTED__INIT;
    row.replica = own->replica;
    row.seq = own->seq;
    row.has_index = true;
    row.index = own->index;
    row.has_value = own->has_value;
    row.value = own->value;
    row.has_settled = row.settled = standing.settled;
    row.has_dismissed = row.dismissed = standing.dismissed;
    row.has_lost = row.lost = standing.lost;
    row.has_deleted = row.deleted = standing.deleted;
    put_row(transaction, record, field, &row);
}

static bool is_of(const Hopnhat__Outvoted *row, const Hopnhat__Entry *own)
{
    return row && row->replica == own->replica && row->seq == own->seq && row->index == own->index;
}

/* An own value stands beside others, or stood there. */
static void judge(const struct agent *agent, struct transaction *transaction, const struct catalog_type *type,
                  struct seen *seen, bool any_rows, struct arena *arena)
{
    const Hopnhat__Entry *own = own_entry(agent, seen->field);
    bool contested = own && fold_distinct(seen->field) > 1;
    Hopnhat__Outvoted *row = any_rows ? outvoted_row(transaction, seen->record->type, seen->record->id.data,
                                                     seen->definition->number, arena)
                                      : NULL;
    if ((!contested && !row) || !fold_seen(type, seen, transaction, arena))
        return;
    if (contested) {
        bool lost = !bytes_equal(entry_value(own), seen->value);
        bool dismissed = lost && is_of(row, own) && row->lost && row->dismissed;
        keep(transaction, seen->record, seen->definition->number, own,
             (struct standing){.lost = lost, .dismissed = dismissed});
        return;
    }
    struct bytes value = bytes_of(row->value.data, row->has_value ? row->value.len : 0);
    if (own || seen->merged || bytes_equal(value, seen->value)) {
        delete_row(transaction, seen->record, seen->definition->number);
        return;
    }
    row->has_settled = row->settled = row->has_lost = row->lost = true;
    put_row(transaction, seen->record, seen->definition->number, row);
}

/* The field reads all its values, or is retired, since another catalog came: what stands there did not lose.
 */
static void end_row(const struct agent *agent, struct transaction *transaction, const struct seen *seen,
                    struct arena *arena)
{
    const uint32_t number = seen->definition->number;
    const Hopnhat__Outvoted *row =
        outvoted_row(transaction, seen->record->type, seen->record->id.data, number, arena);
    if (row && (!row->settled || own_entry(agent, seen->field)))
        delete_row(transaction, seen->record, number);
}

/* How the record's deletion stands. */
struct deletion {
    struct tombstones tombstones;
    bool deleted, overruled;
};

static bool read_deletion(const struct catalog_type *type, const Hopnhat__Record *record,
                          struct transaction *transaction, struct arena *arena, struct deletion *deletion)
{
    struct error error;
    if (fold_deleted(type, record, arena, &deletion->deleted, &deletion->overruled, &error) &&
        tombstones_read(record, arena, &deletion->tombstones, &error))
        return true;
    if (error.code == ERROR_MEMORY)
        transaction_fail(transaction, &error);
    return false;
}

/* A deletion that took along what was written here and its author had not seen: of each field, the latest.
 * Returns whether the field's row is of that kind. */
static bool judge_taken(const struct agent *agent, struct transaction *transaction, const struct seen *seen,
                        const struct deletion *deletion, bool any_rows, struct arena *arena)
{
    const uint32_t number = seen->definition->number;
    const Hopnhat__Entry *own = NULL;
    for (size_t i = 0; deletion->deleted && seen->field && i < seen->field->n_entries; i++) {
        const Hopnhat__Entry *entry = seen->field->entries[i];
        if (agent_log(agent, entry->replica) && (!own || entry->time >= own->time) &&
            !tombstones_list(&deletion->tombstones, entry_id_of(entry)))
            own = entry;
    }
    const Hopnhat__Outvoted *row =
        any_rows ? outvoted_row(transaction, seen->record->type, seen->record->id.data, number, arena) : NULL;
    if (own && !DEFECT(DELETION_UNTOLD)) {
        bool dismissed = is_of(row, own) && row->deleted && row->dismissed;
        keep(transaction, seen->record, number, own,
             (struct standing){.lost = true, .deleted = true, .dismissed = dismissed});
        return true;
    }
    if (!row || !row->deleted)
        return false;
    if (deletion->deleted && !log_is_refused(transaction, (struct dot){row->replica, row->seq}))
        return true;
    delete_row(transaction, seen->record, number);
    return false;
}

static void keep_deletion(struct transaction *transaction, const Hopnhat__Record *record, Hopnhat__Entry own,
                          struct standing standing)
{
    own.has_value = false; /* what its author saw is nothing to show */
    keep(transaction, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED, &own, standing);
}

/* An own deletion that is overruled by what its author had not seen. */
static void judge_deletion(const struct agent *agent, struct transaction *transaction,
                           const Hopnhat__Record *record, const struct deletion *deletion, bool any_rows,
                           struct arena *arena)
{
    const uint32_t number = HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED;
    const Hopnhat__Entry *own = own_entry(agent, record_field(record, number));
    Hopnhat__Outvoted *row =
        any_rows ? outvoted_row(transaction, record->type, record->id.data, number, arena) : NULL;
    if (deletion->overruled && own) {
        keep_deletion(transaction, record, *own,
                      (struct standing){.lost = true, .dismissed = is_of(row, own) && row->dismissed});
    } else if (row && deletion->deleted) {
        delete_row(transaction, record, number);
    } else if (row && !row->settled) {
        row->has_settled = row->settled = true;
        put_row(transaction, record, number, row);
    }
}

void outvoted_show(const struct agent *agent, struct transaction *transaction, uint32_t type,
                   const uint8_t id[16], const Hopnhat__Record *visible, struct arena *arena)
{
    const struct catalog_type *known = catalog_type(agent->catalog, type);
    bool any_rows = transaction_count(transaction, AGENT_OUTVOTED) > 0;
    if (!visible) {
        if (any_rows)
            leave_rows(transaction, type, id, arena);
        return;
    }
    const Hopnhat__TypeDefinition *definition = known ? type_definition(known) : NULL;
    struct deletion deletion = {0};
    if (!definition || !read_deletion(known, visible, transaction, arena, &deletion))
        return;
    judge_deletion(agent, transaction, visible, &deletion, any_rows, arena);
    for (size_t i = 0; i < definition->n_fields; i++) {
        struct seen seen = {.record = visible, .definition = definition->fields[i]};
        seen.field = record_field(visible, seen.definition->number);
        bool retired = seen.definition->retired, several = seen.field && seen.field->n_entries > 1;
        if (!retired && (any_rows || deletion.deleted) &&
            judge_taken(agent, transaction, &seen, &deletion, any_rows, arena))
            continue;
        if (!retired && fold_reads_one(seen.definition->policy) && (any_rows || several))
            judge(agent, transaction, known, &seen, any_rows, arena);
        else if (any_rows)
            end_row(agent, transaction, &seen, arena);
    }
}

/* The own deletion, where it is not in the record that the hub has; and the own writing over one. */
static void judge_deletion_op(const struct agent *agent, struct transaction *transaction,
                              const struct catalog_type *type, const Hopnhat__Op *op, struct entry_id id,
                              const Hopnhat__Record *mirror, struct arena *arena)
{
    const Hopnhat__Field *field = record_field(mirror, op->field);
    struct deletion deletion = {0};
    if (op->kind != HOPNHAT__OP_KIND__PUT) {
        delete_row(transaction, mirror, op->field);
        return;
    }
    if ((field && bag_find(field, id)) || own_entry(agent, field) ||
        !read_deletion(type, mirror, transaction, arena, &deletion) || deletion.deleted)
        return;
    Hopnhat__Entry own = HOPNHAT__ENTRY__INIT;
    own.replica = id.dot.replica;
    own.seq = id.dot.seq;
    own.index = id.index;
    keep_deletion(transaction, mirror, own, (struct standing){.lost = true, .settled = true});
}

/* The op's own value, where it is not in the record that the hub has. */
static void judge_op(const struct agent *agent, struct transaction *transaction,
                     const struct catalog_type *type, const struct change *change, const Hopnhat__Op *op,
                     size_t number, const Hopnhat__Record *mirror, struct arena *arena)
{
    const struct entry_id id = {change->dot, (uint32_t)number};
    struct seen seen = {.record = mirror, .definition = type_field(type, op->field)};
    Hopnhat__Entry own = HOPNHAT__ENTRY__INIT;
    seen.field = record_field(mirror, op->field);
    if (op->field == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
        judge_deletion_op(agent, transaction, type, op, id, mirror, arena);
    if (op->field <= HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED || op->kind != HOPNHAT__OP_KIND__PUT ||
        !seen.definition || seen.definition->retired || !fold_reads_one(seen.definition->policy) ||
        !seen.field || change_is_erased(change, number) || bag_find(seen.field, id) ||
        own_entry(agent, seen.field) ||
        outvoted_row(transaction, mirror->type, mirror->id.data, op->field, arena) ||
        !fold_seen(type, &seen, transaction, arena))
        return;
    struct bytes value = change_value(change, number);
    own.replica = id.dot.replica;
    own.seq = id.dot.seq;
    own.index = id.index;
    own.has_value = value.size != 0;
    own.value = (ProtobufCBinaryData){value.size, (uint8_t *)(uintptr_t)value.data};
    if (!seen.merged && !bytes_equal(value, seen.value))
        keep(transaction, mirror, op->field, &own, (struct standing){.lost = true, .settled = true});
}

void outvoted_admitted(const struct agent *agent, struct transaction *transaction,
                       const struct change *change, const Hopnhat__Record *mirror, struct arena *arena)
{
    const struct catalog_type *type = catalog_type(agent->catalog, mirror->type);
    for (size_t i = 0; type && i < change->body->n_edits; i++) {
        const Hopnhat__Edit *edit = change->body->edits[i];
        if (edit->type != mirror->type || memcmp(edit->record.data, mirror->id.data, RECORD_ID_BYTES) != 0)
            continue;
        for (size_t j = 0; j < edit->n_ops; j++)
            judge_op(agent, transaction, type, change, edit->ops[j], change->first_op[i] + j, mirror, arena);
    }
}

bool outvoted_dismiss(struct agent *agent, uint32_t type, const uint8_t id[16], uint32_t field,
                      struct error *error)
{
    struct transaction transaction;
    struct arena arena;
    struct key key;
    if (!agent_begin(agent, &transaction, error))
        return false;
    arena_init(&arena, COUNT_ARENA_BYTES);
    Hopnhat__Outvoted *row = outvoted_row(&transaction, type, id, field, &arena);
    bool lost = row && row->lost;
    if (lost) {
        field_key(&key, type, id, field);
        row->has_dismissed = row->dismissed = true;
        if (row->settled)
            transaction_delete(&transaction, AGENT_OUTVOTED, key_bytes(&key));
        else
            row_put(&transaction, AGENT_OUTVOTED, key_bytes(&key), &row->base);
    }
    arena_release(&arena);
    if (lost || transaction.failed)
        return agent_commit(agent, &transaction, error);
    agent_abort(agent, &transaction);
    return error_set(error, ERROR_NOT_FOUND, "no value of this office was outvoted there");
}

uint64_t outvoted_count(struct transaction *transaction)
{
    struct cursor cursor;
    struct arena arena;
    uint64_t count = 0, examined = 0;
    arena_init(&arena, COUNT_ARENA_BYTES);
    cursor_open(&cursor, transaction, AGENT_OUTVOTED);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && examined < OUTVOTED_COUNTED;
         here = cursor_next(&cursor), examined++) {
        const Hopnhat__Outvoted *row =
            row_unpack(transaction, cursor.value, &hopnhat__outvoted__descriptor, &arena);
        count += row && row->lost && !row->dismissed;
        arena_reset(&arena);
    }
    cursor_close(&cursor);
    arena_release(&arena);
    return count;
}
