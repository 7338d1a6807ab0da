#include "api/handlers.h"

#include "api/candidate.h"
#include "api/record_json.h"
#include "api/token.h"
#include "api/wall.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "model/clock.h"
#include "model/office.h"

#include <stdlib.h>

enum { MOST_LOOKED_AT = 10000 }; /* for one page; what follows is on the next one, be this one empty */

/* A page of conflicts under construction. */
struct page {
    struct api_call *call;
    struct conflict_filter filter;
    const char *office; /* only those in which it wrote; NULL: all */
    uint64_t limit, looked_at;
    uint8_t last[CONFLICT_PLACE_BYTES];
    size_t last_size;
    bool full;
    json_t *list;
    struct error *error;
};

/* One conflict on its way into JSON. */
struct showing {
    struct page *page;
    const struct conflict *conflict;
    const struct catalog_type *type;
    const Hopnhat__FieldDefinition *definition;
    const Hopnhat__Record *record;
    uint64_t opened_ms;
    bool of_office; /* the page's office wrote one of the values */
};

static json_t *text_or_null(const char *text)
{
    return text && *text ? bytes_json(bytes_of_string(text)) : json_null();
}

/* Adds one of the values; take 0: it cannot be taken any more. */
static bool add_value(struct showing *showing, json_t *values, const Hopnhat__Entry *entry,
                      const struct entry_origin *origin, size_t take, bool chosen)
{
    struct page *page = showing->page;
    struct arena *arena = page->call->arena;
    char *time = wall_text(time_ms(entry->time), arena);
    struct bytes value = entry_value(entry);
    json_t *shown = value.size ? value_json(showing->definition, value, arena, page->error) : json_null();
    if (!shown || !time)
        return false;
    showing->of_office =
        showing->of_office || (page->office && origin->office && strcmp(origin->office, page->office) == 0);
    json_t *json =
        json_pack("{s:o, s:s, s:o, s:o, s:b}", "value", shown, "time", time, "office",
                  text_or_null(origin->office), "author", text_or_null(origin->author), "chosen", chosen);
    if (json && take)
        json_object_set_new(json, "take", json_integer((json_int_t)take));
    return json_array_append_new(values, json) == 0 || out_of_memory(page->error);
}

/* The values that stand side by side now. */
static bool add_standing(struct showing *showing, json_t *values)
{
    const struct records *records = showing->page->call->records;
    struct arena *arena = showing->page->call->arena;
    struct candidate *candidates;
    size_t count;
    bool open;
    if (!candidates_find(showing->type, showing->record, showing->definition, arena, &candidates, &count,
                         &open, showing->page->error))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct entry_origin origin = {0};
        if (records->origin)
            records->origin(records->context, candidates[i].entry, arena, &origin);
        if (!add_value(showing, values, candidates[i].entry, &origin, i + 1, candidates[i].chosen))
            return false;
    }
    if (count && !showing->opened_ms)
        showing->opened_ms = time_ms(candidates[count > 1].entry->time);
    return true;
}

static int earlier_first(const void *a, const void *b)
{
    const Hopnhat__Candidate *left = *(Hopnhat__Candidate *const *)a,
                             *right = *(Hopnhat__Candidate *const *)b;
    return (left->entry->time > right->entry->time) - (left->entry->time < right->entry->time);
}

