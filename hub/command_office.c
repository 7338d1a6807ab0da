#include "hub/command.h"

#include "api/commands.h"
#include "api/table.h"
#include "hub/qr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool no_text(struct error *error)
{
    return error_set(error, ERROR_USAGE, "what was given is no UTF-8 text");
}

static bool put_list(const struct cli *cli, json_t *body, const char *option, const char *key,
                     struct error *error)
{
    const char *value;
    if (!cli_option(cli, option))
        return true;
    json_t *list = json_array();
    for (size_t i = 0; list && (value = cli_option_at(cli, option, i)); i++)
        if (json_array_append_new(list, json_string(value)) < 0) {
            json_decref(list);
            return no_text(error);
        }
    return json_object_set_new(body, key, list) == 0 || out_of_memory(error);
}

/* Author and name. NULL on error. */
static json_t *new_body(const struct cli *cli, struct error *error)
{
    json_t *body = json_pack("{s:s}", "author", cli_author());
    const char *name = cli_option(cli, "name");
    if (body && (!name || json_object_set_new(body, "name", json_string(name)) == 0))
        return body;
    json_decref(body);
    no_text(error);
    return NULL;
}

static bool put_headquarters(const struct cli *cli, json_t *body, struct error *error)
{
    const char *given = cli_option(cli, "headquarters");
    if (!given)
        return true;
    return json_object_set_new(body, "headquarters", json_boolean(strcmp(given, "no") != 0)) == 0 ||
           out_of_memory(error);
}

static bool print_answer(const struct cli *cli, json_t *answer)
{
    command_print_warnings(cli, answer);
    if (cli->json)
        cli_print_json(answer);
    json_decref(answer);
    return true;
}

static bool run_add(struct cli *cli, struct error *error)
{
    json_t *body = new_body(cli, error), *answer = NULL;
    bool done = body && put_list(cli, body, "group", "groups", error);
    if (done && json_object_set_new(body, "code", json_string(cli->arguments[0])) < 0)
        done = no_text(error);
    done = done && put_headquarters(cli, body, error) &&
           cli_call(cli, "POST", body, &answer, error, "/v1/offices");
    json_decref(body);
    return done && print_answer(cli, answer);
}

static bool run_set(struct cli *cli, struct error *error)
{
    json_t *body = new_body(cli, error), *answer = NULL;
    bool done = body && put_list(cli, body, "group", "add_groups", error) &&
                put_list(cli, body, "remove-group", "remove_groups", error) &&
                put_headquarters(cli, body, error) &&
                cli_call(cli, "PATCH", body, &answer, error, "/v1/offices/%s", cli->arguments[0]);
    json_decref(body);
    return done && print_answer(cli, answer);
}

static bool add_row(struct table *table, const json_t *office, struct error *error)
{
    static const char *const keys[] = {"code", "name", "groups", "headquarters", "installations"};
    enum { KEYS = sizeof keys / sizeof *keys };
    char *cells[KEYS];
    const char *row[KEYS];
    for (size_t i = 0; i < KEYS; i++)
        row[i] = cells[i] = table_text(json_object_get(office, keys[i]));
    bool done = table_add(table, row, error);
    for (size_t i = 0; i < KEYS; i++)
        free(cells[i]);
    return done;
}

static bool run_list(struct cli *cli, struct error *error)
{
    json_t *answer = NULL;
    if (!cli_call(cli, "GET", NULL, &answer, error, "/v1/offices"))
        return false;
    const json_t *offices = json_object_get(answer, "offices");
    struct table *table =
        table_new((const char *const[]){"code", "name", "groups", "headquarters", "installations"}, 5,
                  TABLE_CELL_WIDTH);
    bool done = table != NULL || out_of_memory(error);
    for (size_t i = 0; done && i < json_array_size(offices); i++) {
        if (cli->json)
            cli_print_json(json_array_get(offices, i));
        else
            done = add_row(table, json_array_get(offices, i), error);
    }
    if (done && !cli->json)
        table_print(table, stdout);
    table_free(table);
    json_decref(answer);
    return done;
}

