#include "api/handlers.h"

#include "api/assignment.h"
#include "api/record_json.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "model/value.h"

#include <stdio.h>

enum {
    PAGE_EXAMINED = 20000,               /* records that one request looks at, so that it is answered soon */
    PAGE_PACKED_BYTES = 4 * 1024 * 1024, /* a page ends when its records, as stored, pass this */
    WHERE_CONDITIONS = 32,
};

const struct catalog_type *call_type(struct api_call *call, struct error *error)
{
    const struct catalog *catalog = call->records->catalog(call->records->context);
    const struct catalog_type *type = catalog_type_named(catalog, call->parts[0]);
    char known[400];
    size_t used = 0;
    if (type)
        return type;
    for (size_t i = 0; i < catalog_type_count(catalog) && used < sizeof known; i++) {
        const Hopnhat__TypeDefinition *definition = type_definition(catalog_type_at(catalog, i));
        used +=
            (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", definition->name);
    }
    error_set(error, ERROR_NOT_FOUND, "%.60s: there is no such record type; there are: %s", call->parts[0],
              known);
    return NULL;
}

bool call_id(const struct api_call *call, uint8_t id[RECORD_ID_BYTES], struct error *error)
{
    struct record_id parsed;
    if (!record_id_parse(call->parts[1], &parsed))
        return error_set(error, ERROR_INPUT, "id: \"%.60s\" is no id of a record (36 characters)",
                         call->parts[1]);
    memcpy(id, parsed.bytes, RECORD_ID_BYTES);
    return true;
}

const Hopnhat__Record *call_record(struct api_call *call, const struct catalog_type *type,
                                   struct error *error)
{
    const struct records *records = call->records;
    uint8_t id[RECORD_ID_BYTES];
    if (!call_id(call, id, error) || !records->begin(records->context, error))
        return NULL;
    const Hopnhat__Record *record =
        records->get(records->context, type_definition(type)->number, id, call->arena, error);
    records->end(records->context);
    if (!record && error->code == ERROR_NOT_FOUND)
        error_set(error, ERROR_NOT_FOUND, "there is no %s with the id %s here", type_definition(type)->name,
                  call->parts[1]);
    return record;
}

json_t *handle_get(struct api_call *call, struct error *error)
{
    const struct catalog_type *type = call_type(call, error);
    const Hopnhat__Record *record = type ? call_record(call, type, error) : NULL;
    if (!record)
        return NULL;
    struct shown shown = call->records->shown_now(call->records->context, record);
    return record_json(type, record, &shown, call->arena, error);
}

/* One `where`: the field reads as the value, or a set holds it. */
struct condition {
    const Hopnhat__FieldDefinition *field;
    struct bytes value;
};

struct listing {
    struct api_call *call;
    const struct catalog_type *type;
    struct condition conditions[WHERE_CONDITIONS];
    size_t condition_count;
    bool deleted_too;
    uint64_t limit;
    json_t *records;
    size_t examined, packed_bytes;
    uint8_t last[RECORD_ID_BYTES]; /* the last one looked at */
    bool full;
    struct arena arena; /* for one record */
    struct error *error;
    bool failed;
};

static bool read_condition(struct listing *listing, const char *text, struct condition *condition,
                           struct error *error)
{
    struct arena *arena = listing->call->arena;
    const char *equals = strchr(text, '=');
    if (!equals)
        return error_set(error, ERROR_INPUT, "where: \"%.60s\" is not field=value", text);
    const char *name = arena_string(arena, text, (size_t)(equals - text));
    if (!name)
        return error_set(error, ERROR_MEMORY, "out of memory");
    condition->field = field_known(listing->type, name, error);
    return (condition->field && value_parse(arena, condition->field, equals + 1, &condition->value, error)) ||
           error_prefix(error, "where");
}

static bool read_conditions(struct listing *listing, struct error *error)
{
    const char *texts[WHERE_CONDITIONS];
    size_t count = http_request_query_all(listing->call->request, "where", texts, WHERE_CONDITIONS);
    if (count > WHERE_CONDITIONS)
        return error_set(error, ERROR_LIMIT, "where: at most %d conditions", WHERE_CONDITIONS);
    for (size_t i = 0; i < count; i++)
        if (!read_condition(listing, texts[i], &listing->conditions[i], error))
            return false;
    listing->condition_count = count;
    return true;
}

static bool holds(struct listing *listing, const struct condition *condition, const Hopnhat__Record *record,
                  bool *held)
{
    struct reading reading;
    *held = false;
    if (!fold_field(listing->type, record, condition->field, &listing->arena, &reading, listing->error))
        return false;
    if (condition->value.size == 0)
        *held = reading.count == 0 || (!reading.many && reading.values[0].size == 0);
    for (size_t i = 0; i < reading.count && !*held; i++)
        *held = bytes_equal(reading.values[i], condition->value);
    return true;
}

/* Whether the record is wanted. */
static bool select_record(struct listing *listing, const Hopnhat__Record *record, bool *wanted)
{
    bool deleted = false;
    *wanted = true;
    if (!listing->deleted_too &&
        !fold_deleted(listing->type, record, &listing->arena, &deleted, NULL, listing->error))
        return false;
    *wanted = !deleted;
    for (size_t i = 0; i < listing->condition_count && *wanted; i++)
        if (!holds(listing, &listing->conditions[i], record, wanted))
            return false;
    return true;
}

static bool take_record(struct listing *listing, const Hopnhat__Record *record)
{
    const struct records *records = listing->call->records;
    bool wanted;
    if (!select_record(listing, record, &wanted))
        return false;
    if (!wanted)
        return true;
    struct shown shown = records->shown_now(records->context, record);
    json_t *json = record_json(listing->type, record, &shown, &listing->arena, listing->error);
    if (!json)
        return false;
    listing->packed_bytes += hopnhat__record__get_packed_size(record);
    return json_array_append_new(listing->records, json) == 0 ||
           error_set(listing->error, ERROR_MEMORY, "out of memory");
}

static bool visit_record(void *user, const Hopnhat__Record *record)
{
    struct listing *listing = user;
    arena_reset(&listing->arena);
    if (!take_record(listing, record)) {
        listing->failed = true;
        return false;
    }
    memcpy(listing->last, record->id.data, RECORD_ID_BYTES);
    listing->examined++;
    listing->full = json_array_size(listing->records) >= listing->limit ||
                    listing->examined >= PAGE_EXAMINED || listing->packed_bytes >= PAGE_PACKED_BYTES;
    return !listing->full;
}

static bool scan_page(struct listing *listing, const uint8_t *after, struct error *error)
{
    const struct records *records = listing->call->records;
    if (!records->begin(records->context, error))
        return false;
    arena_init(&listing->arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool done = records->scan(records->context, type_definition(listing->type)->number, after, visit_record,
                              listing, error);
    arena_release(&listing->arena);
    records->end(records->context);
    return done && !listing->failed;
}

static json_t *page_json(struct listing *listing, struct error *error)
{
    char next[RECORD_ID_TEXT_BYTES];
    struct record_id id;
    json_t *json = json_pack("{s:O}", "records", listing->records);
    if (json && listing->full) {
        memcpy(id.bytes, listing->last, sizeof id.bytes);
        record_id_format(&id, next);
        if (json_object_set_new(json, "next", json_string(next)) < 0) {
            json_decref(json);
            json = NULL;
        }
    }
    if (!json)
        error_set(error, ERROR_MEMORY, "out of memory");
    return json;
}

json_t *handle_list(struct api_call *call, struct error *error)
{
    struct listing listing = {.call = call, .type = call_type(call, error), .error = error};
    const char *after = http_request_query(call->request, "after"),
               *deleted = http_request_query(call->request, "deleted");
    struct record_id id;
    if (!listing.type || !read_conditions(&listing, error) ||
        !api_number(http_request_query(call->request, "limit"), "limit", LIMIT_PAGE_RECORDS,
                    LIMIT_PAGE_RECORDS, &listing.limit, error))
        return NULL;
    if (after && !record_id_parse(after, &id)) {
        error_set(error, ERROR_INPUT, "after: \"%.60s\" is no id of a record", after);
        return NULL;
    }
    listing.deleted_too = deleted && strcmp(deleted, "yes") == 0;
    listing.records = json_array();
    if (!listing.records) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    json_t *json = scan_page(&listing, after ? id.bytes : NULL, error) ? page_json(&listing, error) : NULL;
    json_decref(listing.records);
    return json;
}
