/* The groups that the office is in, as the feed lists them, and how far the agent has read each. */
#ifndef HOPNHAT_AGENT_FEED_GROUPS_H
#define HOPNHAT_AGENT_FEED_GROUPS_H

#include "agent/draft.h"
#include "agent/state.h"

#include "wire.pb-c.h"

/* The listed group at that place; NULL where there is none. */
struct agent_group *feed_group(struct agent *agent, uint32_t place);

/* Whether a listed group has to be reconciled; *group is the first of them in the list (may be NULL). */
bool feed_needs_reconcile(struct agent *agent, struct agent_group **group);

/* Whether a part's list of groups may be one. */
bool feed_groups_are_sound(const Hopnhat__Feed *feed);

/* The part's list, where it has one, is the office's from now on: the records of other groups go, and a new
 * one starts at (0, 0). False: ERROR_LIMIT. What is in memory is right only if the transaction commits. */
bool feed_groups_take(struct agent *agent, struct transaction *transaction, const Hopnhat__Feed *feed,
                      const struct marks *marks, struct error *error);

/* Where the agent stands, as a part says where it begins. */
uint32_t feed_cursors_hash(struct agent *agent);

/* Moves the cursors as the part says; where it ends at the head (not 0), all of them to that rev. False: they
 * cannot be, and some may have moved. */
bool feed_cursors_move(struct agent *agent, const Hopnhat__Feed *feed, uint64_t head);

#endif
