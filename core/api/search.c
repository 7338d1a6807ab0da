#include "api/query_call.h"
#include "base/limits.h"
#include "store/query_search.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLACE_TEXT_BYTES = RECORD_ID_TEXT_BYTES + 12 };

/* A place is TYPE.ID, the type as its number. */
static bool read_after(const struct api_call *call, struct search_place *place, struct search_query *search,
                       struct error *error)
{
    const char *after = http_request_query(call->request, "after");
    struct record_id id;
    if (!after)
        return true;
    size_t digits = strspn(after, "0123456789");
    if (digits == 0 || digits > 9 || after[digits] != '.' || !record_id_parse(after + digits + 1, &id))
        return error_set(error, ERROR_INPUT, "after: \"%.60s\" is no place in what was found", after);
    place->type = (uint32_t)strtoul(after, NULL, 10);
    memcpy(place->id, id.bytes, sizeof place->id);
    search->after = place;
    return true;
}

static bool read_search(struct api_call *call, struct search_query *search, struct search_place *after,
                        struct error *error)
{
    const char *type_name = http_request_query(call->request, "type");
    search->text = http_request_query(call->request, "words");
    search->most_bytes = PAGE_PACKED_BYTES;
    if (!search->text)
        return error_set(error, ERROR_INPUT, "words: say what to search for");
    if (type_name && *type_name) {
        call->parts[0] = type_name;
        const struct catalog_type *type = call_type(call, error);
        if (!type)
            return false;
        search->type = type_definition(type)->number;
    }
    return call_limit(call, &search->limit, error) && read_after(call, after, search, error);
}

static bool put_next(json_t *json, const struct search_result *result)
{
    char id_text[RECORD_ID_TEXT_BYTES], text[PLACE_TEXT_BYTES];
    struct record_id id;
    memcpy(id.bytes, result->next.id, sizeof id.bytes);
    record_id_format(&id, id_text);
    snprintf(text, sizeof text, "%u.%s", result->next.type, id_text);
    return json_object_set_new(json, "next", json_string(text)) == 0;
}

static json_t *answer(struct api_call *call, const struct search_query *search, struct page *page,
                      struct error *error)
{
    struct query query;
    struct search_result result;
    if (!call_query(call, &query, error))
        return NULL;
    bool done = query_search(&query, search, page_add, page, &result, error);
    query_end(&query);
    if (!done)
        return NULL;
    json_t *json = json_pack("{s:O}", "records", page->records);
    if (json && (!result.more || put_next(json, &result)))
        return json;
    json_decref(json);
    out_of_memory(error);
    return NULL;
}

json_t *handle_search(struct api_call *call, struct error *error)
{
    struct search_query search = {0};
    struct search_place after;
    struct page page = {.call = call};
    if (!read_search(call, &search, &after, error))
        return NULL;
    page.records = json_array();
    if (!page.records) {
        out_of_memory(error);
        return NULL;
    }
    arena_init(&page.arena, LIMIT_MESSAGE_ARENA_BYTES);
    json_t *json = answer(call, &search, &page, error);
    arena_release(&page.arena);
    json_decref(page.records);
    return json;
}
