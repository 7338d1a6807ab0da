/* The changes that a log need not have any more: runs of them, rising. Between two of them the log is whole.
 */
#ifndef HOPNHAT_MODEL_GAPS_H
#define HOPNHAT_MODEL_GAPS_H

#include "model/change.h"

struct gap {
    uint64_t from, to;
    uint8_t link[LINK_BYTES]; /* the chain's, at `to` */
};

/* All zeros: none. Freed with gaps_free. */
struct gaps {
    struct gap *list;
    size_t count;
};

/* Adds one behind the others; where no change lies between, the last grows. False: out of memory. */
bool gaps_add(struct gaps *gaps, uint64_t from, uint64_t to, const uint8_t link[LINK_BYTES]);

/* The gap that the change is in; NULL: in none. */
const struct gap *gaps_at(const struct gaps *gaps, uint64_t seq);

/* Leaves none. */
void gaps_free(struct gaps *gaps);

#endif
