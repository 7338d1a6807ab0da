/* From what a person wants to the operations of an edit: each names exactly the entries that the person was
 * shown. Pure. */
#ifndef HOPNHAT_MODEL_EDIT_H
#define HOPNHAT_MODEL_EDIT_H

#include "model/change.h"
#include "model/fold.h"

/* What was displayed: the entries that carry the rev `rev` or a lower one. At the hub that is the rev of
 * their admission; an agent numbers entries by its own local rev as they come into what people see. `replica`
 * is the one that took the reader's changes: another one now means that the store came back from a copy, its
 * revs began anew, and what was shown says nothing. */
struct shown {
    uint64_t rev, replica;
};

/* A copy of the record with only the entries that were shown; NULL: out of memory. */
Hopnhat__Record *record_as_shown(const Hopnhat__Record *record, const struct shown *shown,
                                 struct arena *arena);

enum assignment_kind {
    ASSIGN_SET,    /* field=value: the one value, or with several values all members of a set */
    ASSIGN_ADD,    /* field+=value: a member, a post, an increment */
    ASSIGN_REMOVE, /* field-=value */
};

struct assignment {
    const Hopnhat__FieldDefinition *definition;
    enum assignment_kind kind;
    const struct bytes *values; /* canonical; none: clear */
    size_t count;
};

/* Whether each counter that is to be set (not added to) still reads as it was shown: its total is in one
 * entry, so that what was shown of one that has been added to since is not known any more. ERROR_REFUSED
 * then, and the text tells the writer what to do. */
bool edit_sums_were_shown(const Hopnhat__Record *record, const struct shown *shown,
                          const struct assignment *assignments, size_t count, struct error *error);

/* Makes the edit of a record from `shown` (as record_as_shown gives it; an empty record for a new one). What
 * would change nothing is left out, so the edit may come out with no ops. Fields of a unit are written
 * together, also where they read as they are given but not from one writing. A deletion that was shown is
 * superseded, which restores the record, also where nothing else is altered. Everything is the arena's.
 * Errors: ERROR_INPUT (an operation that the field's policy does not know), ERROR_LIMIT, ERROR_MEMORY,
 * ERROR_CORRUPT (what fold_field and fold_deleted cannot read). */
bool edit_make(const struct catalog_type *type, const Hopnhat__Record *shown,
               const struct assignment *assignments, size_t count, struct arena *arena, struct new_edit *edit,
               struct error *error);

/* Makes the edit that brings a deleted record back as it was; no ops where it was not shown as deleted. */
bool edit_make_restoration(const struct catalog_type *type, const Hopnhat__Record *shown, struct arena *arena,
                           struct new_edit *edit, struct error *error);

/* Makes the edit that deletes the record. */
bool edit_make_deletion(const Hopnhat__Record *shown, struct arena *arena, struct new_edit *edit,
                        struct error *error);

#endif
