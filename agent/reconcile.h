/* Finding and mending what differs between a mirrored group and the hub, by buckets of the digest. */
#ifndef HOPNHAT_AGENT_RECONCILE_H
#define HOPNHAT_AGENT_RECONCILE_H

#include "agent/draft.h"
#include "agent/state.h"

#include "wire.pb-c.h"

/* How far a group has been compared. */
struct reconciliation {
    char group[LIMIT_GROUP_NAME_BYTES + 1]; /* empty: none is under way */
    uint32_t next, buckets;
    uint64_t rev; /* of the hub's first answer; 0: none yet */
};

/* Begins with the group. */
bool reconcile_begin(struct agent *agent, struct reconciliation *round, const char *group,
                     struct error *error);

/* The next question, in the arena, of about digest_bytes; goes over the whole mirror. NULL on error. */
Hopnhat__Reconcile *reconcile_ask(struct agent *agent, const struct reconciliation *round,
                                  size_t digest_bytes, size_t credit_bytes, struct arena *arena,
                                  struct error *error);

/* Takes the answer in one transaction. At the group's end its cursor stands at the rev of the first answer,
 * and round->group is empty. Errors: ERROR_CORRUPT for an answer that does not fit, the store's. */
bool reconcile_take(struct agent *agent, struct reconciliation *round, const Hopnhat__Reconciled *answer,
                    const uint64_t *replicas, size_t replica_count, struct error *error);

/* The hub will not speak of the group: it is read from the start, if it is still the office's. */
bool reconcile_give_up(struct agent *agent, struct reconciliation *round, struct error *error);

#endif
