#include "api/assignment.h"
#include "api/query_call.h"
#include "base/limits.h"
#include "store/query_list.h"

/* A list as the request asks for it. */
struct listing {
    struct list_query list;
    struct condition conditions[LIMIT_CONDITIONS];
    struct list_place after;
};

/* sort=FIELD, or sort=-FIELD for the reverse order. */
static bool read_sort(const struct api_call *call, struct listing *listing, struct error *error)
{
    const char *sort = http_request_query(call->request, "sort");
    if (!sort || !*sort)
        return true;
    listing->list.descending = *sort == '-';
    listing->list.sort = field_known(listing->list.type, sort + (*sort == '-'), error);
    return listing->list.sort || error_prefix(error, "sort");
}

/* Without an order a place is an id, so that anybody can go on after a record that they know. */
static bool read_after(const struct api_call *call, struct listing *listing, struct error *error)
{
    const char *after = http_request_query(call->request, "after");
    struct record_id id;
    if (!after)
        return true;
    listing->list.after = &listing->after;
    if (listing->list.sort)
        return list_place_read(after, listing->list.sort, &listing->after) ||
               error_set(error, ERROR_INPUT, "after: \"%.60s\" is no place in a list by %s", after,
                         listing->list.sort->name);
    if (!record_id_parse(after, &id))
        return error_set(error, ERROR_INPUT, "after: \"%.60s\" is no id of a record", after);
    memcpy(listing->after.id, id.bytes, sizeof listing->after.id);
    return true;
}

static bool read_listing(struct api_call *call, struct listing *listing, struct error *error)
{
    struct list_query *list = &listing->list;
    const char *deleted = http_request_query(call->request, "deleted");
    list->type = call_type(call, error);
    if (!list->type ||
        !call_conditions(call, list->type, listing->conditions, &list->condition_count, error) ||
        !call_limit(call, &list->limit, error) || !read_sort(call, listing, error) ||
        !read_after(call, listing, error))
        return false;
    list->conditions = listing->conditions;
    list->deleted_too = deleted && strcmp(deleted, "yes") == 0;
    list->most_bytes = PAGE_PACKED_BYTES;
    return true;
}

static bool put_next(json_t *json, const struct listing *listing, const struct list_result *result)
{
    char text[LIST_PLACE_TEXT_BYTES], id_text[RECORD_ID_TEXT_BYTES];
    struct record_id id;
    list_place_format(&result->next, text);
    memcpy(id.bytes, result->next.id, sizeof id.bytes);
    record_id_format(&id, id_text);
    return json_object_set_new(json, "next", json_string(listing->list.sort ? text : id_text)) == 0;
}

static json_t *answer(struct api_call *call, const struct listing *listing, struct page *page,
                      struct error *error)
{
    struct query query;
    struct list_result result;
    if (!call_query(call, &query, error))
        return NULL;
    bool done = query_list(&query, &listing->list, page_add, page, &result, error);
    query_end(&query);
    if (!done)
        return NULL;
    json_t *json = json_pack("{s:O}", "records", page->records);
    if (json && (!result.more || put_next(json, listing, &result)))
        return json;
    json_decref(json);
    out_of_memory(error);
    return NULL;
}

json_t *handle_list(struct api_call *call, struct error *error)
{
    struct listing listing = {0};
    struct page page = {.call = call};
    if (!read_listing(call, &listing, error))
        return NULL;
    page.records = json_array();
    if (!page.records) {
        out_of_memory(error);
        return NULL;
    }
    arena_init(&page.arena, LIMIT_MESSAGE_ARENA_BYTES);
    json_t *json = answer(call, &listing, &page, error);
    arena_release(&page.arena);
    json_decref(page.records);
    return json;
}
