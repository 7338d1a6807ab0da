#include "api/import.h"
#include "api/wall.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdlib.h>

enum { LISTED_IMPORTS = 1000 };

static json_t *import_json(const struct catalog *catalog, const Hopnhat__Import *row, struct arena *arena)
{
    const struct catalog_type *type = catalog_type(catalog, row->type);
    return json_pack("{s:I, s:s?, s:s?, s:s?, s:s?, s:I, s:I, s:I, s:o}", "import", (json_int_t)row->number,
                     "type", type ? type_definition(type)->name : NULL, "file", row->file, "author",
                     row->author, "time", wall_text(row->made_ms, arena), "added", (json_int_t)row->added,
                     "changed", (json_int_t)row->changed, "kept", (json_int_t)row->undone_kept, "undone",
                     row->has_undone_ms ? json_string(wall_text(row->undone_ms, arena)) : json_null());
}

static bool list_imports(struct api_call *call, struct transaction *transaction, json_t *list,
                         struct error *error)
{
    const struct bulk *bulk = call->records->bulk;
    struct import_log end;
    import_log_start(&end, transaction, bulk->imports);
    for (uint64_t number = end.number - 1; number > 0 && json_array_size(list) < LISTED_IMPORTS; number--) {
        const Hopnhat__Import *row = import_log_get(transaction, bulk->imports, number, call->arena);
        json_t *json =
            row ? import_json(call->records->catalog(call->records->context), row, call->arena) : NULL;
        if (row && (!json || json_array_append_new(list, json) < 0))
            return out_of_memory(error);
    }
    return transaction_is_sound(transaction, error);
}

json_t *handle_imports(struct api_call *call, struct error *error)
{
    const struct records *records = call->records;
    json_t *list = json_array(), *json = NULL;
    if (!list)
        out_of_memory(error);
    else if (records->begin(records->context, error)) {
        if (list_imports(call, records->bulk->snapshot(records->context), list, error) &&
            !(json = json_pack("{s:O}", "imports", list)))
            out_of_memory(error);
        records->end(records->context);
    }
    json_decref(list);
    return json;
}

/* An operation that is being taken back. */
struct undo {
    struct api_call *call;
    const struct bulk *bulk;
    void *context;
    struct transaction *transaction;
    Hopnhat__Import *row;
    const struct catalog_type *type;
    const char *author;
    struct arena arena; /* of the change under construction */
    struct new_edit batch[LIMIT_IMPORT_EDITS];
    size_t batch_count;
    struct dot first, last; /* changes written */
    uint64_t deleted, restored, gone;
    json_t *kept;
    Hopnhat__Import **later; /* operations after it */
    size_t later_count;
    const Hopnhat__Import *over; /* the one of these that stands and wrote what was found not to be ours */
};

static bool has_made(const Hopnhat__Import *row, struct dot dot)
{
    return dot.replica == row->replica && dot.seq >= row->first_seq && dot.seq <= row->last_seq;
}

/* The later operation that was taken back by that change; NULL: none was. */
static const Hopnhat__Import *taken_back_by(const struct undo *undo, struct dot dot)
{
    for (size_t i = 0; i < undo->later_count; i++) {
        const Hopnhat__Import *row = undo->later[i];
        if (row->has_undone_replica && row->undone_replica == dot.replica && row->undone_first <= dot.seq &&
            dot.seq <= row->undone_last)
            return row;
    }
    return NULL;
}

/* The later operation that made that change and has not been taken back; NULL: none. */
static const Hopnhat__Import *standing(const struct undo *undo, struct dot dot)
{
    for (size_t i = 0; i < undo->later_count; i++)
        if (!undo->later[i]->has_undone_ms && has_made(undo->later[i], dot))
            return undo->later[i];
    return NULL;
}

