/* What the mirror says about ourselves: the catalog in force, and the own office. */
#ifndef HOPNHAT_AGENT_IN_FORCE_H
#define HOPNHAT_AGENT_IN_FORCE_H

#include "agent/state.h"

/* Reads catalog and office from the store. A catalog that is in force already stays where it is. */
bool in_force_load(struct agent *agent, struct transaction *transaction, struct error *error);

/* Looks at a record that has come into the mirror. A catalog with a higher version comes into force; one that
 * cannot be loaded stays a record, and is reported. The own office is read again at the commit. */
void in_force_take(struct agent *agent, struct transaction *transaction, const Hopnhat__Record *record);

/* Reads the own office from its mirrored record; without one it is in no group but everyone and its own. */
void in_force_read_office(struct agent *agent, struct transaction *transaction);

#endif
