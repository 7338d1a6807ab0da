#include "net/http_server.h"

#include "base/limits.h"
#include "net/http_deadline.h"
#include "net/http_listen.h"
#include "net/http_peer.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

enum {
    CONNECTIONS = 256,
    /* of one address, but for those on this machine: there they are all a proxy's */
    CONNECTIONS_PER_ADDRESS = 64,
    IDLE_SECONDS = 60,
    STRANGER_MS = 30 * 1000,
    STRANGER_BODY_BYTES = 16 * 1024, /* enough to log in */
    /* What passes the bound of a body is read and dropped up to so many times the bound: a client that is cut
     * off while it sends does not see the answer */
    DROPPED_BODIES = 4,
};

/* One request under way. */
struct http_connection {
    struct http_request request; /* first: http_answer comes back from it */
    struct http_parameter parameters[HTTP_PARAMETERS];
    struct http_server *server;
    char *method, *path;
    uint8_t *body;
    size_t body_size, body_capacity;
    size_t received_bytes;
    bool known; /* who asks: one of this machine, or whom the handler knows */
    enum { READING, WAITING, ANSWERED } state;
    struct http_response later; /* given by http_answer, sent when MHD comes back to the connection */
    char *later_type;
    struct http_connection *prev, *next;
};

static const char STOPPING[] = "the daemon is stopping";

struct http_server {
    struct MHD_Daemon *daemon;
    struct loop *loop;
    struct loop_source *source, *timer;
    struct http_handler handler;
    struct http_deadlines deadlines;
    struct http_connection *waiting; /* suspended: kept by the handler for later */
    char *unix_path;                 /* NULL for TCP */
    char *address;                   /* NULL for a Unix socket */
    char *names;
    unsigned port;
    bool resumed;  /* a suspended connection has its answer */
    bool stopping; /* the handler is asked no more: what it works with may have ended */
};

/* Takes the response's body whatever happens. */
static enum MHD_Result queue(struct http_connection *state, struct http_response *response)
{
    struct MHD_Response *made =
        MHD_create_response_from_buffer(response->body ? response->body_size : 0, response->body,
                                        response->body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    state->state = ANSWERED;
    if (!made) {
        free(response->body);
        free(response->cookie);
        response->body = response->cookie = NULL;
        return MHD_NO;
    }
    response->body = NULL;
    const char *type = response->content_type ? response->content_type : "application/json";
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(made, "Content-Type", type) == MHD_YES &&
        MHD_add_response_header(made, "X-Content-Type-Options", "nosniff") == MHD_YES &&
        MHD_add_response_header(made, "Cache-Control", "no-store") == MHD_YES &&
        (state->known || MHD_add_response_header(made, "Connection", "close") == MHD_YES) &&
        (!response->cookie || MHD_add_response_header(made, "Set-Cookie", response->cookie) == MHD_YES))
        result = MHD_queue_response(state->request.connection, (unsigned)response->status, made);
    free(response->cookie);
    response->cookie = NULL;
    MHD_destroy_response(made);
    return result;
}

static enum MHD_Result queue_error(struct http_connection *state, int status, const char *code,
                                   const char *text)
{
    struct http_response response = {0};
    http_response_error(&response, status, code, text);
    return queue(state, &response);
}

/* A web page of another place may make a browser send requests here: see Host and Origin. */
static bool is_from_here(struct http_connection *state)
{
    if (!state->server->address)
        return true;
    const char *host = http_request_header(&state->request, "Host");
    const char *origin = http_request_header(&state->request, "Origin");
    return http_host_is_ours(host, state->server->address, state->server->names) &&
           (!origin || http_origin_is_host(origin, host));
}

/* Who is at the other end of a Unix socket: its mode keeps others out already, unless somebody changed it. */
static bool is_root_or_us(struct http_connection *state)
{
    unsigned *uid = &state->request.uid;
    return http_peer_uid(state->request.connection, uid) && (*uid == 0 || *uid == geteuid());
}

static size_t body_bound(const struct http_connection *state)
{
    return state->server->address ? LIMIT_HTTP_BODY_BYTES : LIMIT_HTTP_LOCAL_BODY_BYTES;
}

static enum MHD_Result refuse_body(struct http_connection *state)
{
    return queue_error(state, MHD_HTTP_CONTENT_TOO_LARGE, "limit",
                       state->server->address ? "the body passes LIMIT_HTTP_BODY_BYTES"
                                              : "the body passes LIMIT_HTTP_LOCAL_BODY_BYTES");
}

static bool is_known(struct http_connection *state)
{
    const struct http_handler *handler = &state->server->handler;
    return state->request.local || (handler->knows && handler->knows(handler->user, &state->request));
}

