#include "base/limits.h"
#include "net/backoff.h"
#include "net/link_agent.h"
#include "net/link_hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 60000, MOST_MESSAGES = 8 };

struct message {
    struct link_peer peer;
    char text[64];
    size_t size;
};

struct fixture {
    struct error error;
    struct net *net;
    struct loop *loop;
    struct link_keys hub_keys, known, stranger;
    struct link_hub *hub;
    struct message received[MOST_MESSAGES];
    size_t received_count;
    unsigned asked;
    struct end *ends;
};

/* One end of a link, as an agent sees it. */
struct end {
    struct fixture *fixture;
    struct link_agent *link;
    unsigned changes;
    enum link_state state;
    char text[64];
    size_t size, received_count;
    struct end *next;
};

static enum link_admission admit(void *user, const uint8_t key[LINK_KEY_BYTES], const char *address)
{
    struct fixture *fixture = user;
    fixture->asked++;
    assert_string_equal(address, "127.0.0.1");
    return memcmp(key, fixture->known.public_key, LINK_KEY_BYTES) == 0 ? LINK_ADMIT : LINK_REFUSE;
}

static void hub_ready(void *user)
{
    struct fixture *fixture = user;
    struct link_peer peer;
    struct bytes frame;
    while (link_hub_receive(fixture->hub, &peer, &frame)) {
        assert_true(fixture->received_count < MOST_MESSAGES);
        struct message *message = &fixture->received[fixture->received_count++];
        message->peer = peer;
        message->size = frame.size;
        snprintf(message->text, sizeof message->text, "%.*s", (int)frame.size, (const char *)frame.data);
    }
}

static void end_changed(void *user, enum link_state state, const char *text)
{
    struct end *end = user;
    assert_non_null(text);
    end->state = state;
    end->changes++;
}

static void end_ready(void *user)
{
    struct end *end = user;
    struct bytes frame;
    while (link_agent_receive(end->link, &frame)) {
        end->received_count++;
        end->size = frame.size;
        snprintf(end->text, sizeof end->text, "%.*s", (int)frame.size, (const char *)frame.data);
    }
}

static struct link_hub *open_hub(struct fixture *fixture, const char *endpoint)
{
    struct link_hub_options options = {.endpoint = endpoint,
                                       .keys = &fixture->hub_keys,
                                       .admit = admit,
                                       .ready = hub_ready,
                                       .user = fixture};
    return link_hub_new(fixture->net, fixture->loop, &options, &fixture->error);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    fixture.net = net_new(&fixture.error);
    fixture.loop = loop_new(&fixture.error);
    link_keys_generate(&fixture.hub_keys);
    link_keys_generate(&fixture.known);
    link_keys_generate(&fixture.stranger);
    fixture.hub = open_hub(&fixture, "tcp://127.0.0.1:*");
    *state = &fixture;
    return fixture.hub ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    while (fixture->ends) { /* a test that failed left them: net_free would wait for them */
        struct end *end = fixture->ends;
        fixture->ends = end->next;
        link_agent_free(end->link);
        free(end);
    }
    link_hub_free(fixture->hub);
    loop_free(fixture->loop);
    net_free(fixture->net);
    return 0;
}

/* Turns the loop until *count has come to least; fails at the deadline. */
static void turn_until(struct fixture *fixture, const volatile void *number, size_t size, uint64_t least)
{
    uint64_t end = loop_now_ms() + DEADLINE_MS;
    for (;;) {
        uint64_t now = size == sizeof(unsigned) ? *(const volatile unsigned *)number
                                                : *(const volatile uint64_t *)number;
        if (now >= least)
            return;
        if (loop_now_ms() > end)
            fail_msg("waited in vain for %llu, there are %llu", (unsigned long long)least,
                     (unsigned long long)now);
        assert_true(loop_run_once(fixture->loop, 50, &fixture->error));
    }
}

#define TURN_UNTIL(fixture, counter, least) turn_until(fixture, &(counter), sizeof(counter), least)

