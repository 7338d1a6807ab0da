/* Hub and agents of different versions. */
#include "fixture.h"

/* What a Hello of that version is answered with. */
static const Hopnhat__Message *greet(struct fixture *fixture, uint32_t protocol)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__LogHead log = HOPNHAT__LOG_HEAD__INIT, *logs[] = {&log};
    log.replica = fixture->an.replica;
    hello.protocol = protocol;
    hello.n_logs = 1;
    hello.logs = logs;
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    const Hopnhat__Message *answer = say(fixture, &fixture->an, &message);
    assert_non_null(answer);
    return answer;
}

static void a_session_is_held_in_the_older_version_of_both(void **state)
{
    for (uint32_t protocol = PROTOCOL_OLDEST; protocol <= PROTOCOL_VERSION + 1; protocol++) {
        const Hopnhat__Message *answer = greet(*state, protocol);
        assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
        assert_int_equal(answer->welcome->protocol,
                         protocol < PROTOCOL_VERSION ? protocol : PROTOCOL_VERSION);
    }
}

static void an_agent_that_is_too_old_is_told_so(void **state)
{
    const Hopnhat__Message *answer = greet(*state, PROTOCOL_OLDEST - 1);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ERROR);
    assert_int_equal(answer->error->code, HOPNHAT__ERROR_CODE__ERROR_PROTOCOL);
}

/* Nor does it use up a code. */
static void a_join_of_an_agent_that_is_too_old_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    struct hand stranger = {.peer = {.connection = 9}};
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Join join = HOPNHAT__JOIN__INIT;
    join.protocol = PROTOCOL_OLDEST - 1;
    message.body_case = HOPNHAT__MESSAGE__BODY_JOIN;
    message.join = &join;
    const Hopnhat__Message *answer = say(fixture, &stranger, &message);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ERROR);
    assert_int_equal(answer->error->code, HOPNHAT__ERROR_CODE__ERROR_PROTOCOL);
    join.protocol = PROTOCOL_OLDEST;
    answer = say(fixture, &stranger, &message);
    assert_int_equal(answer->error->code, HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED);
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_is_held_in_the_older_version_of_both, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(an_agent_that_is_too_old_is_told_so, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_join_of_an_agent_that_is_too_old_is_told_so, fixture_start,
                                        fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
