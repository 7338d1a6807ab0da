/* How fast sessions may begin, and when those who are sent away may come again. */
#include "base/limits.h"
#include "hub/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t NOW_MS = UINT64_C(1750000000);
enum { COST_US = 1000, AGENTS = 2000 };

/* A hub that knows what a session costs. */
static struct pace measured(void)
{
    struct pace pace = {0};
    uint32_t retry_ms;
    assert_true(pace_admits(&pace, NOW_MS - 60000, &retry_ms));
    pace_measure(&pace, COST_US);
    return pace;
}

static void test_few_are_never_sent_away(void **state)
{
    struct pace pace = measured();
    uint32_t retry_ms;
    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(pace_admits(&pace, NOW_MS + i * 10, &retry_ms));
}

static void test_all_at_once_are_spread(void **state)
{
    struct pace pace = measured();
    uint32_t retry_ms, last_ms = 0, admitted = 0;
    (void)state;
    for (size_t i = 0; i < AGENTS; i++) {
        if (pace_admits(&pace, NOW_MS, &retry_ms)) {
            assert_int_equal(last_ms, 0); /* who came first is served first */
            admitted++;
            continue;
        }
        assert_true(retry_ms >= last_ms);
        last_ms = retry_ms;
    }
    assert_in_range(admitted, LIMIT_RETURN_QUEUE_MS / 2 - 2, LIMIT_RETURN_QUEUE_MS / 2 + 2);
    /* half of the hub's time is for them: each takes two milliseconds */
    assert_in_range(last_ms, AGENTS * 2 - 10, AGENTS * 2 + LIMIT_RETURN_QUEUE_MS);
}

static void test_all_come_in(void **state)
{
    struct pace pace = measured();
    uint64_t due_ms[AGENTS], now_ms = NOW_MS;
    size_t begun = 0, answers = 0;
    (void)state;
    for (size_t i = 0; i < AGENTS; i++)
        due_ms[i] = now_ms;
    for (; begun < AGENTS && now_ms < NOW_MS + 60000; now_ms++)
        for (size_t i = 0; i < AGENTS; i++) {
            uint32_t retry_ms;
            if (due_ms[i] > now_ms || due_ms[i] == 0)
                continue;
            answers++;
            bool admitted = pace_admits(&pace, now_ms, &retry_ms);
            begun += admitted;
            due_ms[i] = admitted ? 0 : now_ms + retry_ms + (i * 7919) % (retry_ms / 2 + 100);
        }
    assert_int_equal(begun, AGENTS);
    assert_true(now_ms < NOW_MS + 8000);
    assert_true(answers < 3 * AGENTS);
}

static void test_costly_sessions_come_in_slower(void **state)
{
    struct pace cheap = measured(), dear = measured();
    uint32_t retry_ms, cheap_count = 0, dear_count = 0;
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_true(pace_admits(&dear, NOW_MS - 30000 + i * 200, &retry_ms));
        pace_measure(&dear, 20 * COST_US);
    }
    while (pace_admits(&cheap, NOW_MS, &retry_ms))
        cheap_count++;
    while (pace_admits(&dear, NOW_MS, &retry_ms))
        dear_count++;
    assert_true(cheap_count > 10 * dear_count);
    pace_measure(&dear, 0);
    pace_measure(&dear, 1 << 30); /* nobody began: it was other work */
    assert_true(dear.cost_us <= 20 * COST_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_are_never_sent_away),
        cmocka_unit_test(test_all_at_once_are_spread),
        cmocka_unit_test(test_all_come_in),
        cmocka_unit_test(test_costly_sessions_come_in_slower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
