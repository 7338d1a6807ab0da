/* Whether a hub's store is what it must be: for `verify`, and for every backup. */
#ifndef HOPNHAT_HUB_VERIFY_H
#define HOPNHAT_HUB_VERIFY_H

#include "hub/state.h"
#include "store/verify.h"

#include "store.pb-c.h"

/* Looks at the store in `directory` (the one with data.mdb) in one snapshot: every row unpacks; every log's
 * chain from its first change to the replica's watermark, and the signatures of its batches; each record is
 * in its group, has its one row in the feed, and nothing else is there; the digests are those of the records;
 * counts are right. Breaks go to *verify; false only where it could not look at all.
 * `beside`: another process may hold the store. *header (its rest is the caller's) gets the store's epoch,
 * replica, rev and recovery key, *marks the replicas' watermarks and the next link key; all in the arena.
 * Blocks for long. */
bool hub_verify(const char *directory, bool beside, struct verify *verify, Hopnhat__BackupHeader *header,
                Hopnhat__Backup *marks, struct arena *arena, struct error *error);

#endif
