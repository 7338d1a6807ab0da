/* Who may talk over TCP, who is said to, and what a stranger may take of the server. */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 60000 }; /* in an emulator everything takes ten times as long */

struct fixture {
    struct error error;
    struct loop *loop;
    struct http_server *server;
    struct http_handler handler;
    unsigned handled;
    char address[48]; /* of the last request */
};

static enum http_handled handle(void *user, struct http_request *request, struct http_response *response)
{
    struct fixture *fixture = user;
    (void)response;
    fixture->handled++;
    snprintf(fixture->address, sizeof fixture->address, "%s", request->address);
    return HTTP_ANSWERED;
}

static bool knows(void *user, const struct http_request *request)
{
    (void)user;
    return http_request_header(request, "Known") != NULL;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.handler = {.handle = handle, .knows = knows, .user = &fixture}};
    fixture.loop = loop_new(&fixture.error);
    *state = &fixture;
    return fixture.loop ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    http_server_free(fixture->server);
    loop_free(fixture->loop);
    return 0;
}

static void open_tcp(struct fixture *fixture, const char *address, const char *names)
{
    fixture->server = http_server_open_tcp(fixture->loop, address, names, &fixture->handler, &fixture->error);
    assert_non_null(fixture->server);
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
    const char *names = "records.example, hopnhat.example";
    open_tcp(fixture, "127.0.0.1:0", names);
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
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(http_server_open_tcp(fixture->loop, wrong[i], "", &fixture->handler, &fixture->error));
        assert_int_equal(fixture->error.code, ERROR_INPUT);
    }
}

static void garbage_requests_do_no_harm(void **state)
{
    struct fixture *fixture = *state;
    open_tcp(fixture, "localhost:0", "");
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
    int links[MANY];
    open_tcp(fixture, "127.0.0.1:0", "");
    begin_many(fixture, links);
    close_many(links); /* the server sees them all end in one turn */
    assert_int_equal(ask(fixture, "localhost", NULL), 200);
}

static void one_address_does_not_take_all_connections(void **state)
{
    static const char request[] = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct fixture *fixture = *state;
    int links[MANY];
    open_tcp(fixture, "0.0.0.0:0", "");
    begin_many(fixture, links);
    uint64_t end = loop_now_ms() + DEADLINE_MS / 6; /* well before they are closed for taking so long */
    assert_int_equal(ask_raw_from(fixture, 2, request), 200);
    assert_true(loop_now_ms() < end);
    close_many(links);
    for (unsigned i = 0; i < MANY; i++)
        turn(fixture);
    assert_int_equal(ask_raw_from(fixture, 1, request), 200);
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
    const char *begins[] = {"GET /x HTT", post, NULL};
    char text[512];
    fixture->handler.stranger_ms = PATIENCE_MS;
    open_tcp(fixture, "127.0.0.1:0", "");
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
    static const char *const who[] = {"", "Known: yes\r\n"};
    static char request[MUCH + 512];
    open_tcp(fixture, "127.0.0.1:0", "");
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
    open_tcp(fixture, "127.0.0.1:0", "records.example");
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
    open_tcp(fixture, "127.0.0.1:0", "");
    assert_comes_from(fixture, "X-Forwarded-For: 192.0.2.7\r\n", "127.0.0.1");
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
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
