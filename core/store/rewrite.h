/* Writing a store anew, row by row. LMDB leaves the bytes of what was removed in free pages and in the gaps
 * of others, and a compact copy takes the gaps along; only rows that are put into a new file hold nothing
 * else. Done when a store is opened, in the process that alone holds it. */
#ifndef HOPNHAT_STORE_REWRITE_H
#define HOPNHAT_STORE_REWRITE_H

#include "store/environment.h"

/* The store and its views, in the data directory. */
struct rewrite {
    const char *data; /* the data directory; the store is DATA/store, the views are DATA/views */
    const char *const *names;
    size_t name_count;
    unsigned meta; /* the database that holds the plan */
    uint64_t map_bytes;
};

/* Plans it, in the transaction: for the next opening. */
void rewrite_plan(struct transaction *transaction, unsigned meta);

/* Whether it is planned. */
bool rewrite_is_due(struct transaction *transaction, unsigned meta);

/* Where it is planned, writes the store anew, in the place of the old file, and removes the views, which are
 * built again. Takes the open environment and returns one in its place: the same where nothing was planned,
 * and where it did not succeed (the disk has no room for a second store): that is logged, and tried again at
 * the next opening. NULL on error; then the environment is closed. Blocks for as long as writing all rows
 * takes. */
struct environment *rewrite_if_due(struct environment *environment, const struct rewrite *rewrite,
                                   struct error *error);

#endif
