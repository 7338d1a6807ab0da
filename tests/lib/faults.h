/* The plan by which faults.c lets the disk fail; the same layout as in tests/lib/hopnhat_faults.py. */
#ifndef HOPNHAT_TESTS_LIB_FAULTS_H
#define HOPNHAT_TESTS_LIB_FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

/* Kinds of calls: writes, writes through a descriptor that syncs each of them, syncs. */
enum { WRITES = 1, DSYNC_WRITES = 2, SYNCS = 4, ALL_KINDS = 7 };

/* What happens at the one that is meant: it fails; it and all that follow fail; the process is killed before
 * it, when half of it has been done, or after it. */
enum { NOTHING, FAIL_ONCE, FAIL_FROM, KILL_BEFORE, KILL_TORN, KILL_AFTER };

struct plan {
    _Atomic uint32_t action, kinds;
    _Atomic int64_t countdown; /* calls of these kinds until then; 1: the next */
    _Atomic int64_t error;     /* errno of those that fail */
    _Atomic uint64_t calls;    /* of any kind, so far */
    _Atomic uint64_t fired;    /* how often something happened */
};

#endif