static enum MHD_Result begin(struct http_connection *state)
{
    const char *length = http_request_header(&state->request, "Content-Length");
    if (!is_from_here(state))
        return queue_error(state, MHD_HTTP_FORBIDDEN, "refused",
                           "the request's Host or Origin is not this server's; see the setting http_names");
    if (state->request.local && !is_root_or_us(state))
        return queue_error(state, MHD_HTTP_FORBIDDEN, "refused",
                           "this socket serves root and the user that the daemon runs as");
    if (!state->request.local)
        http_peer_address(state->request.connection, *state->server->names, state->request.address,
                          sizeof state->request.address);
    state->known = is_known(state);
    if (state->known)
        http_deadline_lift(state->request.connection);
    else
        http_deadline_within(state->request.connection, state->server->deadlines.patience_ms);
    if (state->request.parameter_count > HTTP_PARAMETERS)
        return queue_error(state, MHD_HTTP_BAD_REQUEST, "limit", "the query passes HTTP_PARAMETERS");
    if (length && strtoull(length, NULL, 10) > DROPPED_BODIES * body_bound(state))
        return refuse_body(state);
    return MHD_YES;
}

static bool reserve_body(struct http_connection *state, size_t size)
{
    if (size <= state->body_capacity)
        return true;
    size_t capacity = state->body_capacity ? state->body_capacity * 2 : 4096;
    if (capacity < size)
        capacity = size;
    uint8_t *body = realloc(state->body, capacity);
    if (!body)
        return false;
    state->body = body;
    state->body_capacity = capacity;
    return true;
}

static enum MHD_Result take_body(struct http_connection *state, const char *data, size_t *size)
{
    size_t kept = state->known ? body_bound(state) : STRANGER_BODY_BYTES;
    state->received_bytes += *size;
    if (state->received_bytes <= kept) {
        if (!reserve_body(state, state->received_bytes))
            return MHD_NO;
        memcpy(state->body + state->body_size, data, *size);
        state->body_size += *size;
    } else if (state->received_bytes > DROPPED_BODIES * body_bound(state)) {
        return MHD_NO;
    }
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result handle(struct http_connection *state)
{
    struct http_response response = {.status = MHD_HTTP_OK};
    if (state->server->stopping)
        return queue_error(state, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable", STOPPING);
    if (state->received_bytes > body_bound(state))
        return refuse_body(state);
    if (state->received_bytes > state->body_size)
        return queue_error(state, MHD_HTTP_UNAUTHORIZED, "refused", "log in before you send so much");
    state->request.body = bytes_of(state->body, state->body_size);
    if (state->server->handler.handle(state->server->handler.user, &state->request, &response) ==
        HTTP_ANSWERED)
        return queue(state, &response);
    state->state = WAITING;
    DL_APPEND(state->server->waiting, state);
    MHD_suspend_connection(state->request.connection);
    return MHD_YES;
}

void http_answer(struct http_request *request, struct http_response *response)
{
    struct http_connection *state = (struct http_connection *)request;
    DL_DELETE(state->server->waiting, state);
    state->later = *response;
    state->later_type = response->content_type ? strdup(response->content_type) : NULL;
    state->later.content_type = state->later_type;
    response->body = response->cookie = NULL;
    state->server->resumed = true;
    MHD_resume_connection(state->request.connection);
}

static enum MHD_Result take_parameter(void *user, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    (void)kind;
    struct http_connection *state = user;
    size_t count = state->request.parameter_count++;
    if (count < HTTP_PARAMETERS)
        state->parameters[count] = (struct http_parameter){name, value ? value : ""};
    return MHD_YES;
}

static struct http_connection *new_connection(struct http_server *server, struct MHD_Connection *connection,
                                              const char *path, const char *method)
{
    struct http_connection *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->server = server;
    state->method = strdup(method);
    state->path = strdup(path);
    state->request = (struct http_request){.method = state->method,
                                           .path = state->path,
                                           .parameters = state->parameters,
                                           .local = server->unix_path != NULL,
                                           .connection = connection};
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter, state);
    if (state->method && state->path)
        return state;
    free(state->method);
    free(state->path);
    free(state);
    return NULL;
}

/* Called by MHD first with the headers, then with each piece of the body, and last (again after a resumption)
 * without one. */
static enum MHD_Result access_request(void *user, struct MHD_Connection *connection, const char *path,
                                      const char *method, const char *version, const char *data, size_t *size,
                                      void **slot)
{
    (void)version;
    struct http_connection *state = *slot;
    if (!state) {
        state = new_connection(user, connection, path, method);
        *slot = state;
        return state ? begin(state) : MHD_NO;
    }
    if (state->state == WAITING)
        return queue(state, &state->later);
    if (state->state == ANSWERED) {
        *size = 0;
        return MHD_YES;
    }
    return *size ? take_body(state, data, size) : handle(state);
}

static void complete_request(void *user, struct MHD_Connection *connection, void **slot,
                             enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct http_server *server = user;
    struct http_connection *state = *slot;
    if (!state)
        return;
    if (state->known) /* who is silent from here on is ended before */
        http_deadline_within(connection, IDLE_SECONDS * 1000 + server->deadlines.patience_ms);
    free(state->later_type);
    free(state->later.body);
    free(state->later.cookie);
    free(state->method);
    free(state->path);
    free(state->body);
    free(state);
    *slot = NULL;
}

static unsigned connection_count(struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}

/* At its limit MHD does not watch the listening socket, and begins again at the start of a run: it has to be
 * run once more after one in which connections have ended, since nothing else may ever wake it. */
static void run(void *user)
{
    struct http_server *server = user;
    unsigned before;
    server->resumed = false;
    http_deadlines_end_late(&server->deadlines);
    do {
        before = connection_count(server);
        MHD_run(server->daemon);
    } while (connection_count(server) < before);
}

static int64_t wait_ms(void *user)
{
    struct http_server *server = user;
    MHD_UNSIGNED_LONG_LONG timeout;
    if (server->resumed) /* MHD tells neither its descriptor nor its timeout of it */
        return 0;
    int64_t wait_ms = http_deadlines_wait_ms(&server->deadlines);
    if (MHD_get_timeout(server->daemon, &timeout) != MHD_YES)
        return wait_ms;
    int64_t idle_ms = timeout > INT32_MAX ? INT32_MAX : (int64_t)timeout;
    return wait_ms < 0 || idle_ms < wait_ms ? idle_ms : wait_ms;
}

/* Takes fd. */
static bool start(struct http_server *server, int fd, struct error *error)
{
    const union MHD_DaemonInfo *info = NULL;
    unsigned per_address =
        server->address && !http_address_is_loopback(server->address) ? CONNECTIONS_PER_ADDRESS : 0;
    if (server->address)
        server->deadlines.patience_ms =
            server->handler.stranger_ms ? server->handler.stranger_ms : STRANGER_MS;
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, access_request,
                                      server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
                                      complete_request, server, MHD_OPTION_NOTIFY_CONNECTION,
                                      http_deadline_notify, &server->deadlines, MHD_OPTION_CONNECTION_LIMIT,
                                      (unsigned)CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, per_address,
                                      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (server->daemon)
        info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return error_set(error, ERROR_NETWORK, "cannot start the HTTP server");
    server->source = loop_add_fd(server->loop, info->epoll_fd, run, server, error);
    if (server->source)
        server->timer = loop_add_timer(server->loop, wait_ms, run, server, error);
    return server->timer != NULL;
}

static struct http_server *new_server(struct loop *loop, const struct http_handler *handler,
                                      const char *names, struct error *error)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server) {
        server->loop = loop;
        server->handler = *handler;
    }
    if (!server || !(server->names = strdup(names))) {
        http_server_free(server);
        error_set(error, ERROR_MEMORY, "out of memory for the HTTP server");
        return NULL;
    }
    return server;
}

