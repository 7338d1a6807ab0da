/* The mirror: the hub's state of the records that the office may see, and what follows from each of its
 * changes within the same transaction: the group's digest, the draft, the local feed, the list of open
 * conflicts. Errors stay in the transaction; arenas may be reset after each call. */
#ifndef HOPNHAT_AGENT_MIRROR_H
#define HOPNHAT_AGENT_MIRROR_H

#include "agent/draft.h"
#include "agent/state.h"

/* What a mirrored record contributed before it is altered. */
struct mirror_before {
    bool there;
    char group[LIMIT_GROUP_NAME_BYTES + 1];
    struct digest digest;
};

/* The mirrored record, unpacked into the arena; NULL where there is none. */
Hopnhat__Record *mirror_get(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                            struct arena *arena);

/* Numbers the entries of a record that has come from the hub, or been merged here, and have no rev yet: those
 * that `former` or `other` (either may be NULL) has keep the local rev under which they came, the others get
 * the next. So what somebody was shown can be told from what came later (model/edit.h). A field that has lost
 * entries of what people saw (`other`, else `former`), and got none, is marked with the next as well. */
void mirror_number(const struct agent *agent, Hopnhat__Record *record, const Hopnhat__Record *former,
                   const Hopnhat__Record *other);

/* To be asked before the record (NULL: none) is altered in place. */
struct mirror_before mirror_before(const Hopnhat__Record *record);

/* Stores an altered record in the group record->group. `marks` (NULL: none): the watermarks that it was read
 * with; own changes up to them leave its draft. */
void mirror_store(struct agent *agent, struct transaction *transaction, Hopnhat__Record *record,
                  const struct mirror_before *before, const struct marks *marks, struct arena *arena);

/* Stores a whole record in the place of what is mirrored of it. */
void mirror_put(struct agent *agent, struct transaction *transaction, Hopnhat__Record *record,
                const struct marks *marks, struct arena *arena);

/* Takes a mirrored record (as mirror_get gave it) out. Its draft, if own changes are left, stays. */
void mirror_remove(struct agent *agent, struct transaction *transaction, const Hopnhat__Record *record,
                   const struct marks *marks, struct arena *arena);

/* Takes out every record that is mirrored in the group. Goes over the whole mirror. */
void mirror_remove_group(struct agent *agent, struct transaction *transaction, const char *group,
                         const struct marks *marks);

/* People see something else of the record from now on: `visible` (NULL: nothing). Gives it the next local rev
 * and lists its open fields. */
void mirror_show(struct agent *agent, struct transaction *transaction, uint32_t type, const uint8_t id[16],
                 const Hopnhat__Record *visible, struct arena *arena);

/* Lists open conflicts anew under the catalog in force. Goes over everything. */
void mirror_rebuild_conflicts(struct agent *agent, struct transaction *transaction);

#endif
