#include "agent/outvoted.h"

#include "agent/erasure.h"
#include "agent/log.h"
#include "agent/mirror.h"
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

/* The record is not to be seen any more. */
static void delete_rows(struct transaction *transaction, uint32_t type, const uint8_t id[16])
{
    struct cursor cursor;
    struct key key;
    key_record(&key, type, id);
    cursor_open(&cursor, transaction, AGENT_OUTVOTED);
    bool here = cursor_seek(&cursor, key_bytes(&key));
    while (here && cursor_within(&cursor, key_bytes(&key))) {
        cursor_delete(&cursor);
        here = cursor_seek(&cursor, key_bytes(&key));
    }
    cursor_close(&cursor);
}

void outvoted_forget(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                     const Hopnhat__Record *erasure)
{
    struct cursor cursor;
    struct key key, prefix;
    key_record(&key, type, id);
    prefix = key;
    cursor_open(&cursor, transaction, AGENT_OUTVOTED);
    bool here = cursor_seek(&cursor, key_bytes(&key));
    while (here && cursor_within(&cursor, key_bytes(&prefix))) {
        uint32_t field = get_u32_be(cursor.key.data + prefix.size);
        if (erasure_covers(erasure, field))
            cursor_delete(&cursor);
        field_key(&key, type, id, field + 1);
        here = cursor_seek(&cursor, key_bytes(&key));
    }
    cursor_close(&cursor);
}

/* Whether the value that the row keeps has been erased, by the own log. Where that was trimmed, a value that
 * the mirror does not hold any more at the head counts as erased with its field. */
static bool is_erased(struct transaction *transaction, struct bytes key, const Hopnhat__Outvoted *row,
                      struct arena *arena)
{
    const struct entry_id value = {{row->replica, row->seq}, row->index};
    const uint8_t *id = key.data + 4;
    uint32_t type = get_u32_be(key.data), field = get_u32_be(key.data + RECORD_KEY_BYTES);
    struct change change;
    if (log_change(transaction, value.dot, arena, &change))
        return value.index < change.op_count && change_is_erased(&change, value.index);
    const Hopnhat__Record *record = mirror_get(transaction, type, id, arena);
    const Hopnhat__Field *bag = record ? record_field(record, field) : NULL;
    return erasure_covers(agent_erasure(transaction, type, id, arena), field) &&
           !(bag && bag_find(bag, value));
}

void outvoted_drop_erased(struct transaction *transaction, struct arena *arena)
{
    struct key key = {0};
    bool here = true;
    while (here) {
        struct cursor cursor;
        bool gone = false;
        arena_reset(arena);
        cursor_open(&cursor, transaction, AGENT_OUTVOTED);
        here = cursor_seek(&cursor, key_bytes(&key));
        if (here) {
            const Hopnhat__Outvoted *row =
                row_unpack(transaction, cursor.value, &hopnhat__outvoted__descriptor, arena);
            key.size = 0;
            key_add(&key, cursor.key.data, cursor.key.size);
            gone = row && is_erased(transaction, key_bytes(&key), row, arena);
        }
        cursor_close(&cursor);
        if (gone)
            transaction_delete(transaction, AGENT_OUTVOTED, key_bytes(&key));
        key_add(&key, "", 1);
    }
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

static void keep(struct transaction *transaction, const struct seen *seen, const Hopnhat__Entry *own,
                 bool dismissed, bool settled)
{
    Hopnhat__Outvoted row = HOPNHAT__OUTVOTED__INIT;
    row.replica = own->replica;
    row.seq = own->seq;
    row.has_index = true;
    row.index = own->index;
    row.has_value = own->has_value;
    row.value = own->value;
    row.has_settled = row.settled = settled;
    row.has_dismissed = row.dismissed = dismissed;
    row.has_lost = row.lost = !bytes_equal(entry_value(own), seen->value);
    put_row(transaction, seen->record, seen->definition->number, &row);
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
        bool same = row && row->replica == own->replica && row->seq == own->seq && row->index == own->index;
        keep(transaction, seen, own, same && row->dismissed, false);
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

void outvoted_show(const struct agent *agent, struct transaction *transaction, uint32_t type,
                   const uint8_t id[16], const Hopnhat__Record *visible, struct arena *arena)
{
    const struct catalog_type *known = catalog_type(agent->catalog, type);
    bool any_rows = transaction_count(transaction, AGENT_OUTVOTED) > 0;
    if (!visible) {
        if (any_rows)
            delete_rows(transaction, type, id);
        return;
    }
    const Hopnhat__TypeDefinition *definition = known ? type_definition(known) : NULL;
    for (size_t i = 0; definition && i < definition->n_fields; i++) {
        struct seen seen = {.record = visible, .definition = definition->fields[i]};
        if (seen.definition->retired || !fold_reads_one(seen.definition->policy))
            continue;
        seen.field = record_field(visible, seen.definition->number);
        if (any_rows || (seen.field && seen.field->n_entries > 1))
            judge(agent, transaction, known, &seen, any_rows, arena);
    }
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
    if (op->field < HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED || op->kind != HOPNHAT__OP_KIND__PUT ||
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
        keep(transaction, &seen, &own, false, true);
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
    if (row) {
        field_key(&key, type, id, field);
        row->has_dismissed = row->dismissed = true;
        if (row->settled)
            transaction_delete(&transaction, AGENT_OUTVOTED, key_bytes(&key));
        else
            row_put(&transaction, AGENT_OUTVOTED, key_bytes(&key), &row->base);
    }
    arena_release(&arena);
    if (row || transaction.failed)
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
