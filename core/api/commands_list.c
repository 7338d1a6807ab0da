#include "api/commands.h"

#include "api/csv.h"
#include "api/table.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIST_COLUMNS = 7 };

/* A list for people: all records are kept until the columns are known. */
struct listing {
    struct cli *cli;
    json_t *kept;
    json_t *catalog;      /* for CSV, which goes out record by record */
    const json_t *fields; /* the type's, in it; NULL: no CSV */
    struct csv csv;
};

/* The type of that name among those of the catalog; NULL: none. */
static const json_t *type_of(const json_t *catalog, const char *name)
{
    const json_t *types = json_object_get(catalog, "types");
    for (size_t i = 0; i < json_array_size(types); i++)
        if (strcmp(client_text(json_array_get(types, i), "name"), name) == 0)
            return json_array_get(types, i);
    return NULL;
}

static bool begin_csv(struct listing *listing, struct error *error)
{
    struct cli *cli = listing->cli;
    if (!cli_option(cli, "csv"))
        return true;
    if (cli->json)
        return error_set(error, ERROR_USAGE, "give one of --csv and --json");
    if (!cli_call(cli, "GET", NULL, &listing->catalog, error, "/v1/catalog"))
        return false;
    const json_t *type = type_of(listing->catalog, cli->arguments[0]);
    if (!type)
        return error_set(error, ERROR_NOT_FOUND, "%.60s: there is no record type of that name",
                         cli->arguments[0]);
    listing->fields = json_object_get(type, "fields");
    csv_begin(&listing->csv, stdout);
    csv_add(&listing->csv, "id");
    csv_add(&listing->csv, "owner");
    csv_add(&listing->csv, "group");
    for (size_t i = 0; i < json_array_size(listing->fields); i++)
        csv_add(&listing->csv, client_text(json_array_get(listing->fields, i), "name"));
    csv_end_line(&listing->csv);
    return true;
}

static bool print_csv(struct listing *listing, const json_t *record, struct error *error)
{
    csv_add(&listing->csv, client_text(record, "id"));
    csv_add(&listing->csv, client_text(record, "owner"));
    csv_add(&listing->csv, client_text(record, "group"));
    for (size_t i = 0; i < json_array_size(listing->fields); i++) {
        const char *name = client_text(json_array_get(listing->fields, i), "name");
        char *text = table_text(json_object_get(json_object_get(record, "fields"), name));
        if (!text)
            return out_of_memory(error);
        csv_add(&listing->csv, text);
        free(text);
    }
    csv_end_line(&listing->csv);
    return true;
}

static bool take_record(void *user, json_t *record, struct error *error)
{
    struct listing *listing = user;
    if (listing->cli->json) {
        cli_print_json(record);
        return true;
    }
    if (listing->fields)
        return print_csv(listing, record, error);
    return json_array_append(listing->kept, record) == 0 || out_of_memory(error);
}

static bool is_used(const json_t *records, const char *field)
{
    for (size_t i = 0; i < json_array_size(records); i++)
        if (json_object_get(json_object_get(json_array_get(records, i), "fields"), field))
            return true;
    return false;
}

/* The columns after the id: the fields of the type that any record has, but for long texts. */
static size_t choose_columns(const json_t *catalog, const char *type, const json_t *records,
                             const char **columns)
{
    size_t count = 0;
    const json_t *fields = json_object_get(type_of(catalog, type), "fields");
    for (size_t i = 0; i < json_array_size(fields) && count < LIST_COLUMNS; i++) {
        const json_t *field = json_array_get(fields, i);
        const char *policy = client_text(field, "policy"), *name = client_text(field, "name");
        if (strcmp(policy, "text") != 0 && strcmp(policy, "thread") != 0 && is_used(records, name))
            columns[count++] = name;
    }
    return count;
}

static bool add_row(struct table *table, const json_t *record, const char *const *columns, size_t count,
                    struct error *error)
{
    char *cells[LIST_COLUMNS + 1] = {0};
    bool done = true;
    cells[0] = strdup(client_text(record, "id"));
    for (size_t i = 0; i < count; i++)
        cells[i + 1] = table_text(json_object_get(json_object_get(record, "fields"), columns[i]));
    for (size_t i = 0; i <= count; i++)
        done = done && cells[i];
    if (!done)
        out_of_memory(error);
    const char *row[LIST_COLUMNS + 1];
    for (size_t i = 0; i <= count; i++)
        row[i] = cells[i];
    done = done && table_add(table, row, error);
    for (size_t i = 0; i <= count; i++)
        free(cells[i]);
    return done;
}

static bool print_list(struct cli *cli, const json_t *records, struct error *error)
{
    const char *headings[LIST_COLUMNS + 1] = {"id"};
    json_t *catalog = NULL;
    if (json_array_size(records) == 0) {
        printf("none\n");
        return true;
    }
    if (!cli_call(cli, "GET", NULL, &catalog, error, "/v1/catalog"))
        return false;
    const char *type = client_text(json_array_get(records, 0), "type");
    size_t count = choose_columns(catalog, type, records, headings + 1);
    struct table *table = table_new(headings, count + 1, TABLE_CELL_WIDTH);
    bool done = table != NULL || out_of_memory(error);
    for (size_t i = 0; done && i < json_array_size(records); i++)
        done = add_row(table, json_array_get(records, i), headings + 1, count, error);
    if (done)
        table_print(table, stdout);
    table_free(table);
    json_decref(catalog);
    return done;
}

static bool run_list(struct cli *cli, struct error *error)
{
    struct listing listing = {.cli = cli, .kept = json_array()};
    const char *path = arena_format(&cli->arena, "/v1/records/%s", cli_escape(cli, cli->arguments[0]));
    static const char *const asked[] = {"where", "sort", "deleted", NULL};
    path = command_path(cli, path, asked, error);
    bool done = path && (listing.kept || out_of_memory(error)) && begin_csv(&listing, error) &&
                command_each(cli, path, "records", take_record, &listing, error);
    if (done && listing.kept && !cli->json && !listing.fields)
        done = print_list(cli, listing.kept, error);
    json_decref(listing.catalog);
    json_decref(listing.kept);
    return done;
}

static const char *const list_options[] = {"where", "sort", "deleted", "csv", NULL};

const struct cli_command command_list = {
    .name = "list",
    .arguments = "TYPE [--where PATH=VALUE]... [--sort FIELD]",
    .help = "show the records of a type",
    .options = list_options,
    .least = 1,
    .most = 1,
    .run = run_list,
};
