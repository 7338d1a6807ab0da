/* Sealed pieces of headquarters' log, kept for the hub's rescue. An agent cannot read them. */
#ifndef HOPNHAT_AGENT_CUSTODY_H
#define HOPNHAT_AGENT_CUSTODY_H

#include "agent/state.h"
#include "store/pieces.h"

/* What the hub wants back. */
struct custody_want {
    uint64_t replica, from; /* replica 0: nothing */
    bool takes_parts;       /* it says what it holds of a piece that comes in parts: */
    struct pieces_held held;
};

/* Whether anything is kept. */
bool custody_holds(struct transaction *transaction);

/* What is kept, as Custody.have: runs without gaps, three numbers each; in the arena. Errors stay in the
 * transaction. */
void custody_list(struct transaction *transaction, Hopnhat__Custody *custody, struct arena *arena);

/* Adds the pieces of that replica that hold `from` and what follows, as many as fit most_bytes, but one; or,
 * where that one is much larger and the hub has said what it holds of it, a part of it. In the arena. Returns
 * their size in bytes. */
size_t custody_give(struct transaction *transaction, const struct custody_want *want, size_t most_bytes,
                    Hopnhat__Custody *custody, struct arena *arena);

/* Keeps and drops what the hub says, in one transaction of its own. *full: something of it was not kept, as
 * LIMIT_CUSTODY_PIECES are held or it cannot be; else as it was. False: the store's errors. */
bool custody_take(struct agent *agent, const Hopnhat__Custody *custody, bool *full, struct error *error);

#endif