static struct http_server *start_or_free(struct http_server *server, int fd, struct error *error)
{
    if (fd >= 0 && start(server, fd, error))
        return server;
    http_server_free(server);
    return NULL;
}

struct http_server *http_server_open_unix(struct loop *loop, const char *path,
                                          const struct http_handler *handler, struct error *error)
{
    struct http_server *server = new_server(loop, handler, "", error);
    if (!server)
        return NULL;
    int fd = http_listen_unix(path, error);
    if (fd >= 0 && !(server->unix_path = strdup(path))) {
        error_set(error, ERROR_MEMORY, "out of memory for the HTTP server");
        close(fd);
        fd = -1;
    }
    return start_or_free(server, fd, error);
}

struct http_server *http_server_open_tcp(struct loop *loop, const char *address, const char *names,
                                         const struct http_handler *handler, struct error *error)
{
    struct http_server *server = new_server(loop, handler, names, error);
    if (!server)
        return NULL;
    int fd = http_listen_tcp(address, &server->port, error);
    if (fd >= 0 && !(server->address = strdup(address))) {
        error_set(error, ERROR_MEMORY, "out of memory for the HTTP server");
        close(fd);
        fd = -1;
    }
    return start_or_free(server, fd, error);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    loop_remove(server->loop, server->source);
    loop_remove(server->loop, server->timer);
    server->stopping = true;
    while (server->waiting) {
        struct http_response response = {0};
        http_response_error(&response, MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable", STOPPING);
        http_answer(&server->waiting->request, &response);
    }
    if (server->daemon) {
        MHD_run(server->daemon);
        MHD_stop_daemon(server->daemon);
    }
    if (server->unix_path)
        unlink(server->unix_path);
    free(server->names);
    free(server->unix_path);
    free(server->address);
    free(server);
}

unsigned http_server_port(const struct http_server *server)
{
    return server->port;
}

uint64_t http_server_ended(const struct http_server *server)
{
    return server ? server->deadlines.ended : 0;
}
