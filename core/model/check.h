/* Whether an office may make an edit, and whether its values are what the catalog says. The agent asks before
 * it logs a change, the hub before it admits one. Pure. */
#ifndef HOPNHAT_MODEL_CHECK_H
#define HOPNHAT_MODEL_CHECK_H

#include "model/change.h"
#include "model/office.h"

#include "wire.pb-c.h"

/* Who writes: an office, or NULL for headquarters' own hub, which may write everything. */
struct writer {
    const struct office *office;
};

/* Checks edit number `edit` of the change against the record as it stands before (NULL: there is none). On
 * refusal *reason says which kind, and the error (ERROR_REFUSED, ERROR_INPUT, ERROR_LIMIT) is for the writer
 * to read. */
bool check_edit(const struct catalog *catalog, const struct change *change, size_t edit,
                const Hopnhat__Record *before, const struct writer *writer, Hopnhat__RefusalReason *reason,
                struct error *error);

/* The rank of the writer's entries in the record: headquarters, owner or other. The owner is read from the
 * record as it stands before, or for a new one from the edit. */
uint32_t check_rank(const struct change *change, size_t edit, const Hopnhat__Record *before,
                    const struct writer *writer);

#endif
