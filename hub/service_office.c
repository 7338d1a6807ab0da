#include "hub/service.h"

#include "api/assignment.h"
#include "api/change_json.h"
#include "api/record_json.h"
#include "api/wall.h"
#include "hub/admission.h"
#include "hub/enrolment.h"
#include "hub/headquarters.h"
#include "hub/registry.h"
#include "hub/revocation.h"

#include <stdlib.h>

static const char OFFICE_PREFIX[] = "office:";

enum { HOUR_MS = 3600 * 1000, ENROL_HOURS = 24, ENROL_MOST_HOURS = 366 * 24 };

static const struct catalog_type *office_type(const struct hub_service *service)
{
    return catalog_type(service->hub->catalog, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE);
}

static int count_installations(const struct hub *hub, const char *office)
{
    int count = 0;
    for (const struct installation *one = hub->installations; one; one = one->hh.next)
        count += !one->revoked && strcmp(one->office, office) == 0;
    return count;
}

/* The numbers under which the office's machines write, but for those revoked. */
static json_t *replicas_json(const struct hub *hub, const char *office)
{
    json_t *list = json_array();
    for (const struct replica *one = hub->replicas; list && one; one = one->hh.next)
        if (!one->revoked && strcmp(one->office, office) == 0)
            json_array_append_new(list, replica_json(one->number));
    return list;
}

static json_t *office_json(const struct hub *hub, const struct office *office)
{
    json_t *groups = json_array();
    for (size_t i = 0; groups && i < office->group_count; i++)
        json_array_append_new(groups, json_string(office->groups[i]));
    return json_pack("{s:s, s:s, s:o, s:b, s:b, s:i, s:o}", "code", office->code, "name", office->name,
                     "groups", groups, "headquarters", office->headquarters, "revoked", office->revoked,
                     "installations", count_installations(hub, office->code), "replicas",
                     replicas_json(hub, office->code));
}

static int compare_codes(const void *a, const void *b)
{
    const struct office_state *const *left = a, *const *right = b;
    return strcmp((*left)->code, (*right)->code);
}

json_t *handle_offices(struct api_call *call, struct error *error)
{
    const struct hub_service *service = call->records->context;
    size_t count = 0, most = HASH_COUNT(service->hub->offices);
    const struct office_state **sorted = arena_alloc(call->arena, most * sizeof(struct office_state *));
    json_t *list = sorted ? json_array() : NULL;
    for (const struct office_state *state = service->hub->offices; list && state; state = state->hh.next)
        sorted[count++] = state;
    if (count)
        qsort(sorted, count, sizeof *sorted, compare_codes);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, office_json(service->hub, &sorted[i]->office));
    json_t *json = json_pack("{s:o}", "offices", list);
    if (!json)
        out_of_memory(error);
    return json;
}

/* Whether the group may be given to the office: another's own has to be of one that there is. */
static bool is_known_group(const struct hub *hub, const char *code, const char *name, struct error *error)
{
    const size_t prefix = sizeof OFFICE_PREFIX - 1;
    return strncmp(name, OFFICE_PREFIX, prefix) != 0 || strcmp(name + prefix, code) == 0 ||
           registry_office(hub, name + prefix) ||
           error_set(error, ERROR_INPUT, "group: there is no office %.60s: `office list` shows them",
                     name + prefix);
}

static bool is_taken_away(const json_t *body, const char *name)
{
    const json_t *groups = json_object_get(body, "remove_groups");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const char *one = json_string_value(json_array_get(groups, i));
        if (one && strcmp(one, name) == 0)
            return true;
    }
    return false;
}

/* The groups under a key of the body, as assignments of the kind to the field groups. */
static bool read_groups(struct api_call *call, const char *code, const char *key, enum assignment_kind kind,
                        struct assignment_list *list, struct error *error)
{
    const struct hub_service *service = call->records->context;
    const json_t *groups = json_object_get(call->body, key);
    size_t count = json_array_size(groups);
    if (groups && !json_is_array(groups))
        return error_set(error, ERROR_INPUT, "%s: give an array of groups", key);
    if (count == 0)
        return true;
    if (count > LIMIT_GROUPS_PER_OFFICE - 2)
        return error_set(error, ERROR_LIMIT, "%s: more than %d groups", key, LIMIT_GROUPS_PER_OFFICE - 2);
    struct bytes *values = arena_alloc(call->arena, count * sizeof *values);
    if (!values)
        return out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(groups, i));
        values[i] = bytes_of_string(name ? name : "");
        if (!group_is_sound(values[i]))
            return error_set(error, ERROR_INPUT,
                             "group: \"%.60s\" is no group; give word:code, as in cluster:3 or network:laos",
                             name ? name : "");
        if (strcmp(name, GROUP_EVERYONE) == 0)
            return error_set(error, ERROR_INPUT, "group: every office is in everyone, always");
        if (kind == ASSIGN_ADD && is_taken_away(call->body, name))
            return error_set(error, ERROR_INPUT, "group: %s is given and taken away at once", name);
        if (kind == ASSIGN_ADD && !is_known_group(service->hub, code, name, error))
            return false;
    }
    list->items[list->count++] = (struct assignment){
        .definition = type_field(office_type(service), OFFICE_GROUPS),
        .kind = kind,
        .values = values,
        .count = count,
    };
    return true;
}

