#include "base/limits.h"
#include "net/http_client.h"
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 60000 }; /* in an emulator everything takes ten times as long */

struct fixture {
    struct error error;
    struct loop *loop;
    struct http_server *server;
    char directory[32], path[64];
    struct http_request *kept; /* by /later */
    unsigned handled, kept_count;
    char address[48]; /* of the last request */
};

/* A call that another thread makes while the test's thread runs the server. */
struct call {
    struct http_client *client;
    const char *method, *path;
    struct bytes body;
    long timeout_ms;
    struct http_answer answer;
    struct error error;
    bool succeeded;
    atomic_bool done;
};

static void set_body(struct http_response *response, const char *text)
{
    response->body = strdup(text);
    assert_non_null(response->body);
    response->body_size = strlen(text);
}

static void echo(struct http_request *request, struct http_response *response)
{
    char text[512];
    const char *values[4] = {"", "", "", ""};
    size_t count = http_request_query_all(request, "where", values, 4);
    const char *sort = http_request_query(request, "sort");
    snprintf(text, sizeof text, "%s %s %zu where=%zu:%s,%s sort=%s", request->method, request->path,
             request->body.size, count, values[0], values[1], sort ? sort : "none");
    set_body(response, text);
    response->content_type = "text/plain; charset=utf-8";
}

static enum http_handled handle(void *user, struct http_request *request, struct http_response *response)
{
    struct fixture *fixture = user;
    fixture->handled++;
    snprintf(fixture->address, sizeof fixture->address, "%s", request->address);
    if (strcmp(request->path, "/later") == 0) {
        fixture->kept = request;
        fixture->kept_count++;
        return HTTP_LATER;
    }
    if (strcmp(request->path, "/large") == 0) {
        response->body_size = 10 * 1024 * 1024;
        response->body = malloc(response->body_size);
        assert_non_null(response->body);
        memset(response->body, 'x', response->body_size);
    } else if (strcmp(request->path, "/wrong") == 0) {
        http_response_error(response, 404, "not_found", "no \"record\"\n");
    } else if (strcmp(request->path, "/empty") == 0) {
        response->status = 204;
    } else {
        echo(request, response);
    }
    return HTTP_ANSWERED;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    snprintf(fixture.directory, sizeof fixture.directory, "/tmp/hopnhat-http-XXXXXX");
    if (!mkdtemp(fixture.directory))
        return -1;
    snprintf(fixture.path, sizeof fixture.path, "%s/socket", fixture.directory);
    fixture.loop = loop_new(&fixture.error);
    *state = &fixture;
    return fixture.loop ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    http_server_free(fixture->server);
    loop_free(fixture->loop);
    unlink(fixture->path);
    return rmdir(fixture->directory);
}

static void open_unix(struct fixture *fixture)
{
    const struct http_handler handler = {.handle = handle, .user = fixture};
    fixture->server = http_server_open_unix(fixture->loop, fixture->path, &handler, &fixture->error);
    assert_non_null(fixture->server);
}

static void *run_call(void *user)
{
    struct call *call = user;
    call->succeeded = http_call(call->client, call->method, call->path, call->body, call->timeout_ms,
                                &call->answer, &call->error);
    atomic_store(&call->done, true);
    return NULL;
}

static void turn_until_done(struct fixture *fixture, struct call *call, unsigned kept)
{
    uint64_t end = loop_now_ms() + DEADLINE_MS;
    while (!atomic_load(&call->done) && (kept == 0 || fixture->kept_count < kept)) {
        assert_true(loop_now_ms() < end);
        assert_true(loop_run_once(fixture->loop, 5, &fixture->error));
    }
}

static void make_call(struct fixture *fixture, struct call *call)
{
    pthread_t thread;
    call->timeout_ms = call->timeout_ms ? call->timeout_ms : DEADLINE_MS;
    atomic_store(&call->done, false);
    assert_int_equal(pthread_create(&thread, NULL, run_call, call), 0);
    turn_until_done(fixture, call, 0);
    pthread_join(thread, NULL);
}

static void assert_answer(struct call *call, int status, const char *body)
{
    if (!call->succeeded)
        fail_msg("%s", call->error.text);
    assert_int_equal(call->answer.status, status);
    assert_string_equal((const char *)call->answer.body.data, body);
}

