/* Taking over what is whole in a damaged store. */
#ifndef HOPNHAT_STORE_SALVAGE_H
#define HOPNHAT_STORE_SALVAGE_H

#include "store/environment.h"

/* Copies all rows of the database that are what was written from one environment to the other, where it is
 * empty; of pages that cannot be read, what comes before and after them. *lost is how many rows the database
 * had and has no more, as far as its own count can be believed. Blocks for long; damaged pages may end the
 * process. False: the store that is written failed. */
bool salvage_database(struct environment *from, struct environment *to, unsigned database, uint64_t *lost,
                      struct error *error);

#endif
