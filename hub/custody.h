/* Headquarters' own log in the custody of agents: sealed pieces, which they keep and give back to a hub that
 * was restored. A hub that has been restored is quiet (Push, Pull and Reconcile are answered Busy) until
 * enough agents have given back what they hold, or nothing has come for a time: nobody is refused by rights,
 * or shown records, that headquarters had changed since the backup. */
#ifndef HOPNHAT_HUB_CUSTODY_H
#define HOPNHAT_HUB_CUSTODY_H

#include "hub/session.h"

#include <jansson.h>

enum {
    CUSTODIANS = 3, /* agents that hold each change, where there are so many */
    CUSTODY_PIECE_BYTES =
        128 * 1024, /* a piece closes at this size or the agent's credit, but holds one change */
    CUSTODY_PIECE_CHANGES = 1000,
    CUSTODY_RETRY_MS = 1000,          /* who says anything else meanwhile comes again */
    CUSTODY_MOST_WAIT_MS = 60 * 1000, /* of a restored hub while nothing comes, unless told otherwise */
};

/* Takes back what the agent gives, and answers with what else it is to give, keep or drop. */
void custody_receive(struct hub *hub, struct hub_session *session, uint32_t request,
                     const Hopnhat__Custody *custody, uint64_t wall_ms, const struct hub_outlet *outlet);

/* Chooses the agents that keep the log, where anything has changed; to be called in each turn. */
void custody_turn(struct hub *hub);

/* Whether there is something for this agent to keep, and it has not been told. */
bool custody_waits(const struct hub *hub, const struct hub_session *session);

/* Whether the hub has been restored and is to be quiet for now. */
bool custody_is_awaited(struct hub *hub);

/* Whether headquarters' log goes on with a change that agents hold beyond a gap: what lies between is lost.
 * While the hub waits, all that it waits for have to have come, and of these the one that holds most gives.
 */
bool custody_gap_counts(const struct hub *hub, const struct replica *replica, uint64_t first);

/* Adds what status tells: not_in_custody, custody_awaited. */
void custody_status(struct hub *hub, json_t *status);

#endif
