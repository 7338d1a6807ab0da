/* Sealed pieces of headquarters' log, kept for the hub's rescue. An agent cannot read them. */
#ifndef HOPNHAT_AGENT_CUSTODY_H
#define HOPNHAT_AGENT_CUSTODY_H

#include "agent/state.h"

enum { CUSTODY_GIVE_BYTES = 256 * 1024 }; /* given back in one message, but one piece at least */

/* Whether anything is kept. */
bool custody_holds(struct transaction *transaction);

/* What is kept, as Custody.have: runs without gaps, three numbers each; in the arena. Errors stay in the
 * transaction. */
void custody_list(struct transaction *transaction, Hopnhat__Custody *custody, struct arena *arena);

/* Adds the pieces of that replica that hold `from` and what follows, as many as fit one message; in the
 * arena. */
void custody_give(struct transaction *transaction, uint64_t replica, uint64_t from, Hopnhat__Custody *custody,
                  struct arena *arena);

/* Keeps and drops what the hub says, in one transaction of its own. False: the store's errors. */
bool custody_take(struct agent *agent, const Hopnhat__Custody *custody, struct error *error);

#endif
