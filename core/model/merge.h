/* The merge: one rule for the hub and for an agent's draft. It never looks at a value (a counter's total
 * apart) and asks the store two questions only. Pure. */
#ifndef HOPNHAT_MODEL_MERGE_H
#define HOPNHAT_MODEL_MERGE_H

#include "model/bag.h"
#include "model/change.h"

/* What the merge asks about an entry that a change supersedes and that is not in the bag. Where a function is
 * NULL (an agent's draft), everything has been seen or nothing has been refused. A function that cannot
 * answer for a failing store may answer anything: the store's transaction then does not commit. */
struct merge_source {
    void *context;
    /* Has the change that put this entry come (admitted or refused)? */
    bool (*seen)(void *context, struct entry_id id);
    /* Was it refused? Then *superseded is what its operation superseded, in the arena. */
    bool (*refused)(void *context, struct entry_id id, struct arena *arena, struct entry_list *superseded);
};

/* What the one who applies a change adds to its entries. */
struct merge_stamp {
    uint64_t time;
    uint32_t rank;
    uint64_t rev; /* 0: in a draft */
};

/* Applies edit number `edit` of the change to the record, whose fields and bags it alters in place. An op
 * whose value has been erased puts nothing. Applied again at once it does nothing new, unless it waited among
 * the absent; that no older change is applied again is the caller's business, whose watermarks tell. A
 * refused change that is released is applied like any other. Errors (the record is then half altered: throw
 * it away): ERROR_LIMIT where a bag would pass its bound, ERROR_CORRUPT for a counter that is no number,
 * ERROR_MEMORY. */
bool merge_edit(Hopnhat__Record *record, const struct change *change, size_t edit,
                const struct merge_stamp *stamp, const struct merge_source *source, struct arena *arena,
                struct error *error);

/* What a refused edit leaves behind: where one of its entries is remembered as absent, what its operation
 * superseded is dropped after all; the entry itself stays absent, so that a release does not bring it back.
 * *altered tells whether the record changed; `rev` marks the fields. What would pass a bound is let go: a
 * refused change never holds up its log. Errors: ERROR_MEMORY. */
bool merge_refused_edit(Hopnhat__Record *record, const struct change *change, size_t edit, uint64_t rev,
                        const struct merge_source *source, struct arena *arena, bool *altered,
                        struct error *error);

#endif
