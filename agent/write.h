/* A person's change. */
#ifndef HOPNHAT_AGENT_WRITE_H
#define HOPNHAT_AGENT_WRITE_H

#include "agent/state.h"
#include "model/change.h"

/* Checks the edits against what people see now, logs them as one change and shows them in drafts; returns
 * after the commit is on disk, with the change's name in *dot (may be NULL). On error nothing has changed:
 * ERROR_USAGE (nothing to write), ERROR_INPUT, ERROR_REFUSED, ERROR_LIMIT with a text for the writer, or the
 * store's. Call agent_session_tick afterwards, so that it is sent. `author` may be NULL. */
bool agent_write(struct agent *agent, const struct new_edit *edits, size_t count, const char *author,
                 uint64_t wall_ms, struct dot *dot, struct error *error);

/* The same as one of several changes in a transaction that the caller began with agent_begin: nothing is on
 * disk before agent_commit. After an error the transaction has to be aborted. */
bool agent_write_in(struct agent *agent, struct transaction *transaction, const struct new_edit *edits,
                    size_t count, const char *author, uint64_t wall_ms, struct dot *dot, struct error *error);

/* Whether this edit of a record that now stands as `before` (NULL: there is none) would be taken. The errors
 * of agent_write; changes nothing. */
bool agent_write_check(const struct agent *agent, const struct new_edit *edit, const Hopnhat__Record *before,
                       struct error *error);

#endif
