/* Who keeps failing waits longer and longer, and nobody else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/throttle.h"

static const struct throttle_rule rule = {3, 1000, 5000, 60000};

static uint64_t wait_of(const struct throttle *throttle, const char *key, uint64_t now_ms)
{
    return throttle_wait_ms(throttle, &rule, bytes_of_string(key), now_ms);
}

static void fail_at(struct throttle *throttle, const char *key, uint64_t now_ms)
{
    throttle_failed(throttle, &rule, bytes_of_string(key), now_ms);
}

static void test_waits_double_up_to_the_most(void **state)
{
    struct throttle throttle = {0};
    const uint64_t waits[] = {0, 0, 1000, 2000, 4000, 5000, 5000};
    uint64_t now_ms = 1000000;
    (void)state;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        fail_at(&throttle, "lan", now_ms);
        assert_int_equal(wait_of(&throttle, "lan", now_ms), waits[i]);
        assert_int_equal(wait_of(&throttle, "minh", now_ms), 0);
        now_ms += waits[i];
        assert_int_equal(wait_of(&throttle, "lan", now_ms), 0);
    }
    throttle_succeeded(&throttle, bytes_of_string("lan"));
    fail_at(&throttle, "lan", now_ms);
    assert_int_equal(wait_of(&throttle, "lan", now_ms), 0);
}

static void test_failures_are_forgotten(void **state)
{
    struct throttle throttle = {0};
    (void)state;
    fail_at(&throttle, "lan", 0);
    fail_at(&throttle, "lan", 0);
    fail_at(&throttle, "lan", rule.forget_ms);
    assert_int_equal(wait_of(&throttle, "lan", rule.forget_ms), 0);
}

static void test_a_full_table_keeps_the_latest(void **state)
{
    struct throttle throttle = {0};
    char key[16];
    (void)state;
    for (int i = 0; i < 3; i++)
        fail_at(&throttle, "first", 10);
    for (int i = 0; i < 3; i++)
        fail_at(&throttle, "second", 20);
    for (int i = 0; i < THROTTLE_KEYS - 1; i++) {
        snprintf(key, sizeof key, "k%d", i);
        fail_at(&throttle, key, 30);
    }
    assert_int_equal(wait_of(&throttle, "first", 30), 0);
    assert_int_equal(wait_of(&throttle, "second", 30), 990);
}

static void test_a_budget_fills_up_again(void **state)
{
    struct budget budget = {0};
    int taken = 0;
    (void)state;
    while (budget_take(&budget, 5, 100, 1000))
        taken++;
    assert_int_equal(taken, 5);
    assert_false(budget_take(&budget, 5, 100, 1099));
    assert_true(budget_take(&budget, 5, 100, 1100));
    assert_false(budget_take(&budget, 5, 100, 1100));
    for (taken = 0; budget_take(&budget, 5, 100, 100000);)
        taken++;
    assert_int_equal(taken, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_double_up_to_the_most),
        cmocka_unit_test(test_failures_are_forgotten),
        cmocka_unit_test(test_a_full_table_keeps_the_latest),
        cmocka_unit_test(test_a_budget_fills_up_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
