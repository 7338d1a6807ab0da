#include "api/commands.h"

#include "api/assignment.h"
#include "api/table.h"

#include <stdio.h>
#include <stdlib.h>

/* A request's body with the author in it. NULL with ERROR_MEMORY. */
static json_t *new_body(struct error *error)
{
    json_t *body = json_pack("{s:s}", "author", cli_author());
    if (!body)
        error_set(error, ERROR_USAGE, "HOPNHAT_AUTHOR is no UTF-8 text");
    return body;
}

static bool put_text(json_t *body, const char *key, const char *text, struct error *error)
{
    if (!text || json_object_set_new(body, key, json_string(text)) == 0)
        return true;
    return error_set(error, ERROR_USAGE, "%s: \"%.60s\" is no UTF-8 text", key, text);
}

void command_print_warnings(const struct cli *cli, const json_t *answer)
{
    const json_t *warnings = json_object_get(answer, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++)
        fprintf(stderr, "%s: warning: %s\n", cli->program->name,
                json_string_value(json_array_get(warnings, i)));
}

/* Prints what a change's answer leaves to say; takes the answer. */
static void print_changed(const struct cli *cli, json_t *answer)
{
    command_print_warnings(cli, answer);
    if (cli->json)
        cli_print_json(answer);
    else if (json_is_false(json_object_get(answer, "changed")))
        printf("nothing to change\n");
    json_decref(answer);
}

/* Sends the body, which it takes, with --seen in it, to the record that the arguments name. */
static bool send_change(struct cli *cli, const char *method, json_t *body, struct error *error)
{
    json_t *answer = NULL;
    bool done = put_text(body, "token", cli_option(cli, "seen"), error) &&
                cli_call(cli, method, body, &answer, error, "/v1/records/%s/%s", cli->arguments[0],
                         cli->arguments[1]);
    json_decref(body);
    if (done)
        print_changed(cli, answer);
    return done;
}

static json_t *body_of_assignments(const struct cli *cli, size_t from, struct error *error)
{
    json_t *body = new_body(error);
    for (size_t i = from; body && i < cli->argument_count; i++) {
        if (assignment_put(body, cli->arguments[i], error))
            continue;
        json_decref(body);
        return NULL;
    }
    return body;
}

static bool run_add(struct cli *cli, struct error *error)
{
    json_t *body = body_of_assignments(cli, 1, error), *answer = NULL;
    bool done = body && cli_call(cli, "POST", body, &answer, error, "/v1/records/%s", cli->arguments[0]);
    json_decref(body);
    if (done)
        command_print_warnings(cli, answer);
    if (done && cli->json)
        cli_print_json(answer);
    else if (done)
        printf("%s\n", json_string_value(json_object_get(answer, "id")));
    json_decref(answer);
    return done;
}

static bool run_set(struct cli *cli, struct error *error)
{
    json_t *body = body_of_assignments(cli, 2, error);
    return body && send_change(cli, "PATCH", body, error);
}

static bool run_delete(struct cli *cli, struct error *error)
{
    json_t *body = new_body(error);
    return body && send_change(cli, "DELETE", body, error);
}

static bool run_undelete(struct cli *cli, struct error *error)
{
    json_t *body = new_body(error);
    return body && cli_send(cli, "POST", body, error, "/v1/records/%s/%s/undelete", cli->arguments[0],
                            cli->arguments[1]);
}

static bool fill_settlement(const struct cli *cli, json_t *body, struct error *error)
{
    const char *take = cli_option(cli, "take"), *value = cli_option(cli, "value");
    uint64_t number;
    if (!take == !value)
        return error_set(error, ERROR_USAGE, "resolve needs --take N or --value VALUE");
    if (!cli_number(cli, "take", 0, 1000000, &number, error) ||
        !put_text(body, "field", cli->arguments[2], error) || !put_text(body, "value", value, error) ||
        !put_text(body, "note", cli_option(cli, "note"), error) ||
        !put_text(body, "token", cli_option(cli, "seen"), error))
        return false;
    return !take || json_object_set_new(body, "take", json_integer((json_int_t)number)) == 0 ||
           out_of_memory(error);
}

static bool run_resolve(struct cli *cli, struct error *error)
{
    json_t *body = new_body(error), *answer = NULL;
    bool done = body && fill_settlement(cli, body, error) &&
                cli_call(cli, "POST", body, &answer, error, "/v1/records/%s/%s/resolve", cli->arguments[0],
                         cli->arguments[1]);
    json_decref(body);
    if (done)
        print_changed(cli, answer);
    return done;
}

