#include "agent/service.h"

#include "agent/log.h"
#include "agent/outvoted.h"
#include "api/assignment.h"
#include "api/record_json.h"
#include "api/wall.h"
#include "base/hex.h"
#include "model/clock.h"
#include "store/key.h"
#include "store/rows.h"

enum { OUTVOTED_PAGE = 200, PLACE_BYTES = RECORD_KEY_BYTES + 4 };

static json_t *text_or_null(const char *text)
{
    return text && *text ? bytes_json(bytes_of_string(text)) : json_null();
}

static json_t *value_or_null(const Hopnhat__FieldDefinition *definition, struct bytes value,
                             struct arena *arena, struct error *error)
{
    return value.size ? value_json(definition, value, arena, error) : json_null();
}

/* What is read instead, or stands against it. */
static json_t *winner_json(struct api_call *call, const Hopnhat__FieldDefinition *definition,
                           struct bytes value, const Hopnhat__Entry *entry, struct error *error)
{
    struct entry_origin from = {0};
    char *time = entry ? wall_text(time_ms(entry->time), call->arena) : NULL;
    if (entry)
        call->records->origin(call->records->context, entry, call->arena, &from);
    return json_pack("{s:o, s:o, s:o, s:s}", "value", value_or_null(definition, value, call->arena, error),
                     "office", text_or_null(from.office), "author", text_or_null(from.author), "time",
                     time ? time : "");
}

/* What people call the record; null where it has no name. */
static json_t *title_json(const struct catalog_type *type, const Hopnhat__Record *record, struct arena *arena)
{
    const Hopnhat__FieldDefinition *title = type_title(type);
    struct reading reading;
    struct error ignored;
    if (!record || !title || !fold_field(type, record, title, arena, &reading, &ignored) ||
        reading.count == 0)
        return json_null();
    return bytes_json(reading.values[0]);
}

/* Why the own value does not count, and the entry that stands against it. */
struct verdict {
    const char *by;
    struct bytes value;
    const Hopnhat__Entry *entry;
};

/* The latest entry of the record that none of its tombstones lists. */
static const Hopnhat__Entry *unlisted(const Hopnhat__Record *record, const struct tombstones *tombstones)
{
    const Hopnhat__Entry *latest = NULL;
    for (size_t i = 0; i < record->n_fields; i++) {
        const Hopnhat__Field *field = record->fields[i];
        for (size_t j = 0; field->number != HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED && j < field->n_entries;
             j++)
            if ((!latest || field->entries[j]->time > latest->time) &&
                !tombstones_list(tombstones, entry_id_of(field->entries[j])))
                latest = field->entries[j];
    }
    return latest;
}

/* `record` may be NULL where a deletion took the value along: it has been purged, or is in no group of this
 * office any more. */
static bool judge(const struct catalog_type *type, const Hopnhat__FieldDefinition *definition,
                  const Hopnhat__Outvoted *row, const Hopnhat__Record *record, struct arena *arena,
                  struct verdict *verdict, struct error *error)
{
    const uint32_t number = HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED;
    const Hopnhat__Field *deleted = record ? record_field(record, number) : NULL;
    struct tombstones tombstones;
    struct reading reading;
    *verdict = (struct verdict){.by = record ? "deletion" : "purge"};
    if (row->deleted) {
        verdict->entry = deleted ? fold_latest(deleted) : NULL;
        return true;
    }
    if (definition->number == number) {
        verdict->by = "edit";
        if (!tombstones_read(record, arena, &tombstones, error))
            return false;
        verdict->entry = tombstones.count ? unlisted(record, &tombstones) : NULL;
        return true;
    }
    if (!fold_field(type, record, definition, arena, &reading, error))
        return false;
    verdict->by = row->settled ? "person" : reading.open ? "open" : "rule";
    verdict->value = reading.count ? reading.values[0] : bytes_of(NULL, 0);
    const Hopnhat__Field *field = record_field(record, definition->number);
    if (field && field->n_entries) /* HIGHEST and LOWEST read no entry where all are cleared */
        verdict->entry = reading.entries ? reading.entries[0] : fold_latest(field);
    return true;
}

