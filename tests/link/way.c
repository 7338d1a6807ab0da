#include "way.h"

#include <stdlib.h>
#include <string.h>

struct packet {
    struct packet *next;
    uint64_t due_us;
    size_t size;
    uint8_t bytes[];
};

void way_init(struct way *way, const struct shape *shape, uint64_t seed)
{
    *way = (struct way){.shape = shape, .chance = seed};
    way->last = &way->first;
}

/* 0 … 1, 1 excluded. SplitMix64 (Steele, Lea, Flood 2014). */
static double draw(struct way *way)
{
    uint64_t bits = way->chance += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((bits ^ bits >> 31) >> 11) / (double)(UINT64_C(1) << 53);
}

/* When a packet that is sent by sent_us arrives. */
static uint64_t arrival(struct way *way, uint64_t sent_us)
{
    const struct shape *shape = way->shape;
    double moved = (2 * draw(way) - 1) * (double)shape->jitter_us + (double)shape->delay_us;
    uint64_t due_us = sent_us + (moved > 0 ? (uint64_t)moved : 0);
    return due_us > way->arrived_us ? due_us : way->arrived_us;
}

bool way_put(struct way *way, uint64_t now_us, const uint8_t *bytes, size_t size)
{
    const struct shape *shape = way->shape;
    uint64_t starts_us = way->idle_us > now_us ? way->idle_us : now_us;
    if (shape->rate_bits && (starts_us - now_us) * shape->rate_bits / 8000000 + size > shape->queue_bytes) {
        way->overflowed++;
        return true;
    }
    way->idle_us = starts_us + (shape->rate_bits ? size * 8000000 / shape->rate_bits : 0);
    if (draw(way) < shape->loss) { /* on the way: it took its time to be sent all the same */
        way->lost++;
        return true;
    }
    struct packet *packet = malloc(sizeof *packet + size);
    if (!packet)
        return false;
    memcpy(packet->bytes, bytes, size);
    packet->next = NULL;
    packet->size = size;
    packet->due_us = way->arrived_us = arrival(way, way->idle_us);
    *way->last = packet;
    way->last = &packet->next;
    return true;
}

const uint8_t *way_first(const struct way *way, uint64_t now_us, size_t *size)
{
    if (!way->first || way->first->due_us > now_us)
        return NULL;
    *size = way->first->size;
    return way->first->bytes;
}

void way_drop_first(struct way *way)
{
    struct packet *packet = way->first;
    way->first = packet->next;
    if (!way->first)
        way->last = &way->first;
    free(packet);
}

uint64_t way_due_us(const struct way *way)
{
    return way->first ? way->first->due_us : UINT64_MAX;
}

void way_cut(struct way *way, uint64_t now_us)
{
    while (way->first) {
        way_drop_first(way);
        way->lost++;
    }
    way->idle_us = way->arrived_us = now_us;
}
