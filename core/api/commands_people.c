#include "api/commands_people.h"

#include "api/commands.h"
#include "api/password.h"
#include "api/table.h"

#include <stdio.h>
#include <stdlib.h>

static bool put_text(json_t *body, const char *key, const char *text, struct error *error)
{
    return !text || json_object_set_new(body, key, json_string(text)) == 0 ||
           error_set(error, ERROR_USAGE, "%s: \"%.60s\" is no UTF-8 text", key, text);
}

/* Author, role, full name and whether it is disabled, as given. NULL on error. */
static json_t *new_body(const struct cli *cli, struct error *error)
{
    json_t *body = json_object();
    const char *disabled = cli_option(cli, "disabled");
    bool done = body && put_text(body, "author", cli_author(), error) &&
                put_text(body, "role", cli_option(cli, "role"), error) &&
                put_text(body, "full_name", cli_option(cli, "full-name"), error);
    if (done && disabled)
        done = json_object_set_new(body, "disabled", json_boolean(strcmp(disabled, "no") != 0)) == 0;
    if (done)
        return body;
    json_decref(body);
    return NULL;
}

static bool put_password(struct cli *cli, json_t *body, const char *name, struct error *error)
{
    char *prompt = arena_format(&cli->arena, "password for %.64s", name);
    char *password = password_read(prompt ? prompt : "password", &cli->arena, error);
    return password && put_text(body, "password", password, error);
}

/* Sends the body, which it takes, and prints the answer where programs read it. */
static bool send_account(struct cli *cli, const char *method, json_t *body, const char *name,
                         struct error *error)
{
    return name ? cli_send(cli, method, body, error, "/v1/accounts/%s", name)
                : cli_send(cli, method, body, error, "/v1/accounts");
}

static bool run_add(struct cli *cli, struct error *error)
{
    if (!cli_option(cli, "role"))
        return error_set(error, ERROR_USAGE, "account add needs --role ROLE");
    json_t *body = new_body(cli, error);
    if (body && put_text(body, "name", cli->arguments[0], error) &&
        put_password(cli, body, cli->arguments[0], error))
        return send_account(cli, "POST", body, NULL, error);
    json_decref(body);
    return false;
}

static bool run_set(struct cli *cli, struct error *error)
{
    json_t *body = new_body(cli, error);
    return body && send_account(cli, "PATCH", body, cli->arguments[0], error);
}

static bool run_passwd(struct cli *cli, struct error *error)
{
    json_t *body = new_body(cli, error);
    if (body && put_password(cli, body, cli->arguments[0], error))
        return send_account(cli, "PATCH", body, cli->arguments[0], error);
    json_decref(body);
    return false;
}

static bool run_remove(struct cli *cli, struct error *error)
{
    json_t *body = new_body(cli, error);
    return body && send_account(cli, "DELETE", body, cli->arguments[0], error);
}

static bool add_row(struct table *table, const json_t *object, const char *const *keys, size_t count,
                    struct error *error)
{
    enum { MOST_KEYS = 8 };
    char *cells[MOST_KEYS];
    const char *row[MOST_KEYS];
    for (size_t i = 0; i < count; i++)
        row[i] = cells[i] = table_text(json_object_get(object, keys[i]));
    bool done = table_add(table, row, error);
    for (size_t i = 0; i < count; i++)
        free(cells[i]);
    return done;
}

static bool run_list(struct cli *cli, struct error *error)
{
    static const char *const keys[] = {"name", "role", "full_name", "disabled", "created"};
    enum { KEYS = sizeof keys / sizeof *keys };
    json_t *answer = NULL;
    if (!cli_call(cli, "GET", NULL, &answer, error, "/v1/accounts"))
        return false;
    const json_t *accounts = json_object_get(answer, "accounts");
    struct table *table = table_new(keys, KEYS, TABLE_CELL_WIDTH);
    bool done = table != NULL || out_of_memory(error);
    for (size_t i = 0; done && i < json_array_size(accounts); i++) {
        if (cli->json)
            cli_print_json(json_array_get(accounts, i));
        else
            done = add_row(table, json_array_get(accounts, i), keys, KEYS, error);
    }
    if (done && !cli->json)
        table_print(table, stdout);
    table_free(table);
    json_decref(answer);
    return done;
}

static bool print_entry(void *user, json_t *entry, struct error *error)
{
    const struct cli *cli = user;
    (void)error;
    if (cli->json)
        cli_print_json(entry);
    else
        printf("%lld  %s  %s  %s  %s\n", (long long)json_integer_value(json_object_get(entry, "number")),
               client_text(entry, "time"), client_text(entry, "actor"), client_text(entry, "act"),
               client_text(entry, "detail"));
    return true;
}

static bool run_audit(struct cli *cli, struct error *error)
{
    return command_each(cli, "/v1/audit?limit=1000", "audit", print_entry, cli, error);
}

static const char *const add_options[] = {"role", "full-name", "disabled", NULL};

const struct cli_command command_account_add = {
    .name = "account add",
    .arguments = "NAME --role reader|editor|manager|administrator [--full-name NAME]",
    .help = "let a person in over HTTP; the password is asked for, or the first line of stdin",
    .options = add_options,
    .least = 1,
    .most = 1,
    .run = run_add,
};
const struct cli_command command_account_set = {
    .name = "account set",
    .arguments = "NAME [--role ROLE] [--full-name NAME] [--disabled [yes|no]]",
    .help = "change an account; it counts from the next request on",
    .options = add_options,
    .least = 1,
    .most = 1,
    .run = run_set,
};
const struct cli_command command_account_list = {
    .name = "account list",
    .arguments = "",
    .help = "show all accounts",
    .run = run_list,
};
const struct cli_command command_account_remove = {
    .name = "account remove",
    .arguments = "NAME",
    .help = "remove an account; what was written in its name stays",
    .least = 1,
    .most = 1,
    .run = run_remove,
};
const struct cli_command command_passwd = {
    .name = "passwd",
    .arguments = "NAME",
    .help = "set an account's password, also one that was lost; its logins end, and it is on record",
    .least = 1,
    .most = 1,
    .run = run_passwd,
};
const struct cli_command command_audit = {
    .name = "audit",
    .arguments = "",
    .help = "show who did which administrative act, oldest first; `verify` proves that nothing was altered",
    .run = run_audit,
};
