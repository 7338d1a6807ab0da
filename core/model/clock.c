#include "model/clock.h"

#include <stdbool.h>

static const uint64_t LAST_MS = (UINT64_C(1) << 48) - 1;

uint64_t time_of_ms(uint64_t ms)
{
    return (ms > LAST_MS ? LAST_MS : ms) << 16;
}

static uint64_t shifted_ms(uint64_t ms, int64_t by_ms)
{
    if (by_ms < 0)
        return ms < (uint64_t)-by_ms ? 0 : ms - (uint64_t)-by_ms;
    return ms > LAST_MS - (uint64_t)by_ms ? LAST_MS : ms + (uint64_t)by_ms;
}

uint64_t clock_reading(const struct clock *clock, uint64_t wall_ms)
{
    uint64_t corrected = time_of_ms(shifted_ms(wall_ms, clock->offset_ms));
    return corrected > clock->last ? corrected : clock->last;
}

uint64_t clock_next(struct clock *clock, uint64_t wall_ms)
{
    uint64_t corrected = time_of_ms(shifted_ms(wall_ms, clock->offset_ms));
    clock->last = corrected > clock->last ? corrected : clock->last + 1;
    return clock->last;
}

void clock_contact(struct clock *clock, uint64_t sent_wall_ms, uint64_t wall_ms, uint64_t hub_time)
{
    uint64_t middle_ms = sent_wall_ms <= wall_ms ? sent_wall_ms + (wall_ms - sent_wall_ms) / 2 : wall_ms;
    clock->offset_ms = (int64_t)time_ms(hub_time) - (int64_t)(middle_ms > LAST_MS ? LAST_MS : middle_ms);
    uint64_t corrected = time_of_ms(shifted_ms(wall_ms, clock->offset_ms));
    if (clock->last > corrected)
        clock->last = corrected;
}

int64_t clock_shift_ms(const struct clock *clock, uint64_t claimed_ms, uint64_t written_ms, uint64_t wall_ms)
{
    uint64_t corrected_ms = shifted_ms(written_ms, clock->offset_ms);
    bool claimed_may_be = claimed_ms <= shifted_ms(wall_ms, clock->offset_ms);
    if (written_ms > wall_ms || (claimed_may_be && claimed_ms >= corrected_ms))
        return 0;
    return (int64_t)corrected_ms - (int64_t)claimed_ms;
}

uint64_t clock_admit(uint64_t claimed, uint64_t reading, uint64_t receipt, uint64_t floor)
{
    int64_t offset_ms = (int64_t)time_ms(receipt) - (int64_t)time_ms(reading);
    uint64_t moved = time_of_ms(shifted_ms(time_ms(claimed), offset_ms)) | (claimed & 0xffff);
    if (moved > receipt)
        moved = receipt;
    return moved < floor ? floor : moved;
}