/* Who wrote what the undo of `later` has put back there; *any: somebody did. False: that is not known. */
static bool writer_before(struct undo *undo, const Hopnhat__Import *later, const Hopnhat__Record *record,
                          uint32_t field, struct bytes value, struct dot *dot, bool *any)
{
    const Hopnhat__ImportedRecord *row =
        import_log_find(undo->transaction, undo->bulk->imports, later->number, record->id.data, &undo->arena);
    const Hopnhat__FormerField *former = NULL;
    for (size_t i = 0; row && i < row->n_former; i++)
        if (row->former[i]->field == field)
            former = row->former[i];
    if (!former)
        return false;
    *any = former->n_values || former->n_writers;
    size_t place = 0;
    while (place + 1 < former->n_values &&
           !bytes_equal(bytes_of(former->values[place].data, former->values[place].len), value))
        place++;
    if (*any && former->n_writers < 2 * place + 2)
        return false;
    if (*any)
        *dot = (struct dot){former->writers[2 * place], former->writers[2 * place + 1]};
    return true;
}

/* Whether this operation wrote it, or one that was taken back since wrote over it and has put it back. */
static bool is_ours(struct undo *undo, const Hopnhat__Record *record, uint32_t field,
                    const Hopnhat__Entry *entry)
{
    const Hopnhat__Import *later;
    struct dot dot = entry_id_of(entry).dot;
    bool any = true;
    for (size_t step = 0; step <= undo->later_count; step++) {
        if (has_made(undo->row, dot))
            return true;
        later = taken_back_by(undo, dot);
        if (!later || !writer_before(undo, later, record, field, entry_value(entry), &dot, &any))
            break;
        if (!any)
            return true;
    }
    undo->over = standing(undo, dot);
    return false;
}

static bool keep(struct undo *undo, const uint8_t id[RECORD_ID_BYTES], const char *field, const char *reason,
                 struct error *error)
{
    char text[RECORD_ID_TEXT_BYTES];
    struct record_id record;
    memcpy(record.bytes, id, sizeof record.bytes);
    record_id_format(&record, text);
    json_t *json = json_pack("{s:s, s:s, s:s?, s:s}", "type", type_definition(undo->type)->name, "id", text,
                             "field", field, "reason", reason);
    return (json && json_array_append_new(undo->kept, json) == 0) || out_of_memory(error);
}

/* Somebody has written over it since. Where that was a later import, nothing is taken back before that is. */
static bool keep_written(struct undo *undo, const uint8_t id[RECORD_ID_BYTES], const char *field,
                         struct error *error)
{
    if (undo->over)
        return error_set(
            error, ERROR_INPUT,
            "import %llu wrote over records of import %llu: take import %llu back first; nothing "
            "has been changed",
            (unsigned long long)undo->over->number, (unsigned long long)undo->row->number,
            (unsigned long long)undo->over->number);
    return keep(undo, id, field, field ? "somebody has written it since" : "somebody has written to it since",
                error);
}

static bool flush(struct undo *undo, struct error *error)
{
    struct dot dot;
    if (undo->batch_count && !undo->bulk->change(undo->context, undo->batch, undo->batch_count, undo->author,
                                                 undo->call->wall_ms, &dot, error))
        return false;
    if (undo->batch_count) {
        undo->first = undo->first.seq ? undo->first : dot;
        undo->last = dot;
    }
    undo->batch_count = 0;
    arena_reset(&undo->arena);
    return true;
}

/* Adds the edit, if it may be made; *made tells. */
static bool add_edit(struct undo *undo, const struct new_edit *edit, const Hopnhat__Record *before,
                     bool *made, struct error *error)
{
    *made = edit->op_count > 0;
    if (!*made)
        return true;
    if (!undo->bulk->check(undo->context, edit, before, error)) {
        *made = false;
        return import_is_about_input(error) && keep(undo, edit->record, NULL, error->text, error);
    }
    undo->batch[undo->batch_count++] = *edit;
    return undo->batch_count < LIMIT_IMPORT_EDITS || flush(undo, error);
}

static bool all_is_ours(struct undo *undo, const Hopnhat__Record *record)
{
    for (size_t i = 0; i < record->n_fields; i++)
        for (size_t j = 0; j < record->fields[i]->n_entries; j++)
            if (!is_ours(undo, record, record->fields[i]->number, record->fields[i]->entries[j]))
                return false;
    return true;
}

static bool delete_record(struct undo *undo, const Hopnhat__Record *record, struct error *error)
{
    struct new_edit edit;
    bool made;
    if (!all_is_ours(undo, record))
        return keep_written(undo, record->id.data, NULL, error);
    if (!edit_make_deletion(record, &undo->arena, &edit, error) ||
        !add_edit(undo, &edit, record, &made, error))
        return false;
    undo->deleted += made;
    return true;
}

