/* Who changed a record, as far as it is known here: from the own logs, and from the values that stand in it.
 */
#ifndef HOPNHAT_AGENT_HISTORY_H
#define HOPNHAT_AGENT_HISTORY_H

#include "agent/state.h"

enum { HISTORY_EXAMINED = 200 * 1000 }; /* own changes that one question looks through, newest first */

/* Answers the request in the snapshot, into the arena, newest first and at most request->limit; it does not
 * go on from a former answer. Of others it knows the office, as far as the offices' records tell, and not the
 * author. ERROR_NOT_FOUND, ERROR_UNAVAILABLE for as_of_ms, ERROR_MEMORY; the store's errors stay in the
 * snapshot. */
bool history_here(const struct agent *agent, struct transaction *snapshot, const Hopnhat__History *request,
                  struct arena *arena, Hopnhat__HistoryAnswer *answer, struct error *error);

#endif
