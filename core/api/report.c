#include "store/report.h"
#include "api/assignment.h"
#include "api/query_call.h"
#include "api/record_json.h"
#include "base/limits.h"

enum { REPORT_ARENA_BYTES = 256 * 1024 * 1024 };

/* A report as the request asks for it. */
struct asked {
    struct report_query query;
    struct path groups[LIMIT_REPORT_GROUPS];
    struct condition conditions[LIMIT_CONDITIONS];
};

/* group-by=PATH,PATH… */
static bool read_groups(struct api_call *call, struct asked *asked, struct error *error)
{
    const struct catalog *catalog = call->records->catalog(call->records->context);
    const char *at = http_request_query(call->request, "group-by");
    while (at && *at) {
        size_t size = strcspn(at, ",");
        char *text = arena_string(call->arena, at, size);
        if (!text)
            return out_of_memory(error);
        if (asked->query.group_count == LIMIT_REPORT_GROUPS)
            return error_set(error, ERROR_LIMIT, "group-by: at most %d", LIMIT_REPORT_GROUPS);
        if (!path_parse(catalog, asked->query.type, text, call->arena,
                        &asked->groups[asked->query.group_count++], error))
            return error_prefix(error, "group-by");
        at += size;
        at += *at == ',';
    }
    asked->query.groups = asked->groups;
    return true;
}

static bool read_asked(struct api_call *call, struct asked *asked, struct error *error)
{
    const char *sum = http_request_query(call->request, "sum");
    asked->query.type = call_type(call, error);
    asked->query.conditions = asked->conditions;
    if (!asked->query.type || !read_groups(call, asked, error) ||
        !call_conditions(call, asked->query.type, asked->conditions, &asked->query.condition_count, error))
        return false;
    if (sum && *sum)
        asked->query.sum = field_known(asked->query.type, sum, error);
    return !sum || !*sum || asked->query.sum || error_prefix(error, "sum");
}

/* null where the record has none. */
static json_t *group_json(const struct path *path, struct bytes value, struct arena *arena,
                          struct error *error)
{
    if (value.size == 0)
        return json_null();
    if (path->part == PATH_WHOLE && !path->cluster)
        return value_json(path->field, value, arena, error);
    return bytes_json(value);
}

static json_t *groups_json(const struct asked *asked, const struct report_row *row, struct arena *arena,
                           struct error *error)
{
    json_t *json = json_object();
    for (size_t i = 0; json && i < asked->query.group_count; i++) {
        json_t *value = group_json(&asked->groups[i], row->values[i], arena, error);
        if (value && json_object_set_new(json, asked->groups[i].text, value) == 0)
            continue;
        json_decref(json);
        json = NULL;
    }
    if (!json)
        out_of_memory(error);
    return json;
}

/* Adds count, and the sum where there is one, to the object, which it takes. */
static json_t *with_figures(const struct asked *asked, const struct report_row *row, json_t *json,
                            struct error *error)
{
    char text[DECIMAL_TEXT_BYTES];
    decimal_format(row->sum, text);
    if (json && json_object_set_new(json, "count", json_integer((json_int_t)row->count)) == 0 &&
        (!asked->query.sum || json_object_set_new(json, "sum", json_string(text)) == 0))
        return json;
    json_decref(json);
    out_of_memory(error);
    return NULL;
}

static json_t *row_json(const struct asked *asked, const struct report_row *row, struct arena *arena,
                        struct error *error)
{
    json_t *groups = groups_json(asked, row, arena, error);
    return groups ? with_figures(asked, row, json_pack("{s:o}", "group", groups), error) : NULL;
}

static json_t *rows_json(const struct asked *asked, const struct report *report, struct arena *arena,
                         struct error *error)
{
    json_t *rows = json_array();
    for (size_t i = 0; rows && i < report->row_count; i++) {
        json_t *row = row_json(asked, &report->rows[i], arena, error);
        if (row && json_array_append_new(rows, row) == 0)
            continue;
        json_decref(rows);
        rows = NULL;
    }
    if (!rows)
        out_of_memory(error);
    return rows;
}

static json_t *report_json(const struct asked *asked, const struct report *report, struct arena *arena,
                           struct error *error)
{
    json_t *rows = rows_json(asked, report, arena, error);
    json_t *total = rows ? with_figures(asked, &report->total, json_object(), error) : NULL;
    json_t *columns = json_array(), *json = NULL;
    bool done = total && columns;
    for (size_t i = 0; done && i < asked->query.group_count; i++)
        done = json_array_append_new(columns, json_string(asked->groups[i].text)) == 0;
    if (done)
        json = json_pack("{s:O, s:O, s:O}", "group_by", columns, "rows", rows, "total", total);
    json_decref(rows);
    json_decref(total);
    json_decref(columns);
    if (rows && !json)
        out_of_memory(error);
    return json;
}

json_t *handle_report(struct api_call *call, struct error *error)
{
    struct asked asked = {0};
    struct report report;
    struct query query;
    struct arena arena;
    json_t *json = NULL;
    if (!read_asked(call, &asked, error) || !call_query(call, &query, error))
        return NULL;
    arena_init(&arena, REPORT_ARENA_BYTES);
    if (query_report(&query, &asked.query, &arena, &report, error))
        json = report_json(&asked, &report, &arena, error);
    query_end(&query);
    arena_release(&arena);
    return json;
}
