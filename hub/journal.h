/* The journal of concurrency: a Resolution for every field in which different values were written without
 * knowing of each other. Open (or read by rule) until somebody who saw them writes again; then kept. */
#ifndef HOPNHAT_HUB_JOURNAL_H
#define HOPNHAT_HUB_JOURNAL_H

#include "hub/admission.h"
#include "store/key.h"

/* How a record stands before an edit is merged. */
struct journal_view {
    const bool *concurrent; /* by op: it touches a field that reads one value and holds several already */
    bool deleted;           /* it reads as deleted */
};

/* Looks at the record (NULL: there is none yet); what is found is the arena's. Errors: ERROR_MEMORY,
 * ERROR_CORRUPT. */
bool journal_before(const struct catalog *catalog, const Hopnhat__Record *record, const Hopnhat__Edit *edit,
                    struct arena *arena, struct journal_view *view, struct error *error);

/* Writes, after the merge, what became of the fields of the edit, and of all open ones where the record was
 * deleted or came back. Different texts are noted for texts_merge. */
bool journal_after(struct admission *admission, const Hopnhat__Record *record, const struct change *change,
                   size_t edit, const struct journal_view *before, struct error *error);

/* Reads anew what stands side by side where the catalog in force reads it otherwise than `former` did: by
 * another policy, in another unit, in a field that is retired or no more, or with records deleted by the
 * other rule. Rows go over to it, are opened, or end because nothing stands side by side now. Goes over all
 * records of the types concerned. */
bool journal_reread(struct admission *admission, const struct catalog *former, struct error *error);

/* The key of a row in HUB_CONFLICT_STATE: state (1), when it came into it (8: opened_ms, or settled_ms), then
 * its key in HUB_CONFLICT: type, record id, field (4), rev of the opening (8). */
enum { JOURNAL_STATE_BYTES = 9 };
void journal_state_key(struct key *key, const Hopnhat__Resolution *row);

enum { JOURNAL_CANDIDATES = 64 }; /* the most that one Resolution lists */

#endif
