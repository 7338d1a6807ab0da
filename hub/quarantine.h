/* Changes that were refused: what becomes of them is decided at headquarters, and kept on record. */
#ifndef HOPNHAT_HUB_QUARANTINE_H
#define HOPNHAT_HUB_QUARANTINE_H

#include "hub/state.h"
#include "model/entry.h"

#include "store.pb-c.h"

/* Who decides, for the record; texts may be NULL. */
struct decision {
    const char *author, *note;
    uint64_t wall_ms;
};

/* The row of the change, in the arena; NULL where it was never refused (or the transaction has failed). */
Hopnhat__Quarantined *quarantine_row(struct transaction *transaction, struct dot dot, struct arena *arena);

/* Whether the change was refused and has not been released since. */
bool quarantine_holds(struct transaction *transaction, struct dot dot, struct arena *arena);

/* What the operation that puts the entry supersedes, by its change in the log; nothing for a change that is
 * not well formed. In the arena; without memory the transaction fails. */
struct entry_list quarantine_superseded(struct transaction *transaction, struct entry_id id,
                                        struct arena *arena);

/* What headquarters has decided on the change, as its record says; WAITING: nothing. */
Hopnhat__QuarantineState quarantine_decided(struct transaction *transaction, struct dot dot,
                                            struct arena *arena);

/* Takes what was decided on the change into its row, for a hub that was restored. */
void quarantine_recall(struct transaction *transaction, Hopnhat__Quarantined *row, struct arena *arena);

/* Carries out decisions on changes that wait: after headquarters' own log has come back to a hub that was
 * restored. Each in a transaction of its own; what cannot be done waits on, and is logged. */
void quarantine_catch_up(struct hub *hub, uint64_t wall_ms);

/* Admits the change after all; durable when it returns. The feeds that are held open are answered at the next
 * hub_turn. The decision is a record of headquarters' own, in the group headquarters:decisions, where no
 * office is. ERROR_NOT_FOUND, ERROR_INPUT where it has been decided on, and whatever still stands against it:
 * then it stays as it was. */
bool quarantine_release(struct hub *hub, struct dot dot, const struct decision *decision,
                        struct error *error);

/* Decides that it stays refused. Errors as above. */
bool quarantine_drop(struct hub *hub, struct dot dot, const struct decision *decision, struct error *error);

#endif
