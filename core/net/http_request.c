#include "net/http_request.h"

#include "base/hex.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool wrong_encoding(const char *text, struct error *error)
{
    return error_set(error, ERROR_INPUT, "the request's path or query is not encoded as it must be: %s",
                     text);
}

/* Decodes size characters in place of the arena's copy; in a query '+' is a blank. NULL after error_set. */
static char *decode(const char *text, size_t size, bool query, struct arena *arena, struct error *error)
{
    char *decoded = arena_string(arena, text, size), *to = decoded;
    if (!decoded) {
        error_set(error, ERROR_MEMORY, "out of memory for a request");
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (text[i] == '%') {
            if (size - i < 3 || !hex_decode(text + i + 1, 2, &byte) || byte == 0) {
                wrong_encoding(text, error);
                return NULL;
            }
            i += 2;
        } else if (query && text[i] == '+') {
            byte = ' ';
        }
        *to++ = (char)byte;
    }
    *to = '\0';
    return decoded;
}

static bool parse_query(struct http_request *request, const char *query, struct arena *arena,
                        struct error *error)
{
    request->parameters = arena_alloc(arena, HTTP_PARAMETERS * sizeof *request->parameters);
    if (!request->parameters)
        return error_set(error, ERROR_MEMORY, "out of memory for a request");
    while (*query) {
        size_t size = strcspn(query, "&");
        const char *equals = memchr(query, '=', size);
        size_t name_size = equals ? (size_t)(equals - query) : size;
        if (request->parameter_count == HTTP_PARAMETERS)
            return error_set(error, ERROR_LIMIT, "a query of more than %d parameters", HTTP_PARAMETERS);
        const char *name = decode(query, name_size, true, arena, error);
        const char *value =
            name ? decode(equals ? equals + 1 : "", equals ? size - name_size - 1 : 0, true, arena, error)
                 : NULL;
        if (!value)
            return false;
        if (size > 0)
            request->parameters[request->parameter_count++] = (struct http_parameter){name, value};
        query += size;
        query += *query == '&';
    }
    return true;
}

bool http_request_make(struct http_request *request, const char *method, const char *path_and_query,
                       struct bytes body, struct arena *arena, struct error *error)
{
    size_t size = strcspn(path_and_query, "?");
    *request = (struct http_request){.method = method, .body = body, .local = true, .uid = geteuid()};
    if (*path_and_query != '/')
        return wrong_encoding(path_and_query, error);
    request->path = decode(path_and_query, size, false, arena, error);
    const char *query = path_and_query + size;
    return request->path && parse_query(request, *query ? query + 1 : query, arena, error);
}

const char *http_request_query(const struct http_request *request, const char *name)
{
    const char *value = NULL;
    http_request_query_all(request, name, &value, 1);
    return value;
}

size_t http_request_query_all(const struct http_request *request, const char *name, const char **values,
                              size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (strcmp(request->parameters[i].name, name) != 0)
            continue;
        if (count < most)
            values[count] = request->parameters[i].value;
        count++;
    }
    return count;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return request->connection ? MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name)
                               : NULL;
}

void http_response_error(struct http_response *response, int status, const char *code, const char *text)
{
    /* Each character of the text may need six in JSON */
    size_t size = strlen(text) * 6 + strlen(code) + 64, used;
    free(response->body);
    free(response->cookie);
    *response = (struct http_response){.status = status, .body = malloc(size)};
    if (!response->body)
        return;
    used = (size_t)snprintf(response->body, size, "{\"error\":{\"code\":\"%s\",\"text\":\"", code);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            used += (size_t)snprintf(response->body + used, size - used, "\\%c", c);
        else if (c < ' ')
            used += (size_t)snprintf(response->body + used, size - used, "\\u%04x", c);
        else
            response->body[used++] = (char)c;
    }
    response->body_size = used + (size_t)snprintf(response->body + used, size - used, "\"}}\n");
}

char *http_escape(struct arena *arena, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    char *escaped = arena_alloc(arena, 3 * strlen(text) + 1), *to = escaped;
    if (!escaped)
        return NULL;
    for (; *text; text++) {
        if (strchr(plain, *text))
            *to++ = *text;
        else
            to += snprintf(to, sizeof "%FF", "%%%02X", (unsigned)(unsigned char)*text);
    }
    *to = '\0';
    return escaped;
}
