/* Items of the feed that come in pieces. Several may have come in part: one, and those that overtook it. */
#ifndef HOPNHAT_AGENT_FEED_PIECES_H
#define HOPNHAT_AGENT_FEED_PIECES_H

#include "agent/feed.h"

/* Keeps a piece. With the last one *item is the whole item, in the arena and of the piece's group; else NULL.
 * Where it comes ahead of its turn it is kept on, and need not cross again in its turn. FEED_LATE where what
 * goes before the piece is not held; FEED_MALFORMED with *error; else FEED_APPLIED. */
enum feed_outcome feed_pieces_take(struct transaction *transaction, const Hopnhat__FeedPiece *from,
                                   bool is_ahead, struct arena *arena, Hopnhat__FeedItem **item,
                                   struct error *error);

/* Drops what has come of items in part: what is sent of them begins anew. */
void feed_pieces_forget(struct transaction *transaction);

#endif
