/* What of the agent's store is kept in memory: reading it and writing it back. For state.c. */
#ifndef HOPNHAT_AGENT_STORED_H
#define HOPNHAT_AGENT_STORED_H

#include "agent/state.h"

/* Reads all of it, in the place of what is there. ERROR_NOT_FOUND where the store holds no agent. */
bool stored_load(struct agent *agent, struct transaction *transaction, struct error *error);

/* Writes what may change after joining. Errors stay in the transaction. */
void stored_save(struct agent *agent, struct transaction *transaction);

/* Writes what is fixed at joining; `certificate` is packed. */
void stored_save_identity(const struct agent *agent, struct transaction *transaction,
                          struct bytes certificate);

/* Says that there is no agent in the data directory: false, with ERROR_NOT_FOUND. */
bool stored_no_agent(const char *directory, struct error *error);

/* Whether the store holds an agent. False: ERROR_CORRUPT, it has held one and lost its mark. */
bool stored_is_agent(const struct agent *agent, struct transaction *transaction, bool *is,
                     struct error *error);

#endif
