/* What one step of a follower writes: gathered record by record, then applied in the order of the keys, which
 * lets LMDB touch each page once. */
#ifndef HOPNHAT_STORE_VIEW_CHANGES_H
#define HOPNHAT_STORE_VIEW_CHANGES_H

#include "store/contribution.h"

struct view_change;

struct count_change {
    uint32_t type;
    int64_t difference;
};

struct view_changes {
    struct arena arena; /* of keys and values */
    struct view_change *changes;
    size_t count, capacity;
    struct count_change *counts; /* of records that are not deleted */
    size_t count_types;
};

/* Makes it empty; allocates nothing. It must not move afterwards. */
void view_changes_init(struct view_changes *changes);

/* Gives all memory back. It can be used again. */
void view_changes_release(struct view_changes *changes);

/* Forgets the changes and keeps the memory. */
void view_changes_reset(struct view_changes *changes);

/* How many rows are to be written. */
static inline size_t view_changes_count(const struct view_changes *changes)
{
    return changes->count;
}

/* Notes what has to be done so that a record that put in `before` (NULL: nothing) puts in `now`. A record may
 * be added once only. `scratch` is of no use to it afterwards. Errors: ERROR_MEMORY, ERROR_LIMIT. */
bool view_changes_add(struct view_changes *changes, uint32_t type, const uint8_t id[16],
                      const struct contribution *before, const struct contribution *now,
                      struct arena *scratch, struct error *error);

/* Does all of it in the transaction of the views. Errors stay in the transaction. */
void view_changes_apply(struct view_changes *changes, struct transaction *transaction);

#endif
