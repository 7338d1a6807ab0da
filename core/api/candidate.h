/* The values that stand side by side in a field, and taking one of them. */
#ifndef HOPNHAT_API_CANDIDATE_H
#define HOPNHAT_API_CANDIDATE_H

#include "api/assignment.h"
#include "model/fold.h"

struct candidate {
    const Hopnhat__Entry *entry; /* the first that was written with this value */
    bool chosen;                 /* it is what the field reads as for now */
};

/* The distinct values of the field in the record, in the order in which they were written (by admitted time,
 * then id); of a field in a unit, one for each distinct writing of the unit. *open tells whether a person has
 * to settle the field. In the arena. ERROR_MEMORY, ERROR_CORRUPT.
 */
bool candidates_find(const struct catalog_type *type, const Hopnhat__Record *record,
                     const Hopnhat__FieldDefinition *definition, struct arena *arena,
                     struct candidate **candidates, size_t *count, bool *open, struct error *error);

/* The assignments that make candidate `entry` what stands there: its own value, and where the field is in a
 * unit those that were written together with it. In the arena, the values borrowed from the record.
 * ERROR_MEMORY. */
bool candidate_take(const struct catalog_type *type, const Hopnhat__Record *record,
                    const Hopnhat__FieldDefinition *definition, const Hopnhat__Entry *entry,
                    struct arena *arena, struct assignment_list *list, struct error *error);

#endif
