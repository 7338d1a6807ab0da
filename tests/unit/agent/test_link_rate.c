/* The measured link: how much may be under way on links of known speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/link_rate.h"

enum { MOST = 1 << 21, QUEUE = 64 };

/* A link that carries bytes_per_second in order, with a round trip. Things wait in it until it has room. */
struct pipe {
    struct rate_mark marks[QUEUE];
    uint64_t answer_ms[QUEUE];
    size_t first, last;
    uint64_t free_ms; /* when what is under way has gone out */
};

/* Keeps the window full for so long; returns the bytes carried. */
static uint64_t run(struct link_rate *rate, uint64_t bytes_per_second, uint64_t round_trip_ms,
                    uint64_t for_ms, uint64_t *now_ms)
{
    struct pipe pipe = {.free_ms = *now_ms};
    uint64_t carried = 0, end_ms = *now_ms + for_ms;
    size_t under_way = 0;
    for (; *now_ms < end_ms; ++*now_ms) {
        while (pipe.first < pipe.last && pipe.answer_ms[pipe.first % QUEUE] <= *now_ms) {
            const struct rate_mark *mark = &pipe.marks[pipe.first++ % QUEUE];
            under_way -= mark->size_bytes;
            carried += mark->size_bytes;
            rate_answered(rate, mark, *now_ms);
        }
        size_t chunk = rate_chunk_bytes(rate);
        while (pipe.last - pipe.first < 8 && (under_way == 0 || under_way + chunk <= rate->window_bytes)) {
            pipe.marks[pipe.last % QUEUE] = rate_sent(rate, chunk, under_way, *now_ms);
            pipe.free_ms =
                (pipe.free_ms > *now_ms ? pipe.free_ms : *now_ms) + chunk * 1000 / bytes_per_second;
            pipe.answer_ms[pipe.last++ % QUEUE] = pipe.free_ms + round_trip_ms;
            under_way += chunk;
        }
    }
    return carried;
}

/* So many bytes a second, so long a round trip: the window comes to hold about two seconds of the link (one
 * second and the round trip, where that is more), and the link is kept busy. */
static void check_link(uint64_t bytes_per_second, uint64_t round_trip_ms)
{
    struct link_rate rate;
    uint64_t now_ms = 0;
    rate_start(&rate, MOST);
    rate_round_trip(&rate, round_trip_ms);
    run(&rate, bytes_per_second, round_trip_ms, 120000, &now_ms); /* time to settle */
    uint64_t carried = run(&rate, bytes_per_second, round_trip_ms, 120000, &now_ms);
    uint64_t span_ms = round_trip_ms + 1000 > 2000 ? round_trip_ms + 1000 : 2000;
    uint64_t most =
        bytes_per_second * (span_ms + 1000) / 1000; /* a round trip is measured with something small */
    assert_true(rate.window_bytes <= (most > RATE_LEAST_WINDOW_BYTES ? most : RATE_LEAST_WINDOW_BYTES));
    if (carried < bytes_per_second * 120 * 90 / 100)
        fail_msg("%llu of %llu bytes at %llu B/s, round trip %llu ms", (unsigned long long)carried,
                 (unsigned long long)bytes_per_second * 120, (unsigned long long)bytes_per_second,
                 (unsigned long long)round_trip_ms);
}

static void windows_of_links_as_they_are(void **state)
{
    (void)state;
    check_link(300, 2000);   /* 2.4 kbit/s */
    check_link(3750, 1200);  /* 2G */
    check_link(8000, 600);   /* 64 kbit/s */
    check_link(12500, 2400); /* satellite */
    check_link(64000, 150);  /* 512 kbit/s */
    check_link(125000, 160); /* 3G */
}

static void a_fast_link_reaches_its_bound(void **state)
{
    struct link_rate rate;
    uint64_t now_ms = 0;
    (void)state;
    rate_start(&rate, MOST);
    run(&rate, 100000000, 1, 2000, &now_ms);
    assert_int_equal(rate.window_bytes, MOST);
}