/* Name, headquarters and groups of the body. */
static bool read_office(struct api_call *call, const char *code, struct assignment_list *list,
                        struct error *error)
{
    const struct hub_service *service = call->records->context;
    const json_t *headquarters = json_object_get(call->body, "headquarters");
    list->items = arena_alloc(call->arena, 4 * sizeof *list->items);
    if (!list->items)
        return out_of_memory(error);
    if (!read_groups(call, code, "groups", ASSIGN_ADD, list, error) ||
        !read_groups(call, code, "add_groups", ASSIGN_ADD, list, error) ||
        !read_groups(call, code, "remove_groups", ASSIGN_REMOVE, list, error))
        return false;
    error->code = ERROR_NONE;
    const char *name = api_body_string(call, "name", error);
    if (error->code != ERROR_NONE)
        return false;
    if (headquarters && !json_is_boolean(headquarters))
        return error_set(error, ERROR_INPUT, "headquarters: give true or false");
    return (!name || assignment_parse(list, office_type(service), OFFICE_NAME, name, call->arena, error)) &&
           (!headquarters ||
            assignment_add(list, office_type(service), OFFICE_HEADQUARTERS,
                           json_is_true(headquarters) ? "true" : "false", call->arena, error));
}

/* The office's record; NULL where there is none, or with error->code set. */
static const Hopnhat__Record *office_record(struct api_call *call, const char *code, struct error *error)
{
    const struct records *records = call->records;
    uint8_t id[RECORD_ID_BYTES];
    office_record_id(code, id);
    if (!records->begin(records->context, error))
        return NULL;
    const Hopnhat__Record *record =
        records->get(records->context, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, call->arena, error);
    records->end(records->context);
    return record;
}

/* Whether the office stays within the bound of groups when the edit is made. */
static bool groups_fit(const struct hub_service *service, const char *code, const struct new_edit *edit,
                       struct error *error)
{
    const struct office *office = registry_office(service->hub, code);
    size_t count = office ? office->group_count : 2;
    for (size_t i = 0; i < edit->op_count; i++)
        if (edit->ops[i].field == OFFICE_GROUPS)
            count += edit->ops[i].kind == HOPNHAT__OP_KIND__PUT ? 1 : (size_t)-1;
    return count <= LIMIT_GROUPS_PER_OFFICE ||
           error_set(error, ERROR_LIMIT, "group: office %s would be in more than %d groups", code,
                     LIMIT_GROUPS_PER_OFFICE);
}

/* The groups that the edit has given to the office, beside its own, and no other is in: nobody notices else
 * that one is mistyped. */
static json_t *warnings_of(const struct hub *hub, const struct office *office, const struct new_edit *edit)
{
    const struct bytes own = bytes_of_string(office_audience(office, HOPNHAT__AUDIENCE__AUDIENCE_OFFICE));
    json_t *warnings = json_array();
    for (size_t i = 0; warnings && i < edit->op_count; i++) {
        const struct new_op *op = &edit->ops[i];
        const struct office_state *other = hub->offices;
        if (op->field != OFFICE_GROUPS || op->kind != HOPNHAT__OP_KIND__PUT || bytes_equal(op->value, own))
            continue;
        while (other && (strcmp(other->code, office->code) == 0 || !office_is_in(&other->office, op->value)))
            other = other->hh.next;
        if (!other)
            json_array_append_new(
                warnings, json_sprintf("no other office is in %.*s yet; if it is mistyped: office set %s "
                                       "--remove-group %.*s",
                                       (int)op->value.size, (const char *)op->value.data, office->code,
                                       (int)op->value.size, (const char *)op->value.data));
    }
    return warnings;
}

/* The record of an office is everyone's, and the office's own. */
static bool place(struct api_call *call, const char *code, struct assignment_list *list, struct error *error)
{
    const struct catalog_type *type = office_type(call->records->context);
    return assignment_add(list, type, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, GROUP_EVERYONE, call->arena,
                          error) &&
           assignment_add(list, type, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, code, call->arena, error);
}

