/* What an office lets its link be used for: bounds of the rate. */
#include "agent/link_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { RATE = 1000, HOUR_MS = 3600 * 1000 };

static void no_limit_lets_everything_through(void **state)
{
    struct allowance allowance = {0};
    (void)state;
    allowance_use(&allowance, 1 << 30);
    assert_true(allowance_is_left(&allowance, 0, 1));
    assert_int_equal(allowance_wait_ms(&allowance, 0), 0);
    assert_int_equal(limit_chunk_bytes(0, 5000), 5000);
}

/* Sends 100 bytes whenever it may, looking every `step_ms`: how many bytes in an hour. */
static uint64_t carried(uint64_t step_ms)
{
    struct allowance allowance = {0};
    uint64_t sent = 0;
    for (uint64_t now_ms = HOUR_MS; now_ms < 2 * HOUR_MS; now_ms += step_ms)
        while (allowance_is_left(&allowance, RATE, now_ms)) {
            allowance_use(&allowance, 100);
            sent += 100;
        }
    return sent;
}

static void the_rate_is_kept_however_often_one_looks(void **state)
{
    static const uint64_t steps_ms[] = {1, 7, 100, 900};
    (void)state;
    for (size_t i = 0; i < sizeof steps_ms / sizeof *steps_ms; i++) {
        assert_in_range(carried(steps_ms[i]), (uint64_t)RATE * 3600 * 98 / 100, (uint64_t)RATE * 3602);
    }
}

static void what_was_used_beyond_is_waited_for(void **state)
{
    struct allowance allowance = {0};
    (void)state;
    assert_true(allowance_is_left(&allowance, RATE, HOUR_MS));
    allowance_use(&allowance, 4000); /* a second of it was saved up */
    assert_false(allowance_is_left(&allowance, RATE, HOUR_MS));
    assert_int_equal(allowance_wait_ms(&allowance, RATE), 3002);
    assert_false(allowance_is_left(&allowance, RATE, HOUR_MS + 2900));
    assert_true(allowance_is_left(&allowance, RATE, HOUR_MS + 3002));
}

static void a_message_is_no_longer_than_half_a_second(void **state)
{
    (void)state;
    assert_int_equal(limit_chunk_bytes(8000, 100000), 4000);
    assert_int_equal(limit_chunk_bytes(8000, 3000), 3000);
    assert_int_equal(limit_chunk_bytes(10, 100000), 512);
}

/* What came back into custody is no content that is left to do: however much of that has crossed, what comes
 * after it counts at once. */
static void what_carries_no_content_is_soon_forgotten(void **state)
{
    struct packing packing = {0};
    (void)state;
    for (size_t i = 0; i < 10000; i++)
        packing_note(&packing, 0, 20000);
    for (size_t i = 0; i < 20; i++)
        packing_note(&packing, 8000, 2000);
    assert_in_range(limit_content_bytes(RATE, &packing), 2 * RATE, 4 * RATE + 10);
}

static void a_limit_lets_more_through_of_what_is_packed_well(void **state)
{
    struct packing packing = {0};
    (void)state;
    assert_int_equal(limit_content_bytes(RATE, &packing), RATE);
    assert_int_equal(limit_content_bytes(0, &packing), 0);
    for (size_t i = 0; i < 1000; i++)
        packing_note(&packing, 8000, 2000);
    assert_in_range(limit_content_bytes(RATE, &packing), 4 * RATE - 10, 4 * RATE + 10);
    for (size_t i = 0; i < 200; i++)
        packing_note(&packing, 8000, 8000); /* what was before is soon forgotten */
    assert_in_range(limit_content_bytes(RATE, &packing), RATE, RATE * 11 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_limit_lets_everything_through),
        cmocka_unit_test(the_rate_is_kept_however_often_one_looks),
        cmocka_unit_test(what_was_used_beyond_is_waited_for),
        cmocka_unit_test(a_limit_lets_more_through_of_what_is_packed_well),
        cmocka_unit_test(what_carries_no_content_is_soon_forgotten),
        cmocka_unit_test(a_message_is_no_longer_than_half_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
