/* The agent's records as followers and queries read them: as people see them, with own changes that the hub
 * does not have yet. */
#ifndef HOPNHAT_AGENT_SOURCE_H
#define HOPNHAT_AGENT_SOURCE_H

#include "store/source.h"

/* A source over the agent's store (enum agent_database). It holds nothing but the environment. */
struct record_source agent_source(struct environment *environment);

#endif
