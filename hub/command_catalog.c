#include "hub/command.h"

#include <stdio.h>
#include <stdlib.h>

/* The request for the daemon: the file's text and its name. NULL on error. */
static json_t *catalog_body(const char *path, struct error *error)
{
    uint8_t *data = NULL;
    size_t size = 0;
    if (!command_read_catalog(path, &data, &size, error))
        return NULL;
    json_t *body =
        json_pack("{s:s, s:s, s:s%}", "author", cli_author(), "file", path, "yaml", (char *)data, size);
    free(data);
    if (!body)
        error_set(error, ERROR_INPUT, "%s is no UTF-8 text", path);
    return body;
}

static void print_lines(const json_t *list, const char *key, FILE *to)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        fprintf(to, "%s\n", json_string_value(key ? json_object_get(item, key) : item));
    }
}

static bool print_judgement(const struct cli *cli, const json_t *answer, struct error *error)
{
    const json_t *errors = json_object_get(answer, "errors");
    size_t count = json_array_size(errors) + (size_t)json_integer_value(json_object_get(answer, "more"));
    if (cli->json)
        cli_print_json(answer);
    else
        print_lines(json_object_get(answer, "notes"), NULL, stdout);
    if (count == 0)
        return true;
    if (!cli->json)
        print_lines(errors, "text", stderr);
    return error_set(error, ERROR_INPUT, "the catalog %s has %zu errors; nothing was changed",
                     cli->arguments[0], count);
}

static bool judge(struct cli *cli, const char *verb, const char *done_text, struct error *error)
{
    json_t *body = catalog_body(cli->arguments[0], error), *answer = NULL;
    bool done = body && cli_call(cli, "POST", body, &answer, error, "/v1/catalog/%s", verb);
    json_decref(body);
    done = done && print_judgement(cli, answer, error);
    if (done && !cli->json)
        printf("%s (version %lld is in force)\n", done_text,
               (long long)json_integer_value(json_object_get(answer, "version")));
    json_decref(answer);
    return done;
}

static bool run_check(struct cli *cli, struct error *error)
{
    return judge(cli, "check", "the catalog may be applied", error);
}

static bool run_apply(struct cli *cli, struct error *error)
{
    return judge(cli, "apply", "the catalog has been applied", error);
}

const struct cli_command hub_command_catalog_check = {
    .name = "catalog check",
    .arguments = "FILE",
    .help = "say all that is wrong with a catalog in YAML, by itself and as a follower of the one in force",
    .least = 1,
    .most = 1,
    .run = run_check,
};
const struct cli_command hub_command_catalog_apply = {
    .name = "catalog apply",
    .arguments = "FILE",
    .help = "check a catalog in YAML and bring it into force, here and in every office",
    .least = 1,
    .most = 1,
    .run = run_apply,
};
