/* Whether an agent's store is what it must be: for `verify`, and for every backup. */
#ifndef HOPNHAT_AGENT_VERIFY_H
#define HOPNHAT_AGENT_VERIFY_H

#include "agent/state.h"
#include "store/verify.h"

#include "store.pb-c.h"

/* Looks at the store in `directory` (the one with data.mdb) in one snapshot: every row unpacks; each own
 * log's chain from its first change to its head; the digests are those of the mirrored records; drafts and
 * refusals speak of changes that are in the logs; each record that people see stands once in the local feed.
 * Breaks go to *verify; false only where it could not look at all. `beside`: another process may hold the
 * store. *header (its rest is the caller's) gets the store's office, epoch, replica, local rev and recovery
 * key, in the arena. Blocks for long. */
bool agent_verify(const char *directory, bool beside, struct verify *verify, Hopnhat__BackupHeader *header,
                  struct arena *arena, struct error *error);

#endif
