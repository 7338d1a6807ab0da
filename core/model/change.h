/* Changes as stored and sent: made once by their author, read everywhere, and chained into a log. */
#ifndef HOPNHAT_MODEL_CHANGE_H
#define HOPNHAT_MODEL_CHANGE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/uuid.h"
#include "model/entry.h"

enum { LINK_BYTES = 32, SEED_BYTES = 16 };

/* A change that has been unpacked and found well formed. Everything is the arena's. */
struct change {
    struct dot dot;
    Hopnhat__Change *body;
    Hopnhat__LoggedChange *logged;
    size_t *first_op; /* by edit: number of its first op over the whole change */
    size_t op_count;
    bool chainable; /* chain_next may be asked, also where change_unpack failed */
};

/* Unpacks `stored` (a LoggedChange; it must live as long as nothing of it is kept: all is copied) under the
 * name `dot` and checks every bound and reference in it. Errors: ERROR_CORRUPT, ERROR_LIMIT, ERROR_MEMORY. */
bool change_unpack(struct change *change, struct dot dot, struct bytes stored, struct arena *arena,
                   struct error *error);

/* Value number op; empty for ops without one and for erased ones. */
struct bytes change_value(const struct change *change, size_t op);

/* Whether value number op has been erased. */
bool change_is_erased(const struct change *change, size_t op);

/* The same change without the values of the ops that `takes` marks (by number): each gives way to its salted
 * hash, the seed to the salts of the other values, and the chain's link stays what it was. *stored is in the
 * arena. Errors: ERROR_MEMORY. */
bool change_erase(const struct change *change, const bool *takes, struct arena *arena, struct bytes *stored,
                  struct error *error);

/* Number of entries that an op supersedes, and the one at `place`. */
size_t op_superseded_count(const Hopnhat__Op *op);
struct entry_id op_superseded(const struct change *change, const Hopnhat__Op *op, size_t place);

/* One op of a change that is being made. */
struct new_op {
    uint32_t field;
    Hopnhat__OpKind kind;
    struct bytes value;
    struct entry_list superseded; /* of an ADD only erasures that its author was told of */
    bool merged;                  /* the hub's own: see Op.merged */
};

struct new_edit {
    uint32_t type;
    uint8_t record[RECORD_ID_BYTES];
    struct new_op *ops;
    size_t op_count;
    const char *note; /* Edit.note; NULL: none */
};

struct new_change {
    uint64_t replica; /* of the author: what it supersedes of its own is named in short form */
    uint64_t time;
    uint32_t catalog_tag;
    const char *author; /* NULL: not known */
    const struct new_edit *edits;
    size_t edit_count;
    uint8_t seed[SEED_BYTES]; /* random */
};

/* The bytes to log and send, in the arena. Errors: ERROR_LIMIT, ERROR_MEMORY. */
bool change_pack(const struct new_change *change, struct arena *arena, struct bytes *stored,
                 struct error *error);

/* The link before a replica's first change: BLAKE2b-256, personalised "hopnhat.log", of the replica number
 * (8 bytes, little endian). */
void chain_start(uint64_t replica, uint8_t link[LINK_BYTES]);

/* The link after a change. BLAKE2b-256, personalised "hopnhat.link", of: the previous link, the size of the
 * packed Change (4 bytes, little endian), the packed Change, and for each value its BLAKE2b-256, personalised
 * "hopnhat.value" and salted with the value's salt. Salt i is 16 bytes at 16*(i%4) of the BLAKE2b-512,
 * personalised "hopnhat.salt" and salted with the change's seed, of i/4 (4 bytes, little endian). For an
 * erased value the stored hash is taken. `previous` and `link` may be the same. */
bool chain_next(const uint8_t previous[LINK_BYTES], const Hopnhat__LoggedChange *logged,
                uint8_t link[LINK_BYTES], struct error *error);

enum { SIGNED_LINK_BYTES = 13 + 8 + 8 + LINK_BYTES };

/* What an installation signs of its log (Ed25519): "hopnhat log 1", replica, seq (8 bytes each, little
 * endian), and the link at that seq. */
void chain_signed_text(uint64_t replica, uint64_t seq, const uint8_t link[LINK_BYTES],
                       uint8_t text[SIGNED_LINK_BYTES]);

#endif
