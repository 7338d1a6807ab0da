/* The echo of an agent's own changes in the feed: what the agent can make of its own log is not sent back to
 * it, but named (Feed.own, docs/protocol.md). Pure. */
#ifndef HOPNHAT_MODEL_ECHO_H
#define HOPNHAT_MODEL_ECHO_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* An edit in an own change: applied to the mirrored record, it makes of it what the hub has. */
struct echo {
    uint32_t group; /* position in the session's groups */
    uint32_t log;   /* position in the Hello's logs */
    uint64_t seq, rev;
    uint32_t edit, rank; /* rank: 0 to 3 */
    int64_t moved_ms;    /* admitted time less claimed time; their counters are the same */
};

enum { ECHO_NUMBERS = 6 };

/* The numbers of Feed.own, in the arena, for a part that is read at `watermark` (of the first log) and ends
 * at the head rev (0: not at the head). NULL: out of memory. */
uint64_t *echo_pack(const struct echo *echoes, size_t count, uint64_t watermark, uint64_t head,
                    struct arena *arena);

/* The echo at `place` of these numbers, to be read in order: *before is the one that was read before; at
 * place 0 it is filled in here. False for what cannot be. */
bool echo_unpack(const uint64_t *numbers, size_t place, uint64_t watermark, uint64_t head,
                 const struct echo *before, struct echo *echo);

#endif
