/* The environment of views: what is derived from the records of a store and can be dropped and built again at
 * any time. One thread builds it (view_builder.h), any thread reads it (query_*.h). */
#ifndef HOPNHAT_STORE_VIEWS_H
#define HOPNHAT_STORE_VIEWS_H

#include "store/contribution.h"
#include "store/source.h"

#include <stdatomic.h>

enum { VIEWS_SHAPE_BYTES = 16 };

/* What the views were made from, as of one snapshot of them. */
struct views_state {
    uint64_t identity; /* of the source */
    uint64_t position; /* every change up to this rev is in them */
    uint64_t target;   /* the head when they were begun; below it they are still being built */
    uint64_t skipped;  /* records that could not be taken */
    uint8_t shape[VIEWS_SHAPE_BYTES];
};

struct views {
    struct environment *environment;
    struct record_source source; /* copied */
    char *directory;
    bool unsynced; /* by the one who builds them: see views_unsynced */
    /* As of the last commit, for every thread. */
    _Atomic uint64_t position, target, skipped;
};

/* Opens the views in the directory for the source, whose environment must live as long; where they cannot be
 * read they are made anew. The caller ends it with views_close, after all who use it. NULL: ERROR_STORE,
 * ERROR_FULL, ERROR_MEMORY. */
struct views *views_open(const char *directory, uint64_t map_bytes, const struct record_source *source,
                         struct error *error);
void views_close(struct views *views); /* NULL is allowed */

/* For the one who builds them. Whether the next commit may leave the disk for later: a mark beside the views
 * says so from then on, and views that are opened with it are made anew. False: the mark could not be made.
 */
bool views_unsynced(struct views *views);

/* Brings all to the disk that commits left for later, and the mark goes; nothing where there is none. Blocks
 * on the disk. */
bool views_sync(struct views *views, struct error *error);

struct verify;

/* Looks at the views in the directory, which another process may hold: breaks go to *verify. None, where
 * there are none. Blocks for long; damaged pages may end the process. False: they could not be looked at. */
bool views_verify(const char *directory, struct verify *verify, struct error *error);

/* How many revs the views are behind the source's head `rev`, for admission to hold back. What they have to
 * catch up with since they were begun anew does not count: queries then do without them. */
uint64_t views_lag(const struct views *views, uint64_t rev);

/* What a view looks like under a catalog and a collation: two of the same shape have the same rows for the
 * same records. */
void views_shape(const struct catalog *catalog, const struct collation *collation,
                 uint8_t shape[VIEWS_SHAPE_BYTES]);

/* In a transaction of the views. False: there are none yet. */
bool views_load_state(struct transaction *transaction, struct views_state *state);
void views_save_state(struct transaction *transaction, const struct views_state *state);

/* How many records of the type are not deleted, as of the views' position. Errors: the store's. */
bool views_count(struct views *views, uint32_t type, uint64_t *count, struct error *error);

#endif
