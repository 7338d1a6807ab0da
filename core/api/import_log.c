#include "api/import.h"

#include "model/decimal.h"
#include "store/key.h"
#include "store/rows.h"

enum { FORGET_ARENA_BYTES = 64 * 1024 * 1024, IMPORTED_KEY_BYTES = 12 };

void import_log_start(struct import_log *log, struct transaction *transaction, unsigned database)
{
    struct cursor cursor;
    uint8_t end[8];
    memset(end, 0xFF, sizeof end);
    *log = (struct import_log){.transaction = transaction, .database = database, .number = 1};
    cursor_open(&cursor, transaction, database);
    if (cursor_seek_before(&cursor, bytes_of(end, sizeof end)) && cursor.key.size >= sizeof end)
        log->number = get_u64_be(cursor.key.data) + 1;
    cursor_close(&cursor);
}

void import_log_put(struct transaction *transaction, unsigned database, const Hopnhat__Import *row)
{
    struct key key;
    key_number(&key, row->number);
    row_put(transaction, database, key_bytes(&key), &row->base);
}

Hopnhat__Import *import_log_get(struct transaction *transaction, unsigned database, uint64_t number,
                                struct arena *arena)
{
    struct key key;
    key_number(&key, number);
    return row_get(transaction, database, key_bytes(&key), &hopnhat__import__descriptor, arena);
}

/* The record as it was before, and the edit that alters it. */
struct former {
    const struct catalog_type *type;
    const struct new_edit *edit;
    const Hopnhat__Record *before;
    struct arena *arena;
    struct error *error;
};

static void add_value(Hopnhat__FormerField *former, struct bytes value)
{
    /* protobuf-c has no pointers to const */
    former->values[former->n_values++] = (ProtobufCBinaryData){value.size, (uint8_t *)(uintptr_t)value.data};
}

static void add_writer(Hopnhat__FormerField *former, struct dot dot)
{
    former->writers[former->n_writers++] = dot.replica;
    former->writers[former->n_writers++] = dot.seq;
}

static const Hopnhat__Entry *entry_of(const Hopnhat__Field *field, struct entry_id id)
{
    return field ? bag_find(field, id) : NULL;
}

/* The values that a set loses by the op. */
static void add_dropped(const struct former *from, const struct new_op *op, Hopnhat__FormerField *former)
{
    const Hopnhat__Field *field = record_field(from->before, op->field);
    for (size_t i = 0; i < op->superseded.count && op->kind == HOPNHAT__OP_KIND__DROP; i++) {
        const Hopnhat__Entry *entry = entry_of(field, op->superseded.ids[i]);
        if (!entry)
            continue;
        add_value(former, entry_value(entry));
        add_writer(former, entry_id_of(entry).dot);
    }
}

static bool add_reading(const struct former *from, const Hopnhat__FieldDefinition *definition,
                        Hopnhat__FormerField *former)
{
    const Hopnhat__Field *field = record_field(from->before, definition->number);
    struct reading reading;
    if (!fold_field(from->type, from->before, definition, from->arena, &reading, from->error))
        return false;
    if (reading.count)
        add_value(former, reading.values[0]);
    if (field && field->n_entries)
        add_writer(former, field->n_entries == 1 ? entry_id_of(field->entries[0]).dot : (struct dot){0});
    return true;
}

static size_t most_values(const struct new_edit *edit, uint32_t field)
{
    size_t count = 1;
    for (size_t i = 0; i < edit->op_count; i++)
        if (edit->ops[i].field == field)
            count += edit->ops[i].superseded.count;
    return count;
}

/* What the field was before. Of a set only what the edit drops, of a counter what it adds. */
static Hopnhat__FormerField *former_field(const struct former *from, uint32_t number)
{
    const Hopnhat__FieldDefinition *definition = type_field(from->type, number);
    Hopnhat__FormerField *former = arena_alloc(from->arena, sizeof *former);
    bool many = definition && (definition->policy == HOPNHAT__MERGE_POLICY__UNION ||
                               definition->policy == HOPNHAT__MERGE_POLICY__THREAD);
    if (!former || !definition) {
        out_of_memory(from->error);
        return NULL;
    }
    hopnhat__former_field__init(former);
    former->field = number;
    const size_t most = most_values(from->edit, number);
    former->values = arena_alloc(from->arena, most * sizeof *former->values);
    former->writers = arena_alloc(from->arena, 2 * most * sizeof *former->writers);
    if (!former->values || !former->writers) {
        out_of_memory(from->error);
        return NULL;
    }
    for (size_t i = 0; i < from->edit->op_count; i++) {
        const struct new_op *op = &from->edit->ops[i];
        if (op->field != number)
            continue;
        if (many)
            add_dropped(from, op, former);
        else if (op->kind == HOPNHAT__OP_KIND__ADD)
            add_value(former, op->value);
        else if (!add_reading(from, definition, former))
            return NULL;
    }
    return former;
}