/* Those that stood side by side once, as they were written. */
static bool add_former(struct showing *showing, json_t *values)
{
    const Hopnhat__Resolution *journal = showing->conflict->journal;
    struct bytes chosen =
        bytes_of(journal->chosen_value.data, journal->has_chosen_value ? journal->chosen_value.len : 0);
    if (journal->n_candidates)
        qsort(journal->candidates, journal->n_candidates, sizeof(Hopnhat__Candidate *), earlier_first);
    for (size_t i = 0; i < journal->n_candidates; i++) {
        const Hopnhat__Candidate *one = journal->candidates[i];
        const struct entry_origin origin = {.office = one->office, .author = one->author};
        bool was_chosen = !journal->erased && bytes_equal(entry_value(one->entry), chosen);
        if (!add_value(showing, values, one->entry, &origin, 0, was_chosen))
            return false;
    }
    return true;
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

static const char *state_name(const struct conflict *conflict)
{
    if (!conflict->journal)
        return "open";
    switch (conflict->journal->state) {
    case HOPNHAT__RESOLUTION_STATE__RESOLUTION_BY_RULE:
        return "by_rule";
    case HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED:
        return "settled";
    case HOPNHAT__RESOLUTION_STATE__RESOLUTION_DELETED:
        return "deleted";
    default:
        return "open";
    }
}

/* By whom, when and to what it was settled, and the note. */
static bool add_end(struct showing *showing, json_t *json)
{
    const Hopnhat__Resolution *journal = showing->conflict->journal;
    struct page *page = showing->page;
    if (!journal)
        return true;
    if (journal->note)
        json_object_set_new(json, "note", text_or_null(journal->note));
    if (journal->erased)
        json_object_set_new(json, "erased", json_true());
    if (journal->state != HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED)
        return true;
    struct bytes value = bytes_of(journal->chosen_value.data, journal->chosen_value.len);
    char *time = wall_text(journal->settled_ms, page->call->arena);
    json_t *shown = journal->has_chosen_value && value.size
                        ? value_json(showing->definition, value, page->call->arena, page->error)
                        : json_null();
    if (!shown || !time)
        return false;
    showing->of_office = showing->of_office || (page->office && journal->settled_by_office &&
                                                strcmp(journal->settled_by_office, page->office) == 0);
    return json_object_set_new(json, "settled",
                               json_pack("{s:o, s:o, s:o, s:s}", "value", shown, "office",
                                         text_or_null(journal->settled_by_office), "author",
                                         text_or_null(journal->settled_by_author), "time", time)) == 0 ||
           out_of_memory(page->error);
}

static json_t *conflict_json(struct showing *showing)
{
    struct page *page = showing->page;
    struct arena *arena = page->call->arena;
    const struct conflict *conflict = showing->conflict;
    const Hopnhat__ResolutionState state =
        conflict->journal ? conflict->journal->state : HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN;
    char id_text[RECORD_ID_TEXT_BYTES], token[TOKEN_TEXT_BYTES];
    struct record_id id;
    bool stands = state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN ||
                  state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_BY_RULE;
    json_t *values = json_array();
    showing->opened_ms = conflict->journal ? conflict->journal->opened_ms : 0;
    if (!values || !(stands ? add_standing(showing, values) : add_former(showing, values))) {
        json_decref(values);
        return NULL;
    }
    memcpy(id.bytes, conflict->id, sizeof id.bytes);
    record_id_format(&id, id_text);
    struct shown shown = page->call->records->shown_now(page->call->records->context, showing->record);
    token_format(&shown, token);
    char *opened = wall_text(showing->opened_ms, arena);
    const ProtobufCEnumValue *policy = protobuf_c_enum_descriptor_get_value(
        &hopnhat__merge_policy__descriptor, (int)showing->definition->policy);
    json_t *json = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:o}", "type", type_definition(showing->type)->name, "id",
        id_text, "title", title_json(showing->type, showing->record, arena), "field",
        showing->definition->name, "policy", policy ? policy->name : "", "state", state_name(conflict),
        "opened", opened ? opened : "", "token", token, "values", values);
    if (!json)
        out_of_memory(page->error);
    else if (!add_end(showing, json)) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

/* Adds the conflict to the page if it is asked for. One whose type, field or record is not known here is
 * passed over. */
static bool take(struct page *page, const struct conflict *conflict)
{
    const struct records *records = page->call->records;
    struct showing showing = {.page = page, .conflict = conflict};
    showing.type = catalog_type(records->catalog(records->context), conflict->type);
    showing.definition = showing.type ? type_field(showing.type, conflict->field) : NULL;
    if (!showing.definition || (page->filter.type && page->filter.type != conflict->type))
        return true;
    showing.record =
        records->get(records->context, conflict->type, conflict->id, page->call->arena, page->error);
    if (!showing.record && page->error->code == ERROR_NOT_FOUND) {
        page->error->code = ERROR_NONE;
        return true;
    }
    json_t *json = showing.record ? conflict_json(&showing) : NULL;
    if (!json)
        return false;
    bool wanted = (!page->office || showing.of_office) && showing.opened_ms <= page->filter.before_ms;
    if (!wanted)
        json_decref(json);
    else if (json_array_append_new(page->list, json) < 0)
        return out_of_memory(page->error);
    return true;
}

/* Returns whether the next one is to be visited. */
static bool visit(void *user, const struct conflict *conflict)
{
    struct page *page = user;
    page->last_size =
        conflict->place.size < CONFLICT_PLACE_BYTES ? conflict->place.size : CONFLICT_PLACE_BYTES;
    memcpy(page->last, conflict->place.data, page->last_size);
    if (!take(page, conflict))
        return false;
    page->full = json_array_size(page->list) >= page->limit || ++page->looked_at >= MOST_LOOKED_AT;
    return !page->full;
}

