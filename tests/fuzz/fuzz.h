/* What the fuzz targets share. A target is one LLVMFuzzerTestOneInput; it is linked with libFuzzer (to
 * search, tests/fuzz/run) or with replay.c (to replay the corpus, in every build). */
#ifndef HOPNHAT_TESTS_FUZZ_FUZZ_H
#define HOPNHAT_TESTS_FUZZ_FUZZ_H

#include "base/arena.h"
#include "model/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, as a finding, where a statement does not hold; also where assertions are off. */
void fuzz_assert(bool holds);

/* A catalog with a type 16, "partner", that has a field of each policy and kind; made once. */
const struct catalog *fuzz_catalog(void);

/* Reads every field of the record, its deletion, group and owner. */
void fuzz_read_record(const Hopnhat__Record *record, struct arena *arena);

/* Whether an edit adds to a counter, which merged twice counts twice. */
bool fuzz_adds(const Hopnhat__Edit *edit);

#endif
