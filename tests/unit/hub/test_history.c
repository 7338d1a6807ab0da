/* What a History is answered with within its credit: a thin link carries no more while somebody waits. */
#include "unit/hub/fixture.h"

enum { CREDIT = 500, CHANGES = 12, LONG_BYTES = 3000 };

static void write_name(struct fixture *fixture, size_t size)
{
    static uint8_t name[LONG_BYTES];
    memset(name, 'x', sizeof name);
    struct entry_id before = {.dot = {fixture->an.replica, fixture->an.seq},
                              .index = fixture->an.seq == 1 ? 2 : 0};
    struct new_op op = {.field = NAME, .value = bytes_of(name, size), .superseded = {&before, 1}};
    struct new_edit edit = {.type = PARTNER, .record = {1}, .ops = &op, .op_count = 1};
    const Hopnhat__Message *answer =
        push(fixture, &fixture->an, make_change(fixture, &fixture->an, &edit, 1, fixture->wall_ms << 16));
    assert_int_equal(answer->ack->n_refusals, 0);
}

static void make_history(struct fixture *fixture)
{
    say_hello(fixture, &fixture->an);
    push(fixture, &fixture->an, make_record(fixture, &fixture->an, PARTNER, 1, "everyone", "an", "First"));
    for (size_t i = 0; i < CHANGES; i++)
        write_name(fixture, 40);
    say_hello(fixture, &fixture->binh);
}

static const Hopnhat__Message *ask(struct fixture *fixture, Hopnhat__History *history)
{
    static uint8_t id[RECORD_ID_BYTES] = {1};
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    history->type = PARTNER;
    history->record = (ProtobufCBinaryData){sizeof id, id};
    history->has_credit_bytes = true;
    history->credit_bytes = CREDIT;
    message.body_case = HOPNHAT__MESSAGE__BODY_HISTORY;
    message.history = history;
    return say(fixture, &fixture->binh, &message);
}

static void an_answer_ends_past_the_credit_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    Hopnhat__History history = HOPNHAT__HISTORY__INIT;
    size_t listed = 0, answers = 0;
    bool more = true;
    make_history(fixture);
    while (more) {
        const Hopnhat__HistoryAnswer *answer = ask(fixture, &history)->history_answer;
        assert_in_range(hopnhat__history_answer__get_packed_size(answer), 1, 2 * CREDIT);
        assert_true(answer->n_entries > 0);
        listed += answer->n_entries;
        more = answer->more;
        history.has_before_replica = history.has_before_seq = true;
        history.before_replica = answer->entries[answer->n_entries - 1]->replica;
        history.before_seq = answer->entries[answer->n_entries - 1]->seq;
        assert_true(++answers < 20);
    }
    assert_true(answers > 1);
    assert_int_equal(listed, CHANGES + 1);
}

static void what_cannot_be_divided_is_withheld(void **state)
{
    struct fixture *fixture = *state;
    Hopnhat__History history = HOPNHAT__HISTORY__INIT, then = HOPNHAT__HISTORY__INIT;
    make_history(fixture);
    then.has_as_of_ms = true;
    then.as_of_ms = fixture->wall_ms + 1000;
    assert_int_equal(ask(fixture, &then)->body_case, HOPNHAT__MESSAGE__BODY_HISTORY_ANSWER);
    write_name(fixture, LONG_BYTES);
    const Hopnhat__HistoryAnswer *answer = ask(fixture, &history)->history_answer;
    assert_true(answer->entries[0]->ops[0]->too_large);
    assert_false(answer->entries[0]->ops[0]->has_value);
    assert_false(answer->entries[1]->ops[0]->too_large);
    assert_in_range(hopnhat__history_answer__get_packed_size(answer), 1, 2 * CREDIT);
    assert_int_equal(ask(fixture, &then)->body_case, HOPNHAT__MESSAGE__BODY_ERROR);
}

/* What was written and what that replaced have one bound: an answer is three credits at most. */
static void old_and_new_values_share_the_bound(void **state)
{
    struct fixture *fixture = *state;
    Hopnhat__History history = HOPNHAT__HISTORY__INIT;
    make_history(fixture);
    write_name(fixture, 2 * CREDIT - 100);
    write_name(fixture, 2 * CREDIT - 200);
    const Hopnhat__HistoryAnswer *answer = ask(fixture, &history)->history_answer;
    assert_int_equal(answer->entries[0]->ops[0]->value.len, 2 * CREDIT - 200);
    assert_true(answer->entries[0]->ops[0]->superseded[0]->withheld);
    assert_in_range(hopnhat__history_answer__get_packed_size(answer), 2 * CREDIT - 200, 3 * CREDIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_ends_past_the_credit_and_goes_on, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(what_cannot_be_divided_is_withheld, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(old_and_new_values_share_the_bound, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
