#include "hub/command.h"

#include "api/commands_backup.h"
#include "hub/backups.h"
#include "hub/repair.h"
#include "hub/verify.h"

static bool verify_store(const char *directory, bool beside, struct verify *verify,
                         Hopnhat__BackupHeader *header, json_t *note, struct arena *arena,
                         struct error *error)
{
    Hopnhat__Backup marks = HOPNHAT__BACKUP__INIT;
    return hub_verify(directory, beside, verify, header, &marks, arena, error) &&
           (!note || backups_marks(note, &marks, error));
}

static bool restored(const char *data, const char *file, const struct audit_act *act, struct error *error)
{
    struct hub_options options = {.entropy = entropy_system()};
    struct hub *hub = hub_open(data, &options, error);
    bool done = hub && hub_mark_restored(hub, file, act, error);
    hub_close(hub);
    return done;
}

const struct backup_program hub_backup_program = {HOPNHAT__BACKUP_KIND__BACKUP_HUB, verify_store, restored,
                                                  hub_repair};

static bool run_backup(struct cli *cli, struct error *error)
{
    return command_backup(cli, &hub_backup_program, error);
}

static bool run_restore(struct cli *cli, struct error *error)
{
    return command_restore(cli, &hub_backup_program, error);
}

static bool run_verify(struct cli *cli, struct error *error)
{
    return command_verify(cli, &hub_backup_program, error);
}

static const char *const verify_options[] = {"recovery-key", "chains", NULL};

const struct cli_command hub_command_backup = COMMAND_BACKUP(run_backup),
                         hub_command_restore = COMMAND_RESTORE(run_restore),
                         hub_command_recovery_key = COMMAND_RECOVERY_KEY;
const struct cli_command hub_command_verify = {
    .name = "verify",
    .arguments = "[--chains] | FILE [--recovery-key FILE]",
    .help = "check the store, or a backup: every row, chain, signature and digest",
    .options = verify_options,
    .most = 1,
    .run = run_verify,
};