static void calls_are_answered(void **state)
{
    struct fixture *fixture = *state;
    open_unix(fixture);
    struct call call = {.client = http_client_new(fixture->path, &fixture->error), .method = "GET"};
    assert_non_null(call.client);
    call.path = "/records/office%20one?where=name%3D%C4%90%C3%A0&where=b+c&sort";
    make_call(fixture, &call);
    assert_answer(&call, 200, "GET /records/office one 0 where=2:name=Đà,b c sort=");
    assert_string_equal(call.answer.content_type, "text/plain; charset=utf-8");
    call.method = "POST";
    call.path = "/x";
    call.body = bytes_of_string("{\"a\":1}");
    make_call(fixture, &call);
    assert_answer(&call, 200, "POST /x 7 where=0:, sort=none");
    call.method = "DELETE";
    call.body = (struct bytes){0};
    make_call(fixture, &call);
    assert_answer(&call, 200, "DELETE /x 0 where=0:, sort=none");
    call.method = "GET";
    call.path = "/wrong";
    make_call(fixture, &call);
    assert_answer(&call, 404, "{\"error\":{\"code\":\"not_found\",\"text\":\"no \\\"record\\\"\\u000a\"}}\n");
    assert_string_equal(call.answer.content_type, "application/json");
    call.path = "/empty";
    make_call(fixture, &call);
    assert_answer(&call, 204, "");
    http_client_free(call.client);
}

static void large_bodies_go_both_ways_within_the_bound(void **state)
{
    struct fixture *fixture = *state;
    open_unix(fixture);
    uint8_t *body = calloc(1, (size_t)LIMIT_HTTP_LOCAL_BODY_BYTES + 1);
    assert_non_null(body);
    struct call call = {
        .client = http_client_new(fixture->path, &fixture->error), .method = "POST", .path = "/x"};
    assert_non_null(call.client);
    call.body = bytes_of(body, LIMIT_HTTP_LOCAL_BODY_BYTES);
    make_call(fixture, &call);
    assert_answer(&call, 200, "POST /x 67108864 where=0:, sort=none");
    call.body = bytes_of(body, (size_t)LIMIT_HTTP_LOCAL_BODY_BYTES + 1);
    make_call(fixture, &call);
    assert_true(call.succeeded);
    assert_int_equal(call.answer.status, 413);
    assert_int_equal(fixture->handled, 1);
    call.method = "GET";
    call.path = "/large";
    call.body = (struct bytes){0};
    make_call(fixture, &call);
    assert_int_equal(call.answer.status, 200);
    assert_int_equal(call.answer.body.size, 10 * 1024 * 1024);
    free(body);
    http_client_free(call.client);
}

static void an_answer_may_come_later(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    open_unix(fixture);
    struct call call = {.client = http_client_new(fixture->path, &fixture->error),
                        .method = "GET",
                        .path = "/later",
                        .timeout_ms = DEADLINE_MS};
    struct call other = {
        .client = http_client_new(fixture->path, &fixture->error), .method = "GET", .path = "/x"};
    assert_true(call.client && other.client);
    assert_int_equal(pthread_create(&thread, NULL, run_call, &call), 0);
    turn_until_done(fixture, &call, 1);
    assert_false(atomic_load(&call.done));
    make_call(fixture, &other); /* meanwhile others are served */
    assert_answer(&other, 200, "GET /x 0 where=0:, sort=none");
    struct http_response response = {.status = 202, .content_type = "text/plain"};
    set_body(&response, "at last");
    http_answer(fixture->kept, &response);
    turn_until_done(fixture, &call, 0);
    pthread_join(thread, NULL);
    assert_answer(&call, 202, "at last");
    make_call(fixture, &other);
    assert_answer(&other, 200, "GET /x 0 where=0:, sort=none");
    http_client_free(call.client);
    http_client_free(other.client);
}

static void who_waits_at_the_stop_is_told(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    open_unix(fixture);
    struct call call = {.client = http_client_new(fixture->path, &fixture->error),
                        .method = "GET",
                        .path = "/later",
                        .timeout_ms = DEADLINE_MS};
    assert_non_null(call.client);
    assert_int_equal(pthread_create(&thread, NULL, run_call, &call), 0);
    turn_until_done(fixture, &call, 1);
    http_server_free(fixture->server);
    fixture->server = NULL;
    pthread_join(thread, NULL);
    assert_true(call.succeeded);
    assert_int_equal(call.answer.status, 503);
    http_client_free(call.client);
}

