/* Which rows of the feed are of urgent records, over all groups, by rev: what is sent ahead of its turn is
 * found here. Only a list of hints: a row that is missing, or names what is not in the feed any more, costs
 * nobody but time. */
#ifndef HOPNHAT_HUB_URGENT_H
#define HOPNHAT_HUB_URGENT_H

#include "hub/state.h"
#include "model/urgency.h"

/* The rev of its newest row; 0: there is none. */
uint64_t urgent_last(struct transaction *transaction);

/* The record has its row in the feed of its group at the hub's present rev; it leaves the one of that rev. */
void urgent_put(struct hub *hub, struct transaction *transaction, const Hopnhat__Record *record);
void urgent_remove(struct hub *hub, struct transaction *transaction, uint64_t rev);

struct urgent_row {
    uint64_t rev;
    enum urgency urgency;
    char group[LIMIT_GROUP_NAME_BYTES + 1];
};

/* The row where the cursor stands. False: it is not one. */
bool urgent_read(const struct cursor *cursor, struct urgent_row *row);

#endif
