#include "hub/pace.h"

#include "base/limits.h"

enum {
    FIRST_COST_US = 500,
    LEAST_COST_US = 50,
    MOST_COST_US = 50 * 1000,
    SHARE = 2,   /* one part of the hub's time in so many is for those who come back */
    WEIGHT = 16, /* one measurement counts as one in so many */
    LONGEST_RETRY_MS = 60 * 1000,
};

static uint64_t booking_us(const struct pace *pace)
{
    return SHARE * (pace->cost_us ? pace->cost_us : FIRST_COST_US);
}

bool pace_admits(struct pace *pace, uint64_t now_ms, uint32_t *retry_ms)
{
    const uint64_t now_us = now_ms * 1000, bound_us = (uint64_t)LIMIT_RETURN_QUEUE_MS * 1000;
    if (pace->booked_us < now_us)
        pace->booked_us = now_us;
    if (pace->booked_us <= now_us + bound_us) {
        pace->booked_us += booking_us(pace);
        pace->begun++;
        return true;
    }
    if (pace->turn_us < pace->booked_us || pace->turn_us > now_us + LONGEST_RETRY_MS * UINT64_C(1000))
        pace->turn_us = pace->booked_us;
    pace->turn_us += booking_us(pace);
    *retry_ms = (uint32_t)((pace->turn_us - now_us) / 1000);
    return false;
}

void pace_measure(struct pace *pace, uint64_t worked_us)
{
    if (pace->begun == 0)
        return;
    uint64_t cost_us = worked_us / pace->begun;
    pace->begun = 0;
    if (cost_us < LEAST_COST_US)
        cost_us = LEAST_COST_US;
    if (cost_us > MOST_COST_US)
        cost_us = MOST_COST_US;
    pace->cost_us = pace->cost_us ? (pace->cost_us * (WEIGHT - 1) + cost_us) / WEIGHT : cost_us;
}
