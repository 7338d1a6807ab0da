/* Logs whose chain parts from the hub's: a disk image was put back, or a machine was cloned. What comes after
 * the point where the chains part is authored again under a new replica number; nothing is lost, and no dot
 * names two changes. */
#ifndef HOPNHAT_AGENT_REAUTHOR_H
#define HOPNHAT_AGENT_REAUTHOR_H

#include "agent/state.h"

struct fork {
    uint64_t replica;
    uint64_t common; /* the last seq at which both chains are the same; 0: none */
};

/* Cuts each log to its common part and logs what followed (but for what the hub refused) at the end of one
 * new log, oldest first: same edits, values, times and authors, and what they supersede of each other under
 * its new name. One transaction. */
bool agent_reauthor(struct agent *agent, const struct fork *forks, size_t count, struct error *error);

#endif