static struct end *open_end(struct fixture *fixture, const struct link_agent_options *times)
{
    struct link_agent_options options = times ? *times : (struct link_agent_options){0};
    struct end *end = calloc(1, sizeof *end);
    assert_non_null(end);
    end->fixture = fixture;
    options.changed = end_changed;
    options.ready = end_ready;
    options.user = end;
    end->link = link_agent_new(fixture->net, fixture->loop, &options, &fixture->error);
    assert_non_null(end->link);
    end->next = fixture->ends;
    fixture->ends = end;
    return end;
}

static void connect_end(struct fixture *fixture, struct end *end, const struct link_keys *keys,
                        enum link_state expected)
{
    unsigned before = end->changes;
    assert_true(link_agent_connect(end->link, link_hub_endpoint(fixture->hub), fixture->hub_keys.public_key,
                                   keys, &fixture->error));
    TURN_UNTIL(fixture, end->changes, before + 1);
    assert_int_equal(end->state, expected);
    assert_int_equal(link_agent_is_up(end->link), expected == LINK_UP);
}

static void send_text(struct end *end, const char *text)
{
    assert_true(link_agent_send(end->link, bytes_of_string(text)));
}

static void a_known_key_exchanges(void **state)
{
    struct fixture *fixture = *state;
    struct end *end = open_end(fixture, NULL);
    assert_false(link_agent_send(end->link, bytes_of_string("too early")));
    connect_end(fixture, end, &fixture->known, LINK_UP);
    send_text(end, "question");
    TURN_UNTIL(fixture, fixture->received_count, 1);
    struct message *message = &fixture->received[0];
    assert_string_equal(message->text, "question");
    assert_memory_equal(message->peer.key, fixture->known.public_key, LINK_KEY_BYTES);
    assert_true(link_hub_send(fixture->hub, &message->peer, bytes_of_string("answer")));
    TURN_UNTIL(fixture, end->received_count, 1);
    assert_string_equal(end->text, "answer");
    struct link_hub_counts counts = link_hub_counts(fixture->hub);
    assert_int_equal(counts.admitted, 1);
    assert_int_equal(counts.refused + counts.dropped, 0);
}

static void an_unknown_key_gets_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct end *end = open_end(fixture, NULL);
    connect_end(fixture, end, &fixture->stranger, LINK_REFUSED);
    assert_false(link_agent_send(end->link, bytes_of_string("question")));
    assert_int_equal(fixture->received_count, 0);
    assert_int_equal(link_hub_counts(fixture->hub).refused, 1);
    /* and is asked about anew each time */
    connect_end(fixture, end, &fixture->stranger, LINK_REFUSED);
    assert_int_equal(fixture->asked, 2);
    connect_end(fixture, end, &fixture->known, LINK_UP);
}

static void a_stolen_public_key_is_not_enough(void **state)
{
    struct fixture *fixture = *state;
    struct link_keys stolen = fixture->stranger;
    memcpy(stolen.public_key, fixture->known.public_key, LINK_KEY_BYTES);
    struct end *end = open_end(fixture, NULL);
    connect_end(fixture, end, &stolen, LINK_STRANGER);
    assert_int_equal(fixture->asked, 0);
}

static void another_hub_is_recognised(void **state)
{
    struct fixture *fixture = *state;
    struct end *end = open_end(fixture, NULL);
    assert_true(link_agent_connect(end->link, link_hub_endpoint(fixture->hub), fixture->stranger.public_key,
                                   &fixture->known, &fixture->error));
    TURN_UNTIL(fixture, end->changes, 1);
    assert_int_equal(end->state, LINK_STRANGER);
    assert_int_equal(fixture->asked, 0);
}

