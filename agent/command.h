/* The agent's commands that are not shared with the hub. */
#ifndef HOPNHAT_AGENT_COMMAND_H
#define HOPNHAT_AGENT_COMMAND_H

#include "api/cli.h"
#include "api/commands_backup.h"

/* command_join.c, command_run.c, command.c */
extern const struct cli_command agent_command_join, agent_command_run, agent_command_sync,
    agent_command_rejected;

/* command_backup.c */
extern const struct cli_command agent_command_backup, agent_command_restore, agent_command_verify,
    agent_command_recovery_key;
extern const struct backup_program agent_backup_program;

/* command_bundle.c */
extern const struct cli_command agent_command_bundle_export, agent_command_bundle_import;

extern const struct cli_program agent_program;

/* command_outvoted.c */
extern const struct cli_command agent_command_outvoted, agent_command_take_back, agent_command_dismiss;

#endif