/* A span as 7d, 12h, 30m or 45s; a number alone is of days. */
static bool read_age(const char *text, uint64_t *ms, struct error *error)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", 86400000}, {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    char *end = NULL;
    uint64_t number = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : UINT64_MAX;
    for (size_t i = 0; end && i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].unit) == 0 && number <= 36525) {
            *ms = number * units[i].ms;
            return true;
        }
    return error_set(error, ERROR_INPUT, "older-than: \"%.40s\" is no span such as 7d, 12h or 30m", text);
}

static bool read_filter(struct page *page)
{
    const struct http_request *request = page->call->request;
    const struct records *records = page->call->records;
    const char *which = http_request_query(request, "state"),
               *age = http_request_query(request, "older-than");
    const char *type_name = http_request_query(request, "type");
    uint64_t age_ms = 0;
    const struct catalog_type *type =
        type_name ? catalog_type_named(records->catalog(records->context), type_name) : NULL;
    page->office = http_request_query(request, "office");
    page->filter.before_ms = UINT64_MAX;
    if (type_name && !type)
        return error_set(page->error, ERROR_NOT_FOUND, "there is no type %.80s", type_name);
    if (type)
        page->filter.type = type_definition(type)->number;
    if (!which || strcmp(which, "open") == 0)
        page->filter.which = CONFLICTS_OPEN;
    else if (strcmp(which, "settled") == 0)
        page->filter.which = CONFLICTS_SETTLED;
    else if (strcmp(which, "all") == 0)
        page->filter.which = CONFLICTS_ALL;
    else
        return error_set(page->error, ERROR_INPUT, "state: open, settled or all");
    if (!age)
        return true;
    if (!read_age(age, &age_ms, page->error))
        return false;
    page->filter.before_ms = page->call->wall_ms > age_ms ? page->call->wall_ms - age_ms : 0;
    return true;
}

static bool read_place(const char *text, uint8_t place[CONFLICT_PLACE_BYTES], struct bytes *after,
                       struct error *error)
{
    size_t size = strlen(text);
    if (size == 0 || size % 2 || size / 2 > CONFLICT_PLACE_BYTES || !hex_decode(text, size, place))
        return error_set(error, ERROR_INPUT, "after: give the `next` of the answer before");
    *after = bytes_of(place, size / 2);
    return true;
}

/* Whether the page's office is one whose record is known here, or headquarters. */
static bool knows_office(const struct page *page)
{
    const struct records *records = page->call->records;
    uint8_t id[RECORD_ID_BYTES];
    if (!page->office || strcmp(page->office, "headquarters") == 0)
        return true;
    office_record_id(page->office, id);
    if (records->get(records->context, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, page->call->arena,
                     page->error))
        return true;
    if (page->error->code == ERROR_NOT_FOUND)
        error_set(page->error, ERROR_NOT_FOUND, "there is no office %.60s", page->office);
    return false;
}

static bool fill_page(struct page *page, struct bytes after)
{
    const struct records *records = page->call->records;
    if (!records->begin(records->context, page->error))
        return false;
    page->error->code = ERROR_NONE;
    bool done = knows_office(page) &&
                records->conflicts(records->context, &page->filter, after, page->call->arena, visit, page,
                                   page->error) &&
                page->error->code == ERROR_NONE;
    records->end(records->context);
    return done;
}

json_t *handle_conflicts(struct api_call *call, struct error *error)
{
    const char *after_text = http_request_query(call->request, "after");
    uint8_t place[CONFLICT_PLACE_BYTES];
    struct bytes after = bytes_of(NULL, 0);
    struct page page = {.call = call, .error = error, .list = json_array()};
    char next[2 * CONFLICT_PLACE_BYTES + 1];
    json_t *json = NULL;
    if (!page.list) {
        out_of_memory(error);
        return NULL;
    }
    if (api_number(http_request_query(call->request, "limit"), "limit", 100, LIMIT_PAGE_RECORDS, &page.limit,
                   error) &&
        read_filter(&page) && (!after_text || read_place(after_text, place, &after, error)) &&
        fill_page(&page, after)) {
        json = json_pack("{s:O}", "conflicts", page.list);
        if (json && page.full) {
            hex_encode(bytes_of(page.last, page.last_size), next);
            json_object_set_new(json, "next", json_string(next));
        }
    }
    json_decref(page.list);
    return json;
}
