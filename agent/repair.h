/* An agent's store made anew from what is whole in a damaged one; headquarters has the rest. */
#ifndef HOPNHAT_AGENT_REPAIR_H
#define HOPNHAT_AGENT_REPAIR_H

#include "agent/state.h"

/* Makes fresh/store out of the store in the directory `damaged` (the one with data.mdb): identity, own logs,
 * mirror, drafts and all else that is whole. What follows from the mirror is built again, and every group is
 * marked to be compared with headquarters, which sends what is missing. Of the own logs, damaged changes that
 * headquarters has acknowledged count as trimmed; one that it has not is lost, and what came after it is
 * authored again. `told` hears what was lost. Blocks for long; damaged pages may end the process.
 * ERROR_CORRUPT: what an agent cannot do without is damaged. */
bool agent_repair(const char *damaged, const char *fresh, void (*told)(void *context, const char *text),
                  void *context, struct error *error);

#endif
