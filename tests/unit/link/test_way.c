/* The link's model against the arithmetic of what it promises. */
#include "way.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { PACKET = 1500, SECOND_US = 1000000 };

static const uint8_t bytes[PACKET];

/* Hands in `count` packets, one each gap_us, and takes what arrives: how many, and when the last did. */
static uint64_t carry(struct way *way, uint64_t count, uint64_t gap_us, uint64_t *last_us)
{
    uint64_t arrived = 0, handed = 0;
    size_t size;
    for (uint64_t now_us = 0; handed < count || way_due_us(way) != UINT64_MAX;) {
        uint64_t due_us = way_due_us(way), next_us = handed < count ? handed * gap_us : UINT64_MAX;
        now_us = due_us < next_us ? due_us : next_us;
        if (now_us == next_us) {
            assert_true(way_put(way, now_us, bytes, PACKET));
            handed++;
        }
        while (way_first(way, now_us, &size)) {
            assert_int_equal(size, PACKET);
            way_drop_first(way);
            *last_us = now_us;
            arrived++;
        }
    }
    return arrived;
}

static void the_rate_is_held(void **state)
{
    struct shape shape = {.rate_bits = 64000, .delay_us = 300000, .queue_bytes = 1000 * PACKET};
    struct way way;
    uint64_t last_us = 0;
    (void)state;
    way_init(&way, &shape, 1);
    assert_int_equal(carry(&way, 100, 0, &last_us), 100);
    assert_int_equal(last_us, 100 * (uint64_t)PACKET * 8 * SECOND_US / 64000 + 300000);
    assert_int_equal(way.overflowed + way.lost, 0);
}

static void the_queue_is_bounded(void **state)
{
    struct shape shape = {.rate_bits = 64000, .queue_bytes = 10 * PACKET};
    struct way way;
    uint64_t last_us = 0;
    (void)state;
    way_init(&way, &shape, 1);
    assert_int_equal(carry(&way, 100, 0, &last_us), 10);
    assert_int_equal(way.overflowed, 90);
}

static void losses_are_as_asked(void **state)
{
    struct shape shape = {.loss = 0.03};
    struct way way;
    uint64_t last_us = 0;
    (void)state;
    way_init(&way, &shape, 7);
    uint64_t arrived = carry(&way, 100000, 1, &last_us);
    assert_in_range(100000 - arrived, 2800, 3200);
    assert_int_equal(way.lost, 100000 - arrived);
}

static void jitter_spreads_and_keeps_the_order(void **state)
{
    struct shape shape = {.delay_us = 100000, .jitter_us = 20000};
    struct way way;
    size_t size;
    uint64_t least_us = UINT64_MAX, most_us = 0;
    (void)state;
    way_init(&way, &shape, 3);
    for (uint64_t i = 0; i < 1000; i++) { /* one at a time, so that none waits for one before it */
        uint64_t sent_us = i * SECOND_US;
        assert_true(way_put(&way, sent_us, bytes, PACKET));
        uint64_t took_us = way_due_us(&way) - sent_us;
        least_us = took_us < least_us ? took_us : least_us;
        most_us = took_us > most_us ? took_us : most_us;
        assert_null(way_first(&way, sent_us + took_us - 1, &size));
        assert_non_null(way_first(&way, sent_us + took_us, &size));
        way_drop_first(&way);
    }
    assert_in_range(least_us, 80000, 82000);
    assert_in_range(most_us, 118000, 120000);
    for (uint8_t i = 0; i < 200; i++) /* all at once: they arrive as they were sent */
        assert_true(way_put(&way, 2000 * (uint64_t)SECOND_US, &i, 1));
    for (uint8_t i = 0; i < 200; i++) {
        assert_int_equal(*way_first(&way, UINT64_MAX, &size), i);
        way_drop_first(&way);
    }
}

static void a_cut_loses_what_is_under_way(void **state)
{
    struct shape shape = {.rate_bits = 8000, .queue_bytes = 100 * PACKET};
    struct way way;
    (void)state;
    way_init(&way, &shape, 1);
    for (int i = 0; i < 5; i++)
        assert_true(way_put(&way, 0, bytes, PACKET));
    way_cut(&way, 10);
    assert_int_equal(way.lost, 5);
    assert_int_equal(way_due_us(&way), UINT64_MAX);
    assert_true(way_put(&way, 10, bytes, PACKET));
    assert_int_equal(way_due_us(&way), 10 + PACKET * 1000);
    way_cut(&way, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_held),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(losses_are_as_asked),
        cmocka_unit_test(jitter_spreads_and_keeps_the_order),
        cmocka_unit_test(a_cut_loses_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