/* One row as it stands now. NULL without error: it is not to be shown. */
static json_t *row_json(struct api_call *call, struct bytes key, const Hopnhat__Outvoted *row,
                        struct error *error)
{
    const struct records *records = call->records;
    const struct catalog_type *type = catalog_type(records->catalog(records->context), get_u32_be(key.data));
    const Hopnhat__FieldDefinition *definition =
        type ? type_field(type, get_u32_be(key.data + RECORD_KEY_BYTES)) : NULL;
    struct verdict verdict;
    struct record_id id;
    char id_text[RECORD_ID_TEXT_BYTES];
    if (!definition || row->dismissed || !row->lost)
        return NULL;
    memcpy(id.bytes, key.data + 4, RECORD_ID_BYTES);
    const Hopnhat__Record *record =
        records->get(records->context, type_definition(type)->number, id.bytes, call->arena, error);
    if (!record && error->code == ERROR_NOT_FOUND)
        error->code = ERROR_NONE;
    if ((!record && (error->code != ERROR_NONE || !row->deleted)) ||
        !judge(type, definition, row, record, call->arena, &verdict, error))
        return NULL;
    struct bytes own = bytes_of(row->value.data, row->has_value ? row->value.len : 0);
    record_id_format(&id, id_text);
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:s, s:o, s:s, s:o}", "type", type_definition(type)->name, "id", id_text,
                  "title", title_json(type, record, call->arena), "field", definition->name, "value",
                  value_or_null(definition, own, call->arena, error), "by", verdict.by, "winner",
                  winner_json(call, definition, verdict.value, verdict.entry, error));
    if (!json)
        out_of_memory(error);
    return json;
}

static bool list_rows(struct api_call *call, const struct key *from, uint64_t limit, json_t *list,
                      char next[2 * PLACE_BYTES + 1], struct error *error)
{
    struct agent_service *service = call->records->context;
    struct cursor cursor;
    cursor_open(&cursor, &service->transaction, AGENT_OUTVOTED);
    for (bool here = cursor_seek(&cursor, key_bytes(from)); here && error->code == ERROR_NONE;
         here = cursor_next(&cursor)) {
        const Hopnhat__Outvoted *row =
            row_unpack(&service->transaction, cursor.value, &hopnhat__outvoted__descriptor, call->arena);
        json_t *json = row && cursor.key.size == PLACE_BYTES ? row_json(call, cursor.key, row, error) : NULL;
        if (json)
            json_array_append_new(list, json);
        if (json_array_size(list) >= limit) {
            hex_encode(cursor.key, next);
            break;
        }
    }
    cursor_close(&cursor);
    if (service->transaction.failed)
        *error = service->transaction.error;
    return error->code == ERROR_NONE;
}

json_t *handle_outvoted(struct api_call *call, struct error *error)
{
    const char *after = http_request_query(call->request, "after");
    char next[2 * PLACE_BYTES + 1] = "";
    struct key key = {0};
    uint64_t limit;
    json_t *list, *json = NULL;
    if (!api_number(http_request_query(call->request, "limit"), "limit", OUTVOTED_PAGE, OUTVOTED_PAGE, &limit,
                    error))
        return NULL;
    if (after && (strlen(after) != 2 * PLACE_BYTES || !hex_decode(after, 2 * PLACE_BYTES, key.data))) {
        error_set(error, ERROR_INPUT, "after: give the `next` of the answer before");
        return NULL;
    }
    if (after) {
        key.size = PLACE_BYTES;
        key_add(&key, "", 1);
    }
    if (!(list = json_array()) || !call->records->begin(call->records->context, error)) {
        json_decref(list);
        return NULL;
    }
    error->code = ERROR_NONE;
    if (list_rows(call, &key, limit, list, next, error))
        json = json_pack("{s:O, s:s*}", "outvoted", list, "next", *next ? next : NULL);
    call->records->end(call->records->context);
    json_decref(list);
    return json;
}

/* A writing of this office, of which a value was outvoted. */
struct writing {
    struct transaction *transaction;
    const Hopnhat__Record *record;
    struct dot dot;
    bool logged; /* not trimmed yet: `change` is it */
    struct change change;
    struct arena *arena;
};

static bool find_logged(const struct writing *writing, uint32_t field, struct bytes *value)
{
    const struct change *change = &writing->change;
    bool found = false;
    for (size_t i = 0; writing->logged && i < change->body->n_edits; i++) {
        const Hopnhat__Edit *edit = change->body->edits[i];
        bool here = memcmp(edit->record.data, writing->record->id.data, RECORD_ID_BYTES) == 0;
        for (size_t j = 0; here && j < edit->n_ops; j++) {
            size_t number = change->first_op[i] + j;
            if (edit->ops[j]->field != field || change_is_erased(change, number))
                continue;
            *value = change_value(change, number);
            found = true;
        }
    }
    return found;
}

/* What the writing put into the field: by the own log; where that was trimmed, as it stands in the record or
 * among the outvoted. False: nothing here tells any more, or it put nothing there. */
static bool find_written(const struct writing *writing, uint32_t field, struct bytes *value)
{
    const Hopnhat__Record *record = writing->record;
    const Hopnhat__Field *bag = record_field(record, field);
    if (find_logged(writing, field, value))
        return true;
    for (size_t i = 0; bag && i < bag->n_entries; i++)
        if (dot_compare(entry_id_of(bag->entries[i]).dot, writing->dot) == 0) {
            *value = entry_value(bag->entries[i]);
            return true;
        }
    const Hopnhat__Outvoted *row =
        outvoted_row(writing->transaction, record->type, record->id.data, field, writing->arena);
    if (!row || dot_compare((struct dot){row->replica, row->seq}, writing->dot) != 0)
        return false;
    *value = bytes_of(row->value.data, row->has_value ? row->value.len : 0);
    return true;
}

