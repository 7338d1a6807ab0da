#include "api/commands.h"

#include "api/table.h"

#include <stdio.h>
#include <stdlib.h>

/* Whether the array of strings holds the text. */
static bool holds(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (strcmp(json_string_value(json_array_get(array, i)), text) == 0)
            return true;
    return false;
}

static bool add_pair(struct table *table, const char *name, const json_t *value, const char *note,
                     struct error *error)
{
    char *text = table_text(value), *noted = NULL;
    bool done = text && asprintf(&noted, "%s%s", text, note) >= 0;
    if (!done)
        out_of_memory(error);
    done = done && table_add(table, (const char *const[]){name, noted}, error);
    free(text);
    free(noted);
    return done;
}

static bool fill_record(struct table *table, json_t *record, struct error *error)
{
    static const char *const system[] = {"type",  "id",    "owner",   "group",  "rev",
                                         "token", "as_of", "deleted", "revived"};
    const char *name;
    json_t *value, *open = json_object_get(record, "open");
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        if (json_object_get(record, system[i]) &&
            !add_pair(table, system[i], json_object_get(record, system[i]), "", error))
            return false;
    json_object_foreach(json_object_get(record, "fields"), name, value)
    {
        if (!add_pair(table, name, value, holds(open, name) ? "   (open conflict)" : "", error))
            return false;
    }
    for (size_t i = 0; i < json_array_size(open); i++) { /* also where it reads cleared for now */
        name = json_string_value(json_array_get(open, i));
        if (!json_object_get(json_object_get(record, "fields"), name) &&
            !add_pair(table, name, NULL, "(cleared)   (open conflict)", error))
            return false;
    }
    return true;
}

bool command_print_record(const struct cli *cli, json_t *record, struct error *error)
{
    if (cli->json) {
        cli_print_json(record);
        return true;
    }
    struct table *table = table_new((const char *const[]){"field", "value"}, 2, SIZE_MAX);
    bool done = table ? fill_record(table, record, error) : out_of_memory(error);
    if (done)
        table_print(table, stdout);
    table_free(table);
    return done;
}

static bool run_get(struct cli *cli, struct error *error)
{
    json_t *record = NULL;
    if (!cli_call(cli, "GET", NULL, &record, error, "/v1/records/%s/%s", cli->arguments[0],
                  cli->arguments[1]))
        return false;
    bool done = command_print_record(cli, record, error);
    json_decref(record);
    return done;
}

bool command_each(struct cli *cli, const char *path, const char *key,
                  bool (*take)(void *user, json_t *item, struct error *error), void *user,
                  struct error *error)
{
    char *after = NULL;
    bool done = true, more = true;
    while (done && more) {
        json_t *page = NULL;
        char *whole = NULL;
        const char *joint = !after ? "" : strchr(path, '?') ? "&after=" : "?after=";
        if (asprintf(&whole, "%s%s%s", path, joint, after ? after : "") < 0)
            whole = NULL;
        done = cli_call_path(cli, "GET", whole, NULL, &page, error);
        free(whole);
        const json_t *items = json_object_get(page, key), *next = json_object_get(page, "next");
        for (size_t i = 0; done && i < json_array_size(items); i++)
            done = take(user, json_array_get(items, i), error);
        free(after);
        after = next ? strdup(json_string_value(next)) : NULL;
        more = after != NULL;
        json_decref(page);
    }
    free(after);
    return done;
}

static bool add_candidate(struct table *table, const json_t *value, bool erased, struct error *error)
{
    char *number = table_text(json_object_get(value, "take")),
         *text = table_text(json_object_get(value, "value"));
    bool chosen = json_is_true(json_object_get(value, "chosen"));
    bool done =
        number && text
            ? table_add(table,
                        (const char *const[]){number,
                                              *text    ? text
                                              : erased ? "(erased)"
                                                       : "(cleared)",
                                              client_text(value, "office"), client_text(value, "author"),
                                              client_text(value, "time"), chosen ? "is read" : ""},
                        error)
            : out_of_memory(error);
    free(number);
    free(text);
    return done;
}

/* How it was settled, or can be. */
static void print_end(const struct cli *cli, const json_t *conflict)
{
    const json_t *settled = json_object_get(conflict, "settled");
    const char *state = client_text(conflict, "state"), *note = client_text(conflict, "note");
    if (settled) {
        char *value = table_text(json_object_get(settled, "value"));
        const char *author = client_text(settled, "author");
        printf("settled %s by %s%s%s", client_text(settled, "time"), client_text(settled, "office"),
               *author ? " " : "", author);
        if (!json_is_true(json_object_get(conflict, "erased")))
            printf(": \"%s\"", value ? value : "");
        printf("\n");
        free(value);
    }
    if (*note)
        printf("note: %s\n", note);
    if (strcmp(state, "open") == 0)
        printf("settle it: %s resolve %s %s %s --take N --seen %s\n", cli->program->name,
               client_text(conflict, "type"), client_text(conflict, "id"), client_text(conflict, "field"),
               client_text(conflict, "token"));
    else if (strcmp(state, "deleted") == 0)
        printf("the record is deleted\n");
    else if (strcmp(state, "by_rule") == 0)
        printf("read by rule: %s\n", client_text(conflict, "policy"));
    printf("\n");
}

static bool print_conflict(void *user, json_t *conflict, struct error *error)
{
    struct cli *cli = user;
    const json_t *values = json_object_get(conflict, "values");
    if (cli->json) {
        cli_print_json(conflict);
        return true;
    }
    bool erased = json_is_true(json_object_get(conflict, "erased"));
    const char *type = client_text(conflict, "type"), *field = client_text(conflict, "field");
    printf("%s of %s \"%s\", %s since %s\n", field, type, client_text(conflict, "title"),
           strcmp(client_text(conflict, "state"), "open") == 0 ? "open" : "side by side",
           client_text(conflict, "opened"));
    struct table *table = table_new((const char *const[]){"take", "value", "office", "author", "written", ""},
                                    6, TABLE_CELL_WIDTH);
    bool done = table != NULL || out_of_memory(error);
    for (size_t i = 0; done && i < json_array_size(values); i++)
        done = add_candidate(table, json_array_get(values, i), erased, error);
    if (done) {
        table_print(table, stdout);
        print_end(cli, conflict);
    }
    table_free(table);
    return done;
}

static bool run_conflicts(struct cli *cli, struct error *error)
{
    static const char *const filters[] = {"type", "office", "older-than", NULL};
    if (cli_option(cli, "settled") && cli_option(cli, "all"))
        return error_set(error, ERROR_USAGE, "give one of --settled and --all");
    const char *state = cli_option(cli, "settled") ? "settled" : cli_option(cli, "all") ? "all" : "open";
    const char *base = arena_format(&cli->arena, "/v1/conflicts?limit=100&state=%s", state);
    const char *path = command_path(cli, base, filters, error);
    return path && command_each(cli, path, "conflicts", print_conflict, cli, error);
}

static const char *const conflicts_options[] = {"settled", "all", "type", "office", "older-than", NULL};

const struct cli_command command_get = {
    .name = "get",
    .arguments = "TYPE ID",
    .help = "show a record",
    .least = 2,
    .most = 2,
    .run = run_get,
};
const struct cli_command command_conflicts = {
    .name = "conflicts",
    .arguments = "[--settled|--all]",
    .help =
        "show the fields that a person has to settle, the oldest first; --all: also those that are settled, "
        "or read by rule, which headquarters alone keeps: an office knows only what is open",
    .options = conflicts_options,
    .run = run_conflicts,
};
