#include "agent/command.h"

#include "api/commands.h"
#include "api/table.h"

#include <stdio.h>
#include <stdlib.h>

/* A value in quotes, so that it can be told from a cleared one; NULL: out of memory. */
static char *quoted(const json_t *value)
{
    char *text = table_text(value), *result = NULL;
    const char *quote = text && *text ? "\"" : "";
    if (text && asprintf(&result, "%s%s%s", quote, *text ? text : "(cleared)", quote) < 0)
        result = NULL;
    free(text);
    return result;
}

static void print_deletion(const struct cli *cli, const json_t *row, const char *own)
{
    const json_t *winner = json_object_get(row, "winner");
    const char *by = client_text(row, "by"), *office = client_text(winner, "office"),
               *type = client_text(row, "type"), *id = client_text(row, "id"), *program = cli->program->name;
    office = *office ? office : "another office";
    if (strcmp(by, "edit") == 0) {
        printf("%s \"%s\" was deleted here, and stands\n", type, client_text(row, "title"));
        if (*client_text(winner, "time"))
            printf("    written to by %s, %s, which had not been seen here\n", office,
                   client_text(winner, "time"));
        printf("    delete it again: %s delete %s %s\n\n", program, type, id);
        return;
    }
    printf("%s of %s \"%s\"\n    written here: %s\n", client_text(row, "field"), type,
           client_text(row, "title"), own);
    if (strcmp(by, "purge") == 0)
        printf("    deleted by somebody who had not seen that, and %s is not here any more\n"
               "    show it no more: %s outvoted dismiss %s %s %s\n\n",
               id, program, type, id, client_text(row, "field"));
    else
        printf("    deleted by %s, %s, which had not seen that\n    bring it back: %s undelete %s %s\n\n",
               office, client_text(winner, "time"), program, type, id);
}

static bool is_of_deletion(const char *by)
{
    return strcmp(by, "deletion") == 0 || strcmp(by, "purge") == 0 || strcmp(by, "edit") == 0;
}

static bool print_row(void *user, json_t *row, struct error *error)
{
    const struct cli *cli = user;
    const json_t *winner = json_object_get(row, "winner");
    if (cli->json) {
        cli_print_json(row);
        return true;
    }
    char *own = quoted(json_object_get(row, "value")), *read = quoted(json_object_get(winner, "value"));
    const char *by = client_text(row, "by"), *office = client_text(winner, "office");
    if (own && read && is_of_deletion(by))
        print_deletion(cli, row, own);
    else if (own && read)
        printf("%s of %s \"%s\"\n    written here: %s\n    read is:      %s of %s, %s%s\n"
               "    bring it back: %s outvoted take-back %s %s %s\n\n",
               client_text(row, "field"), client_text(row, "type"), client_text(row, "title"), own, read,
               *office ? office : "another office", client_text(winner, "time"),
               strcmp(by, "person") == 0 ? ", settled"
               : strcmp(by, "open") == 0 ? ", not settled yet"
                                         : "",
               cli->program->name, client_text(row, "type"), client_text(row, "id"),
               client_text(row, "field"));
    bool done = (own && read) || out_of_memory(error);
    free(own);
    free(read);
    return done;
}

static bool run_list(struct cli *cli, struct error *error)
{
    return command_each(cli, "/v1/outvoted?limit=100", "outvoted", print_row, cli, error);
}

static bool send_decision(struct cli *cli, bool dismiss, struct error *error)
{
    json_t *body =
        json_pack("{s:s, s:s, s:b}", "author", cli_author(), "field", cli->arguments[2], "dismiss", dismiss);
    return cli_send(cli, "POST", body, error, "/v1/outvoted/%s/%s", cli->arguments[0], cli->arguments[1]);
}

static bool run_take_back(struct cli *cli, struct error *error)
{
    return send_decision(cli, false, error);
}

static bool run_dismiss(struct cli *cli, struct error *error)
{
    return send_decision(cli, true, error);
}

const struct cli_command agent_command_outvoted = {
    .name = "outvoted",
    .arguments = "",
    .help = "show values that were written here and are not what is read, with what is read instead; those "
            "that a deletion took along; and deletions that were overruled",
    .run = run_list,
};
const struct cli_command agent_command_take_back = {
    .name = "outvoted take-back",
    .arguments = "TYPE ID FIELD",
    .help = "write the value again that was outvoted",
    .least = 3,
    .most = 3,
    .run = run_take_back,
};
const struct cli_command agent_command_dismiss = {
    .name = "outvoted dismiss",
    .arguments = "TYPE ID FIELD",
    .help = "show that value no more",
    .least = 3,
    .most = 3,
    .run = run_dismiss,
};
