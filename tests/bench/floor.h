/* The floor that the hub's admission is measured against: plain LMDB, the same keys and value sizes, the same
 * commits. */
#ifndef HOPNHAT_TESTS_BENCH_FLOOR_H
#define HOPNHAT_TESTS_BENCH_FLOOR_H

#include "author.h"

struct floor_sizes {
    size_t log_bytes, record_bytes, feed_bytes;
};

/* Writes `batches` transactions of `batch` records each: a log row in order, a record row under its id, a
 * feed row in order; with `update` the record rows replace ones that are there, and the feed row moves.
 * Returns the seconds that it took, negative on error. `directory` is made and stays. */
double floor_run(const char *directory, const struct made *made, size_t made_count, size_t batches,
                 size_t batch, const struct floor_sizes *sizes, bool update);

#endif
