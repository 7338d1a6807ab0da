/* The keys of a join under way, in the file DATA/joining: if the hub's answer is lost, the same command asks
 * for it by these keys, and the code is not used up in vain. */
#ifndef HOPNHAT_AGENT_JOINING_H
#define HOPNHAT_AGENT_JOINING_H

#include "agent/join.h"

/* Takes the keys that an earlier attempt with this code kept into *join and sets join->again, or keeps those
 * that join_begin drew; on disk when it returns. ERROR_STORE, ERROR_MEMORY. */
bool joining_keep(const char *data, struct join *join, struct error *error);

/* The store has been made: forgets them. */
void joining_forget(const char *data);

#endif
