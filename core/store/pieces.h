/* What comes in numbered pieces, kept until it is whole: across connections and restarts. A transfer lies in
 * rows under a prefix of its own, and is known by the hash and the size of the whole; another one under the
 * prefix takes its place. Errors stay in the transaction. */
#ifndef HOPNHAT_STORE_PIECES_H
#define HOPNHAT_STORE_PIECES_H

#include "base/arena.h"
#include "store/environment.h"

#include "wire.pb-c.h"

enum {
    LEAST_PIECE_BYTES = 64,
    PIECES_AT_ONCE = 4, /* transfers of one kind that are kept side by side */
};

/* Of what, and how much of it is here, from its start on. {0}: nothing. */
struct pieces_held {
    uint64_t id; /* pieces_id of the whole */
    uint32_t total_bytes, held_bytes;
};

/* The piece of at most `most` bytes that follows on what is held (of something else: the first one), in the
 * arena; its data points into `whole`. Empty where all is held. NULL: out of memory. */
Hopnhat__Piece *pieces_cut(struct bytes whole, const struct pieces_held *held, size_t most,
                           struct arena *arena);

/* The same of a message, which is packed into the arena. */
Hopnhat__Piece *pieces_cut_message(const ProtobufCMessage *message, const struct pieces_held *held,
                                   size_t most, struct arena *arena);

/* Whether the whole ends with the piece. */
bool pieces_is_last(const Hopnhat__Piece *piece);

/* What the other side says that it holds; NULL: nothing. */
struct pieces_held pieces_told(const Hopnhat__PieceHeld *told);

/* Where transfers lie side by side: the place of a piece of that whole. It is beside what has come of it;
 * else where nothing is, or what is whole, or where the least would be lost. Both sides reckon so. */
size_t pieces_place(const struct pieces_held held[PIECES_AT_ONCE], uint64_t id);

/* Whether the sizes in a piece that came can be. */
bool pieces_sound(const Hopnhat__Piece *piece);

/* XXH3-64 with the seed 0. */
uint64_t pieces_id(struct bytes whole);

/* What is held of the transfer under the prefix. */
struct pieces_held pieces_held(struct transaction *transaction, unsigned database, struct bytes prefix);

/* Takes in a sound piece as far as it follows on what is held; one of another transfer at offset 0 begins
 * anew. Returns what is held then. */
struct pieces_held pieces_add(struct transaction *transaction, unsigned database, struct bytes prefix,
                              const Hopnhat__Piece *piece);

/* All of it, in the arena. {NULL, 0} where it is not whole, or not what its id says; then nothing is held any
 * more. */
struct bytes pieces_whole(struct transaction *transaction, unsigned database, struct bytes prefix,
                          struct arena *arena);

/* Forgets the transfer. */
void pieces_clear(struct transaction *transaction, unsigned database, struct bytes prefix);

#endif
