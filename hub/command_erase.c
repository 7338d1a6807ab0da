#include "hub/command.h"

static bool run_erase(struct cli *cli, struct error *error)
{
    json_t *fields = json_array();
    for (size_t i = 2; i < cli->argument_count; i++)
        json_array_append_new(fields, json_string(cli->arguments[i]));
    json_t *body = json_pack("{s:s, s:s*, s:o}", "author", cli_author(), "reason", cli_option(cli, "reason"),
                             "fields", fields);
    return cli_send(cli, "POST", body, error, "/v1/records/%s/%s/erase", cli->arguments[0],
                    cli->arguments[1]);
}

static const char *const erase_options[] = {"reason", NULL};

const struct cli_command hub_command_erase = {
    .name = "erase",
    .arguments = "TYPE ID [FIELD...] --reason TEXT",
    .help = "erase for good what was ever written into a record, or into these fields of it, everywhere; the "
            "reason is shown to every office. The bytes leave the hub's files when it starts next",
    .options = erase_options,
    .least = 2,
    .most = 100,
    .run = run_erase,
};