static json_t *write_office(struct api_call *call, const Hopnhat__Record *before,
                            struct assignment_list *list, const char *code, struct error *error)
{
    struct hub_service *service = call->records->context;
    struct new_edit edit;
    const char *author;
    if (!api_author(call, &author, error) || !place(call, code, list, error) ||
        !edit_make(office_type(service), before, list->items, list->count, call->arena, &edit, error) ||
        !groups_fit(service, code, &edit, error))
        return NULL;
    if (edit.op_count && !headquarters_write(service->hub, &edit, 1, author, call->wall_ms, error))
        return NULL;
    const struct office *office = registry_office(service->hub, code);
    json_t *json = office ? office_json(service->hub, office) : NULL;
    json_t *warnings = office ? warnings_of(service->hub, office, &edit) : NULL;
    if (json && json_array_size(warnings))
        json_object_set(json, "warnings", warnings);
    json_decref(warnings);
    if (!json)
        error_set(error, ERROR_INTERNAL, "the office %s was written and cannot be read", code);
    return json;
}

json_t *handle_office_add(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"code", "name", "groups", "headquarters", "author", NULL};
    const struct hub_service *service = call->records->context;
    struct assignment_list list = {0};
    uint8_t id[RECORD_ID_BYTES];
    if (!api_body_keys(call, keys, error))
        return NULL;
    const char *code = json_string_value(json_object_get(call->body, "code"));
    if (!code || !office_code_is_sound(bytes_of_string(code))) {
        error_set(error, ERROR_INPUT,
                  "code: \"%.60s\" is no office's code: a letter, then a-z, 0-9 and -, at most %d",
                  code ? code : "", LIMIT_OFFICE_CODE_BYTES);
        return NULL;
    }
    if (registry_office(service->hub, code) || strcmp(code, HEADQUARTERS_OWNER) == 0) {
        error_set(error, ERROR_INPUT, "code: there is an office %s already", code);
        return NULL;
    }
    if (HASH_COUNT(service->hub->offices) >= LIMIT_OFFICES) {
        error_set(error, ERROR_LIMIT, "more than %d offices (LIMIT_OFFICES)", LIMIT_OFFICES);
        return NULL;
    }
    office_record_id(code, id);
    const Hopnhat__Record *record = record_new(call->arena, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id);
    if (!record || !read_office(call, code, &list, error) ||
        !assignment_add(&list, office_type(service), OFFICE_CODE, code, call->arena, error))
        return NULL;
    return write_office(call, record, &list, code, error);
}

/* The code of an office that there is, as the path names it. NULL: ERROR_NOT_FOUND. */
static const char *known_office(const struct api_call *call, struct error *error)
{
    const struct hub_service *service = call->records->context;
    if (registry_office(service->hub, call->parts[0]))
        return call->parts[0];
    error_set(error, ERROR_NOT_FOUND, "there is no office %.60s: `office list` shows them", call->parts[0]);
    return NULL;
}

json_t *handle_office_set(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"name", "add_groups", "remove_groups", "headquarters", "author", NULL};
    struct assignment_list list = {0};
    const char *code = known_office(call, error);
    if (!code || !api_body_keys(call, keys, error) || !read_office(call, code, &list, error))
        return NULL;
    if (list.count == 0) {
        error_set(error, ERROR_INPUT, "there is nothing to set");
        return NULL;
    }
    const Hopnhat__Record *record = office_record(call, code, error);
    return record ? write_office(call, record, &list, code, error) : NULL;
}

json_t *handle_enrol(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"hours", "author", NULL};
    struct hub_service *service = call->records->context;
    const json_t *given = json_object_get(call->body, "hours");
    json_int_t hours = given ? json_integer_value(given) : ENROL_HOURS;
    char text[ENROLMENT_CODE_TEXT_BYTES];
    const char *office = known_office(call, error);
    if (!office || !api_body_keys(call, keys, error))
        return NULL;
    if (hours < 1 || hours > ENROL_MOST_HOURS) {
        error_set(error, ERROR_INPUT, "hours: give a number from 1 to %d", ENROL_MOST_HOURS);
        return NULL;
    }
    uint64_t valid_ms = (uint64_t)hours * HOUR_MS;
    if (!enrolment_create(service->hub, office, call->wall_ms, valid_ms, text, error))
        return NULL;
    char *expires = wall_text(call->wall_ms + valid_ms, call->arena);
    json_t *json =
        json_pack("{s:s, s:s, s:s}", "office", office, "code", text, "expires", expires ? expires : "");
    if (!json)
        out_of_memory(error);
    return json;
}

json_t *handle_revoke(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"replica", "author", NULL};
    struct hub_service *service = call->records->context;
    const json_t *given = json_object_get(call->body, "replica");
    struct revoking revoking = {.wall_ms = call->wall_ms};
    struct revoked revoked;
    if (!api_body_keys(call, keys, error) || !api_author(call, &revoking.author, error) ||
        (given && !replica_parse(json_string_value(given), &revoking.replica, error)) ||
        !revocation_apply(service->hub, call->parts[0], &revoking, &revoked, error))
        return NULL;
    json_t *json = json_pack("{s:i, s:i, s:i}", "installations", (int)revoked.installations, "replicas",
                             (int)revoked.replicas, "codes", (int)revoked.codes);
    if (!json)
        out_of_memory(error);
    return json;
}
