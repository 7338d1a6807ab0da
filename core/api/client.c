#include "api/client.h"

#include "api/wall.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "net/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 10 * 1000, /* for a daemon that starts or stops, or another command */
    PAUSE_MS = 20,
    CALL_TIMEOUT_MS = 120 * 1000,
    PATH_ARENA_BYTES = 1024 * 1024,
};

struct client {
    struct http_client *http; /* NULL: the store is open here */
    const struct store_opener *opener;
    void *opened;
    const struct api_service *service;
};

char *client_socket_path(const char *data)
{
    char *path = NULL;
    return asprintf(&path, "%s/control.sock", data) < 0 ? NULL : path;
}

static void pause_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
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
    for (int waited_ms = 0; !reach(client, data, path, error); waited_ms += PAUSE_MS) {
        if (error->code != ERROR_UNAVAILABLE || waited_ms >= PATIENCE_MS)
            return false;
        pause_a_moment();
    }
    return true;
}

bool client_try_again(const char *data, int *waited_ms)
{
    char *path = client_socket_path(data);
    bool again = path && *waited_ms < PATIENCE_MS && !somebody_listens(path);
    free(path);
    if (again)
        pause_a_moment();
    *waited_ms += PAUSE_MS;
    return again;
}

struct client *client_new(const char *data, const struct store_opener *opener, struct error *error)
{
    struct client *client = calloc(1, sizeof *client);
    char *path = client_socket_path(data);
    if (!client || !path) {
        out_of_memory(error);
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

struct client *client_of(const struct api_service *service, struct error *error)
{
    struct client *client = calloc(1, sizeof *client);
    if (client)
        client->service = service;
    else
        out_of_memory(error);
    return client;
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

static bool call_here(struct client *client, const char *method, const char *path_and_query,
                      struct bytes body, struct http_response *response, struct error *error)
{
    struct arena arena;
    struct http_request request;
    arena_init(&arena, PATH_ARENA_BYTES);
    bool made = http_request_make(&request, method, path_and_query, body, &arena, error);
    if (made)
        api_handle(client->service, &request, wall_now_ms(), response);
    arena_release(&arena);
    return made && (response->body || out_of_memory(error));
}

const char *client_text(const json_t *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer, key));
    return text ? text : "";
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
    const char *text = client_text(described, "text");
    error_set(error, api_error_code(client_text(described, "code")), "%s",
              *text ? text : "the daemon gave no reason");
    json_decref(json);
    return false;
}

bool client_call(struct client *client, const char *method, const char *path_and_query, const json_t *body,
                 json_t **answer, struct error *error)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct bytes sent = text ? bytes_of_string(text) : bytes_of(NULL, 0);
    struct http_answer from_daemon;
    struct http_response from_here = {0};
    bool done = false;
    if (body && !text)
        out_of_memory(error);
    else if (client->http)
        done = http_call(client->http, method, path_and_query, sent, CALL_TIMEOUT_MS, &from_daemon, error) &&
               read_answer(from_daemon.status, from_daemon.body, answer, error);
    else
        done = call_here(client, method, path_and_query, sent, &from_here, error) &&
               read_answer(from_here.status, bytes_of(from_here.body, from_here.body_size), answer, error);
    free(from_here.body);
    free(text);
    return done;
}
