/* Whose a replica is, as far as an office can know it: by the offices' records. */
#ifndef HOPNHAT_AGENT_WHOSE_H
#define HOPNHAT_AGENT_WHOSE_H

#include "agent/state.h"

struct whose {
    struct whose_replica {
        uint64_t replica;
        const char *office; /* its code, or headquarters; in the arena */
    } * list;
    size_t count, capacity;
};

/* Reads it in the snapshot, into the arena. False where memory was short (and errors of the store, which stay
 * in the snapshot): what was read till then is there all the same. */
bool whose_read(struct transaction *snapshot, struct arena *arena, struct whose *whose);

/* Code of the office whose replica it is, or "headquarters"; NULL: that is not known here. `rank` is that of
 * an entry of the replica, where there is one (else 0). */
const char *whose_office(const struct whose *whose, uint64_t replica, uint32_t rank);

#endif
