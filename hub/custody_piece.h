/* One piece of headquarters' log: a Push, signed with the hub's long-term key and sealed to its custody keys.
 */
#ifndef HOPNHAT_HUB_CUSTODY_PIECE_H
#define HOPNHAT_HUB_CUSTODY_PIECE_H

#include "hub/state.h"

#include "wire.pb-c.h"

/* The changes of one of headquarters' replicas from `first` on (there is one at least), as many as fit
 * most_bytes, but one; in the arena. The same changes come to the same bytes. NULL: the store's errors,
 * ERROR_MEMORY. */
Hopnhat__CustodyPiece *custody_piece_make(struct hub *hub, const struct replica *replica, uint64_t first,
                                          size_t most_bytes, struct arena *arena, struct error *error);

/* Opens the pieces, checks chain and signature, and admits in one transaction what is new of them; what comes
 * too early waits for another agent's, or leaves a gap on record (custody_gap_counts). A piece that comes in
 * parts is kept under the key of its giver until it is whole. Returns after the commit. Errors:
 * ERROR_CORRUPT, ERROR_REFUSED (not a piece of this hub), those of the store: then nothing was taken. */
bool custody_pieces_take(struct hub *hub, const uint8_t giver[LINK_KEY_BYTES],
                         const Hopnhat__Custody *custody, uint64_t wall_ms, struct error *error);

#endif
