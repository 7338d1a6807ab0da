#include "hub/command.h"

#include <stdio.h>

static bool run_rotate_keys(struct cli *cli, struct error *error)
{
    json_t *body = json_pack("{s:s, s:b, s:b}", "author", cli_author(), "finish",
                             cli_option(cli, "finish") != NULL, "force", cli_option(cli, "force") != NULL);
    json_t *answer = NULL;
    bool done = body && cli_call(cli, "POST", body, &answer, error, "/v1/rotate-keys");
    json_decref(body);
    if (!done)
        return false;
    if (cli->json)
        cli_print_json(answer);
    else if (json_is_true(json_object_get(answer, "under_way")))
        printf("the next key is announced; installations that have heard of it: %lld, that have not: %lld\n",
               (long long)json_integer_value(json_object_get(answer, "heard")),
               (long long)json_integer_value(json_object_get(answer, "not_heard")));
    else
        printf("the hub has its new key\n");
    json_decref(answer);
    return true;
}

static const char *const rotate_options[] = {"finish", "force", NULL};

const struct cli_command hub_command_rotate_keys = {
    .name = "rotate-keys",
    .arguments = "[--finish [--force]]",
    .help = "draw the hub's next link key and announce it to all agents; with --finish, change to it",
    .options = rotate_options,
    .run = run_rotate_keys,
};
