#include "sim/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fails where all that are needed are there, and counts how often it was asked. */
struct needs {
    const unsigned *needed;
    size_t count, runs;
};

static bool has(const struct steps *steps, unsigned number)
{
    for (size_t i = 0; i < steps->count; i++)
        if (steps->numbers[i] == number)
            return true;
    return false;
}

static bool fails(void *context, const struct steps *steps)
{
    struct needs *needs = context;
    needs->runs++;
    for (size_t i = 0; i < needs->count; i++)
        if (!has(steps, needs->needed[i]))
            return false;
    return true;
}

static void expect(const unsigned *needed, size_t count, const char *text, size_t most_runs)
{
    struct needs needs = {.needed = needed, .count = count};
    const struct steps_trial trial = {.context = &needs, .fails = fails};
    struct steps steps;
    assert_true(steps_all(&steps, 200));
    steps_shrink(&steps, &trial, 60000);
    char *list = steps_format(&steps);
    assert_string_equal(list, text);
    assert_in_range(needs.runs, 1, most_runs);
    free(list);
    steps_release(&steps);
}

static void test_only_what_is_needed_stays(void **state)
{
    (void)state;
    expect((const unsigned[]){3, 17, 40, 41, 42, 200}, 6, "3,17,40-42,200", 200);
    expect((const unsigned[]){1}, 1, "1", 30);
    expect((const unsigned[]){7, 8}, 2, "7,8", 60);
    expect(NULL, 0, "", 1);
}

/* A step that is needed only while another one is there: it goes in a second round of single ones. */
static bool needs_pairs(void *context, const struct steps *steps)
{
    (void)context;
    return has(steps, 5) && (!has(steps, 100) || has(steps, 150));
}

static void test_until_none_can_be_left_out_alone(void **state)
{
    (void)state;
    const struct steps_trial trial = {.fails = needs_pairs};
    struct steps steps;
    assert_true(steps_parse(&steps, "5,100,150", 200));
    steps_shrink(&steps, &trial, 60000);
    assert_int_equal(steps.count, 1);
    steps_release(&steps);
}

static void test_no_time_leaves_all(void **state)
{
    (void)state;
    struct needs needs = {0};
    const struct steps_trial trial = {.context = &needs, .fails = fails};
    struct steps steps;
    assert_true(steps_all(&steps, 200));
    steps_shrink(&steps, &trial, 0);
    assert_int_equal(steps.count, 200);
    assert_int_equal(needs.runs, 0);
    steps_release(&steps);
}

static void test_a_list_is_read_and_written(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "0",   "3,3",   "4,3",   "1-",      "-3",
                                      "1,,2", "201", "1-201", "5-4",   "1-3-5",   "1, 2",
                                      "+1",   "x",   "1,",    "40-40", "1-3,2-4", "1-3,3-4"};
    struct steps steps;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(steps_parse(&steps, bad[i], 200));
    assert_true(steps_parse(&steps, "1,2,5-9,11,198-200", 200));
    assert_int_equal(steps.count, 11);
    char *list = steps_format(&steps);
    assert_string_equal(list, "1,2,5-9,11,198-200");
    free(list);
    steps_release(&steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_needed_stays),
        cmocka_unit_test(test_until_none_can_be_left_out_alone),
        cmocka_unit_test(test_no_time_leaves_all),
        cmocka_unit_test(test_a_list_is_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
