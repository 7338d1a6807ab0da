/* The brief form of a change (BriefChange in wire.proto, docs/protocol.md): most changes edit a field or two
 * of one record, and differ in little from the one before them in their log. Pure. */
#ifndef HOPNHAT_MODEL_BRIEF_H
#define HOPNHAT_MODEL_BRIEF_H

#include "model/change.h"

#include "wire.pb-c.h"

enum { SEED_KEY_BYTES = 32 };

/* The seed of a change that is made while a session has a key: the first 16 bytes of the BLAKE2b-256,
 * personalised "hopnhat.seed" and keyed with the session's key, of replica and seq (8 bytes each, little
 * endian). The key is random, lives in the memory of both sides for one session, and is never stored: so a
 * seed that was erased cannot be made again. */
void brief_seed(const uint8_t key[SEED_KEY_BYTES], struct dot dot, uint8_t seed[SEED_BYTES]);

/* The brief form of `change`, whose stored bytes are `stored`, after `before`, the one before it in its log;
 * in the arena, and sharing what `change` holds. seed_key: the session's; NULL: there is none. NULL: it has
 * to be sent whole, since its brief form would not come to the same bytes, or memory ran out. */
Hopnhat__BriefChange *brief_make(const struct change *change, struct bytes stored,
                                 const Hopnhat__Change *before, const uint8_t *seed_key, struct arena *arena);

/* The entry whose record the change is an edit of, for a change of that name. False: it names none. */
bool brief_names(const Hopnhat__BriefChange *brief, struct dot dot, struct entry_id *entry);

/* A brief form and what it rests on. */
struct brief {
    const Hopnhat__BriefChange *message;
    struct dot dot;
    const Hopnhat__Change *before; /* the one before it in its log */
    uint32_t type;
    const uint8_t *record;   /* RECORD_ID_BYTES */
    const uint8_t *seed_key; /* NULL: there is none */
};

/* The bytes of the whole change, in the arena; they are checked as those of any other. Errors: ERROR_CORRUPT,
 * ERROR_MEMORY. */
bool brief_expand(const struct brief *brief, struct arena *arena, struct bytes *stored, struct error *error);

#endif
