/* What two texts of a field come from, by the log. */
#ifndef HOPNHAT_HUB_TEXT_BASE_H
#define HOPNHAT_HUB_TEXT_BASE_H

#include "base/arena.h"
#include "model/entry.h"
#include "store/environment.h"

enum text_base_found {
    TEXT_BASE_NONE,    /* none within LIMIT_TEXT_ANCESTORS entries, or not readable any more */
    TEXT_BASE_COMMON,  /* `text` is what both authors altered */
    TEXT_BASE_DECIDED, /* one of the two is the hub's own, and who wrote `decision`, the other one, saw all
                          that it was made of */
};

struct text_base {
    enum text_base_found found;
    struct bytes text;
    const Hopnhat__Entry *decision;
};

/* The latest entry (by admitted time, then id: so as people were shown it) that both supersede, through any
 * number of entries between. Where an entry on the way is not in the log (yet), there is none. What is found
 * is the arena's or the entries'. Errors: ERROR_MEMORY; those of the store are left in the transaction. */
bool text_base_find(struct transaction *transaction, const Hopnhat__Entry *left, const Hopnhat__Entry *right,
                    struct arena *arena, struct text_base *base, struct error *error);

#endif
