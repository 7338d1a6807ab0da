/* What headquarters has erased leaves this store too: the own log (its chain stays as it was), drafts, what
 * is kept of outvoted values, refusals and imports. The mirror follows by the feed, and once the hub's head
 * is reached the store is to be written anew (store/rewrite.h). Errors stay in the transaction. */
#ifndef HOPNHAT_AGENT_ERASURE_H
#define HOPNHAT_AGENT_ERASURE_H

#include "agent/state.h"
#include "model/erasure.h"

/* What was erased of the record; NULL: nothing that this office has heard of. In the arena. */
Hopnhat__Record *agent_erasure(struct transaction *transaction, uint32_t type,
                               const uint8_t id[RECORD_ID_BYTES], struct arena *arena);

/* An erasure's record has come from the hub: takes the values out of what is kept beside the log, and has the
 * log looked through at the commit. */
void erasure_come(struct agent *agent, struct transaction *transaction, const Hopnhat__Record *erasure);

/* At the commit of a transaction in which erasures came: looks through all own logs. */
void erasure_clean_logs(struct agent *agent, struct transaction *transaction);

/* The hub's head has been reached and the digests are equal: nothing in the mirror is older than the erasures
 * that have come, and the store may be written anew. */
void erasure_at_head(struct agent *agent, struct transaction *transaction);

#endif