static void each_connection_of_a_key_gets_its_own_answers(void **state)
{
    struct fixture *fixture = *state;
    struct link_peer latest;
    struct end *first = open_end(fixture, NULL);
    struct end *second = open_end(fixture, NULL);
    assert_false(link_hub_latest(fixture->hub, fixture->known.public_key, &latest));
    connect_end(fixture, first, &fixture->known, LINK_UP);
    send_text(first, "of the first");
    TURN_UNTIL(fixture, fixture->received_count, 1);
    connect_end(fixture, second, &fixture->known, LINK_UP);
    send_text(second, "of the second");
    TURN_UNTIL(fixture, fixture->received_count, 2);
    struct link_peer one = fixture->received[0].peer, two = fixture->received[1].peer;
    assert_memory_equal(one.key, two.key, LINK_KEY_BYTES);
    assert_int_not_equal(one.connection, two.connection);
    assert_true(link_hub_latest(fixture->hub, fixture->known.public_key, &latest));
    assert_int_equal(latest.connection, two.connection);
    assert_true(link_hub_send(fixture->hub, &one, bytes_of_string("to the first")));
    assert_true(link_hub_send(fixture->hub, &two, bytes_of_string("to the second")));
    TURN_UNTIL(fixture, first->received_count, 1);
    TURN_UNTIL(fixture, second->received_count, 1);
    assert_string_equal(first->text, "to the first");
    assert_string_equal(second->text, "to the second");
}

/* What is sent to a connection that has ended is dropped, and never reaches the key's next one. */
static void an_answer_to_a_gone_connection_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct end *end = open_end(fixture, NULL);
    connect_end(fixture, end, &fixture->known, LINK_UP);
    send_text(end, "question");
    TURN_UNTIL(fixture, fixture->received_count, 1);
    struct link_peer old = fixture->received[0].peer;
    connect_end(fixture, end, &fixture->known, LINK_UP);
    uint64_t deadline = loop_now_ms() + DEADLINE_MS;
    while (link_hub_send(fixture->hub, &old, bytes_of_string("late"))) {
        assert_true(loop_now_ms() < deadline);
        assert_true(loop_run_once(fixture->loop, 10, &fixture->error));
    }
    send_text(end, "another");
    TURN_UNTIL(fixture, fixture->received_count, 2);
    assert_true(link_hub_send(fixture->hub, &fixture->received[1].peer, bytes_of_string("right")));
    TURN_UNTIL(fixture, end->received_count, 1);
    assert_int_equal(end->received_count, 1);
    assert_string_equal(end->text, "right");
}

/* A peer that does not read fills its queue; the hub is told, and does not wait. */
static void a_full_queue_is_told(void **state)
{
    struct fixture *fixture = *state;
    enum { BLOCK = 1 << 20 };
    uint8_t *block = calloc(1, BLOCK);
    assert_non_null(block);
    struct end *end = open_end(fixture, NULL);
    connect_end(fixture, end, &fixture->known, LINK_UP);
    send_text(end, "question");
    TURN_UNTIL(fixture, fixture->received_count, 1);
    uint64_t begin = loop_now_ms();
    int sent = 0;
    while (sent < 10000 && link_hub_send(fixture->hub, &fixture->received[0].peer, bytes_of(block, BLOCK)))
        sent++;
    assert_true(sent > 0 && sent < 10000);
    assert_true(loop_now_ms() - begin < DEADLINE_MS);
    TURN_UNTIL(fixture, end->received_count, (size_t)sent);
    free(block);
}

static void the_largest_frame_passes_and_a_larger_cuts(void **state)
{
    struct fixture *fixture = *state;
    size_t size = (size_t)LIMIT_FRAME_BYTES + 4096;
    uint8_t *large = malloc(size);
    assert_non_null(large);
    memset(large, 'x', size);
    struct end *end = open_end(fixture, NULL);
    connect_end(fixture, end, &fixture->known, LINK_UP);
    assert_true(link_agent_send(end->link, bytes_of(large, LIMIT_FRAME_BYTES)));
    TURN_UNTIL(fixture, fixture->received_count, 1);
    assert_int_equal(fixture->received[0].size, LIMIT_FRAME_BYTES);
    assert_true(link_agent_send(end->link, bytes_of(large, size)));
    TURN_UNTIL(fixture, end->changes, 2);
    assert_int_equal(end->state, LINK_CUT);
    assert_int_equal(fixture->received_count, 1);
    free(large);
}

