/* Finding what differs between a group here and an agent's mirror of it, by buckets of the digest. */
#ifndef HOPNHAT_HUB_RECONCILE_H
#define HOPNHAT_HUB_RECONCILE_H

#include "hub/feed.h"

/* Compares, in one snapshot, the buckets that the request speaks of and answers with the differing ones,
 * whole, as many as fit its credit (one at least). Reads every record of the group. Errors: ERROR_REFUSED
 * where the office is not in the group, ERROR_CORRUPT for a request that is not well formed, the store's. */
bool reconcile_group(struct hub *hub, const struct feed_reader *reader, const Hopnhat__Reconcile *request,
                     struct arena *arena, Hopnhat__Reconciled **answer, struct error *error);

#endif
