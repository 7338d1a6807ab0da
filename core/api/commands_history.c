#include "api/commands.h"

#include "api/table.h"

#include <stdio.h>
#include <stdlib.h>

/* The value between these quotes, or that it was erased, which the key says, or does not fit the link.
 * Malloc'd; NULL without memory.
 */
static char *value_text(const json_t *object, const char *erased, const char *quote)
{
    char *value = table_text(json_object_get(object, "value")), *whole = NULL;
    const char *known = json_is_true(json_object_get(object, "withheld")) ? "?" : value;
    if (json_is_true(json_object_get(object, erased)))
        whole = strdup("(erased)");
    else if (json_is_true(json_object_get(object, "too_large")))
        whole = strdup("(too large for this link: ask at headquarters)");
    else if (known && asprintf(&whole, "%s%s%s", quote, known, quote) < 0)
        whole = NULL;
    free(value);
    return whole;
}

/* The values that were superseded, each once, with the office where several were. Malloc'd; NULL without
 * memory. */
static char *old_text(const json_t *superseded)
{
    char *all = strdup("");
    size_t count = json_array_size(superseded);
    for (size_t i = 0; all && i < count; i++) {
        const json_t *old = json_array_get(superseded, i);
        char *shown = value_text(old, "erased", "\""), *longer = NULL;
        const char *office = count > 1 ? client_text(old, "office") : "";
        if (!shown ||
            asprintf(&longer, "%s%s%s%s%s", all, i ? ", " : "", shown, *office ? " of " : "", office) < 0)
            longer = NULL;
        free(shown);
        free(all);
        all = longer;
    }
    return all;
}

static bool print_field(const json_t *field, struct error *error)
{
    const char *operation = client_text(field, "operation"), *name = client_text(field, "field");
    const json_t *superseded = json_object_get(field, "superseded");
    char *shown = value_text(field, "withheld", strcmp(operation, "add") == 0 ? "" : "\""),
         *old = old_text(superseded);
    bool done = shown && old;
    if (!done)
        out_of_memory(error);
    else if (strcmp(name, "deleted") == 0)
        printf("    %s\n", strcmp(operation, "put") == 0 ? "deleted" : "brought back");
    else if (strcmp(operation, "add") == 0)
        printf("    %s: + %s\n", name, shown);
    else if (strcmp(operation, "drop") == 0)
        printf("    %s: - %s\n", name, old);
    else if (json_array_size(superseded))
        printf("    %s: %s -> %s%s\n", name, old, shown,
               json_is_true(json_object_get(field, "merged")) ? "   (merged by the hub)" : "");
    else
        printf("    %s: %s\n", name, shown);
    free(shown);
    free(old);
    return done;
}

static bool print_change(void *user, json_t *change, struct error *error)
{
    const struct cli *cli = user;
    const json_t *fields = json_object_get(change, "fields");
    bool done = true;
    if (cli->json) {
        cli_print_json(change);
        return true;
    }
    const char *author = client_text(change, "author");
    printf("%s  %s%s%s  %s.%lld%s%s\n", client_text(change, "time"),
           *client_text(change, "office") ? client_text(change, "office") : "?", *author ? "  " : "", author,
           client_text(change, "replica"), (long long)json_integer_value(json_object_get(change, "seq")),
           json_is_true(json_object_get(change, "pending")) ? "  (not at the hub yet)" : "",
           json_is_true(json_object_get(change, "refused")) ? "  (refused)" : "");
    if (*client_text(change, "note"))
        printf("    note: %s\n", client_text(change, "note"));
    for (size_t i = 0; done && i < json_array_size(fields); i++)
        done = print_field(json_array_get(fields, i), error);
    return done;
}

/* Page by page, oldest last; as much as --limit says. */
static bool list_changes(struct cli *cli, struct error *error)
{
    uint64_t left;
    char *before = NULL;
    bool done = cli_number(cli, "limit", UINT64_MAX, UINT64_MAX, &left, error), more = done;
    while (done && more && left) {
        json_t *page = NULL;
        char number[24];
        snprintf(number, sizeof number, "%d", left < 100 ? (int)left : 100);
        done = before
                   ? cli_call(cli, "GET", NULL, &page, error, "/v1/records/%s/%s/history?limit=%s&before=%s",
                              cli->arguments[0], cli->arguments[1], number, before)
                   : cli_call(cli, "GET", NULL, &page, error, "/v1/records/%s/%s/history?limit=%s",
                              cli->arguments[0], cli->arguments[1], number);
        const json_t *changes = json_object_get(page, "changes"), *next = json_object_get(page, "next");
        for (size_t i = 0; done && i < json_array_size(changes); i++)
            done = print_change(cli, json_array_get(changes, i), error);
        left -= json_array_size(changes) < left ? json_array_size(changes) : left;
        if (done && !cli->json && !before && strcmp(client_text(page, "source"), "here") == 0)
            printf("(%s: only what is known here)\n", client_text(page, "why"));
        if (done && !cli->json && json_is_true(json_object_get(page, "cut")))
            printf("(what was before is not this office's to know)\n");
        free(before);
        before = next ? strdup(json_string_value(next)) : NULL;
        more = before != NULL && json_array_size(changes) > 0;
        json_decref(page);
    }
    free(before);
    return done;
}

static bool run_history(struct cli *cli, struct error *error)
{
    const char *as_of = cli_option(cli, "as-of");
    json_t *record = NULL;
    if (!as_of)
        return list_changes(cli, error);
    if (!cli_call(cli, "GET", NULL, &record, error, "/v1/records/%s/%s/history?as-of=%s", cli->arguments[0],
                  cli->arguments[1], as_of))
        return false;
    bool done = command_print_record(cli, record, error);
    json_decref(record);
    return done;
}

static const char *const history_options[] = {"as-of", "limit", NULL};

const struct cli_command command_history = {
    .name = "history",
    .arguments = "TYPE ID [--as-of TIME] [--limit N]",
    .help = "show who changed a record and how, newest first; or the record as it was",
    .options = history_options,
    .least = 2,
    .most = 2,
    .run = run_history,
};
