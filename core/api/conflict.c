#include "api/handlers.h"

#include "api/assignment.h"
#include "api/candidate.h"
#include "api/record_json.h"
#include "api/token.h"
#include "api/wall.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "model/clock.h"
#include "model/value.h"

enum { PLACE_BYTES = 4 + RECORD_ID_BYTES + 4 };

/* A page of conflicts under construction. */
struct page {
    struct api_call *call;
    struct conflict_place places[LIMIT_PAGE_RECORDS];
    size_t count;
    uint64_t limit;
    json_t *list;
};

static json_t *text_or_null(const char *text)
{
    return text && *text ? bytes_json(bytes_of_string(text)) : json_null();
}

/* One of the values that stand side by side. NULL on error. */
static json_t *candidate_json(struct api_call *call, const Hopnhat__FieldDefinition *definition,
                              const struct candidate *candidate, size_t take, struct error *error)
{
    const struct records *records = call->records;
    struct entry_origin origin = {0};
    char *time = wall_text(time_ms(candidate->entry->time), call->arena);
    struct bytes value = entry_value(candidate->entry);
    json_t *shown = value.size ? value_json(definition, value, call->arena, error) : json_null();
    if (!shown || !time)
        return NULL;
    if (records->origin)
        records->origin(records->context, candidate->entry, call->arena, &origin);
    json_t *json = json_pack("{s:i, s:o, s:s, s:o, s:o, s:b}", "take", (int)take, "value", shown, "time",
                             time, "office", text_or_null(origin.office), "author",
                             text_or_null(origin.author), "chosen", candidate->chosen);
    if (!json)
        error_set(error, ERROR_MEMORY, "out of memory");
    return json;
}

static json_t *candidates_json(struct api_call *call, const Hopnhat__FieldDefinition *definition,
                               const struct candidate *candidates, size_t count, struct error *error)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++) {
        json_t *one = candidate_json(call, definition, &candidates[i], i + 1, error);
        if (!one || json_array_append_new(array, one) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    if (!array && error->code == ERROR_NONE)
        error_set(error, ERROR_MEMORY, "out of memory");
    return array;
}

/* What people call the record: its title field's value, or null. */
static json_t *title_json(const struct catalog_type *type, const Hopnhat__Record *record, struct arena *arena)
{
    const Hopnhat__FieldDefinition *title = type_title(type);
    struct reading reading;
    struct error ignored;
    if (!title || !fold_field(type, record, title, arena, &reading, &ignored) || reading.count == 0)
        return json_null();
    return bytes_json(reading.values[0]);
}

static json_t *conflict_json(struct api_call *call, const struct catalog_type *type,
                             const Hopnhat__Record *record, const Hopnhat__FieldDefinition *definition,
                             struct error *error)
{
    char id_text[RECORD_ID_TEXT_BYTES], token[TOKEN_TEXT_BYTES];
    struct record_id id;
    struct candidate *candidates;
    size_t count;
    bool open;
    if (!candidates_find(type, record, definition, call->arena, &candidates, &count, &open, error))
        return NULL;
    json_t *values = candidates_json(call, definition, candidates, count, error);
    if (!values)
        return NULL;
    memcpy(id.bytes, record->id.data, sizeof id.bytes);
    record_id_format(&id, id_text);
    struct shown shown = call->records->shown_now(call->records->context, record);
    token_format(&shown, token);
    const ProtobufCEnumValue *policy =
        protobuf_c_enum_descriptor_get_value(&hopnhat__merge_policy__descriptor, (int)definition->policy);
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:o}", "type", type_definition(type)->name, "id", id_text,
                  "title", title_json(type, record, call->arena), "field", definition->name, "policy",
                  policy ? policy->name : "", "token", token, "values", values);
    if (!json)
        error_set(error, ERROR_MEMORY, "out of memory");
    return json;
}

static bool visit_place(void *user, const struct conflict_place *place)
{
    struct page *page = user;
    page->places[page->count++] = *place;
    return page->count < page->limit;
}

/* Adds one conflict to the page. One whose type, field or record is not known here is passed over. */
static bool take_place(struct page *page, const struct conflict_place *place, struct error *error)
{
    const struct records *records = page->call->records;
    const struct catalog_type *type = catalog_type(records->catalog(records->context), place->type);
    const Hopnhat__FieldDefinition *definition = type ? type_field(type, place->field) : NULL;
    if (!definition)
        return true;
    const Hopnhat__Record *record =
        records->get(records->context, place->type, place->id, page->call->arena, error);
    if (!record && error->code == ERROR_NOT_FOUND) {
        error->code = ERROR_NONE;
        return true;
    }
    json_t *json = record ? conflict_json(page->call, type, record, definition, error) : NULL;
    if (!json)
        return false;
    return json_array_append_new(page->list, json) == 0 || error_set(error, ERROR_MEMORY, "out of memory");
}

static bool fill_page(struct page *page, const struct conflict_place *after, struct error *error)
{
    const struct records *records = page->call->records;
    if (!records->begin(records->context, error))
        return false;
    bool done = records->conflicts(records->context, after, visit_place, page, error);
    for (size_t i = 0; i < page->count && done; i++)
        done = take_place(page, &page->places[i], error);
    records->end(records->context);
    return done;
}

static void place_format(const struct conflict_place *place, char text[2 * PLACE_BYTES + 1])
{
    uint8_t bytes[PLACE_BYTES];
    put_u32_be(bytes, place->type);
    memcpy(bytes + 4, place->id, RECORD_ID_BYTES);
    put_u32_be(bytes + 4 + RECORD_ID_BYTES, place->field);
    hex_encode(bytes_of(bytes, sizeof bytes), text);
}

