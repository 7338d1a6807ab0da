/* Rows of the journal. For journal*.c. */
#ifndef HOPNHAT_HUB_JOURNAL_ROW_H
#define HOPNHAT_HUB_JOURNAL_ROW_H

#include "hub/journal.h"

/* What an unsettled row is under the policy: open for a person, or read by rule. */
Hopnhat__ResolutionState journal_state_under(Hopnhat__MergePolicy policy);

/* Puts what the field reads as into the row. */
bool journal_set_chosen(struct admission *admission, Hopnhat__Resolution *resolution,
                        const Hopnhat__Record *record, const Hopnhat__FieldDefinition *definition,
                        struct error *error);

/* Opens a row for a field in which different values stand side by side, and stores it. */
bool journal_open(struct admission *admission, const Hopnhat__Record *record,
                  const Hopnhat__FieldDefinition *definition, struct error *error);

#endif
