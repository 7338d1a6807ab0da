/* How the indexes stand, as part of a daemon's status. */
#ifndef HOPNHAT_API_INDEX_STATUS_H
#define HOPNHAT_API_INDEX_STATUS_H

#include "store/follow.h"

#include <jansson.h>

/* Adds to the status object: index_behind (changes that search and sort indexes do not hold yet; questions
 * look at these one by one), index_building, index_skipped (records that could not be read), index_trouble (a
 * text). `rev` is the store's. Nothing where follow is NULL. ERROR_MEMORY. */
bool index_status_add(json_t *status, struct follow *follow, uint64_t rev, struct error *error);

#endif
