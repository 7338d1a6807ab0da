#include "agent/command.h"

#include "agent/repair.h"
#include "agent/verify.h"
#include "api/commands_backup.h"

static bool verify_store(const char *directory, bool beside, struct verify *verify,
                         Hopnhat__BackupHeader *header, json_t *note, struct arena *arena,
                         struct error *error)
{
    (void)note;
    return agent_verify(directory, beside, verify, header, arena, error);
}

static bool restored(const char *data, const char *file, const struct audit_act *act, struct error *error)
{
    (void)file;
    struct agent_options options = {.entropy = entropy_system()};
    struct agent *agent = agent_open(data, &options, error);
    bool done = agent && agent_restored(agent, act, error);
    agent_close(agent);
    return done;
}

const struct backup_program agent_backup_program = {HOPNHAT__BACKUP_KIND__BACKUP_AGENT, verify_store,
                                                    restored, agent_repair};

static bool run_backup(struct cli *cli, struct error *error)
{
    return command_backup(cli, &agent_backup_program, error);
}

static bool run_restore(struct cli *cli, struct error *error)
{
    return command_restore(cli, &agent_backup_program, error);
}

static bool run_verify(struct cli *cli, struct error *error)
{
    return command_verify(cli, &agent_backup_program, error);
}

const struct cli_command agent_command_backup = COMMAND_BACKUP(run_backup),
                         agent_command_restore = COMMAND_RESTORE(run_restore),
                         agent_command_verify = COMMAND_VERIFY(run_verify),
                         agent_command_recovery_key = COMMAND_RECOVERY_KEY;
