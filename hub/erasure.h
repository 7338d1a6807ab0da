/* Erasing for good, at the hub: the values leave the record, the log, the quarantine, the journal and the
 * notes of imports, and whatever of them comes later goes the same way. The chains verify as before. The
 * erasure is a record (model/erasure.h) that headquarters writes, so it is in headquarters' log and in every
 * agent's feed. */
#ifndef HOPNHAT_HUB_ERASURE_H
#define HOPNHAT_HUB_ERASURE_H

#include "hub/admission.h"

/* What to erase. */
struct erasing {
    uint32_t type;
    uint8_t record[RECORD_ID_BYTES];
    const uint32_t *fields; /* numbers (with each goes its unit); none: every field that the catalog gives the
                               type */
    size_t field_count;
    const char *reason; /* every office can read it */
    const char *author; /* may be NULL */
};

/* Erases, by a change of headquarters' own; durable when it returns. The bytes leave the files when the store
 * is opened next (store/rewrite.h). Errors: ERROR_INPUT (no such field, a record of a built-in type, no
 * reason), ERROR_NOT_FOUND (nobody here ever wrote that record), the store's. */
bool erasure_write(struct hub *hub, const struct erasing *erasing, uint64_t wall_ms, struct error *error);

/* What was erased of the record; NULL: nothing. In the arena. */
Hopnhat__Record *hub_erasure(const struct hub *hub, struct transaction *transaction, uint32_t type,
                             const uint8_t id[RECORD_ID_BYTES], struct arena *arena);

/* Takes out of an offered change what was erased and its author had not been told of. Where something goes,
 * *clean becomes the change without it and *stored its bytes, in the arena; else both are left alone.
 * *unasked: a value was missing that nobody asked to erase. */
bool erasure_clean(struct admission *admission, struct change *clean, struct bytes *stored, bool *unasked,
                   struct error *error);

/* An erasure's record has come, as it now stands: carries it out. To be called when all edits of its change
 * have their place. */
bool erasure_take(struct admission *admission, const Hopnhat__Record *erasure, struct error *error);

#endif
