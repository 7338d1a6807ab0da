/* Which offices get on, as the hub sees it. */
#include "fixture.h"

#include "hub/office_status.h"

enum { MINUTE_MS = 60 * 1000 };

/* A Pull of the hand that says `applied`, answered at once; the number of the answered request. */
static uint32_t pull(struct fixture *fixture, struct hand *hand, uint32_t applied)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Pull asked = HOPNHAT__PULL__INIT;
    asked.has_applied = applied != 0;
    asked.applied = hand->request + 1 - applied;
    asked.has_wait_ms = asked.has_credit_bytes = true;
    asked.wait_ms = 0;
    asked.credit_bytes = LIMIT_FEED_BYTES;
    message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
    message.pull = &asked;
    const Hopnhat__Message *answer = say(fixture, hand, &message);
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_FEED);
    return hand->request;
}

static json_t *status_of(struct fixture *fixture)
{
    struct error error;
    json_t *status = json_object();
    assert_true(office_status_add(status, fixture->hub, fixture->wall_ms, &error));
    return status;
}

static void assert_stalled(struct fixture *fixture, const char *office, bool stalled, json_int_t total)
{
    json_t *status = status_of(fixture);
    const json_t *row = json_object_get(json_object_get(status, "by_office"), office);
    assert_true(json_is_true(json_object_get(row, "online")));
    assert_int_equal(json_is_true(json_object_get(row, "stalled")), stalled);
    assert_int_equal(json_integer_value(json_object_get(status, "offices_stalled")), total);
    json_decref(status);
}

static void an_office_that_pulls_and_never_applies_is_stalled(void **state)
{
    struct fixture *fixture = *state;
    uint32_t applied = 0;
    say_hello(fixture, &fixture->an);
    say_hello(fixture, &fixture->binh);
    for (int i = 0; i < 20;
         i++) { /* the same part again and again; binh takes it, and has nothing more to do */
        fixture->wall_ms += MINUTE_MS;
        pull(fixture, &fixture->an, 0);
        applied = pull(fixture, &fixture->binh, applied);
    }
    assert_stalled(fixture, "an", true, 1);
    assert_stalled(fixture, "binh", false, 1);
    say_hello(fixture, &fixture->an); /* a new session is no progress */
    pull(fixture, &fixture->an, 0);
    assert_stalled(fixture, "an", true, 1);
    applied = pull(fixture, &fixture->an, 0);
    pull(fixture, &fixture->an, applied);
    assert_stalled(fixture, "an", false, 0);
}

static void an_office_whose_changes_do_not_arrive_is_stalled(void **state)
{
    struct fixture *fixture = *state;
    uint32_t applied = 0;
    fixture->an.seq = 3; /* it says that it has three changes, and sends none */
    say_hello(fixture, &fixture->an);
    fixture->an.seq = 0;
    for (int i = 0; i < 20; i++) {
        fixture->wall_ms += MINUTE_MS;
        applied = pull(fixture, &fixture->an, applied);
    }
    assert_stalled(fixture, "an", true, 1); /* though the feed arrives */
    push(fixture, &fixture->an, make_record(fixture, &fixture->an, PARTNER, 1, GROUP_EVERYONE, "an", "one"));
    assert_stalled(fixture, "an", false, 0); /* two more to come, but it has got on */
}

static void news_for_an_office_that_was_quiet_for_long_is_no_standstill(void **state)
{
    struct fixture *fixture = *state;
    uint32_t applied = 0;
    say_hello(fixture, &fixture->an);
    say_hello(fixture, &fixture->binh);
    for (int i = 0; i < 20; i++) {
        fixture->wall_ms += MINUTE_MS;
        applied = pull(fixture, &fixture->an, applied);
    }
    push(fixture, &fixture->binh,
         make_record(fixture, &fixture->binh, PARTNER, 1, GROUP_EVERYONE, "binh", "something new"));
    fixture->wall_ms += MINUTE_MS;
    json_t *status = status_of(fixture);
    const json_t *an = json_object_get(json_object_get(status, "by_office"), "an");
    assert_true(json_integer_value(json_object_get(an, "behind")) > 0);
    json_decref(status);
    assert_stalled(fixture, "an", false, 0);
}

static void an_office_that_is_gone_is_not_stalled(void **state)
{
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    fixture->wall_ms += 60 * MINUTE_MS;
    json_t *status = status_of(fixture);
    const json_t *an = json_object_get(json_object_get(status, "by_office"), "an");
    assert_true(json_is_false(json_object_get(an, "online")));
    assert_true(json_is_null(json_object_get(an, "behind")));
    assert_int_equal(json_integer_value(json_object_get(status, "offices_stalled")), 0);
    json_decref(status);
}

/* A session outlives what the registry holds: after a transaction that failed it is read anew. */
static void a_registry_that_was_read_anew_keeps_its_sessions(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    say_hello(fixture, &fixture->an);
    assert_true(hub_reload(fixture->hub, &error));
    assert_stalled(fixture, "an", false, 0);
    pull(fixture, &fixture->an, 0);
    assert_true(hub_reload(fixture->hub, &error));
    assert_stalled(fixture, "an", false, 0);
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_office_that_pulls_and_never_applies_is_stalled, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(an_office_whose_changes_do_not_arrive_is_stalled, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(news_for_an_office_that_was_quiet_for_long_is_no_standstill,
                                        fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(an_office_that_is_gone_is_not_stalled, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_registry_that_was_read_anew_keeps_its_sessions, fixture_start,
                                        fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
