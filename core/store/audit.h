/* The audit log: who did which administrative act, and when. A hash chain, so that a row that was altered or
 * taken out is seen (the last rows excepted: docs/security.md). */
#ifndef HOPNHAT_STORE_AUDIT_H
#define HOPNHAT_STORE_AUDIT_H

#include "base/arena.h"
#include "store/verify.h"

#include "store.pb-c.h"

enum { AUDIT_TEXT_BYTES = 4096 }; /* the most that actor, act and detail keep each; the rest is cut */

struct audit_act {
    const char *actor, *act, *detail; /* UTF-8; detail may be NULL */
    uint64_t wall_ms;
};

/* Adds an entry at the end; it counts with the transaction's commit. Where act is NULL nothing is added: what
 * no person has done is in no audit log. */
void audit_append(struct transaction *transaction, unsigned database, const struct audit_act *act);

/* Adds an entry in a transaction of its own: on disk when it returns true. */
bool audit_write(struct environment *environment, unsigned database, const struct audit_act *act,
                 struct error *error);

/* Visits the entries with numbers above `after`, oldest first, until visit returns false. False: the store
 * could not be read (transaction->error). Entries live in the arena, which the visitor may reset. */
bool audit_list(struct transaction *transaction, unsigned database, uint64_t after, struct arena *arena,
                bool (*visit)(void *user, const Hopnhat__AuditEntry *entry), void *user);

/* For a store that is made anew of a damaged one, where `lost` entries could not be read: chains the others
 * anew and ends with an entry that says so. The damaged store, which is kept, has them as they were. */
bool audit_mend(struct environment *environment, unsigned database, uint64_t lost, uint64_t wall_ms,
                struct error *error);

/* For `verify`: every entry from the first to the last, and the chain over them. */
void audit_verify(struct verify *verify, struct transaction *transaction, unsigned database);

#endif
