#include "model/clock.h"

#include "unit/lib/model.h"

static const uint64_t LAST_MS = (UINT64_C(1) << 48) - 1;

static uint64_t at(uint64_t ms, unsigned counter)
{
    return time_of_ms(ms) | counter;
}

static void times_are_milliseconds_and_a_counter(void **state)
{
    (void)state;
    assert_int_equal(time_of_ms(5), 5 << 16);
    assert_int_equal(time_ms(at(5, 0xffff)), 5);
    assert_true(time_of_ms(LAST_MS + 1) == LAST_MS << 16);
    assert_true(time_of_ms(UINT64_MAX) == LAST_MS << 16);
}

static void each_time_is_greater_than_the_one_before(void **state)
{
    (void)state;
    struct dice dice = {1};
    struct clock clock = {.offset_ms = -3};
    uint64_t last = 0, wall_ms = 1000;
    for (int i = 0; i < 100000; i++) {
        wall_ms = dice_percent(&dice, 1) ? 1000 : wall_ms + dice_below(&dice, 2);
        uint64_t next = clock_next(&clock, wall_ms);
        assert_true(next > last);
        assert_true(next >= time_of_ms(wall_ms - 3));
        assert_true(clock_reading(&clock, wall_ms) >= next);
        last = next;
    }
}

static void a_counter_that_is_full_goes_on_in_the_next_millisecond(void **state)
{
    (void)state;
    struct clock clock = {.last = at(7, 0xffff)};
    assert_int_equal(clock_next(&clock, 7), at(8, 0));
    assert_int_equal(clock_next(&clock, 7), at(8, 1));
    assert_int_equal(clock_next(&clock, 9), at(9, 0));
}

static void a_reading_gives_nothing_out(void **state)
{
    (void)state;
    struct clock clock = {.last = at(4, 2), .offset_ms = 10};
    assert_int_equal(clock_reading(&clock, 5), at(15, 0));
    assert_int_equal(clock.last, at(4, 2));
    clock.last = at(20, 9);
    assert_int_equal(clock_reading(&clock, 5), at(20, 9));
}

static void a_contact_measures_against_the_middle(void **state)
{
    (void)state;
    struct clock clock = {0};
    clock_contact(&clock, 1000, 1200, at(5000, 7));
    assert_int_equal(clock.offset_ms, 3900);
    assert_int_equal(clock_next(&clock, 1200), at(5100, 0));
    clock_contact(&clock, 2000, 1000, at(1000, 0)); /* the wall clock was set back while it waited */
    assert_int_equal(clock.offset_ms, 0);
}

static void a_clock_that_ran_ahead_falls_back(void **state)
{
    (void)state;
    struct clock clock = {0};
    clock_next(&clock, 9000);
    clock_contact(&clock, 9000, 9000, at(1000, 0));
    assert_int_equal(clock_next(&clock, 9000), at(1000, 1));
    assert_int_equal(time_ms(clock_next(&clock, 9001)), 1001);
}

static void extreme_clocks_are_held(void **state)
{
    (void)state;
    struct clock clock = {0};
    clock_contact(&clock, UINT64_MAX - 1, UINT64_MAX, at(1000, 0));
    assert_int_equal(time_ms(clock_next(&clock, LAST_MS)), 1000);
    clock = (struct clock){0};
    clock_contact(&clock, 0, 0, UINT64_MAX);
    assert_true(time_ms(clock_next(&clock, 5)) == LAST_MS);
    clock = (struct clock){.offset_ms = -(int64_t)LAST_MS};
    assert_int_equal(time_ms(clock_next(&clock, 5)), 0);
}