/* The values of entries of the field that are ours. */
static bool our_values(struct undo *undo, const Hopnhat__Record *record, const Hopnhat__Field *field,
                       struct bytes **values, size_t *count)
{
    *count = 0;
    undo->over = NULL;
    *values = arena_alloc(&undo->arena, (field ? field->n_entries : 0) * sizeof **values);
    for (size_t i = 0; *values && field && i < field->n_entries; i++)
        if (is_ours(undo, record, field->number, field->entries[i]))
            (*values)[(*count)++] = entry_value(field->entries[i]);
    return *values != NULL;
}

static void put(struct assignment_list *list, const Hopnhat__FieldDefinition *field,
                enum assignment_kind kind, const struct bytes *values, size_t count)
{
    if (count || kind == ASSIGN_SET)
        list->items[list->count++] =
            (struct assignment){.definition = field, .kind = kind, .values = values, .count = count};
}

static bool old_values(struct undo *undo, const Hopnhat__FormerField *former, struct bytes **values)
{
    *values = arena_alloc(&undo->arena, former->n_values * sizeof **values);
    for (size_t i = 0; *values && i < former->n_values; i++)
        (*values)[i] = bytes_of(former->values[i].data, former->values[i].len);
    return *values != NULL;
}

/* What puts one field back as it was, where it still stands as the import left it. */
static bool restore_field(struct undo *undo, const Hopnhat__Record *record,
                          const Hopnhat__FormerField *former, struct assignment_list *list,
                          struct error *error)
{
    const Hopnhat__FieldDefinition *definition = type_field(undo->type, former->field);
    const Hopnhat__Field *field = record_field(record, former->field);
    struct bytes *old, *ours;
    size_t our_count;
    if (!definition)
        return true;
    if (!old_values(undo, former, &old) || !our_values(undo, record, field, &ours, &our_count))
        return out_of_memory(error);
    switch (definition->policy) {
    case HOPNHAT__MERGE_POLICY__UNION:
    case HOPNHAT__MERGE_POLICY__THREAD:
        put(list, definition, ASSIGN_REMOVE, ours, our_count);
        put(list, definition, ASSIGN_ADD, old, former->n_values);
        return true;
    case HOPNHAT__MERGE_POLICY__SUM:
        put(list, definition, ASSIGN_REMOVE, old, former->n_values);
        return true;
    default:
        if (!field || field->n_entries != 1 || our_count != 1)
            return keep_written(undo, record->id.data, definition->name, error);
        put(list, definition, ASSIGN_SET, old, former->n_values);
        return true;
    }
}

static bool restore_record(struct undo *undo, const Hopnhat__Record *record,
                           const Hopnhat__ImportedRecord *row, struct error *error)
{
    struct assignment_list list = {.items =
                                       arena_alloc(&undo->arena, 2 * row->n_former * sizeof *list.items)};
    struct new_edit edit;
    bool made;
    if (!list.items)
        return out_of_memory(error);
    for (size_t i = 0; i < row->n_former; i++)
        if (!restore_field(undo, record, row->former[i], &list, error))
            return false;
    if (!edit_make(undo->type, record, list.items, list.count, &undo->arena, &edit, error))
        return import_is_about_input(error) && keep(undo, record->id.data, NULL, error->text, error);
    if (!add_edit(undo, &edit, record, &made, error))
        return false;
    undo->restored += made;
    return true;
}

static bool undo_record(struct undo *undo, const Hopnhat__ImportedRecord *row, struct error *error)
{
    bool deleted = false;
    if (row->record.len != RECORD_ID_BYTES)
        return error_set(error, ERROR_CORRUPT, "a row of import %llu names no record",
                         (unsigned long long)undo->row->number);
    const Hopnhat__Record *record =
        undo->bulk->get(undo->context, undo->row->type, row->record.data, &undo->arena);
    if (record && !fold_deleted(undo->type, record, &undo->arena, &deleted, NULL, error))
        return false;
    if (!record || deleted) {
        undo->gone++;
        return true;
    }
    return row->added ? delete_record(undo, record, error) : restore_record(undo, record, row, error);
}

