/* Forgetting what is in the oldest backup that headquarters still keeps. */
#ifndef HOPNHAT_AGENT_TRIM_H
#define HOPNHAT_AGENT_TRIM_H

#include "agent/state.h"

/* Removes changes up to `safe` from the own logs, a bounded number at a time, in a transaction of its own.
 * Kept are those that were refused, and those whose values stand as outvoted; nothing is removed while there
 * are drafts, which are made of changes. Costs nothing where there is nothing to remove. False: the store
 * failed. */
bool agent_trim(struct agent *agent, struct error *error);

#endif
