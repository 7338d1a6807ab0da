/* How much is left to sync, and how long that takes at the link's pace. */
#ifndef HOPNHAT_AGENT_PROGRESS_H
#define HOPNHAT_AGENT_PROGRESS_H

#include "agent/state.h"

#include <jansson.h>

struct agent_progress {
    uint64_t bytes_to_send;   /* of own changes that are not on the hub's disk, before compression */
    uint64_t records_to_come; /* as the hub said last in this session */
    int64_t seconds_to_go;    /* -1: not known */
    const char
        *waits_for; /* "metered" or "hours": what of it the settings of the link hold back; "": nothing */
};

/* Reads it; of more than a thousand pending changes the rest is taken to be like these. */
bool agent_progress(struct agent *agent, struct agent_progress *progress, struct error *error);

/* Adds bytes_to_send, records_to_come, seconds_to_go (null: not known) and waits_for ("": nothing) to
 * `status`. */
bool agent_progress_status(struct agent *agent, json_t *status, struct error *error);

#endif
