/* What an operation on many records asks of the daemon: several changes in one transaction, which is on disk
 * as a whole or not at all. A table that the agent and the hub each fill in; see api/records.h for the rest.
 * Used from within one request: nothing else is written meanwhile. */
#ifndef HOPNHAT_API_BULK_H
#define HOPNHAT_API_BULK_H

#include "model/edit.h"
#include "store/environment.h"

struct bulk {
    unsigned imports; /* the database of former imports, in the transactions below */

    /* Begins; NULL on error. Ends with commit or abort. Rows may be put into `imports` of the transaction. */
    struct transaction *(*begin)(void *context, uint64_t wall_ms, struct error *error);
    bool (*commit)(void *context, struct error *error);
    void (*abort)(void *context);

    /* The transaction of the snapshot that records->begin has begun. */
    struct transaction *(*snapshot)(void *context);

    /* The record as people see it, in the arena. NULL: there is none, or the transaction has failed. */
    const Hopnhat__Record *(*get)(void *context, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                                  struct arena *arena);

    /* Visits all records of a type until visit returns false. The record lives for the visit. */
    bool (*scan)(void *context, uint32_t type, bool (*visit)(void *user, const Hopnhat__Record *record),
                 void *user, struct error *error);

    /* Whether an edit of a record that stands as `before` (NULL: there is none) would be taken:
     * ERROR_REFUSED, ERROR_INPUT and ERROR_LIMIT are about the edit. Changes nothing. */
    bool (*check)(void *context, const struct new_edit *edit, const Hopnhat__Record *before,
                  struct error *error);

    /* Makes the edits one change, and names it. After an error only abort is left. */
    bool (*change)(void *context, const struct new_edit *edits, size_t count, const char *author,
                   uint64_t wall_ms, struct dot *dot, struct error *error);
};

#endif