/* The file that the code goes to, which only its owner may read; it must not be there. */
static bool open_out(const char *path, int *file, struct error *error)
{
    *file = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    return !path || *file >= 0 || error_set(error, ERROR_STORE, "cannot make %s: %s", path, strerror(errno));
}

/* Writes the code to the file, which is closed, or without one to stdout. */
static bool hand_out(const struct cli *cli, const char *code, int file, struct error *error)
{
    if (file >= 0) {
        bool written = dprintf(file, "%s\n", code) > 0 && fsync(file) == 0;
        int why = errno;
        if (close(file) != 0 || !written)
            return error_set(error, ERROR_STORE, "cannot write the code: %s",
                             strerror(written ? errno : why));
    } else if (!cli->json) {
        printf("%s\n", code);
    }
    return !cli_option(cli, "qr") || qr_print(code, cli->json ? stderr : stdout, error);
}

static bool run_enrol(struct cli *cli, struct error *error)
{
    const char *path = cli_option(cli, "out");
    json_t *body = json_pack("{s:s}", "author", cli_author()), *answer = NULL;
    uint64_t hours;
    int file = -1;
    bool done = body && cli_number(cli, "hours", 0, 8784, &hours, error);
    if (done && cli_option(cli, "hours"))
        json_object_set_new(body, "hours", json_integer((json_int_t)hours));
    done = done && open_out(path, &file, error) &&
           cli_call(cli, "POST", body, &answer, error, "/v1/offices/%s/enrolments", cli->arguments[0]);
    json_decref(body);
    if (!done && file >= 0) {
        close(file);
        unlink(path);
    }
    const char *code = json_string_value(json_object_get(answer, "code"));
    done = done && hand_out(cli, code ? code : "", file, error);
    if (done && cli->json)
        cli_print_json(answer);
    json_decref(answer);
    return done;
}

static bool run_revoke(struct cli *cli, struct error *error)
{
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s, s:s*}", "author", cli_author(), "replica", cli_option(cli, "replica"));
    bool done = body ? cli_call(cli, "POST", body, &answer, error, "/v1/offices/%s/revoke", cli->arguments[0])
                     : no_text(error);
    json_decref(body);
    if (!done)
        return false;
    if (!cli->json)
        printf("revoked: installations %lld, replicas %lld, unused codes %lld\n",
               (long long)json_integer_value(json_object_get(answer, "installations")),
               (long long)json_integer_value(json_object_get(answer, "replicas")),
               (long long)json_integer_value(json_object_get(answer, "codes")));
    return print_answer(cli, answer);
}

static const char *const add_options[] = {"name", "group", "headquarters", NULL};
static const char *const set_options[] = {"name", "group", "remove-group", "headquarters", NULL};
static const char *const enrol_options[] = {"hours", "qr", "out", NULL};
static const char *const revoke_options[] = {"replica", NULL};

const struct cli_command hub_command_office_add = {
    .name = "office add",
    .arguments = "CODE --name NAME [--group GROUP]... [--headquarters [yes|no]]",
    .help = "add an office; it is in the groups everyone and office:CODE without saying",
    .options = add_options,
    .least = 1,
    .most = 1,
    .run = run_add,
};
const struct cli_command hub_command_office_set = {
    .name = "office set",
    .arguments = "CODE [--name NAME] [--group G]... [--remove-group G]... [--headquarters [yes|no]]",
    .help = "change an office",
    .options = set_options,
    .least = 1,
    .most = 1,
    .run = run_set,
};
const struct cli_command hub_command_office_list = {
    .name = "office list",
    .arguments = "",
    .help = "show all offices",
    .run = run_list,
};
const struct cli_command hub_command_enrol = {
    .name = "enrol",
    .arguments = "OFFICE [--hours N] [--qr] [--out FILE]",
    .help = "print a one-time code with which the office's agent joins; it holds for 24 hours, or N",
    .options = enrol_options,
    .least = 1,
    .most = 1,
    .run = run_enrol,
};
const struct cli_command hub_command_revoke = {
    .name = "revoke",
    .arguments = "OFFICE [--replica REPLICA]",
    .help = "let an office's machines, or the one with that replica, sync no more; what still comes is "
            "quarantined",
    .options = revoke_options,
    .least = 1,
    .most = 1,
    .run = run_revoke,
};