/* One line for each office, at the hub. */
static bool print_offices(const json_t *offices, struct error *error)
{
    static const char *const columns[] = {
        "office", "online", "last_contact", "behind", "stalled", "digest_mismatches", "held_back"};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    struct table *table = table_new(columns, COLUMNS, TABLE_CELL_WIDTH);
    bool done = table || out_of_memory(error);
    const char *code;
    const json_t *office;
    json_object_foreach((json_t *)(uintptr_t)offices, code, office)
    {
        char *cells[COLUMNS] = {(char *)(uintptr_t)code};
        for (size_t i = 1; i < COLUMNS; i++)
            cells[i] = table_text(json_object_get(office, columns[i]));
        done = done && table_add(table, (const char *const *)cells, error);
        for (size_t i = 1; i < COLUMNS; i++)
            free(cells[i]);
    }
    if (done)
        table_print(table, stdout);
    table_free(table);
    return done;
}

static bool print_status(json_t *status, struct error *error)
{
    json_t *offices = json_incref(json_object_get(status, "by_office"));
    json_object_del(status, "by_office");
    command_print_object(status);
    bool done = json_object_size(offices) == 0 || (putchar('\n'), print_offices(offices, error));
    json_decref(offices);
    return done;
}

static bool run_status(struct cli *cli, struct error *error)
{
    json_t *answer = NULL;
    if (!cli_call(cli, "GET", NULL, &answer, error, "/v1/status"))
        return false;
    bool done = true;
    if (cli->json)
        cli_print_json(answer);
    else
        done = print_status(answer, error);
    json_decref(answer);
    return done;
}

void command_print_object(json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char *text = table_text(value);
        printf("%-22s %s\n", key, text ? text : "");
        free(text);
    }
}

static void print_operation(const json_t *edit, const json_t *operation)
{
    char *value = table_text(json_object_get(operation, "value"));
    const char *shown = json_is_true(json_object_get(operation, "erased")) ? "(erased)" : value;
    printf("    %s %s: %s %s %s\n", client_text(edit, "type"), client_text(edit, "id"),
           client_text(operation, "operation"), client_text(operation, "field"), shown ? shown : "");
    free(value);
}

bool command_print_refusal(void *user, json_t *refusal, struct error *error)
{
    const struct cli *cli = user;
    const json_t *edits = json_object_get(refusal, "edits");
    (void)error;
    if (cli->json) {
        cli_print_json(refusal);
        return true;
    }
    printf("%s.%lld  %s  %s  %s\n    %s\n", client_text(refusal, "replica"),
           (long long)json_integer_value(json_object_get(refusal, "seq")), client_text(refusal, "time"),
           client_text(refusal, "office"), client_text(refusal, "author"), client_text(refusal, "text"));
    for (size_t i = 0; i < json_array_size(edits); i++) {
        const json_t *edit = json_array_get(edits, i), *operations = json_object_get(edit, "operations");
        for (size_t j = 0; j < json_array_size(operations); j++)
            print_operation(edit, json_array_get(operations, j));
    }
    return true;
}

static const char *const seen_option[] = {"seen", NULL};
static const char *const resolve_options[] = {"take", "value", "note", "seen", NULL};

const struct cli_command command_add = {
    .name = "add",
    .arguments = "TYPE FIELD=VALUE...",
    .help = "make a record and print its id",
    .least = 1,
    .most = 1000,
    .run = run_add,
};
const struct cli_command command_set = {
    .name = "set",
    .arguments = "TYPE ID FIELD=VALUE... (also FIELD+=VALUE, FIELD-=VALUE)",
    .help = "write fields; += and -= add to and take from a set, a thread or a counter",
    .options = seen_option,
    .least = 3,
    .most = 1000,
    .run = run_set,
};
const struct cli_command command_delete = {
    .name = "delete",
    .arguments = "TYPE ID",
    .help = "delete a record (writing to it brings it back)",
    .options = seen_option,
    .least = 2,
    .most = 2,
    .run = run_delete,
};
const struct cli_command command_undelete = {
    .name = "undelete",
    .arguments = "TYPE ID",
    .help = "bring a deleted record back, as it was",
    .options = seen_option,
    .least = 2,
    .most = 2,
    .run = run_undelete,
};
const struct cli_command command_resolve = {
    .name = "resolve",
    .arguments = "TYPE ID FIELD --take N|--value V",
    .help = "settle a field that is in open conflict",
    .options = resolve_options,
    .least = 3,
    .most = 3,
    .run = run_resolve,
};
const struct cli_command command_status = {
    .name = "status",
    .arguments = "",
    .help = "how things stand",
    .run = run_status,
};
