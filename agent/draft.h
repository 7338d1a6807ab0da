/* Drafts: a mirrored record with own later changes applied. Errors stay in the transaction.
 *
 * Draft.pending lists the changes that are not (known to be) in the mirror, in the order in which they were
 * made. One with index 1 is in the mirror already, though the hub, restored from a backup, does not have it:
 * it is applied only from the next time on that the hub's state of the record comes without it. */
#ifndef HOPNHAT_AGENT_DRAFT_H
#define HOPNHAT_AGENT_DRAFT_H

#include "agent/log.h"
#include "agent/state.h"

/* Watermarks of own logs in the snapshot that something was read in. */
struct marks {
    const uint64_t *replicas, *watermarks;
    size_t count;
    const struct change *at_hand; /* one of these logs that is unpacked already; NULL: none is */
};

/* The drafted record, in the arena; NULL where there is no draft. */
Hopnhat__Record *draft_get(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                           struct arena *arena);

/* Applies a new own change to the record: stores its draft, and shows it. `before` is what people see now
 * (NULL: nothing), and is not altered. ERROR_LIMIT, ERROR_MEMORY, ERROR_CORRUPT: the transaction has to be
 * aborted. */
bool draft_add(struct agent *agent, struct transaction *transaction, const struct change *change, size_t edit,
               const Hopnhat__Record *before, struct arena *arena, struct error *error);

/* Makes the draft of a record anew after its mirrored form has become `mirror` (NULL: none), read at `marks`
 * (NULL: not known): what is in the mirror now, or refused, is pending no more. Returns what people see
 * (NULL: nothing), in the arena or `mirror` itself; does not tell mirror_show. */
const Hopnhat__Record *draft_settle(struct agent *agent, struct transaction *transaction, uint32_t type,
                                    const uint8_t id[16], Hopnhat__Record *mirror, const struct marks *marks,
                                    struct arena *arena);

/* The same for a record whose mirror stays as it is, and shows the result. Does nothing without a draft. */
void draft_refresh(struct agent *agent, struct transaction *transaction, uint32_t type, const uint8_t id[16],
                   const struct marks *marks, struct arena *arena);

/* The mirrored record was found to be just what the hub had at `marks`: draft_settle, and shows the result.
 * Does nothing without a draft. */
void draft_confirm(struct agent *agent, struct transaction *transaction, Hopnhat__Record *mirror,
                   const struct marks *marks, struct arena *arena);

/* The same where a change that is pending has itself been altered: made anew whatever is pending. */
void draft_redo(struct agent *agent, struct transaction *transaction, uint32_t type, const uint8_t id[16],
                struct arena *arena);

/* draft_refresh for every draft there is. */
void draft_refresh_all(struct agent *agent, struct transaction *transaction, const struct marks *marks);

/* The same at the hub's head, where it takes a look at what `marks` cover now and did not at the last head: a
 * list of many records that is on its way has its drafts until then. */
void draft_refresh_head(struct agent *agent, struct transaction *transaction, const struct marks *marks);

/* The hub has lost own changes first..last of the log, which may be in the mirror: they are pending again,
 * also those that it had refused. */
void draft_pend_again(struct agent *agent, struct transaction *transaction, uint64_t replica, uint64_t first,
                      uint64_t last);

/* The change `dot` (logged already) has been authored again, with `edit` in it, in the place of a change of a
 * log that was cut after the seqs in `cut`: it is pending on the record, and what was cut is not. */
void draft_rename(struct agent *agent, struct transaction *transaction, const Hopnhat__Edit *edit,
                  struct dot dot, const struct marks *cut, struct arena *arena);

#endif
