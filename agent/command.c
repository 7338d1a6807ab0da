#include "agent/command.h"

#include "agent/service.h"
#include "api/command_run.h"
#include "api/commands.h"
#include "api/commands_backup.h"
#include "api/commands_people.h"

static bool run_rejected(struct cli *cli, struct error *error)
{
    return command_each(cli, "/v1/rejected?limit=100", "rejected", command_print_refusal, cli, error);
}

const struct cli_command agent_command_rejected = {
    .name = "rejected",
    .arguments = "",
    .help = "show own changes that headquarters did not take, and why",
    .run = run_rejected,
};

static bool run_rotate_keys(struct cli *cli, struct error *error)
{
    json_t *body = json_pack("{s:s}", "author", cli_author()), *answer = NULL;
    bool done = body && cli_call(cli, "POST", body, &answer, error, "/v1/rotate-keys");
    json_decref(body);
    json_decref(answer);
    return done;
}

static const struct cli_command command_rotate_keys = {
    .name = "rotate-keys",
    .arguments = "",
    .help = "draw new keys for this machine; they count once the hub has been told (make a backup then)",
    .run = run_rotate_keys,
};

static const struct cli_option options[] = {
    {"hub", "ADDRESS", "where the hub listens: tcp://HOST:PORT"},
    {"code", "CODE", "the one-time code, as `hopnhat-hub enrol` printed it"},
    {"http", "ADDRESS:PORT", "the setting `http`"},
    COMMAND_RUN_OPTIONS,
    {"wait", NULL, "until this office is caught up"},
    {"urgent", NULL, "what was written here so far goes on a metered link and at any hour, too"},
    {"timeout", "SECONDS", "how long to wait; 60 if not given"},
    COMMAND_BACKUP_OPTIONS,
    COMMAND_PEOPLE_OPTIONS,
    COMMAND_OPTIONS,
};

static const struct cli_command *const commands[] = {
    &agent_command_join,
    &agent_command_run,
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
    &command_resolve,
    &command_history,
    &agent_command_rejected,
    &agent_command_take_back,
    &agent_command_dismiss,
    &agent_command_outvoted,
    &agent_command_sync,
    &command_status,
    &command_rotate_keys,
    &command_account_add,
    &command_account_set,
    &command_account_list,
    &command_account_remove,
    &command_passwd,
    &command_audit,
    &agent_command_backup,
    &agent_command_restore,
    &agent_command_verify,
    &agent_command_recovery_key,
    &agent_command_bundle_export,
    &agent_command_bundle_import,
};

const struct cli_program agent_program = {
    .name = "hopnhat-agent",
    .summary = "keeps an office's records and syncs them with the hub",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .opener = {.open = agent_service_open, .close = agent_service_close},
};