/* The own writing that was outvoted: the field, and what was written together with it. Values of two writings
 * never go together: where one is not known any more, none is written. */
static bool own_writing(struct writing *writing, const struct catalog_type *type,
                        const Hopnhat__FieldDefinition *definition, const Hopnhat__Outvoted *row,
                        struct assignment_list *list, struct error *error)
{
    size_t members = 0;
    const Hopnhat__FieldDefinition *const *unit = type_unit(type, definition, &members);
    struct bytes *values = arena_alloc(writing->arena, (members + 1) * sizeof *values);
    list->items = arena_alloc(writing->arena, (members + 1) * sizeof *list->items);
    if (!values || !list->items)
        return out_of_memory(error);
    writing->logged = log_change(writing->transaction, writing->dot, writing->arena, &writing->change);
    values[0] = bytes_of(row->value.data, row->has_value ? row->value.len : 0);
    /* where the field reads all values by now, it goes to the others */
    list->items[list->count++] =
        (struct assignment){.definition = definition,
                            .kind = fold_reads_one(definition->policy) ? ASSIGN_SET : ASSIGN_ADD,
                            .values = &values[0],
                            .count = 1};
    for (size_t i = 0; i < members; i++) {
        if (unit[i] == definition)
            continue;
        if (!find_written(writing, unit[i]->number, &values[list->count]))
            return error_set(
                error, ERROR_NOT_FOUND,
                "%s was written together with %s, and what was written there is not known here any "
                "more: give both with `set`",
                definition->name, unit[i]->name);
        list->items[list->count] = (struct assignment){
            .definition = unit[i], .kind = ASSIGN_SET, .values = &values[list->count], .count = 1};
        list->count++;
    }
    return true;
}

/* The edit that writes the own value again, over everything that stands there now; what a deletion took along
 * comes back with the record, and a deletion is deleting again. */
static bool make_edit(struct api_call *call, const struct catalog_type *type,
                      const uint8_t id[RECORD_ID_BYTES], const Hopnhat__FieldDefinition *definition,
                      struct new_edit *edit, struct error *error)
{
    struct agent_service *service = call->records->context;
    const struct records *records = call->records;
    struct assignment_list list = {0};
    uint32_t number = type_definition(type)->number;
    if (!records->begin(records->context, error))
        return false;
    const Hopnhat__Outvoted *row =
        outvoted_row(&service->transaction, number, id, definition->number, call->arena);
    const Hopnhat__Record *record = records->get(records->context, number, id, call->arena, error);
    bool done = record && ((row && row->lost) ||
                           error_set(error, ERROR_NOT_FOUND, "no value of this office was outvoted there"));
    if (done && row->deleted)
        done = edit_make_restoration(type, record, call->arena, edit, error);
    else if (done && definition->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
        done = edit_make_deletion(record, call->arena, edit, error);
    else if (done) {
        struct writing writing = {.transaction = &service->transaction,
                                  .record = record,
                                  .dot = {row->replica, row->seq},
                                  .arena = call->arena};
        done = own_writing(&writing, type, definition, row, &list, error) &&
               edit_make(type, record, list.items, list.count, call->arena, edit, error);
    }
    records->end(records->context);
    return done;
}

json_t *handle_take_back(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"field", "dismiss", "author", NULL};
    struct agent_service *service = call->records->context;
    const struct catalog_type *type =
        catalog_type_named(call->records->catalog(call->records->context), call->parts[0]);
    struct record_id id;
    struct new_edit edit;
    if (!api_body_keys(call, keys, error))
        return NULL;
    const char *name = json_string_value(json_object_get(call->body, "field"));
    if (!type || !record_id_parse(call->parts[1], &id) || !name) {
        error_set(error, ERROR_INPUT, "name a type, a record's id and a field");
        return NULL;
    }
    const Hopnhat__FieldDefinition *definition = strcmp(name, "deleted") == 0
                                                     ? type_field(type, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
                                                     : field_known(type, name, error);
    if (!definition)
        return NULL;
    if (json_is_true(json_object_get(call->body, "dismiss"))) {
        if (!outvoted_dismiss(service->agent, type_definition(type)->number, id.bytes, definition->number,
                              error))
            return NULL;
        return json_pack("{s:b}", "changed", 0);
    }
    const char *author;
    if (!api_author(call, &author, error) || !make_edit(call, type, id.bytes, definition, &edit, error))
        return NULL;
    if (edit.op_count &&
        !call->records->write(call->records->context, &edit, 1, author, call->wall_ms, error))
        return NULL;
    return json_pack("{s:b}", "changed", edit.op_count > 0);
}
