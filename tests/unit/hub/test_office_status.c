/* Which offices get on, as the hub sees it. */
#include "fixture.h"

#include "api/wall.h"
#include "hub/office_status.h"
#include "hub/reading.h"

enum { MINUTE_MS = 60 * 1000 };

/* A Pull of the hand that says `applied`; NULL: it is held, for wait_ms at most. */
static const Hopnhat__Message *ask(struct fixture *fixture, struct hand *hand, uint32_t applied,
                                   uint32_t wait_ms)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Pull asked = HOPNHAT__PULL__INIT;
    asked.has_applied = applied != 0;
    asked.applied = hand->request + 1 - applied;
    asked.has_wait_ms = asked.has_credit_bytes = true;
    asked.wait_ms = wait_ms;
    asked.credit_bytes = LIMIT_FEED_BYTES;
    message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
    message.pull = &asked;
    return say(fixture, hand, &message);
}

/* The same, answered at once; the number of the answered request. */
static uint32_t pull(struct fixture *fixture, struct hand *hand, uint32_t applied)
{
    const Hopnhat__Message *answer = ask(fixture, hand, applied, 0);
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

static void assert_contact(struct fixture *fixture, const char *office, bool online, uint64_t at_ms)
{
    json_t *status = status_of(fixture);
    const json_t *row = json_object_get(json_object_get(status, "by_office"), office);
    assert_int_equal(json_is_true(json_object_get(row, "online")), online);
    assert_string_equal(json_string_value(json_object_get(row, "last_contact")),
                        wall_text(at_ms, &fixture->arena));
    json_decref(status);
}

static void open_again(struct fixture *fixture)
{
    struct error error;
    hub_end_sessions(fixture->hub);
    if (!reading_save(fixture->hub, fixture->wall_ms, &error))
        fail_msg("%s", error.text);
    hub_close(fixture->hub);
    fixture->hub = hub_open(fixture->directory, &fixture->options, &error);
    assert_non_null(fixture->hub);
}

/* The hub's clock was a year ahead while the office was heard, and is right again: the office is told to be
 * online, and to have been heard, no longer than it was. */
static void an_office_that_was_heard_by_a_wrong_clock_grows_old(void **state)
{
    struct fixture *fixture = *state;
    set_clock(fixture, YEAR_MS);
    say_hello(fixture, &fixture->an);
    push(fixture, &fixture->an, make_record(fixture, &fixture->an, PARTNER, 1, GROUP_EVERYONE, "an", "one"));
    set_clock(fixture, -YEAR_MS);
    const uint64_t heard_ms = fixture->wall_ms;
    assert_contact(fixture, "an", true, heard_ms);
    fixture->wall_ms += 6 * MINUTE_MS;
    assert_contact(fixture, "an", false, heard_ms);
    hub_end_sessions(fixture->hub);
    open_again(fixture); /* it was heard no later than now */
    const uint64_t bound_ms = fixture->wall_ms;
    fixture->wall_ms += 8 * 24 * 60 * MINUTE_MS;
    assert_contact(fixture, "an", false, bound_ms);
    open_again(fixture);
    fixture->wall_ms += MINUTE_MS;
    assert_contact(fixture, "an", false, bound_ms);
}

/* The hub's machine came up in the year 1970, and its clock was set right after a while: nothing is forgotten
 * meanwhile. */
static void an_office_is_no_older_for_a_clock_that_was_behind(void **state)
{
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    const uint64_t heard_ms = fixture->wall_ms;
    const int64_t back_ms = (int64_t)(fixture->wall_ms - MINUTE_MS);
    fixture->wall_ms += 10 * MINUTE_MS;
    open_again(fixture);
    set_clock(fixture, -back_ms);
    open_again(fixture);
    assert_contact(fixture, "an", false, fixture->wall_ms);
    set_clock(fixture, back_ms);
    assert_contact(fixture, "an", false, heard_ms);
    open_again(fixture);
    assert_contact(fixture, "an", false, heard_ms);
}

/* Nor are those at work said to be gone where the clock is set ahead. */
static void an_office_at_work_stays_online_whatever_the_clock_is_set_to(void **state)
{
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    fixture->wall_ms += MINUTE_MS;
    set_clock(fixture, YEAR_MS);
    assert_contact(fixture, "an", true, fixture->wall_ms - MINUTE_MS);
    assert_stalled(fixture, "an", false, 0);
}

/* An office that reads, and writes nothing, is heard as well; and it is known after a restart. */
static void whoever_only_reads_was_heard(void **state)
{
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    fixture->wall_ms += 60 * MINUTE_MS;
    pull(fixture, &fixture->an, 0);
    const uint64_t heard_ms = fixture->wall_ms;
    fixture->wall_ms += 60 * MINUTE_MS;
    open_again(fixture);
    assert_contact(fixture, "an", false, heard_ms);
}

/* Nor is a Pull held for longer, or a shorter time, than it says. */
static void a_pull_is_held_as_long_as_it_says_whatever_the_clock_is_set_to(void **state)
{
    struct fixture *fixture = *state;
    const struct hub_outlet outlet = {fixture, keep_answer};
    say_hello(fixture, &fixture->an);
    const uint32_t applied = pull(fixture, &fixture->an, pull(fixture, &fixture->an, 0));
    assert_null(ask(fixture, &fixture->an, applied, MINUTE_MS));
    set_clock(fixture, YEAR_MS);
    hub_turn(fixture->hub, &outlet);
    assert_null(fixture->answer);
    set_clock(fixture, -2 * YEAR_MS);
    fixture->wall_ms += MINUTE_MS;
    assert_int_equal(hub_wait_ms(fixture->hub), 0);
    hub_turn(fixture->hub, &outlet);
    assert_non_null(fixture->answer);
}

static json_int_t mismatches(struct fixture *fixture)
{
    json_t *status = status_of(fixture);
    const json_t *an = json_object_get(json_object_get(status, "by_office"), "an");
    const json_int_t count = json_integer_value(json_object_get(an, "digest_mismatches"));
    json_decref(status);
    return count;
}

/* What an agent has found to differ is known at headquarters from its next Hello on, and stays known. */
static void digests_that_differed_are_told(void **state)
{
    struct fixture *fixture = *state;
    fixture->an.digest_mismatches = 3;
    say_hello(fixture, &fixture->an);
    assert_int_equal(mismatches(fixture), 3);
    open_again(fixture);
    assert_int_equal(mismatches(fixture), 3);
    fixture->an.digest_mismatches = 1; /* its store came back from a copy */
    say_hello(fixture, &fixture->an);
    assert_int_equal(mismatches(fixture), 3);
}

/* No number that an agent may say makes the office's sum a negative one. */
static void nobody_tells_of_more_mismatches_than_can_be_summed(void **state)
{
    struct fixture *fixture = *state;
    fixture->an.digest_mismatches = UINT64_MAX;
    say_hello(fixture, &fixture->an);
    assert_int_equal(mismatches(fixture), UINT32_MAX);
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
        cmocka_unit_test_setup_teardown(an_office_that_was_heard_by_a_wrong_clock_grows_old, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(an_office_is_no_older_for_a_clock_that_was_behind, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(an_office_at_work_stays_online_whatever_the_clock_is_set_to,
                                        fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(whoever_only_reads_was_heard, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_pull_is_held_as_long_as_it_says_whatever_the_clock_is_set_to,
                                        fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(digests_that_differed_are_told, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(nobody_tells_of_more_mismatches_than_can_be_summed, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(a_registry_that_was_read_anew_keeps_its_sessions, fixture_start,
                                        fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
