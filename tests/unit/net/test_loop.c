#include "net/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct error error;
    struct loop *loop;
    struct loop_source *sources[3];
    int pipe[2];
    unsigned calls, woken;
    int signal;
    int64_t wait_ms;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.wait_ms = -1};
    fixture.loop = loop_new(&fixture.error);
    *state = &fixture;
    return fixture.loop && pipe(fixture.pipe) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    loop_free(fixture->loop);
    close(fixture->pipe[0]);
    close(fixture->pipe[1]);
    return 0;
}

static void turn(struct fixture *fixture, int64_t timeout_ms)
{
    assert_true(loop_run_once(fixture->loop, timeout_ms, &fixture->error));
}

static void take_one_byte(void *user)
{
    struct fixture *fixture = user;
    char byte;
    assert_int_equal(read(fixture->pipe[0], &byte, 1), 1);
    fixture->calls++;
}

static void a_source_is_called_while_there_is_something(void **state)
{
    struct fixture *fixture = *state;
    struct loop_source *source =
        loop_add_fd(fixture->loop, fixture->pipe[0], take_one_byte, fixture, &fixture->error);
    assert_non_null(source);
    turn(fixture, 0);
    assert_int_equal(fixture->calls, 0);
    assert_int_equal(write(fixture->pipe[1], "abc", 3), 3);
    turn(fixture, 1000);
    turn(fixture, 1000);
    assert_int_equal(fixture->calls, 2);
    loop_remove(fixture->loop, source);
    turn(fixture, 0);
    assert_int_equal(fixture->calls, 2);
}

static void remove_all(void *user)
{
    struct fixture *fixture = user;
    fixture->calls++;
    for (size_t i = 0; i < 3; i++)
        loop_remove(fixture->loop, fixture->sources[i]);
}

static void a_callback_may_remove_what_is_due(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 3; i++)
        fixture->sources[i] =
            loop_add_fd(fixture->loop, fixture->pipe[0], remove_all, fixture, &fixture->error);
    assert_int_equal(write(fixture->pipe[1], "a", 1), 1);
    turn(fixture, 1000);
    turn(fixture, 0);
    assert_int_equal(fixture->calls, 1);
}

static int64_t wait_ms(void *user)
{
    struct fixture *fixture = user;
    return fixture->wait_ms;
}

static void fire(void *user)
{
    struct fixture *fixture = user;
    fixture->calls++;
    fixture->wait_ms = -1;
}

static void a_timer_ends_the_wait(void **state)
{
    struct fixture *fixture = *state;
    assert_non_null(loop_add_timer(fixture->loop, wait_ms, fire, fixture, &fixture->error));
    turn(fixture, 0);
    assert_int_equal(fixture->calls, 0);
    fixture->wait_ms = 20;
    uint64_t begin = loop_now_ms();
    turn(fixture, 10000);
    assert_in_range(loop_now_ms() - begin, 19, 5000);
    fixture->wait_ms = 0;
    turn(fixture, 10000);
    assert_int_equal(fixture->calls, 1);
}

static void count_wake(void *user)
{
    struct fixture *fixture = user;
    fixture->woken++;
}

static void *wake_it(void *user)
{
    struct fixture *fixture = user;
    for (int i = 0; i < 100; i++)
        loop_wake(fixture->loop);
    return NULL;
}

static void another_thread_ends_the_wait(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    assert_true(loop_watch_wake(fixture->loop, count_wake, fixture, &fixture->error));
    assert_int_equal(pthread_create(&thread, NULL, wake_it, fixture), 0);
    turn(fixture, 10000);
    pthread_join(thread, NULL);
    assert_in_range(fixture->woken, 1, 100);
}

static void take_signal(void *user, int number)
{
    struct fixture *fixture = user;
    fixture->signal = number;
}

static void signals_are_events(void **state)
{
    struct fixture *fixture = *state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    assert_true(loop_watch_signals(fixture->loop, take_signal, fixture, &fixture->error));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(kill(getpid(), numbers[i]), 0);
        turn(fixture, 10000);
        assert_int_equal(fixture->signal, numbers[i]);
    }
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_source_is_called_while_there_is_something, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_callback_may_remove_what_is_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_ends_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_thread_ends_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signals_are_events, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
