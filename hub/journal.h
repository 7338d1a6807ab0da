/* The journal of concurrency: a Resolution for every field in which different values were written without
 * knowing of each other. Open (or read by rule) until somebody who saw them writes again; then kept. */
#ifndef HOPNHAT_HUB_JOURNAL_H
#define HOPNHAT_HUB_JOURNAL_H

#include "hub/admission.h"

/* Which ops of the edit touch a field that reads one value and already held several; asked before the merge.
 * By op, in the arena; NULL: out of memory. */
const bool *journal_before(const struct catalog *catalog, const Hopnhat__Record *record,
                           const Hopnhat__Edit *edit, struct arena *arena);

/* Writes, after the merge, what became of the fields of the edit. */
bool journal_after(struct admission *admission, const Hopnhat__Record *record, const struct change *change,
                   size_t edit, const bool *concurrent, struct error *error);

/* Reads anew what stands side by side where the catalog in force reads a field by another policy than
 * `former` did: rows go over to the new policy, are opened, or end because all values are read now. Goes over
 * the rows of the types concerned, and over their records where a field reads one value that read all. */
bool journal_reread(struct admission *admission, const struct catalog *former, struct error *error);

enum { JOURNAL_CANDIDATES = 64 }; /* the most that one Resolution lists */

#endif