static void a_lost_hub_is_told_and_found_again(void **state)
{
    struct fixture *fixture = *state;
    char endpoint[LINK_ENDPOINT_BYTES];
    snprintf(endpoint, sizeof endpoint, "%s", link_hub_endpoint(fixture->hub));
    struct end *end = open_end(fixture, NULL);
    connect_end(fixture, end, &fixture->known, LINK_UP);
    link_hub_free(fixture->hub);
    fixture->hub = NULL;
    TURN_UNTIL(fixture, end->changes, 2);
    assert_int_equal(end->state, LINK_CUT);
    assert_true(link_agent_connect(end->link, endpoint, fixture->hub_keys.public_key, &fixture->known,
                                   &fixture->error));
    TURN_UNTIL(fixture, end->changes, 3);
    assert_int_equal(end->state, LINK_NO_ROUTE);
    /* libzmq closes its sockets in the background: the address may be free a moment later */
    uint64_t deadline = loop_now_ms() + DEADLINE_MS;
    while (!(fixture->hub = open_hub(fixture, endpoint)) && loop_now_ms() < deadline)
        assert_true(loop_run_once(fixture->loop, 10, &fixture->error));
    assert_non_null(fixture->hub);
    connect_end(fixture, end, &fixture->known, LINK_UP);
    send_text(end, "again");
    TURN_UNTIL(fixture, fixture->received_count, 1);
}

/* The hub of this test never turns its loop, as one that hangs: nothing answers the handshake. */
static void an_attempt_has_a_time_limit(void **state)
{
    struct fixture *fixture = *state, other = {0};
    other.loop = loop_new(&other.error);
    assert_non_null(other.loop);
    other.net = fixture->net;
    struct end *end = open_end(&other, &(struct link_agent_options){.connect_timeout_ms = 200});
    assert_true(link_agent_connect(end->link, link_hub_endpoint(fixture->hub), fixture->hub_keys.public_key,
                                   &fixture->known, &other.error));
    TURN_UNTIL(&other, end->changes, 1);
    assert_int_equal(end->state, LINK_NO_ROUTE);
    link_agent_free(end->link);
    free(end);
    loop_free(other.loop);
}

static void names_and_endpoints_that_cannot_be(void **state)
{
    struct fixture *fixture = *state;
    static const char *const wrong[] = {"",
                                        "tcp",
                                        "tcp://",
                                        "tcp://127.0.0.1",
                                        "tcp://127.0.0.1:99999",
                                        "tcp://127.0.0.1:0",
                                        "tcp://*:4000",
                                        "tcp://a;b:4000",
                                        "tcp://[::1:4000",
                                        "carrier-pigeon://127.0.0.1:1"};
    struct end *end = open_end(fixture, &(struct link_agent_options){.connect_timeout_ms = 2000});
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(link_agent_connect(end->link, wrong[i], fixture->hub_keys.public_key, &fixture->known,
                                        &fixture->error));
        assert_int_equal(fixture->error.code, ERROR_INPUT);
    }
    unsigned before = end->changes;
    if (link_agent_connect(end->link, "tcp://no-such-host.invalid:4000", fixture->hub_keys.public_key,
                           &fixture->known, &fixture->error)) {
        TURN_UNTIL(fixture, end->changes, before + 1);
        assert_int_equal(end->state, LINK_NO_ROUTE);
    }
}

static void back_off_grows_and_is_jittered(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(0, 0), 0);
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        uint64_t most = attempt < 8 ? (uint64_t)BACKOFF_BASE_MS << attempt : BACKOFF_CAP_MS;
        assert_int_equal(backoff_ms(attempt, most), most);
        assert_int_equal(backoff_ms(attempt, most + 1), 0);
        assert_true(backoff_ms(attempt, UINT64_MAX) <= most);
    }
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_known_key_exchanges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_key_gets_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stolen_public_key_is_not_enough, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_hub_is_recognised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_connection_of_a_key_gets_its_own_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_to_a_gone_connection_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_queue_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_largest_frame_passes_and_a_larger_cuts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_hub_is_told_and_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_attempt_has_a_time_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_and_endpoints_that_cannot_be, set_up, tear_down),
        cmocka_unit_test(back_off_grows_and_is_jittered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
