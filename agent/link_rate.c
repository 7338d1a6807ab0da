#include "agent/link_rate.h"

enum { CHUNKS_IN_WINDOW = 4 };

void rate_start(struct link_rate *rate, size_t most_bytes)
{
    *rate = (struct link_rate){.window_bytes = RATE_FIRST_WINDOW_BYTES, .most_bytes = most_bytes};
}

struct rate_mark rate_sent(struct link_rate *rate, size_t size_bytes, size_t under_way, uint64_t now_ms)
{
    if (under_way == 0)
        rate->answered_sent_ms = now_ms;
    return (struct rate_mark){.sent_ms = now_ms,
                              .answered_bytes = rate->answered_bytes,
                              .answered_sent_ms = rate->answered_sent_ms,
                              .size_bytes = size_bytes,
                              .alone = under_way == 0 && size_bytes <= RATE_LEAST_WINDOW_BYTES,
                              .filled = 2 * (under_way + size_bytes) >= rate->window_bytes};
}

uint64_t rate_bytes_per_second(const struct link_rate *rate)
{
    uint64_t best = 0;
    for (size_t i = 0; i < RATE_ROUNDS; i++)
        if (rate->rounds[i] > best)
            best = rate->rounds[i];
    return best;
}

static void resize(struct link_rate *rate)
{
    uint64_t span_ms = rate->round_trip_ms + RATE_QUEUED_MS;
    if (span_ms < RATE_LEAST_WINDOW_MS)
        span_ms = RATE_LEAST_WINDOW_MS;
    if (span_ms > RATE_MOST_WINDOW_MS)
        span_ms = RATE_MOST_WINDOW_MS;
    uint64_t window = rate_bytes_per_second(rate) * span_ms / 1000;
    if (window > 2 * (uint64_t)rate->window_bytes)
        window = 2 * (uint64_t)rate->window_bytes;
    if (window > rate->most_bytes)
        window = rate->most_bytes;
    rate->window_bytes = window > RATE_LEAST_WINDOW_BYTES ? (size_t)window : RATE_LEAST_WINDOW_BYTES;
}

void rate_round_trip(struct link_rate *rate, uint64_t took_ms)
{
    rate->round_trip_ms = took_ms ? took_ms : 1;
}

void rate_answered(struct link_rate *rate, const struct rate_mark *mark, uint64_t now_ms)
{
    uint64_t took_ms = now_ms > mark->sent_ms ? now_ms - mark->sent_ms : 1;
    uint64_t sending_ms = mark->sent_ms - mark->answered_sent_ms;
    rate->answered_bytes += mark->size_bytes;
    rate->answered_sent_ms = mark->sent_ms;
    uint64_t sample =
        (rate->answered_bytes - mark->answered_bytes) * 1000 / (took_ms > sending_ms ? took_ms : sending_ms);
    if (mark->alone)
        rate_round_trip(rate, took_ms);
    if (!mark->filled && sample <= rate_bytes_per_second(rate))
        return;
    if (mark->sent_ms >= rate->round_began_ms) {
        rate->round = (rate->round + 1) % RATE_ROUNDS;
        rate->rounds[rate->round] = 0;
        rate->round_began_ms = now_ms;
    }
    if (sample > rate->rounds[rate->round])
        rate->rounds[rate->round] = sample;
    if (mark->filled)
        resize(rate);
}

void rate_renew(struct link_rate *rate)
{
    size_t window = rate->window_bytes;
    rate_start(rate, rate->most_bytes);
    if (window < rate->window_bytes)
        rate->window_bytes = window;
}

void rate_lost(struct link_rate *rate)
{
    size_t less = rate->window_bytes / 4;
    rate->window_bytes = less > RATE_LEAST_WINDOW_BYTES ? less : RATE_LEAST_WINDOW_BYTES;
}

uint64_t rate_room_ms(const struct link_rate *rate, size_t under_way, size_t size_bytes)
{
    const uint64_t all = (uint64_t)under_way + size_bytes, per_second = rate_bytes_per_second(rate);
    if (under_way == 0 || all <= rate->window_bytes)
        return 0;
    if (per_second == 0 || all > rate->most_bytes)
        return UINT64_MAX;
    uint64_t beyond_ms = (all - rate->window_bytes) * 1000 / per_second;
    if (beyond_ms > RATE_MOST_LATE_MS)
        return UINT64_MAX;
    return (uint64_t)rate->window_bytes * 1000 / per_second + beyond_ms;
}

size_t rate_chunk_bytes(const struct link_rate *rate)
{
    return rate->window_bytes / CHUNKS_IN_WINDOW;
}

size_t rate_next_bytes(const struct link_rate *rate, size_t under_way)
{
    size_t chunk = rate_chunk_bytes(rate);
    size_t left = under_way < rate->window_bytes ? rate->window_bytes - under_way : 0;
    return left < chunk && left >= chunk / 2 ? left : chunk;
}