static bool place_parse(const char *text, struct conflict_place *place, struct error *error)
{
    uint8_t bytes[PLACE_BYTES];
    if (strlen(text) != sizeof bytes * 2 || !hex_decode(text, sizeof bytes * 2, bytes))
        return error_set(error, ERROR_INPUT, "after: give the `next` of the answer before");
    place->type = get_u32_be(bytes);
    memcpy(place->id, bytes + 4, RECORD_ID_BYTES);
    place->field = get_u32_be(bytes + 4 + RECORD_ID_BYTES);
    return true;
}

json_t *handle_conflicts(struct api_call *call, struct error *error)
{
    const char *after = http_request_query(call->request, "after");
    struct conflict_place from;
    struct page *page = arena_alloc(call->arena, sizeof *page);
    char next[2 * PLACE_BYTES + 1];
    json_t *json = NULL;
    if (!page || !(page->list = json_array())) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    page->call = call;
    if (api_number(http_request_query(call->request, "limit"), "limit", 100, LIMIT_PAGE_RECORDS, &page->limit,
                   error) &&
        (!after || place_parse(after, &from, error)) && fill_page(page, after ? &from : NULL, error)) {
        json = json_pack("{s:O}", "conflicts", page->list);
        if (json && page->count && page->count >= page->limit) {
            place_format(&page->places[page->count - 1], next);
            json_object_set_new(json, "next", json_string(next));
        }
    }
    json_decref(page->list);
    return json;
}

/* The values to write so that candidate `entry` holds: its own, and where the field is in a unit those that
 * were written together with it. */
static bool take_candidate(const struct catalog_type *type, const Hopnhat__Record *record,
                           const Hopnhat__FieldDefinition *definition, const Hopnhat__Entry *entry,
                           struct arena *arena, struct assignment_list *list, struct error *error)
{
    size_t members = 0;
    const Hopnhat__FieldDefinition *const *unit = type_unit(type, definition, &members);
    struct bytes *values = arena_alloc(arena, (members + 1) * sizeof *values);
    list->items = arena_alloc(arena, (members + 1) * sizeof *list->items);
    if (!list->items || !values)
        return error_set(error, ERROR_MEMORY, "out of memory");
    values[0] = entry_value(entry);
    list->items[list->count++] =
        (struct assignment){.definition = definition, .kind = ASSIGN_SET, .values = &values[0], .count = 1};
    for (size_t i = 0; i < members; i++) {
        const Hopnhat__Field *field = unit[i] == definition ? NULL : record_field(record, unit[i]->number);
        for (size_t j = 0; field && j < field->n_entries; j++) {
            if (dot_compare(entry_id_of(field->entries[j]).dot, entry_id_of(entry).dot) != 0)
                continue;
            values[list->count] = entry_value(field->entries[j]);
            list->items[list->count] = (struct assignment){
                .definition = unit[i], .kind = ASSIGN_SET, .values = &values[list->count], .count = 1};
            list->count++;
            break;
        }
    }
    return true;
}

/* What the request settles on: `take` or `value`. */
static bool read_settlement(struct api_call *call, const struct catalog_type *type,
                            const Hopnhat__Record *shown, const Hopnhat__FieldDefinition *definition,
                            struct assignment_list *list, struct error *error)
{
    const json_t *take = json_object_get(call->body, "take");
    struct candidate *candidates;
    size_t count;
    bool open;
    if (!candidates_find(type, shown, definition, call->arena, &candidates, &count, &open, error))
        return false;
    if (!open)
        return error_set(error, ERROR_INPUT, "%s is not in open conflict; `set` writes it", definition->name);
    error->code = ERROR_NONE;
    const char *value = api_body_string(call, "value", error);
    if (error->code != ERROR_NONE)
        return false;
    if (!take == !value)
        return error_set(error, ERROR_INPUT, "give one of take and value");
    if (!value) {
        json_int_t number = json_is_integer(take) ? json_integer_value(take) : 0;
        if (number < 1 || (uint64_t)number > count)
            return error_set(error, ERROR_INPUT,
                             "take: give a number from 1 to %zu, as `conflicts` shows them", count);
        return take_candidate(type, shown, definition, candidates[number - 1].entry, call->arena, list,
                              error);
    }
    struct bytes *parsed = arena_alloc(call->arena, sizeof *parsed);
    list->items = arena_alloc(call->arena, sizeof *list->items);
    if (!parsed || !list->items)
        return error_set(error, ERROR_MEMORY, "out of memory");
    if (!value_parse(call->arena, definition, value, parsed, error))
        return false;
    list->items[list->count++] =
        (struct assignment){.definition = definition, .kind = ASSIGN_SET, .values = parsed, .count = 1};
    return true;
}

json_t *handle_resolve(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"field", "take", "value", "author", "token", NULL};
    struct assignment_list list = {0};
    struct shown shown;
    struct new_edit edit;
    const struct catalog_type *type = call_type(call, error);
    if (!type || !api_body_keys(call, keys, error))
        return NULL;
    const char *name = json_string_value(json_object_get(call->body, "field"));
    if (!name) {
        error_set(error, ERROR_INPUT, "field: name the field to settle");
        return NULL;
    }
    const Hopnhat__FieldDefinition *definition = field_known(type, name, error);
    const Hopnhat__Record *record = definition ? call_record(call, type, error) : NULL;
    if (!record || !call_shown(call, record, &shown, error))
        return NULL;
    const Hopnhat__Record *seen = record_as_shown(record, &shown, call->arena);
    if (!seen) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (!read_settlement(call, type, seen, definition, &list, error) ||
        !edit_make(type, seen, list.items, list.count, call->arena, &edit, error))
        return NULL;
    return call_write(call, &edit, error);
}
