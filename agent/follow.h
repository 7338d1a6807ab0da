/* The agent's views: indexes for search and sorting, kept up to date. */
#ifndef HOPNHAT_AGENT_FOLLOW_H
#define HOPNHAT_AGENT_FOLLOW_H

#include "agent/state.h"
#include "store/follow.h"

/* Opens the views of the agent's store, with a thread that follows it, or (a tool's) without. Call
 * follow_wake after commits, and follow_close before agent_close. As follow_open. */
struct follow *agent_follow(const struct agent *agent, bool thread, struct error *error);

#endif