/* What the handler works with may have ended by then. */
static void who_asks_at_the_stop_is_not_served(void **state)
{
    struct fixture *fixture = *state;
    static const char request[] = "GET /x HTTP/1.1\r\nHost: here\r\n\r\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char answer[64] = "";
    open_unix(fixture);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(loop_run_once(fixture->loop, 0, &fixture->error)); /* it is taken */
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    http_server_free(fixture->server);
    fixture->server = NULL;
    assert_int_equal(fixture->handled, 0);
    assert_true(read(fd, answer, sizeof answer - 1) > 0);
    assert_non_null(strstr(answer, " 503 "));
    close(fd);
}

/* A client that gave up does not disturb the answer. */
static void a_client_may_go_while_it_waits(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    open_unix(fixture);
    /* on a busy machine it may give up before it has asked */
    for (long timeout_ms = 100; !fixture->kept && timeout_ms < DEADLINE_MS; timeout_ms *= 2) {
        struct call call = {.client = http_client_new(fixture->path, &fixture->error),
                            .method = "GET",
                            .path = "/later",
                            .timeout_ms = timeout_ms};
        assert_non_null(call.client);
        assert_int_equal(pthread_create(&thread, NULL, run_call, &call), 0);
        turn_until_done(fixture, &call, 0);
        pthread_join(thread, NULL);
        assert_false(call.succeeded);
        assert_int_equal(call.error.code, ERROR_UNAVAILABLE);
        http_client_free(call.client);
    }
    assert_non_null(fixture->kept);
    struct http_response response = {.status = 200};
    set_body(&response, "nobody reads this");
    http_answer(fixture->kept, &response);
    for (int i = 0; i < 10; i++)
        assert_true(loop_run_once(fixture->loop, 1, &fixture->error));
}