static void admission_moves_the_claim_and_holds_it(void **state)
{
    (void)state;
    assert_int_equal(clock_admit(at(100, 3), at(200, 0), at(1000, 0), 0), at(900, 3));
    assert_int_equal(clock_admit(at(900, 3), at(950, 0), at(150, 0), 0), at(100, 3));
    assert_int_equal(clock_admit(at(300, 0), at(200, 0), at(1000, 5), 0), at(1000, 5)); /* from the future */
    assert_int_equal(clock_admit(at(100, 3), at(200, 0), at(1000, 0), at(950, 1)), at(950, 1));
    assert_int_equal(clock_admit(0, at(200, 0), at(100, 0), 0), 0);
    assert_int_equal(clock_admit(UINT64_MAX, 0, at(100, 0), 0), at(100, 0));
    assert_int_equal(clock_admit(0, UINT64_MAX, at(100, 0), at(3, 0)), at(3, 0));
}

/* However wrong the office's clock: its changes keep their order, and lie between its contacts. */
static void a_wrong_clock_neither_wins_nor_loses(void **state)
{
    (void)state;
    struct dice dice = {2};
    for (int round = 0; round < 1000; round++) {
        int64_t wrong_ms = (int64_t)dice_below(&dice, 2000000) - 1000000;
        uint64_t wall_ms = 5000000, claims[20], floor = at(wall_ms, 0), last = 0;
        struct clock clock = {0};
        for (int i = 0; i < 20; i++) {
            wall_ms += dice_below(&dice, 50);
            claims[i] = clock_next(&clock, wall_ms + (uint64_t)wrong_ms);
        }
        uint64_t reading = clock_reading(&clock, wall_ms + (uint64_t)wrong_ms), receipt = at(wall_ms + 40, 0);
        for (int i = 0; i < 20; i++) {
            uint64_t admitted = clock_admit(claims[i], reading, receipt, floor);
            assert_true(admitted >= floor && admitted <= receipt && admitted >= last);
            last = admitted;
        }
        assert_true(time_ms(receipt) - time_ms(last) <= 1);
    }
}

/* The clock jumped by ten years between two contacts; the change was made ten seconds before the second one.
 */
static void a_jump_is_told_from_a_wrong_claim(void **state)
{
    (void)state;
    const uint64_t now = UINT64_C(1750000000000), years = UINT64_C(315576000000), made = now - 10000;
    const struct clock right = {.offset_ms = 0}, ahead = {.offset_ms = -(int64_t)years},
                       behind = {.offset_ms = (int64_t)years};
    assert_int_equal(clock_shift_ms(&right, made, made, now), 0);
    assert_int_equal(clock_shift_ms(&right, made - 5, made, now), 5); /* measured better since */
    /* ahead: written before it jumped, and after */
    assert_int_equal(clock_shift_ms(&ahead, made, made, now + years), 0);
    assert_int_equal(clock_shift_ms(&ahead, made + years, made + years, now + years), -(int64_t)years);
    /* behind: the same; a claim is never before the last one */
    assert_int_equal(clock_shift_ms(&behind, made, made, now - years), 0);
    assert_int_equal(clock_shift_ms(&behind, now - 50000, made - years, now - years), 40000);
    /* nothing to go by: it jumped forth and was put right before the contact */
    assert_int_equal(clock_shift_ms(&right, made + years, made + years, now), 0);
    /* wrong all the time, and known to be */
    assert_int_equal(clock_shift_ms(&ahead, made, made + years, now + years), 0);
    assert_int_equal(clock_shift_ms(&behind, made, made - years, now - years), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_milliseconds_and_a_counter),
        cmocka_unit_test(each_time_is_greater_than_the_one_before),
        cmocka_unit_test(a_counter_that_is_full_goes_on_in_the_next_millisecond),
        cmocka_unit_test(a_reading_gives_nothing_out),
        cmocka_unit_test(a_contact_measures_against_the_middle),
        cmocka_unit_test(a_clock_that_ran_ahead_falls_back),
        cmocka_unit_test(extreme_clocks_are_held),
        cmocka_unit_test(admission_moves_the_claim_and_holds_it),
        cmocka_unit_test(a_wrong_clock_neither_wins_nor_loses),
        cmocka_unit_test(a_jump_is_told_from_a_wrong_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