static bool undo_records(struct undo *undo, struct error *error)
{
    struct key key;
    bool more = true;
    for (uint32_t place = 0; more; place++) {
        key_number(&key, undo->row->number);
        key_add_u32(&key, place);
        const Hopnhat__ImportedRecord *row = row_get(undo->transaction, undo->bulk->imports, key_bytes(&key),
                                                     &hopnhat__imported_record__descriptor, &undo->arena);
        more = row != NULL;
        if (row && (!import_may_go_on(error) || !undo_record(undo, row, error)))
            return false;
    }
    if (!undo->transaction->failed)
        return flush(undo, error);
    *error = undo->transaction->error;
    return false;
}

static bool find_later(struct undo *undo, struct error *error)
{
    struct import_log end;
    import_log_start(&end, undo->transaction, undo->bulk->imports);
    undo->later = arena_alloc(undo->call->arena, (end.number - undo->row->number) * sizeof *undo->later);
    if (!undo->later)
        return out_of_memory(error);
    for (uint64_t number = undo->row->number + 1; number < end.number; number++) {
        Hopnhat__Import *row =
            import_log_get(undo->transaction, undo->bulk->imports, number, undo->call->arena);
        if (row)
            undo->later[undo->later_count++] = row;
    }
    return true;
}

static bool find_import(struct undo *undo, struct error *error)
{
    uint64_t number;
    if (!api_number(undo->call->parts[0], "import", 0, UINT64_MAX, &number, error))
        return false;
    undo->row = import_log_get(undo->transaction, undo->bulk->imports, number, undo->call->arena);
    if (!undo->row)
        return error_set(error, ERROR_NOT_FOUND, "there is no import %.40s", undo->call->parts[0]);
    if (undo->row->has_undone_ms)
        return error_set(error, ERROR_INPUT, "import %.40s has been taken back already",
                         undo->call->parts[0]);
    undo->type = catalog_type(undo->call->records->catalog(undo->context), undo->row->type);
    if (!find_later(undo, error))
        return false;
    return undo->type || error_set(error, ERROR_INPUT, "the catalog has no type number %u", undo->row->type);
}

static void note(struct undo *undo)
{
    Hopnhat__Import *row = undo->row;
    row->has_undone_ms = row->has_undone_kept = true;
    row->undone_ms = undo->call->wall_ms;
    row->undone_kept = json_array_size(undo->kept);
    row->has_undone_replica = row->has_undone_first = row->has_undone_last = undo->first.seq != 0;
    row->undone_replica = undo->first.replica;
    row->undone_first = undo->first.seq;
    row->undone_last = undo->last.seq;
    import_log_put(undo->transaction, undo->bulk->imports, row);
}

static bool run(struct undo *undo, struct error *error)
{
    undo->transaction = undo->bulk->begin(undo->context, undo->call->wall_ms, error);
    if (!undo->transaction)
        return false;
    if (!find_import(undo, error) || !undo_records(undo, error)) {
        undo->bulk->abort(undo->context);
        return false;
    }
    if (undo->first.seq || !json_array_size(undo->kept)) /* where all is kept, nothing is taken back */
        note(undo);
    return undo->bulk->commit(undo->context, error);
}

json_t *handle_import_undo(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"author", NULL};
    json_t *json = NULL;
    if (!api_body_keys(call, keys, error))
        return NULL;
    struct undo *undo = calloc(1, sizeof *undo);
    if (!undo) {
        out_of_memory(error);
        return NULL;
    }
    undo->call = call;
    undo->bulk = call->records->bulk;
    undo->context = call->records->context;
    undo->kept = json_array();
    arena_init(&undo->arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (!undo->kept)
        out_of_memory(error);
    else if (api_author(call, &undo->author, error) && run(undo, error) &&
             !(json =
                   json_pack("{s:I, s:I, s:I, s:O}", "deleted", (json_int_t)undo->deleted, "restored",
                             (json_int_t)undo->restored, "gone", (json_int_t)undo->gone, "kept", undo->kept)))
        out_of_memory(error);
    json_decref(undo->kept);
    arena_release(&undo->arena);
    free(undo);
    return json;
}
