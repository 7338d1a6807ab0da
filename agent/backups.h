/* What an agent keeps of its backups: when the newest was made, and the key that they are sealed to. */
#ifndef HOPNHAT_AGENT_BACKUPS_H
#define HOPNHAT_AGENT_BACKUPS_H

#include "agent/state.h"
#include "api/router.h"

/* Adds what status tells: last_backup (null: never). */
void agent_backups_status(struct agent *agent, json_t *status);

/* POST /v1/backups        body file, made_ms, rev, keep
 * POST /v1/recovery-key   body public: 64 hexadecimal digits */
api_handler agent_handle_backup, agent_handle_recovery_key;

#endif
