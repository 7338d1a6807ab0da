#include "api/router.h"

#include "api/aside.h"
#include "api/handlers.h"
#include "api/people.h"
#include "api/wall.h"
#include "base/limits.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <utf8proc.h>

enum { CALL_ARENA_BYTES = 256 * 1024 * 1024, SHOWN_BYTES = 200 };

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

/* Takes json; NULL: out of memory. A string alone is the text of a page. */
static void answer_json(struct http_response *response, json_t *json)
{
    *response = (struct http_response){.status = 200};
    if (json_is_string(json)) {
        response->content_type = "text/plain; version=0.0.4; charset=utf-8";
        response->body = strdup(json_string_value(json));
    } else if (json) {
        response->body = json_dumps(json, JSON_COMPACT);
    }
    response->body_size = response->body ? strlen(response->body) : 0;
    if (!response->body)
        http_response_error(response, 500, "memory", "out of memory");
    json_decref(json);
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
    if (body.size > LIMIT_HTTP_LOCAL_BODY_BYTES)
        return error_set(error, ERROR_LIMIT, "the body passes LIMIT_HTTP_LOCAL_BODY_BYTES");
    call->body = body.size ? json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, &wrong)
                           : json_object();
    if (!call->body && body.size)
        return error_set(error, ERROR_INPUT, "the body is no JSON: line %d: %.200s", wrong.line, wrong.text);
    if (!call->body)
        return out_of_memory(error);
    return json_is_object(call->body) || error_set(error, ERROR_INPUT, "the body is no JSON object");
}

/* Puts '?' for every byte that is no part of UTF-8: an error's text may have been cut within a character. */
static void mend_text(char *text)
{
    while (*text) {
        utf8proc_int32_t character;
        utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &character);
        if (size <= 0)
            *text = '?';
        text += size > 0 ? size : 1;
    }
}

/* Whether it is put on record. */
static bool is_act(const struct api_call *call, const struct api_route *route)
{
    return call->people && strcmp(route->method, "GET") != 0 &&
           (route->role == ROLE_LOCAL || route->role >= ROLE_MANAGER);
}

/* What the body says, for the record: without secrets; long texts, and lists that are imported, by their
 * size: what people enter into records is to be erasable. */
static char *detail_of(const struct api_call *call)
{
    json_t *shown = json_object();
    const char *key;
    json_t *value;
    json_object_foreach(call->body, key, value)
    {
        if (strcmp(key, "author") == 0)
            continue;
        if (strstr(key, "password"))
            json_object_set_new(shown, key, json_string("***"));
        else if (strcmp(key, "text") == 0 || json_string_length(value) > SHOWN_BYTES)
            json_object_set_new(shown, key, json_sprintf("(%zu bytes)", json_string_length(value)));
        else
            json_object_set(shown, key, value);
    }
    char *text = json_dumps(shown, JSON_COMPACT);
    char *detail = text ? arena_string(call->arena, text, strlen(text)) : NULL;
    free(text);
    json_decref(shown);
    return detail;
}

/* An act is on record before it is done; where it then fails, that is too. */
static json_t *carry_out(struct api_call *call, const struct api_route *route, struct error *error)
{
    const char *path = call->request->path;
    if (!is_act(call, route))
        return route->handler(call, error);
    char *act = arena_format(call->arena, "%s %s", route->method, path);
    char *failed = arena_format(call->arena, "failed: %s %s", route->method, path);
    if (!act || !failed) {
        out_of_memory(error);
        return NULL;
    }
    if (!people_record(call->people, call, act, detail_of(call), error))
        return NULL;
    json_t *json = route->handler(call, error);
    struct error unrecorded;
    if (!json && !people_record(call->people, call, failed, error->text, &unrecorded))
        log_error("%s: %s", failed, unrecorded.text);
    return json;
}