static bool is_listed(const Hopnhat__ImportedRecord *row, uint32_t field)
{
    for (size_t i = 0; i < row->n_former; i++)
        if (row->former[i]->field == field)
            return true;
    return false;
}

static bool fill(const struct former *from, Hopnhat__ImportedRecord *row)
{
    row->former = arena_alloc(from->arena, from->edit->op_count * sizeof(Hopnhat__FormerField *));
    if (!row->former)
        return out_of_memory(from->error);
    for (size_t i = 0; i < from->edit->op_count; i++) {
        uint32_t field = from->edit->ops[i].field;
        if (is_listed(row, field))
            continue;
        row->former[row->n_former] = former_field(from, field);
        if (!row->former[row->n_former++])
            return false;
    }
    return true;
}

/* Where the row of a record is that the operation changed: past all rows of operations. */
static void key_place(struct key *key, uint64_t number, const uint8_t id[RECORD_ID_BYTES])
{
    key_number(key, UINT64_MAX);
    key_add_u64(key, number);
    key_add(key, id, RECORD_ID_BYTES);
}

const Hopnhat__ImportedRecord *import_log_find(struct transaction *transaction, unsigned database,
                                               uint64_t number, const uint8_t id[RECORD_ID_BYTES],
                                               struct arena *arena)
{
    struct key key;
    struct bytes place;
    key_place(&key, number, id);
    if (!transaction_get(transaction, database, key_bytes(&key), &place) || place.size != 4)
        return NULL;
    key_number(&key, number);
    key_add_u32(&key, get_u32_be(place.data));
    return row_get(transaction, database, key_bytes(&key), &hopnhat__imported_record__descriptor, arena);
}

bool import_log_record(struct import_log *log, const struct catalog_type *type, const struct new_edit *edit,
                       const Hopnhat__Record *before, struct arena *arena, struct error *error)
{
    const struct former from = {.type = type, .edit = edit, .before = before, .arena = arena, .error = error};
    Hopnhat__ImportedRecord row = HOPNHAT__IMPORTED_RECORD__INIT;
    uint8_t id[RECORD_ID_BYTES];
    struct key key;
    memcpy(id, edit->record, sizeof id);
    row.record = (ProtobufCBinaryData){sizeof id, id};
    row.has_added = row.added = before == NULL;
    if (before && !fill(&from, &row))
        return false;
    if (before) {
        uint8_t place[4];
        put_u32_be(place, log->place);
        key_place(&key, log->number, id);
        transaction_put(log->transaction, log->database, key_bytes(&key), bytes_of(place, sizeof place));
    }
    key_number(&key, log->number);
    key_add_u32(&key, log->place++);
    row_append(log->transaction, log->database, key_bytes(&key), &row.base, arena);
    return true;
}

/* Drops the fields from the row. Returns whether there were any. */
static bool forget_fields(Hopnhat__ImportedRecord *row, bool (*covers)(void *context, uint32_t field),
                          void *context)
{
    size_t kept = 0, before = row->n_former;
    for (size_t i = 0; i < before; i++)
        if (!covers(context, row->former[i]->field))
            row->former[kept++] = row->former[i];
    row->n_former = kept;
    return kept < before;
}

void import_log_forget(struct transaction *transaction, unsigned database, const uint8_t id[RECORD_ID_BYTES],
                       bool (*covers)(void *context, uint32_t field), void *context)
{
    struct key key = {0};
    struct arena arena;
    bool here = true;
    arena_init(&arena, FORGET_ARENA_BYTES);
    while (here) {
        struct cursor cursor;
        Hopnhat__ImportedRecord *row = NULL;
        struct key own = {0};
        arena_reset(&arena);
        cursor_open(&cursor, transaction, database);
        here = cursor_seek(&cursor, key_bytes(&key));
        if (here) {
            key_add(&own, cursor.key.data, cursor.key.size);
            if (own.size == IMPORTED_KEY_BYTES)
                row = row_unpack(transaction, cursor.value, &hopnhat__imported_record__descriptor, &arena);
        }
        cursor_close(&cursor);
        if (row && bytes_equal(bytes_of(row->record.data, row->record.len), bytes_of(id, RECORD_ID_BYTES)) &&
            forget_fields(row, covers, context))
            row_put(transaction, database, key_bytes(&own), &row->base);
        key = own;
        key_add(&key, "", 1);
    }
    arena_release(&arena);
}
