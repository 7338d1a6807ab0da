#include "api/query_call.h"

#include "api/record_json.h"
#include "base/limits.h"

bool call_conditions(struct api_call *call, const struct catalog_type *type,
                     struct condition conditions[LIMIT_CONDITIONS], size_t *count, struct error *error)
{
    const char *texts[LIMIT_CONDITIONS];
    const struct catalog *catalog = call->records->catalog(call->records->context);
    *count = http_request_query_all(call->request, "where", texts, LIMIT_CONDITIONS);
    if (*count > LIMIT_CONDITIONS)
        return error_set(error, ERROR_LIMIT, "where: at most %d conditions", LIMIT_CONDITIONS);
    for (size_t i = 0; i < *count; i++)
        if (!condition_parse(catalog, type, texts[i], call->arena, &conditions[i], error))
            return false;
    return true;
}

bool call_limit(const struct api_call *call, size_t *limit, struct error *error)
{
    uint64_t number;
    if (!api_number(http_request_query(call->request, "limit"), "limit", LIMIT_PAGE_RECORDS,
                    LIMIT_PAGE_RECORDS, &number, error))
        return false;
    *limit = (size_t)number;
    return number > 0 || error_set(error, ERROR_INPUT, "limit: give 1 or more");
}

bool call_query(struct api_call *call, struct query *query, struct error *error)
{
    const struct records *records = call->records;
    const struct querier *querier = records->querier(records->context, error);
    return querier && query_begin(query, querier, records->catalog(records->context), error);
}

bool page_add(void *user, const Hopnhat__Record *record, struct error *error)
{
    struct page *page = user;
    const struct records *records = page->call->records;
    const struct catalog_type *type = catalog_type(records->catalog(records->context), record->type);
    struct shown shown = records->shown_now(records->context, record);
    arena_reset(&page->arena);
    json_t *json = type ? record_json(type, record, &shown, &page->arena, error) : json_null();
    if (!json)
        return false;
    return json_array_append_new(page->records, json) == 0 || out_of_memory(error);
}