static void the_socket_is_its_owners_and_replaces_a_stale_one(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    const struct http_handler handler = {.handle = handle, .user = fixture};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture->path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof address), 0);
    close(stale);
    open_unix(fixture);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_null(http_server_open_unix(fixture->loop, fixture->path, &handler, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    assert_int_equal(stat(fixture->path, &status), 0);
    http_server_free(fixture->server);
    fixture->server = NULL;
    assert_int_not_equal(stat(fixture->path, &status), 0);
}

static void paths_that_cannot_be_are_named(void **state)
{
    struct fixture *fixture = *state;
    const struct http_handler handler = {.handle = handle, .user = fixture};
    char path[200];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[108] = '\0';
    assert_null(http_server_open_unix(fixture->loop, path, &handler, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_INPUT);
    assert_non_null(strstr(fixture->error.text, "108 bytes and may have 107"));
    assert_null(http_client_new(path, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_INPUT);
    int file = open(fixture->path, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_null(http_server_open_unix(fixture->loop, fixture->path, &handler, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_INPUT);
    assert_int_equal(access(fixture->path, F_OK), 0);
}

static void nobody_there_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct http_answer answer;
    struct http_client *client = http_client_new(fixture->path, &fixture->error);
    assert_non_null(client);
    assert_false(http_call(client, "GET", "/", (struct bytes){0}, 1000, &answer, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_UNAVAILABLE);
    http_client_free(client);
}

/* A connection of 127.0.0.HOST to the TCP server. */
static int connect_from(struct fixture *fixture, unsigned host)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(fixture->server))};
    struct sockaddr_in own = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    own.sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xffffff00) | host);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Sends raw bytes to the TCP server and returns the status of its answer, 0 if the connection ended without.
 */
static int ask_raw_from(struct fixture *fixture, unsigned host, const char *request)
{
    char answer[512];
    int status = 0, fd = connect_from(fixture, host);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    uint64_t end = loop_now_ms() + DEADLINE_MS;
    for (;;) {
        ssize_t size = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT);
        if (size >= 0 || errno != EAGAIN) {
            answer[size > 0 ? size : 0] = '\0';
            break;
        }
        assert_true(loop_now_ms() < end);
        assert_true(loop_run_once(fixture->loop, 5, &fixture->error));
    }
    close(fd);
    return sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

static int ask_raw(struct fixture *fixture, const char *request)
{
    return ask_raw_from(fixture, 1, request);
}

static int ask(struct fixture *fixture, const char *host, const char *origin)
{
    char request[512];
    snprintf(request, sizeof request, "GET /x HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", host,
             origin ? "Origin: " : "", origin ? origin : "", origin ? "\r\n" : "");
    return ask_raw(fixture, request);
}

static void tcp_answers_its_own_places_only(void **state)
{
    struct fixture *fixture = *state;
    const struct http_handler handler = {.handle = handle, .user = fixture};
    const char *names = "records.example, hopnhat.example";
    fixture->server = http_server_open_tcp(fixture->loop, "127.0.0.1:0", names, &handler, &fixture->error);
    assert_non_null(fixture->server);
    assert_int_equal(ask(fixture, "localhost:8080", NULL), 200);
    assert_int_equal(ask(fixture, "127.0.0.1", NULL), 200);
    assert_int_equal(ask(fixture, "[::1]:80", NULL), 200);
    assert_int_equal(ask(fixture, "HopNhat.Example", NULL), 200);
    assert_int_equal(ask(fixture, "records.example:443", NULL), 200);
    assert_int_equal(ask(fixture, "records.exampl", NULL), 403);
    assert_int_equal(ask(fixture, "records.example,", NULL), 403);
    assert_int_equal(ask(fixture, "evil.example", NULL), 403);
    assert_int_equal(ask(fixture, "localhost.evil.example", NULL), 403);
    assert_int_equal(ask(fixture, "127.0.0.1.evil.example", NULL), 403);
    assert_int_equal(ask(fixture, "", NULL), 403);
    assert_int_equal(ask(fixture, "localhost:8080", "http://localhost:8080"), 200);
    assert_int_equal(ask(fixture, "hopnhat.example", "https://hopnhat.example"), 200);
    assert_int_equal(ask(fixture, "localhost:8080", "http://evil.example"), 403);
    assert_int_equal(ask(fixture, "localhost:8080", "http://localhost:9090"), 403);
    assert_int_equal(ask(fixture, "localhost:8080", "null"), 403);
    assert_int_equal(ask_raw(fixture, "GET /x HTTP/1.0\r\n\r\n"), 403);
    assert_int_equal(fixture->handled, 7);
}

static void addresses_that_cannot_be_are_named(void **state)
{
    struct fixture *fixture = *state;
    static const char *const wrong[] = {
        "",     "127.0.0.1", "127.0.0.1:", ":8080",           "example.org:80", "[::1]",
        "[::1", "[]:80",     "1.2.3:x",    "127.0.0.1:70000", "[::1]:65536",    "127.0.0.1:000080"};
    const struct http_handler handler = {.handle = handle, .user = fixture};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(http_server_open_tcp(fixture->loop, wrong[i], "", &handler, &fixture->error));
        assert_int_equal(fixture->error.code, ERROR_INPUT);
    }
}

