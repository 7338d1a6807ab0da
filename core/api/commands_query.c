#include "api/commands.h"

#include "api/csv.h"
#include "api/table.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPORT_COLUMNS = 10 };

const char *command_path(struct cli *cli, const char *path, const char *const *options, struct error *error)
{
    const char *value;
    for (; *options; options++)
        for (size_t i = 0; path && (value = cli_option_at(cli, *options, i)); i++) {
            if (!*value || (i > 0 && strcmp(*options, "where") != 0)) {
                error_set(error, ERROR_USAGE, *value ? "--%s is given twice" : "--%s needs a value",
                          *options);
                return NULL;
            }
            path = arena_format(&cli->arena, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', *options,
                                cli_escape(cli, value));
        }
    if (!path)
        out_of_memory(error);
    return path;
}

/* What was found, for people: the name by which a type's records are known needs the catalog. */
struct finding {
    struct cli *cli;
    json_t *catalog;
    struct table *table;
    size_t count;
};

/* The record's title: the field that the catalog says, or nothing. */
static char *title_of(const struct finding *finding, const json_t *record)
{
    const json_t *types = json_object_get(finding->catalog, "types");
    const char *title = "";
    for (size_t i = 0; i < json_array_size(types); i++)
        if (strcmp(client_text(json_array_get(types, i), "name"), client_text(record, "type")) == 0)
            title = client_text(json_array_get(types, i), "title");
    return table_text(json_object_get(json_object_get(record, "fields"), title));
}

static bool take_found(void *user, json_t *record, struct error *error)
{
    struct finding *finding = user;
    if (finding->cli->json) {
        cli_print_json(record);
        return true;
    }
    char *title = title_of(finding, record);
    bool done = title
                    ? table_add(finding->table,
                                (const char *const[]){client_text(record, "id"), client_text(record, "type"),
                                                      client_text(record, "owner"), title},
                                error)
                    : out_of_memory(error);
    free(title);
    finding->count++;
    return done;
}

static bool begin_finding(struct finding *finding, struct error *error)
{
    if (finding->cli->json)
        return true;
    finding->table =
        table_new((const char *const[]){"id", "type", "owner", "title"}, 4, TABLE_CELL_WIDTH * 2);
    return (finding->table || out_of_memory(error)) &&
           cli_call(finding->cli, "GET", NULL, &finding->catalog, error, "/v1/catalog");
}

static bool run_search(struct cli *cli, struct error *error)
{
    struct finding finding = {.cli = cli};
    const char *words = "";
    for (size_t i = 0; words && i < cli->argument_count; i++)
        words = arena_format(&cli->arena, "%s%s%s", words, i ? " " : "", cli->arguments[i]);
    const char *path =
        words ? arena_format(&cli->arena, "/v1/search?words=%s", cli_escape(cli, words)) : NULL;
    path = command_path(cli, path, (const char *const[]){"type", NULL}, error);
    bool done = path && begin_finding(&finding, error);
    done = done && command_each(cli, path, "records", take_found, &finding, error);
    if (done && finding.count)
        table_print(finding.table, stdout);
    else if (done && !cli->json)
        printf("none\n");
    table_free(finding.table);
    json_decref(finding.catalog);
    return done;
}

/* The cells of a row of a report: its groups, the count, and the sum where there is one. */
struct cells {
    char *texts[REPORT_COLUMNS];
    size_t count;
};

static bool add_cell(struct cells *cells, char *text, struct error *error)
{
    if (!text)
        return out_of_memory(error);
    if (cells->count == REPORT_COLUMNS) {
        free(text);
        return error_set(error, ERROR_INTERNAL, "a report with more than %d columns", REPORT_COLUMNS);
    }
    cells->texts[cells->count++] = text;
    return true;
}

static void free_cells(struct cells *cells)
{
    while (cells->count)
        free(cells->texts[--cells->count]);
}

static bool add_figures(struct cells *cells, const json_t *row, struct error *error)
{
    const json_t *sum = json_object_get(row, "sum");
    return add_cell(cells, table_text(json_object_get(row, "count")), error) &&
           (!sum || add_cell(cells, table_text(sum), error));
}

