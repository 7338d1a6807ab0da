#include "hub/command.h"

#include "api/commands.h"

#include <stdio.h>

static bool run_list(struct cli *cli, struct error *error)
{
    const char *path =
        cli_option(cli, "all") ? "/v1/quarantine?limit=100&all=yes" : "/v1/quarantine?limit=100";
    return command_each(cli, path, "quarantine", command_print_refusal, cli, error);
}

static bool run_show(struct cli *cli, struct error *error)
{
    json_t *refusal = NULL;
    if (!cli_call(cli, "GET", NULL, &refusal, error, "/v1/quarantine/%s", cli->arguments[0]))
        return false;
    bool done = command_print_refusal(cli, refusal, error);
    json_decref(refusal);
    return done;
}

static bool decide(struct cli *cli, const char *verb, struct error *error)
{
    json_t *body = json_pack("{s:s, s:s*}", "author", cli_author(), "note", cli_option(cli, "note"));
    return cli_send(cli, "POST", body, error, "/v1/quarantine/%s/%s", cli->arguments[0], verb);
}

static bool run_release(struct cli *cli, struct error *error)
{
    return decide(cli, "release", error);
}

static bool run_drop(struct cli *cli, struct error *error)
{
    return decide(cli, "drop", error);
}

static const char *const list_options[] = {"all", NULL};
static const char *const decide_options[] = {"note", NULL};

const struct cli_command hub_command_quarantine_list = {
    .name = "quarantine list",
    .arguments = "[--all]",
    .help =
        "show the changes that were refused and wait for a decision, and why; --all: also those decided on",
    .options = list_options,
    .run = run_list,
};
const struct cli_command hub_command_quarantine_show = {
    .name = "quarantine show",
    .arguments = "REPLICA.SEQ",
    .help = "show one of them",
    .least = 1,
    .most = 1,
    .run = run_show,
};
const struct cli_command hub_command_quarantine_release = {
    .name = "quarantine release",
    .arguments = "REPLICA.SEQ [--note TEXT]",
    .help = "admit a refused change after all, if catalog and rights allow it by now",
    .options = decide_options,
    .least = 1,
    .most = 1,
    .run = run_release,
};
const struct cli_command hub_command_quarantine_drop = {
    .name = "quarantine drop",
    .arguments = "REPLICA.SEQ [--note TEXT]",
    .help = "decide that a refused change stays refused; it is kept on record",
    .options = decide_options,
    .least = 1,
    .most = 1,
    .run = run_drop,
};
