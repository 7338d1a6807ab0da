#include "hub/command.h"

#include "api/command_run.h"
#include "api/commands.h"
#include "api/commands_backup.h"
#include "api/commands_people.h"
#include "hub/daemon.h"
#include "hub/service.h"

static enum run_end serve(void *context, struct error *error)
{
    return hub_daemon_run(context, error);
}

static bool run_run(struct cli *cli, struct error *error)
{
    static const struct run_shorthand shorthands[] = {
        {"listen", "listen"}, {"http", "http"}, {"custody-wait", "custody_wait_seconds"}, {NULL, NULL}};
    struct hub_daemon_options given = {.data = cli->data};
    const struct recovery recovery = {
        .data = cli->data, .program = &hub_backup_program, .context = &given, .run = serve};
    if (command_run_help(cli, SETTINGS_HUB))
        return true;
    return command_run_source(cli, SETTINGS_HUB, shorthands, &given.source, error) &&
           recovery_run(&recovery, error);
}

static const char *const run_options[] = {"config", "set",          "help-config", "listen",
                                          "http",   "custody-wait", NULL};

static const struct cli_command command_run = {
    .name = "run",
    .arguments = "[--config FILE] [--set KEY=VALUE]... [--listen tcp://ADDRESS:PORT] [--http ADDRESS:PORT]",
    .help = "serve all offices, until stopped",
    .options = run_options,
    .run = run_run,
};
static const struct cli_option options[] = {
    {"catalog", "FILE", "the catalog, in YAML"},
    {"listen", "tcp://ADDRESS:PORT", "the setting `listen`"},
    {"http", "ADDRESS:PORT", "the setting `http`"},
    {"custody-wait", "SECONDS", "the setting `custody_wait_seconds`"},
    COMMAND_RUN_OPTIONS,
    {"name", "NAME", "the office's name"},
    {"group", "GROUP", "a group to add, such as cluster:3 or network:laos; may be repeated"},
    {"remove-group", "GROUP", "a group to take away; may be repeated"},
    {"headquarters", CLI_YES_OR_NO, "whether the office is headquarters; yes if nothing follows"},
    {"hours", "N", "how long the code holds; 24 if not given"},
    {"qr", NULL, "also as a QR code, for a terminal that shows UTF-8; with --json on stderr"},
    {"chains", NULL, "also say of each log how far it was proved, and that all of it is signed"},
    {"finish", NULL, "change to the key that was announced"},
    {"force", NULL, "although installations have not heard of it: they have to be enrolled anew"},
    {"replica", "REPLICA", "only the machine that writes under this number (16 hexadecimal digits)"},
    {"reason", "TEXT", "why something is erased: every office can read it, so a case number, and no names"},
    {"purge-after", "DAYS", "how long a record has to be deleted before it is forgotten; 90 at first"},
    {"retire-after", "DAYS", "how long an installation may be away and is still waited for; 400 at first"},
    COMMAND_BACKUP_OPTIONS,
    COMMAND_PEOPLE_OPTIONS,
    COMMAND_OPTIONS,
};

static const struct cli_command *const commands[] = {
    &hub_command_init,
    &command_run,
    &hub_command_office_add,
    &hub_command_office_set,
    &hub_command_office_list,
    &hub_command_enrol,
    &command_add,
    &command_set,
    &command_get,
    &command_list,
    &command_search,
    &command_report,
    &command_import,
    &command_export,
    &command_delete,
    &command_undelete,
    &command_conflicts,
    &command_history,
    &command_resolve,
    &command_status,
    &hub_command_revoke,
    &hub_command_rotate_keys,
    &hub_command_catalog_check,
    &hub_command_catalog_apply,
    &hub_command_erase,
    &hub_command_purge,
    &hub_command_quarantine_list,
    &hub_command_quarantine_show,
    &hub_command_quarantine_release,
    &hub_command_quarantine_drop,
    &command_account_add,
    &command_account_set,
    &command_account_list,
    &command_account_remove,
    &command_passwd,
    &command_audit,
    &hub_command_backup,
    &hub_command_restore,
    &hub_command_verify,
    &hub_command_recovery_key,
    &hub_command_bundle_export,
    &hub_command_bundle_import,
};

const struct cli_program hub_program = {
    .name = "hopnhat-hub",
    .summary = "headquarters: takes the offices' changes, merges them, and sends each office what it may see",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .opener = {.open = hub_service_open, .close = hub_service_close},
};
