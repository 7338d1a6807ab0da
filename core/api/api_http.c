#include "api/api_http.h"

#include "api/wall.h"

static size_t query_of(void *user, const char *name, const char **values, size_t most)
{
    return http_request_query_all(user, name, values, most);
}

static enum http_handled handle(void *user, struct http_request *request, struct http_response *response)
{
    struct api_request call = {
        .method = request->method,
        .path = request->path,
        .body = request->body,
        .may_write = request->local,
        .wall_ms = wall_now_ms(),
        .query = query_of,
        .user = request,
    };
    struct api_answer answer;
    api_handle(user, &call, &answer);
    *response = (struct http_response){.status = answer.status, .body = answer.body, .body_size = answer.size};
    return HTTP_ANSWERED;
}

struct http_handler api_http_handler(struct api_service *service)
{
    return (struct http_handler){.handle = handle, .user = service};
}
