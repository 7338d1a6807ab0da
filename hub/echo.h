/* The echo of an agent's own changes: what the agent can make of its own log need not be sent back to it. */
#ifndef HOPNHAT_HUB_ECHO_H
#define HOPNHAT_HUB_ECHO_H

#include "hub/feed.h"
#include "model/echo.h"

/* Whether the record (as stored) is what the reader has at `base` with one of its own changes applied, and
 * nothing else; `whole`: the reader does not have it. Fills in *echo but for the group. Where it cannot tell
 * it says no. */
bool echo_find(struct transaction *transaction, const struct feed_reader *reader,
               const Hopnhat__Record *record, uint64_t base, bool whole, struct arena *arena,
               struct echo *echo);

#endif
