#include "store/follower.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Work for a follower: so many changes are there, and so many have been taken, three a step. */
struct work {
    pthread_mutex_t mutex;
    int there, taken, steps, rests, failures_left;
};

static bool step(void *context, bool *more, struct error *error)
{
    struct work *work = context;
    pthread_mutex_lock(&work->mutex);
    bool fails = work->failures_left > 0;
    work->steps++;
    if (fails)
        work->failures_left--;
    else
        work->taken = work->there - work->taken > 3 ? work->taken + 3 : work->there;
    *more = work->taken < work->there;
    pthread_mutex_unlock(&work->mutex);
    return !fails || error_set(error, ERROR_FULL, "no room");
}

static void rest(void *context)
{
    struct work *work = context;
    pthread_mutex_lock(&work->mutex);
    work->rests++;
    pthread_mutex_unlock(&work->mutex);
}

static struct follower *start(struct work *work, int there, int failures, uint32_t gather_ms)
{
    struct error error;
    *work = (struct work){.there = there, .failures_left = failures};
    pthread_mutex_init(&work->mutex, NULL);
    struct follower_options options = {
        .name = "a test", .context = work, .step = step, .rest = rest, .gather_ms = gather_ms};
    struct follower *follower = follower_start(&options, &error);
    assert_non_null(follower);
    return follower;
}

static void takes_all_there_is(void **state)
{
    (void)state;
    struct work work;
    struct error error;
    struct follower *follower = start(&work, 100, 0, 0);
    assert_true(follower_settle(follower, &error));
    assert_int_equal(work.taken, 100);
    assert_true(work.rests > 0);
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&work.mutex);
        work.there += 1;
        pthread_mutex_unlock(&work.mutex);
        follower_wake(follower);
    }
    assert_true(follower_settle(follower, &error));
    assert_int_equal(work.taken, 150);
    follower_stop(follower);
}

static void gathers_wakeups(void **state)
{
    (void)state;
    struct work work;
    struct error error;
    struct follower *follower = start(&work, 0, 0, 60000);
    assert_true(follower_settle(follower, &error));
    int steps = work.steps;
    for (int i = 0; i < 100; i++)
        follower_wake(follower);
    assert_int_equal(work.steps, steps);
    assert_true(follower_settle(follower, &error));    /* does not wait for the minute */
    assert_in_range(work.steps, steps + 1, steps + 2); /* a wake-up may come while the first step runs */
    follower_wake(follower);
    follower_stop(follower); /* neither does this */
}

static void tries_again_after_trouble(void **state)
{
    (void)state;
    struct work work;
    struct error error;
    struct follower *follower = start(&work, 10, 3, 0);
    while (!follower_settle(follower, &error)) {
        assert_int_equal(error.code, ERROR_FULL);
        assert_true(follower_has_trouble(follower, &error));
    }
    assert_int_equal(work.taken, 10);
    assert_false(follower_has_trouble(follower, &error));
    follower_stop(follower);
}

static void stops_in_trouble(void **state)
{
    (void)state;
    struct work work;
    struct error error;
    struct follower *follower = start(&work, 10, 1000000, 0);
    assert_false(follower_settle(follower, &error));
    follower_stop(follower);
    follower_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_there_is),
        cmocka_unit_test(gathers_wakeups),
        cmocka_unit_test(tries_again_after_trouble),
        cmocka_unit_test(stops_in_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
