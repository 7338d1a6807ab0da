#include "model/echo.h"

static uint64_t zigzag(int64_t number)
{
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t number)
{
    return (int64_t)(number >> 1 ^ (number & 1 ? UINT64_MAX : 0));
}

uint64_t *echo_pack(const struct echo *echoes, size_t count, uint64_t watermark, uint64_t head,
                    struct arena *arena)
{
    uint64_t *packed = arena_alloc(arena, ECHO_NUMBERS * count * sizeof *packed), *to = packed;
    uint64_t seq = watermark, rev = head;
    for (size_t i = 0; packed && i < count; i++) {
        const struct echo *echo = &echoes[i];
        *to++ = (uint64_t)echo->group << 2 | echo->rank;
        *to++ = echo->log;
        *to++ = zigzag((int64_t)(echo->seq - seq));
        *to++ = echo->edit;
        *to++ = zigzag((int64_t)(echo->rev - rev));
        *to++ = zigzag(echo->moved_ms);
        seq = echo->seq + 1;
        rev = echo->rev + 1;
    }
    return packed;
}

bool echo_unpack(const uint64_t *numbers, size_t place, uint64_t watermark, uint64_t head,
                 const struct echo *before, struct echo *echo)
{
    const uint64_t *from = numbers + ECHO_NUMBERS * place;
    if (from[0] >> 2 > UINT32_MAX || from[1] > UINT32_MAX || from[3] > UINT32_MAX)
        return false;
    *echo = (struct echo){
        .group = (uint32_t)(from[0] >> 2),
        .log = (uint32_t)from[1],
        .seq = (place ? before->seq + 1 : watermark) + (uint64_t)unzigzag(from[2]),
        .edit = (uint32_t)from[3],
        .rank = from[0] & 3,
        .rev = (place ? before->rev + 1 : head) + (uint64_t)unzigzag(from[4]),
        .moved_ms = unzigzag(from[5]),
    };
    return echo->seq != 0 && echo->rev != 0;
}
