/* Where followers and queries read records from: a table that the agent and the hub each fill in over their
 * own store. Every function works in a snapshot of `environment` that the caller has begun and ends, and
 * touches nothing else, so that any thread may call it. */
#ifndef HOPNHAT_STORE_SOURCE_H
#define HOPNHAT_STORE_SOURCE_H

#include "base/arena.h"
#include "base/uuid.h"
#include "store/environment.h"

#include "record.pb-c.h"

/* What a snapshot is a snapshot of. */
struct source_head {
    uint64_t identity; /* another one: the store was restored, and its revs name other changes */
    uint64_t rev;      /* of the newest change */
    uint32_t catalog_tag;
};

/* A record that was changed at `rev`. */
struct source_row {
    uint64_t rev;
    uint32_t type;
    uint8_t id[RECORD_ID_BYTES];
};

/* Returns whether to go on. The record lives for the call. */
typedef bool source_visit(void *user, const Hopnhat__Record *record);

struct record_source {
    struct environment *environment;

    void (*head)(struct transaction *snapshot, struct source_head *head);

    /* The packed catalog in force; false where there is none yet. Lives as long as the snapshot. */
    bool (*catalog)(struct transaction *snapshot, struct bytes *packed);

    /* Fills in at most `most` rows with revs above `after`, ascending: each record once, at its latest rev.
     * *all tells that nothing follows the last one. Errors: ERROR_MEMORY, ERROR_CORRUPT, the store's. */
    bool (*next)(struct transaction *snapshot, uint64_t after, struct source_row *rows, size_t most,
                 size_t *count, bool *all, struct error *error);

    /* The record as people see it, in the arena; *record is NULL where there is none (any more).
     * ERROR_CORRUPT where it cannot be unpacked: the snapshot can be used on. */
    bool (*read)(struct transaction *snapshot, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                 struct arena *arena, const Hopnhat__Record **record, struct error *error);

    /* Visits the records of a type in the order of their ids, from the first after `after` (NULL: from the
     * start), until visit returns false. ERROR_CORRUPT as above. */
    bool (*scan)(struct transaction *snapshot, uint32_t type, const uint8_t *after, source_visit *visit,
                 void *user, struct error *error);
};

#endif
