#include "hub/command.h"

#include <stdio.h>

enum { MOST_DAYS = 100 * 366 };

/* Puts the option's number into the body where it is given. */
static bool put_days(struct cli *cli, json_t *body, const char *option, const char *key, struct error *error)
{
    uint64_t days;
    if (!cli_option(cli, option))
        return true;
    return cli_number(cli, option, 0, MOST_DAYS, &days, error) &&
           (json_object_set_new(body, key, json_integer((json_int_t)days)) == 0 || out_of_memory(error));
}

static json_int_t number(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

static bool run_purge(struct cli *cli, struct error *error)
{
    json_t *answer = NULL, *body = json_pack("{s:s}", "author", cli_author());
    bool done = (body || error_set(error, ERROR_USAGE, "the author's name is no UTF-8 text")) &&
                put_days(cli, body, "purge-after", "purge_after_days", error) &&
                put_days(cli, body, "retire-after", "retire_after_days", error) &&
                cli_call(cli, "POST", body, &answer, error, "/v1/purge");
    json_decref(body);
    if (done && cli->json)
        cli_print_json(answer);
    else if (done)
        printf("%lld records purged, %lld installations retired\n", (long long)number(answer, "purged"),
               (long long)number(answer, "retired"));
    json_decref(answer);
    return done;
}

static const char *const purge_options[] = {"purge-after", "retire-after", NULL};

const struct cli_command hub_command_purge = {
    .name = "purge",
    .arguments = "[--purge-after DAYS] [--retire-after DAYS]",
    .help = "forget deleted records that nobody can bring back any more, and retire installations that stay "
            "away; also done every few hours. What is given is kept as the rule",
    .options = purge_options,
    .run = run_purge,
};