static void garbage_requests_do_no_harm(void **state)
{
    struct fixture *fixture = *state;
    const struct http_handler handler = {.handle = handle, .user = fixture};
    fixture->server = http_server_open_tcp(fixture->loop, "localhost:0", "", &handler, &fixture->error);
    assert_non_null(fixture->server);
    ask_raw(fixture, "\r\n\r\nxx\r\n\r\n");
    ask_raw(fixture, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n");
    assert_int_equal(
        ask_raw(fixture, "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"), 413);
    ask_raw(fixture, "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert_int_equal(fixture->handled, 0);
    assert_int_equal(ask(fixture, "localhost", NULL), 200);
}

enum { MANY = 300 }; /* more than the server takes at once, by less than what may wait for it */

static void turn(struct fixture *fixture)
{
    assert_true(loop_run_once(fixture->loop, 0, &fixture->error));
}

/* So many connections that have sent half a request. */
static void begin_many(struct fixture *fixture, int links[MANY])
{
    static const char half[] = "GET /x HTT";
    for (unsigned i = 0; i < MANY; i++) {
        links[i] = connect_from(fixture, 1);
        ssize_t sent = send(links[i], half, strlen(half), MSG_NOSIGNAL);
        assert_true(sent > 0 || errno == EPIPE || errno == ECONNRESET);
        turn(fixture);
    }
    for (unsigned i = 0; i < MANY; i++)
        turn(fixture);
}

static void close_many(int links[MANY])
{
    for (unsigned i = 0; i < MANY; i++)
        close(links[i]);
}

static void all_connections_may_end_at_once(void **state)
{
    struct fixture *fixture = *state;
    const struct http_handler handler = {.handle = handle, .user = fixture};
    int links[MANY];
    fixture->server = http_server_open_tcp(fixture->loop, "127.0.0.1:0", "", &handler, &fixture->error);
    assert_non_null(fixture->server);
    begin_many(fixture, links);
    close_many(links); /* the server sees them all end in one turn */
    assert_int_equal(ask(fixture, "localhost", NULL), 200);
}

static void one_address_does_not_take_all_connections(void **state)
{
    static const char request[] = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct fixture *fixture = *state;
    const struct http_handler handler = {.handle = handle, .user = fixture};
    int links[MANY];
    fixture->server = http_server_open_tcp(fixture->loop, "0.0.0.0:0", "", &handler, &fixture->error);
    assert_non_null(fixture->server);
    begin_many(fixture, links);
    uint64_t end = loop_now_ms() + DEADLINE_MS / 6; /* well before they are closed for taking so long */
    assert_int_equal(ask_raw_from(fixture, 2, request), 200);
    assert_true(loop_now_ms() < end);
    close_many(links);
    for (unsigned i = 0; i < MANY; i++)
        turn(fixture);
    assert_int_equal(ask_raw_from(fixture, 1, request), 200);
}

static bool knows(void *user, const struct http_request *request)
{
    (void)user;
    return http_request_header(request, "Known") != NULL;
}

/* Sends a byte now and then for as long as `ms`; whether the server has ended the connection before. */
static bool ends_while_it_drips(struct fixture *fixture, int fd, uint64_t ms)
{
    enum { PAUSE_MS = 20 };
    char byte;
    uint64_t now_ms, sent_ms = 0, end = loop_now_ms() + ms;
    while ((now_ms = loop_now_ms()) < end) {
        bool is_time = now_ms >= sent_ms + PAUSE_MS;
        ssize_t sent = is_time ? send(fd, "a", 1, MSG_NOSIGNAL) : 0;
        sent_ms = is_time ? now_ms : sent_ms;
        ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (sent < 0 || got == 0 || (got < 0 && errno != EAGAIN))
            return true;
        assert_int_equal(got, -1);
        assert_true(loop_run_once(fixture->loop, PAUSE_MS, &fixture->error));
    }
    return false;
}

static void a_stranger_does_not_hold_a_connection_by_single_bytes(void **state)
{
    enum { PATIENCE_MS = 300 };
    static const char post[] = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n";
    struct fixture *fixture = *state;
    const struct http_handler handler = {
        .handle = handle, .knows = knows, .user = fixture, .stranger_ms = PATIENCE_MS};
    const char *begins[] = {"GET /x HTT", post, NULL};
    char text[512];
    fixture->server = http_server_open_tcp(fixture->loop, "127.0.0.1:0", "", &handler, &fixture->error);
    assert_non_null(fixture->server);
    snprintf(text, sizeof text, "%s\r\n", post); /* the headers are whole */
    begins[1] = text;
    for (size_t i = 0; begins[i]; i++) {
        int fd = connect_from(fixture, 1);
        assert_true(write(fd, begins[i], strlen(begins[i])) > 0);
        assert_true(ends_while_it_drips(fixture, fd, DEADLINE_MS));
        close(fd);
        assert_int_equal(http_server_ended(fixture->server), i + 1);
    }
    int fd = connect_from(fixture, 1);
    snprintf(text, sizeof text, "%sKnown: yes\r\n\r\n", post);
    assert_true(write(fd, text, strlen(text)) > 0);
    assert_false(ends_while_it_drips(fixture, fd, 10 * PATIENCE_MS));
    close(fd);
    assert_int_equal(http_server_ended(fixture->server), 2);
}

static void a_stranger_sends_little_and_once(void **state)
{
    enum { MUCH = 20000 };
    struct fixture *fixture = *state;
    const struct http_handler handler = {.handle = handle, .knows = knows, .user = fixture};
    static const char *const who[] = {"", "Known: yes\r\n"};
    static char request[MUCH + 512];
    fixture->server = http_server_open_tcp(fixture->loop, "127.0.0.1:0", "", &handler, &fixture->error);
    assert_non_null(fixture->server);
    for (unsigned known = 0; known < 2; known++) {
        unsigned before = fixture->handled;
        int head =
            snprintf(request, sizeof request,
                     "POST /x HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n", who[known], MUCH);
        memset(request + head, 'b', MUCH);
        request[head + MUCH] = '\0';
        assert_int_equal(ask_raw(fixture, request), known ? 200 : 401);
        assert_int_equal(fixture->handled - before, known);
        snprintf(request, sizeof request, "GET /x HTTP/1.1\r\nHost: localhost\r\n%s\r\n", who[known]);
        int fd = connect_from(fixture, 1);
        for (unsigned i = 0; i < 2; i++) { /* on one connection */
            char answer[512];
            ssize_t size;
            uint64_t end = loop_now_ms() + DEADLINE_MS;
            ssize_t sent = send(fd, request, strlen(request), MSG_NOSIGNAL);
            assert_true(sent > 0 || !known);
            while ((size = recv(fd, answer, sizeof answer, MSG_DONTWAIT)) < 0 && errno == EAGAIN &&
                   loop_now_ms() < end)
                assert_true(loop_run_once(fixture->loop, 5, &fixture->error));
            assert_int_equal(size > 0, known || i == 0);
        }
        close(fd);
    }
}

/* The address that a request with these header lines is taken to come from. */
static void assert_comes_from(struct fixture *fixture, const char *lines, const char *address)
{
    char request[512];
    snprintf(request, sizeof request, "GET /x HTTP/1.1\r\nHost: localhost\r\n%s\r\n", lines);
    assert_int_equal(ask_raw(fixture, request), 200);
    assert_string_equal(fixture->address, address);
}

static void a_proxy_on_this_machine_says_who_comes(void **state)
{
    struct fixture *fixture = *state;
    const struct http_handler handler = {.handle = handle, .user = fixture};
    fixture->server =
        http_server_open_tcp(fixture->loop, "127.0.0.1:0", "records.example", &handler, &fixture->error);
    assert_non_null(fixture->server);
    assert_comes_from(fixture, "", "127.0.0.1");
    assert_comes_from(fixture, "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7");
    assert_comes_from(fixture, "x-forwarded-for: 10.0.0.1, 198.51.100.2 ,192.0.2.8\r\n", "192.0.2.8");
    assert_comes_from(fixture, "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 192.0.2.9\r\n", "192.0.2.9");
    assert_comes_from(fixture, "X-Forwarded-For: 10.0.0.1,2001:DB8:0::5 \r\n", "2001:db8::5");
    assert_comes_from(fixture, "X-Forwarded-For: 192.0.2.7:443\r\n", "192.0.2.7");
    assert_comes_from(fixture, "X-Forwarded-For: 10.0.0.1, [2001:db8::1]:33\r\n", "2001:db8::1");
    assert_comes_from(fixture, "X-Forwarded-For: [2001:db8::2]\r\n", "2001:db8::2");
    assert_comes_from(fixture, "X-Forwarded-For: :443\r\n", "127.0.0.1");
    assert_comes_from(fixture, "X-Forwarded-For: 192.0.2.7,\r\n", "127.0.0.1");
    assert_comes_from(fixture, "X-Forwarded-For: 192.0.2.7, unknown\r\n", "127.0.0.1");
    assert_comes_from(fixture,
                      "X-Forwarded-For: 192.0.2.7, 1111:1111:1111:1111:1111:1111:1111:1111:1111:1\r\n",
                      "127.0.0.1");
    http_server_free(fixture->server);
    fixture->server = http_server_open_tcp(fixture->loop, "127.0.0.1:0", "", &handler, &fixture->error);
    assert_non_null(fixture->server);
    assert_comes_from(fixture, "X-Forwarded-For: 192.0.2.7\r\n", "127.0.0.1");
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_are_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_bodies_go_both_ways_within_the_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_may_come_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_asks_at_the_stop_is_not_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_waits_at_the_stop_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_may_go_while_it_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_socket_is_its_owners_and_replaces_a_stale_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paths_that_cannot_be_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_there_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tcp_answers_its_own_places_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_that_cannot_be_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(garbage_requests_do_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_connections_may_end_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_address_does_not_take_all_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stranger_does_not_hold_a_connection_by_single_bytes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_stranger_sends_little_and_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_proxy_on_this_machine_says_who_comes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
