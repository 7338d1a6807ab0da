#include "api/router.h"

#include "api/handlers.h"
#include "api/record_json.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>

enum { CALL_ARENA_BYTES = 256 * 1024 * 1024 };

static int status_of(enum error_code code)
{
    switch (code) {
    case ERROR_USAGE:
    case ERROR_INPUT:
        return 400;
    case ERROR_REFUSED:
        return 403;
    case ERROR_NOT_FOUND:
        return 404;
    case ERROR_LIMIT:
        return 413;
    case ERROR_UNAVAILABLE:
    case ERROR_NETWORK:
        return 503;
    case ERROR_FULL:
        return 507;
    default:
        return 500;
    }
}

static void answer_json(struct api_answer *answer, int status, json_t *json)
{
    *answer = (struct api_answer){.status = status, .body = json ? json_dumps(json, JSON_COMPACT) : NULL};
    answer->size = answer->body ? strlen(answer->body) : 0;
    if (!answer->body)
        answer->status = 500;
    json_decref(json);
}

static void answer_error(struct api_answer *answer, int status, const char *code, const char *text)
{
    json_t *shown = bytes_json(bytes_of_string(text));
    answer_json(answer, status, json_pack("{s:{s:s, s:o}}", "error", "code", code, "text", shown));
}

/* Whether the path fits the pattern. The parts are copied into the arena. */
static bool fits(const char *pattern, const char *path, const char **parts, struct arena *arena)
{
    size_t count = 0;
    while (*pattern && *path) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t size = strcspn(path, "/");
        if (size == 0 || count == API_PATH_PARTS || !(parts[count++] = arena_string(arena, path, size)))
            return false;
        path += size;
        pattern += strcspn(pattern, "}") + 1;
    }
    return *pattern == *path;
}

/* The route of the request. NULL: none; *known then tells whether the path is there for another method. */
static const struct api_route *find(const struct api_route *routes, size_t count, struct api_call *call,
                                    bool *known)
{
    for (size_t i = 0; i < count; i++) {
        if (!fits(routes[i].pattern, call->request->path, call->parts, call->arena))
            continue;
        *known = true;
        if (strcmp(routes[i].method, call->request->method) == 0)
            return &routes[i];
    }
    return NULL;
}

static bool read_body(struct api_call *call, struct error *error)
{
    json_error_t wrong;
    struct bytes body = call->request->body;
    if (body.size > LIMIT_HTTP_BODY_BYTES)
        return error_set(error, ERROR_LIMIT, "the body passes LIMIT_HTTP_BODY_BYTES");
    call->body = body.size ? json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, &wrong)
                           : json_object();
    if (!call->body && body.size)
        return error_set(error, ERROR_INPUT, "the body is no JSON: line %d: %.200s", wrong.line, wrong.text);
    if (!call->body)
        return error_set(error, ERROR_MEMORY, "out of memory");
    return json_is_object(call->body) || error_set(error, ERROR_INPUT, "the body is no JSON object");
}

static void run(struct api_call *call, const struct api_route *route, struct api_answer *answer)
{
    struct error error = {0};
    json_t *json = read_body(call, &error) ? route->handler(call, &error) : NULL;
    json_decref(call->body);
    if (json)
        answer_json(answer, 200, json);
    else
        answer_error(answer, status_of(error.code), error_code_name(error.code), error.text);
}

void api_handle(const struct api_service *service, const struct api_request *request,
                struct api_answer *answer)
{
    struct arena arena;
    struct api_call call = {.request = request, .records = service->records, .arena = &arena};
    bool known = false;
    arena_init(&arena, CALL_ARENA_BYTES);
    const struct api_route *route = find(service->routes, service->route_count, &call, &known);
    if (!route)
        route = find(record_routes, record_route_count, &call, &known);
    if (!route && known)
        answer_error(answer, 405, "usage", "this path does not know that method");
    else if (!route)
        answer_error(answer, 404, "not_found", "there is no such path");
    else if (!request->may_write && strcmp(request->method, "GET") != 0)
        answer_error(answer, 403, "refused", "changes are made over the Unix socket only");
    else
        run(&call, route, answer);
    arena_release(&arena);
}

const char *api_query(const struct api_call *call, const char *name)
{
    const char *value = NULL;
    if (call->request->query)
        call->request->query(call->request->user, name, &value, 1);
    return value;
}

const char *api_body_string(const struct api_call *call, const char *key, struct error *error)
{
    const json_t *value = json_object_get(call->body, key);
    if (!value || json_is_null(value))
        return NULL;
    if (!json_is_string(value)) {
        error_set(error, ERROR_INPUT, "%s: give a string", key);
        return NULL;
    }
    return json_string_value(value);
}

bool api_body_keys(const struct api_call *call, const char *const *keys, struct error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(call->body, key, value)
    {
        const char *const *known = keys;
        while (*known && strcmp(*known, key) != 0)
            known++;
        if (!*known)
            return error_set(error, ERROR_INPUT, "the body has a key that is not known here: %.80s", key);
    }
    return true;
}

bool api_number(const char *text, const char *what, uint64_t absent, uint64_t most, uint64_t *number,
                struct error *error)
{
    *number = absent;
    if (!text)
        return true;
    errno = 0;
    if (*text && text[strspn(text, "0123456789")] == '\0')
        *number = strtoull(text, NULL, 10);
    else
        errno = EINVAL;
    return (errno == 0 && *number <= most) ||
           error_set(error, ERROR_INPUT, "%s: \"%.40s\" is no number from 0 to %llu", what, text,
                     (unsigned long long)most);
}

enum error_code api_error_code(const char *name)
{
    for (int code = ERROR_USAGE; code <= ERROR_INTERNAL; code++)
        if (strcmp(error_code_name((enum error_code)code), name) == 0)
            return (enum error_code)code;
    return ERROR_INTERNAL;
}
