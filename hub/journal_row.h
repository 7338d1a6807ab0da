/* Rows of the journal. For journal*.c. */
#ifndef HOPNHAT_HUB_JOURNAL_ROW_H
#define HOPNHAT_HUB_JOURNAL_ROW_H

#include "hub/journal.h"

/* What an unsettled row of a record is under the policy: open for a person, waiting for the record to come
 * back, or read by rule. */
Hopnhat__ResolutionState journal_state_under(Hopnhat__MergePolicy policy, bool deleted);

/* The row's key in HUB_CONFLICT_STATE before it is altered. */
struct journal_former {
    bool there; /* false: a new row */
    struct key state;
};
struct journal_former journal_former(const Hopnhat__Resolution *row);

/* Stores the row, moves it in HUB_CONFLICT_STATE and counts the open ones anew. */
void journal_put(struct admission *admission, const Hopnhat__Resolution *row,
                 const struct journal_former *former);

/* The field's row that is not settled, the arena's; NULL where there is none. */
Hopnhat__Resolution *journal_unsettled(struct admission *admission, const Hopnhat__Record *record,
                                       uint32_t field);

/* Whether the record reads as deleted. Errors: ERROR_MEMORY, ERROR_CORRUPT. */
bool journal_deleted(const struct catalog *catalog, const Hopnhat__Record *record, struct arena *arena,
                     bool *deleted, struct error *error);

/* Puts what the field reads as into the row. */
bool journal_set_chosen(struct admission *admission, Hopnhat__Resolution *resolution,
                        const Hopnhat__Record *record, const Hopnhat__FieldDefinition *definition,
                        struct error *error);

/* Opens a row for a field in which different values stand side by side, and stores it. `change` is the one
 * that is on its way in; NULL: none. */
bool journal_open(struct admission *admission, const Hopnhat__Record *record,
                  const Hopnhat__FieldDefinition *definition, bool deleted, const struct change *change,
                  struct error *error);

/* Removes a row. */
void journal_forget(struct admission *admission, const Hopnhat__Resolution *row);

/* Takes the values out of a row; one that is not settled is settled by it. */
void journal_erase(struct admission *admission, Hopnhat__Resolution *row);

#endif