static void run(struct api_call *call, const struct api_route *route, struct http_response *response)
{
    struct error error = {0};
    json_t *json = read_body(call, &error) ? carry_out(call, route, &error) : NULL;
    json_decref(call->body);
    if (json) {
        answer_json(response, json);
        response->cookie = call->cookie ? strdup(call->cookie) : NULL;
        return;
    }
    mend_text(error.text);
    http_response_error(response, status_of(error.code), error_code_name(error.code), error.text);
}

void api_run(const struct api_route *route, const struct records *records, const struct http_request *request,
             uint64_t wall_ms, struct http_response *response)
{
    struct arena arena;
    struct api_call call = {.request = request, .records = records, .wall_ms = wall_ms, .arena = &arena};
    arena_init(&arena, CALL_ARENA_BYTES);
    if (fits(route->pattern, request->path, call.parts, &arena))
        run(&call, route, response);
    else
        http_response_error(response, 500, "memory", "out of memory");
    arena_release(&arena);
}

static enum http_handled run_aside(const struct api_service *service, const struct api_route *route,
                                   struct http_request *request, uint64_t wall_ms,
                                   struct http_response *response)
{
    struct error error = {0};
    if (aside_begin(service->aside, service->records, route, request, wall_ms, &error))
        return HTTP_LATER;
    http_response_error(response, status_of(error.code), error_code_name(error.code), error.text);
    return HTTP_ANSWERED;
}

enum http_handled api_handle(const struct api_service *service, struct http_request *request,
                             uint64_t wall_ms, struct http_response *response)
{
    enum http_handled handled = HTTP_ANSWERED;
    struct arena arena;
    struct api_call call = {.request = request,
                            .records = service->records,
                            .people = service->people,
                            .wall_ms = wall_ms,
                            .arena = &arena};
    struct error error;
    bool known = false;
    arena_init(&arena, CALL_ARENA_BYTES);
    const struct api_route *route = find(service->routes, service->route_count, &call, &known);
    if (!route)
        route = find(record_routes, record_route_count, &call, &known);
    if (!route && service->people)
        route = find(people_routes, people_route_count, &call, &known);
    if (!route && known)
        http_response_error(response, 405, "usage", "this path does not know that method");
    else if (!route)
        http_response_error(response, 404, "not_found", "there is no such path");
    else if (!people_identify(service->people, &call, &error))
        http_response_error(response, 403, "refused", error.text);
    else if (!request->local && route->role == ROLE_LOCAL)
        http_response_error(response, 403, "refused", "this is done on the machine itself only");
    else if (call.role < route->role && call.role == ROLE_ANYONE)
        http_response_error(response, 401, "refused", "log in first: POST /v1/session");
    else if (call.role < route->role)
        http_response_error(response, 403, "refused", "this account's role does not allow it");
    else if (service->aside && route->handler == handle_report) /* which reads all records */
        handled = run_aside(service, route, request, wall_ms, response);
    else
        run(&call, route, response);
    arena_release(&arena);
    return handled;
}

static enum http_handled handle(void *user, struct http_request *request, struct http_response *response)
{
    return api_handle(user, request, wall_now_ms(), response);
}

bool api_knows(const struct api_service *service, const struct http_request *request)
{
    struct arena arena;
    struct error error;
    struct api_call call = {.request = request, .arena = &arena};
    arena_init(&arena, CALL_ARENA_BYTES);
    bool known = people_identify(service->people, &call, &error) && call.role != ROLE_ANYONE;
    arena_release(&arena);
    return known;
}

static bool knows(void *user, const struct http_request *request)
{
    return api_knows(user, request);
}

struct http_handler api_http_handler(struct api_service *service)
{
    return (struct http_handler){.handle = handle, .knows = knows, .user = service};
}

bool api_author(const struct api_call *call, const char **author, struct error *error)
{
    error->code = ERROR_NONE;
    *author = call->request->local ? api_body_string(call, "author", error) : call->account;
    return error->code == ERROR_NONE;
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
