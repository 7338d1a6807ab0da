/* Calls over the Unix socket, by the client of the command line. */
#include "base/limits.h"
#include "net/http_client.h"
#include "net/http_server.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
