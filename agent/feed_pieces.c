#include "agent/feed_pieces.h"

#include "store/pieces.h"

void feed_pieces_forget(struct transaction *transaction)
{
    for (size_t i = 0; i < PIECES_AT_ONCE; i++)
        pieces_clear(transaction, AGENT_PIECE, PIECES_OF_FEED(i));
}

/* Where pieces of that item lie. */
static struct bytes transfer_of(struct transaction *transaction, uint64_t id)
{
    struct pieces_held held[PIECES_AT_ONCE];
    for (size_t i = 0; i < PIECES_AT_ONCE; i++)
        held[i] = pieces_held(transaction, AGENT_PIECE, PIECES_OF_FEED(i));
    return PIECES_OF_FEED(pieces_place(held, id));
}

static enum feed_outcome malformed(struct error *error, const char *what)
{
    error_set(error, ERROR_CORRUPT, "the hub sent a part of the feed with %s", what);
    return FEED_MALFORMED;
}

enum feed_outcome feed_pieces_take(struct transaction *transaction, const Hopnhat__FeedPiece *from,
                                   bool is_ahead, struct arena *arena, Hopnhat__FeedItem **item,
                                   struct error *error)
{
    *item = NULL;
    if (!pieces_sound(from->piece))
        return malformed(error, "a piece that is not well formed");
    const struct bytes transfer = transfer_of(transaction, from->piece->id);
    const struct pieces_held held = pieces_add(transaction, AGENT_PIECE, transfer, from->piece);
    if (held.id != from->piece->id || held.held_bytes < from->piece->offset + from->piece->data.len)
        return FEED_LATE;
    if (!pieces_is_last(from->piece))
        return FEED_APPLIED;
    struct bytes whole = pieces_whole(transaction, AGENT_PIECE, transfer, arena);
    *item = whole.size ? hopnhat__feed_item__unpack(&arena->protobuf, whole.size, whole.data) : NULL;
    if (!is_ahead)
        pieces_clear(transaction, AGENT_PIECE, transfer);
    if (!*item)
        return malformed(error, "an item in pieces that do not fit");
    (*item)->group = from->group;
    return FEED_APPLIED;
}
