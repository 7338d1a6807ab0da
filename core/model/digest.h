/* Digests: equal content, equal digest, in whatever order it came. */
#ifndef HOPNHAT_MODEL_DIGEST_H
#define HOPNHAT_MODEL_DIGEST_H

#include "base/bytes.h"
#include "model/entry.h"

enum { DIGEST_BYTES = 16 };

/* A sum of hashes, modulo 2^128. All zero: of nothing. */
struct digest {
    uint64_t low, high;
};

/* Puts a part into the sum; takes it out again. */
void digest_add(struct digest *sum, const struct digest *part);
void digest_subtract(struct digest *sum, const struct digest *part);

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
    return a->low == b->low && a->high == b->high;
}

/* 16 bytes, little endian. */
void digest_store(const struct digest *digest, uint8_t bytes[DIGEST_BYTES]);
void digest_load(struct digest *digest, const uint8_t bytes[DIGEST_BYTES]);

/* The sum over all entries of the record, unknown fields included, of the XXH3-128 of: type (4 bytes), record
 * id (16), field number (4), replica (8), seq (8), index (4), admitted time (8), rank (4), value; numbers
 * little endian. */
struct digest digest_record(const Hopnhat__Record *record);

/* Which of `buckets` buckets a record is in, for finding a difference: the first 4 bytes (big endian) of the
 * XXH3-64 of its id, in canonical byte order, modulo the number of buckets. */
uint32_t digest_bucket(const uint8_t id[16], uint32_t buckets);

/* A short check of the digests of several groups at a rev: the low 32 bits of the XXH3-64 (seed 0) of the rev
 * (8 bytes) and each digest (DIGEST_BYTES), little endian. What differs is missed once in 2^32, and not again
 * at another rev. */
uint32_t digest_check(const struct digest *digests, size_t count, uint64_t rev);

#endif
