/* The hub's records as followers and queries read them: all groups together. Records whose group is not known
 * are in no feed, and not here either. */
#ifndef HOPNHAT_HUB_SOURCE_H
#define HOPNHAT_HUB_SOURCE_H

#include "store/source.h"

/* A source over the hub's store (enum hub_database). It holds nothing but the environment. */
struct record_source hub_source(struct environment *environment);

#endif
