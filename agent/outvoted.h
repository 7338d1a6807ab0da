/* Values that were written here and are not what is read: the office is told, with what is read instead, and
 * can bring its value back.
 *
 * A row is kept for a field (one that reads one value) in which an own value stands beside others, from the
 * moment at which people here could see it, and for one in which an own value was replaced before it was seen
 * at headquarters. The row goes when the own value, or another writing of this office, is what stands there
 * alone, and when the field comes to read all its values or is retired (another catalog), as far as the own
 * is among them.
 *
 * Where a deletion stands (DELETE_WINS) whose author had not seen what was written here, each field with
 * such an own value has a row marked `deleted`, with the latest; it ends when the record comes back, and
 * stays when the record is purged. Where an own deletion is overruled (EDIT_WINS), there is a row of the
 * field `deleted`, without a value; it ends when the record reads as deleted, or this office writes over its
 * deletion. */
#ifndef HOPNHAT_AGENT_OUTVOTED_H
#define HOPNHAT_AGENT_OUTVOTED_H

#include "agent/state.h"
#include "model/change.h"

#include "store.pb-c.h"

/* People see the record as `visible` from now on (NULL: not at all). Errors stay in the transaction. */
void outvoted_show(const struct agent *agent, struct transaction *transaction, uint32_t type,
                   const uint8_t id[16], const Hopnhat__Record *visible, struct arena *arena);

/* The hub has admitted the own change, and has the record as `mirror`: what of the change is not in it was
 * replaced by somebody who saw it. */
void outvoted_admitted(const struct agent *agent, struct transaction *transaction,
                       const struct change *change, const Hopnhat__Record *mirror, struct arena *arena);

/* The row of a field, in the arena; NULL where there is none. */
Hopnhat__Outvoted *outvoted_row(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                                uint32_t field, struct arena *arena);

/* Tells that nobody wants to see the row any more, until the value is read again and loses anew.
 * ERROR_NOT_FOUND where no value was outvoted, the store's errors; blocks on the disk. */
bool outvoted_dismiss(struct agent *agent, uint32_t type, const uint8_t id[16], uint32_t field,
                      struct error *error);

/* How many fields read as something else than what was written here, but for those dismissed; counted to at
 * most OUTVOTED_COUNTED. */
enum { OUTVOTED_COUNTED = 10000 };
uint64_t outvoted_count(struct transaction *transaction);

/* Drops every row whose value has been erased. To be called when the mirror is at the hub's head. The other
 * one does it for one record, whose values are taken from the own logs now, and uses up the arena. */
void outvoted_drop_erased(struct transaction *transaction, struct arena *arena);
void outvoted_drop_erased_of(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                             struct arena *arena);

#endif
