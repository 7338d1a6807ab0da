#include "base/throttle.h"

#include <stddef.h>

/* FNV-1a. Keys that collide share their waiting: no harm. */
static uint64_t hash_of(struct bytes key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static const struct throttle_row *find(const struct throttle *throttle, uint64_t hash)
{
    for (size_t i = 0; i < THROTTLE_KEYS; i++)
        if (throttle->rows[i].failures && throttle->rows[i].key == hash)
            return &throttle->rows[i];
    return NULL;
}

uint64_t throttle_wait_ms(const struct throttle *throttle, const struct throttle_rule *rule, struct bytes key,
                          uint64_t now_ms)
{
    const struct throttle_row *row = find(throttle, hash_of(key));
    if (!row || row->failures < rule->free || now_ms < row->failed_ms ||
        now_ms >= row->failed_ms + row->wait_ms)
        return 0;
    return row->failed_ms + row->wait_ms - now_ms;
}

/* The key's row, or one that is free, or else the one that failed longest ago. */
static struct throttle_row *take_row(struct throttle *throttle, uint64_t hash)
{
    struct throttle_row *chosen = &throttle->rows[0];
    for (size_t i = 0; i < THROTTLE_KEYS; i++) {
        struct throttle_row *row = &throttle->rows[i];
        if (row->failures && row->key == hash)
            return row;
        if (chosen->failures && (!row->failures || row->failed_ms < chosen->failed_ms))
            chosen = row;
    }
    *chosen = (struct throttle_row){.key = hash};
    return chosen;
}

void throttle_failed(struct throttle *throttle, const struct throttle_rule *rule, struct bytes key,
                     uint64_t now_ms)
{
    struct throttle_row *row = take_row(throttle, hash_of(key));
    if (row->failures && now_ms >= row->failed_ms + rule->forget_ms)
        *row = (struct throttle_row){.key = row->key};
    row->failed_ms = now_ms;
    if (row->failures < UINT32_MAX)
        row->failures++;
    if (row->failures >= rule->free)
        row->wait_ms = row->failures == rule->free ? rule->first_ms : 2 * row->wait_ms;
    if (row->wait_ms > rule->most_ms)
        row->wait_ms = rule->most_ms;
}

void throttle_succeeded(struct throttle *throttle, struct bytes key)
{
    uint64_t hash = hash_of(key);
    for (size_t i = 0; i < THROTTLE_KEYS; i++)
        if (throttle->rows[i].key == hash)
            throttle->rows[i] = (struct throttle_row){0};
}

bool budget_take(struct budget *budget, uint32_t burst, uint64_t every_ms, uint64_t now_ms)
{
    if (budget->full_ms < now_ms || budget->full_ms > now_ms + burst * every_ms)
        budget->full_ms = now_ms;
    if (budget->full_ms + every_ms > now_ms + burst * every_ms)
        return false;
    budget->full_ms += every_ms;
    return true;
}
