/* The hub's views: indexes for search and sorting, kept up to date beside admission. */
#ifndef HOPNHAT_HUB_FOLLOW_H
#define HOPNHAT_HUB_FOLLOW_H

#include "hub/state.h"
#include "store/follow.h"

/* Opens the views of the hub's store, with a thread that follows it, or (a tool's) without. Call follow_wake
 * after commits, and follow_close before hub_close. As follow_open. */
struct follow *hub_follow(const struct hub *hub, bool thread, struct error *error);

#endif
