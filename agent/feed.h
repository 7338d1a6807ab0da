/* Down: applying a part of the feed, in one transaction with the cursors that it leads to. */
#ifndef HOPNHAT_AGENT_FEED_H
#define HOPNHAT_AGENT_FEED_H

#include "agent/draft.h"
#include "agent/state.h"

#include "wire.pb-c.h"

enum feed_outcome {
    FEED_APPLIED,
    FEED_LATE,      /* asked from cursors where the agent does not stand any more: nothing was done */
    FEED_MALFORMED, /* not a part at all: nothing was done; *error says why */
    FEED_FAILED,    /* the store failed: nothing was done; *error says why */
};

/* `replicas`: those of the session's Hello, in its order; the part's watermarks are theirs. At the head
 * agent->at_head and agent->digests_equal are set and agent->heads counts on; a group whose digest is not the
 * mirror's is marked for reconciliation. */
enum feed_outcome feed_apply(struct agent *agent, const Hopnhat__Feed *feed, const uint64_t *replicas,
                             size_t replica_count, struct error *error);

/* Whether the part starts from where the agent stands, so that feed_apply would not call it late. Changes
 * nothing. */
bool feed_fits(struct agent *agent, const Hopnhat__Feed *feed);

#endif