static void a_link_that_slows_down_gets_a_smaller_window(void **state)
{
    struct link_rate rate;
    uint64_t now_ms = 0;
    (void)state;
    rate_start(&rate, MOST);
    run(&rate, 64000, 150, 60000, &now_ms);
    assert_true(rate.window_bytes > 100000);
    run(&rate, 3000, 150, 300000, &now_ms);
    assert_true(rate.window_bytes < 12000);
}

static void small_things_say_nothing_of_the_link(void **state)
{
    struct link_rate rate;
    uint64_t now_ms = 0;
    (void)state;
    rate_start(&rate, MOST);
    run(&rate, 64000, 150, 60000, &now_ms);
    size_t before = rate.window_bytes;
    for (int i = 0; i < 100; i++) {
        struct rate_mark mark = rate_sent(&rate, 150, 0, now_ms);
        now_ms += 150;
        rate_answered(&rate, &mark, now_ms);
    }
    assert_int_equal(rate.window_bytes, before);
}

static void a_lost_link_is_tried_with_less(void **state)
{
    struct link_rate rate;
    (void)state;
    rate_start(&rate, MOST);
    size_t before = rate.window_bytes;
    rate_lost(&rate);
    assert_true(rate.window_bytes <= before / 4);
    for (int i = 0; i < 10; i++)
        rate_lost(&rate);
    assert_int_equal(rate.window_bytes, RATE_LEAST_WINDOW_BYTES);
}

/* Eight messages of 8,000 bytes, one every 100 ms, and behind a packet that was lost all answers come at
 * once: the next message is answered soon after, and the link is no faster for that. */
static void answers_that_pile_up_say_nothing_of_the_link(void **state)
{
    struct link_rate rate;
    struct rate_mark marks[9];
    (void)state;
    rate_start(&rate, MOST);
    for (size_t i = 0; i < 9; i++)
        marks[i] = rate_sent(&rate, 8000, 8000 * i, 1000 + 100 * i);
    rate_answered(&rate, &marks[0], 1850);
    struct rate_mark late = rate_sent(&rate, 8000, 64000, 1860);
    for (size_t i = 1; i < 9; i++)
        rate_answered(&rate, &marks[i], 1870);
    rate_answered(&rate, &late, 1960);
    assert_in_range(rate_bytes_per_second(&rate), 70000, 100000);
}

/* While a lost packet holds up all answers the link is fed at its pace, for two seconds more at most. */
static void a_late_answer_leaves_room(void **state)
{
    struct link_rate rate;
    uint64_t now_ms = 0;
    (void)state;
    rate_start(&rate, MOST);
    rate_round_trip(&rate, 600);
    run(&rate, 8000, 600, 60000, &now_ms);
    assert_in_range(rate.window_bytes, 14000, 18000);
    size_t chunk = rate_chunk_bytes(&rate);
    assert_int_equal(rate_room_ms(&rate, 0, 2 * rate.window_bytes), 0); /* one message always goes */
    assert_int_equal(rate_room_ms(&rate, rate.window_bytes - chunk, chunk), 0);
    assert_in_range(rate_room_ms(&rate, rate.window_bytes, chunk), 2200, 2800);
    assert_int_equal(rate_next_bytes(&rate, 0), chunk);
    assert_int_equal(rate_next_bytes(&rate, rate.window_bytes - chunk * 3 / 4), chunk * 3 / 4);
    assert_int_equal(rate_next_bytes(&rate, rate.window_bytes - chunk / 4), chunk); /* when there is room */
    assert_int_equal(rate_next_bytes(&rate, 2 * rate.window_bytes), chunk);
    assert_true(rate_room_ms(&rate, 2 * rate.window_bytes, chunk) == UINT64_MAX);
    rate_start(&rate, MOST); /* nothing is known of the link */
    assert_true(rate_room_ms(&rate, rate.window_bytes, 1) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_links_as_they_are),
        cmocka_unit_test(a_fast_link_reaches_its_bound),
        cmocka_unit_test(a_link_that_slows_down_gets_a_smaller_window),
        cmocka_unit_test(small_things_say_nothing_of_the_link),
        cmocka_unit_test(a_lost_link_is_tried_with_less),
        cmocka_unit_test(a_late_answer_leaves_room),
        cmocka_unit_test(answers_that_pile_up_say_nothing_of_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
