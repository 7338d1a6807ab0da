/* The floor that the hub's admission is measured against: plain LMDB, the same keys and value sizes, the same
 * commits. */
#ifndef HOPNHAT_TESTS_BENCH_FLOOR_H
#define HOPNHAT_TESTS_BENCH_FLOOR_H

#include "author.h"

struct floor_sizes {
    size_t log_bytes, record_bytes, feed_bytes;
};

struct floor;

/* Opens an empty store in `directory`, which is made and stays, for records that are made later in order.
 * NULL on any error. floor_free ends it; NULL is allowed. */
struct floor *floor_new(const char *directory, const struct made *made, size_t made_count);
void floor_free(struct floor *floor);

/* Writes `batches` transactions of `batch` records each: a log row in order, a record row under its id, a
 * feed row in order; the next ones of the made records, or with `update` ones at random of those that are
 * there, whose feed rows move. Returns the seconds that it took, negative on error. */
double floor_write(struct floor *floor, size_t batches, size_t batch, const struct floor_sizes *sizes,
                   bool update);

#endif
