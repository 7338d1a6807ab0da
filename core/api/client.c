#include "api/client.h"

#include "api/wall.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "net/net.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 10 * 1000, /* for a daemon that starts or stops, or another command */
    PAUSE_MS = 20,
    CALL_TIMEOUT_MS = 120 * 1000,
    QUERY_PAIRS = 64,
};

struct client {
    struct http_client *http; /* NULL: the store is open here */
    const struct store_opener *opener;
    void *opened;
    const struct api_service *service;
};

/* A query taken apart, decoded. */
struct query {
    const char *names[QUERY_PAIRS], *values[QUERY_PAIRS];
    size_t count;
};

char *client_socket_path(const char *data)
{
    char *path = NULL;
    return asprintf(&path, "%s/control.sock", data) < 0 ? NULL : path;
}

static bool somebody_listens(const char *path)
{
    struct sockaddr_un address;
    struct error ignored;
    if (!net_unix_address(path, &address, &ignored))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool listens = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return listens;
}

/* Tries once. False with ERROR_UNAVAILABLE: somebody holds the store and does not answer. */
static bool reach(struct client *client, const char *data, const char *path, struct error *error)
{
    if (somebody_listens(path)) {
        client->http = http_client_new(path, error);
        return client->http != NULL;
    }
    client->opened = client->opener->open(data, &client->service, error);
    return client->opened != NULL;
}

static bool reach_patiently(struct client *client, const char *data, const char *path, struct error *error)
{
    for (int waited_ms = 0;; waited_ms += PAUSE_MS) {
        if (reach(client, data, path, error))
            return true;
        if (error->code != ERROR_UNAVAILABLE || waited_ms >= PATIENCE_MS)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
}

struct client *client_new(const char *data, const struct store_opener *opener, struct error *error)
{
    struct client *client = calloc(1, sizeof *client);
    char *path = client_socket_path(data);
    if (!client || !path) {
        error_set(error, ERROR_MEMORY, "out of memory");
        free(client);
        free(path);
        return NULL;
    }
    client->opener = opener;
    bool reached = reach_patiently(client, data, path, error);
    free(path);
    if (reached)
        return client;
    client_free(client);
    return NULL;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    http_client_free(client->http);
    if (client->opened)
        client->opener->close(client->opened);
    free(client);
}

bool client_has_daemon(const struct client *client)
{
    return client->http != NULL;
}

static int digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Decodes %XX in place. */
static void decode(char *text)
{
    char *to = text;
    for (; *text; text++) {
        if (*text == '%' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
            *to++ = (char)(digit(text[1]) * 16 + digit(text[2]));
            text += 2;
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

static void take_query_apart(char *text, struct query *query)
{
    char *rest = text, *pair;
    while ((pair = strsep(&rest, "&")) && query->count < QUERY_PAIRS) {
        char *value = strchr(pair, '=');
        if (value)
            *value++ = '\0';
        decode(pair);
        if (value)
            decode(value);
        query->names[query->count] = pair;
        query->values[query->count++] = value ? value : "";
    }
}

static size_t find_in_query(void *user, const char *name, const char **values, size_t most)
{
    const struct query *query = user;
    size_t count = 0;
    for (size_t i = 0; i < query->count; i++) {
        if (strcmp(query->names[i], name) != 0)
            continue;
        if (count < most)
            values[count] = query->values[i];
        count++;
    }
    return count;
}

static bool call_here(struct client *client, const char *method, const char *path_and_query,
                      struct bytes body, struct api_answer *answer, struct error *error)
{
    char *path = strdup(path_and_query);
    struct query query = {0};
    if (!path)
        return error_set(error, ERROR_MEMORY, "out of memory");
    char *question = strchr(path, '?');
    if (question) {
        *question = '\0';
        take_query_apart(question + 1, &query);
    }
    decode(path);
    struct api_request request = {
        .method = method,
        .path = path,
        .body = body,
        .may_write = true,
        .wall_ms = wall_now_ms(),
        .query = find_in_query,
        .user = &query,
    };
    api_handle(client->service, &request, answer);
    free(path);
    return answer->body || error_set(error, ERROR_MEMORY, "out of memory");
}

static bool read_answer(int status, struct bytes body, json_t **answer, struct error *error)
{
    json_error_t wrong;
    json_t *json = json_loadb((const char *)body.data, body.size, 0, &wrong);
    if (!json)
        return error_set(error, ERROR_NETWORK, "the daemon's answer (status %d) is no JSON: %.200s", status,
                         wrong.text);
    if (status >= 200 && status < 300) {
        *answer = json;
        return true;
    }
    const json_t *described = json_object_get(json, "error");
    const char *code = json_string_value(json_object_get(described, "code"));
    const char *text = json_string_value(json_object_get(described, "text"));
    error_set(error, api_error_code(code ? code : ""), "%s", text ? text : "the daemon gave no reason");
    json_decref(json);
    return false;
}

bool client_call(struct client *client, const char *method, const char *path_and_query, const json_t *body,
                 json_t **answer, struct error *error)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct bytes sent = text ? bytes_of_string(text) : bytes_of(NULL, 0);
    struct http_answer from_daemon;
    struct api_answer from_here = {0};
    bool done = false;
    if (body && !text)
        error_set(error, ERROR_MEMORY, "out of memory");
    else if (client->http)
        done = http_call(client->http, method, path_and_query, sent, CALL_TIMEOUT_MS, &from_daemon, error) &&
               read_answer(from_daemon.status, from_daemon.body, answer, error);
    else
        done = call_here(client, method, path_and_query, sent, &from_here, error) &&
               read_answer(from_here.status, bytes_of(from_here.body, from_here.size), answer, error);
    free(from_here.body);
    free(text);
    return done;
}
