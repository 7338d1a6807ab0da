/* The feeds of all groups as one, in the order of their revs. */
#ifndef HOPNHAT_HUB_FEED_MERGE_H
#define HOPNHAT_HUB_FEED_MERGE_H

#include "store/source.h"

/* As record_source.next. A record that left a group stands there under that rev too, so that those who follow
 * notice where it is in no group now; in one call each record comes once. */
bool feed_merge_next(struct transaction *snapshot, uint64_t after, struct source_row *rows, size_t most,
                     size_t *count, bool *all, struct error *error);

#endif
