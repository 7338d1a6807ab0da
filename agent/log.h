/* The own logs: changes as they were made, their chain, what became of them at the hub. Errors stay in the
 * transaction. */
#ifndef HOPNHAT_AGENT_LOG_H
#define HOPNHAT_AGENT_LOG_H

#include "agent/state.h"
#include "model/change.h"
#include "model/entry.h"

#include "store.pb-c.h"

/* The row of a change, unpacked into the arena; NULL where there is none. */
Hopnhat__LogRow *log_row(struct transaction *transaction, struct dot dot, struct arena *arena);

/* The same as a change. False where there is none. */
bool log_change(struct transaction *transaction, struct dot dot, struct arena *arena, struct change *change);

/* The chain's link after `seq` (at most log->head). False: the store failed. */
bool log_link(struct transaction *transaction, const struct own_log *log, uint64_t seq,
              uint8_t link[LINK_BYTES], struct arena *arena);

/* Appends `stored`, which `change` was unpacked from and whose dot is the log's next. The row has the times
 * of `times`. */
void log_append(struct transaction *transaction, struct own_log *log, const struct change *change,
                struct bytes stored, const Hopnhat__LogRow *times);

/* Takes note of the time at which the change was admitted; the lowest known counts. */
void log_admitted(struct transaction *transaction, struct dot dot, uint64_t admitted, struct arena *arena);

/* Removes the rows after `seq`, which becomes the head. */
void log_cut(struct transaction *transaction, struct own_log *log, uint64_t seq, struct arena *arena);

bool log_is_refused(struct transaction *transaction, struct dot dot);

/* Whether the op that put this entry belongs to a refused own change; then *superseded (in the arena) is what
 * it superseded. */
bool log_refused(struct transaction *transaction, struct entry_id id, struct arena *arena,
                 struct entry_list *superseded);

/* A record, or the changed fields of one, as the hub has it now: own changes that stand in it were released
 * from quarantine if they were ever refused, and are refused no more. */
void log_release(const struct agent *agent, struct transaction *transaction, const Hopnhat__Record *record);

/* Stores the hub's refusals of changes that are ours; their drafts fall back. `in_order`: the hub tells all
 * of them, rising (a Welcome, a Feed), so that those up to here count as heard. */
void log_refuse(struct agent *agent, struct transaction *transaction, Hopnhat__Refusal *const *refusals,
                size_t count, bool in_order);

#endif