static bool fill_cells(struct cells *cells, const json_t *report, const json_t *row, const char *label,
                       struct error *error)
{
    const json_t *groups = json_object_get(report, "group_by");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *value =
            json_object_get(json_object_get(row, "group"), json_string_value(json_array_get(groups, i)));
        char *text =
            value && !json_is_null(value) ? table_text(value) : strdup(i == 0 && !value ? label : "");
        if (!add_cell(cells, text, error))
            return false;
    }
    return add_figures(cells, row, error);
}

/* Where the rows of a report go: a table, or CSV. */
struct output {
    struct table *table;
    struct csv csv;
};

static bool put_cells(struct output *output, const struct cells *cells, struct error *error)
{
    const char *texts[REPORT_COLUMNS] = {0};
    for (size_t i = 0; i < cells->count; i++)
        texts[i] = cells->texts[i];
    if (output->table)
        return table_add(output->table, texts, error);
    for (size_t i = 0; i < cells->count; i++)
        csv_add(&output->csv, texts[i]);
    csv_end_line(&output->csv);
    return true;
}

static bool put_row(struct output *output, const json_t *report, const json_t *row, const char *label,
                    struct error *error)
{
    struct cells cells = {0};
    bool done = fill_cells(&cells, report, row, label, error) && put_cells(output, &cells, error);
    free_cells(&cells);
    return done;
}

static bool begin_output(const struct cli *cli, const json_t *report, struct output *output,
                         struct error *error)
{
    const char *headings[REPORT_COLUMNS];
    const json_t *groups = json_object_get(report, "group_by");
    const char *sum = cli_option(cli, "sum");
    size_t count = 0;
    while (count < json_array_size(groups) && count < REPORT_COLUMNS - 2) {
        headings[count] = json_string_value(json_array_get(groups, count));
        count++;
    }
    headings[count++] = "count";
    if (sum)
        headings[count++] = sum;
    if (!cli_option(cli, "csv")) {
        output->table = table_new(headings, count, SIZE_MAX);
        return output->table || out_of_memory(error);
    }
    csv_begin(&output->csv, stdout);
    for (size_t i = 0; i < count; i++)
        csv_add(&output->csv, headings[i]);
    csv_end_line(&output->csv);
    return true;
}

static bool print_report(const struct cli *cli, const json_t *report, struct error *error)
{
    struct output output = {0};
    const json_t *rows = json_object_get(report, "rows");
    bool done = begin_output(cli, report, &output, error);
    for (size_t i = 0; done && i < json_array_size(rows); i++)
        done = put_row(&output, report, json_array_get(rows, i), "", error);
    done = done && put_row(&output, report, json_object_get(report, "total"), "total", error);
    if (done && output.table)
        table_print(output.table, stdout);
    table_free(output.table);
    return done;
}

/* A line for each row, and the total as the last one. */
static bool print_report_json(const json_t *report, struct error *error)
{
    const json_t *rows = json_object_get(report, "rows");
    json_t *total = json_object_get(report, "total");
    for (size_t i = 0; i < json_array_size(rows); i++)
        cli_print_json(json_array_get(rows, i));
    if (json_object_set_new(total, "total", json_true()) < 0)
        return out_of_memory(error);
    cli_print_json(total);
    return true;
}

static bool run_report(struct cli *cli, struct error *error)
{
    json_t *report = NULL;
    static const char *const asked[] = {"group-by", "sum", "where", NULL};
    if (cli->json && cli_option(cli, "csv"))
        return error_set(error, ERROR_USAGE, "give one of --csv and --json");
    const char *path = arena_format(&cli->arena, "/v1/report/%s", cli_escape(cli, cli->arguments[0]));
    path = command_path(cli, path, asked, error);
    bool done = path && cli_call_path(cli, "GET", path, NULL, &report, error) &&
                (cli->json ? print_report_json(report, error) : print_report(cli, report, error));
    json_decref(report);
    return done;
}

static const char *const search_options[] = {"type", NULL};
static const char *const report_options[] = {"group-by", "sum", "where", "csv", NULL};

const struct cli_command command_search = {
    .name = "search",
    .arguments = "WORD... [--type TYPE]",
    .help = "find records by words in them",
    .options = search_options,
    .least = 1,
    .most = 16,
    .run = run_search,
};
const struct cli_command command_report = {
    .name = "report",
    .arguments = "TYPE [--group-by PATH,...] [--sum FIELD] [--where PATH=VALUE]...",
    .help = "count records and sum a field, by groups",
    .options = report_options,
    .least = 1,
    .most = 1,
    .run = run_report,
};
