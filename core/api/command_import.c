#include "api/commands.h"
#include "api/import_file.h"
#include "api/table.h"
#include "api/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_LEFT_OUT = 3, REASON_WIDTH = 400 };

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* What --map gave, as heading: field. A new reference. */
static json_t *read_maps(const struct cli *cli, struct error *error)
{
    json_t *maps = json_object();
    const char *given;
    for (size_t i = 0; maps && (given = cli_option_at(cli, "map", i)); i++) {
        const char *equals = strrchr(given, '=');
        json_t *heading = equals ? json_stringn(given, (size_t)(equals - given)) : NULL;
        if (heading && equals > given && equals[1] &&
            json_object_set_new(maps, json_string_value(heading), json_string(equals + 1)) == 0) {
            json_decref(heading);
            continue;
        }
        json_decref(heading);
        json_decref(maps);
        error_set(error, ERROR_USAGE, "--map: \"%.80s\" is not HEADING=FIELD", given);
        return NULL;
    }
    if (!maps)
        out_of_memory(error);
    return maps;
}

/* What --key gave, each name apart. A new reference. */
static json_t *read_keys(const struct cli *cli, struct error *error)
{
    json_t *keys = json_array();
    const char *given;
    for (size_t i = 0; keys && (given = cli_option_at(cli, "key", i)); i++)
        for (size_t size; given; given = given[size] ? given + size + 1 : NULL) {
            size = strcspn(given, ",");
            if (size && json_array_append_new(keys, json_stringn(given, size)) == 0)
                continue;
            json_decref(keys);
            error_set(error, ERROR_USAGE, "--key: \"%.80s\" is not FIELD,...", given);
            return NULL;
        }
    if (!keys)
        out_of_memory(error);
    return keys;
}

static json_t *make_body(struct cli *cli, const struct import_file *file, struct error *error)
{
    json_t *maps = read_maps(cli, error), *keys = maps ? read_keys(cli, error) : NULL;
    if (!keys) {
        json_decref(maps);
        return NULL;
    }
    json_t *body = json_pack("{s:s, s:s, s:b, s:o, s:o}", "author", cli_author(), "file", file->name,
                             "dry_run", cli_option(cli, "dry-run") != NULL, "map", maps, "key", keys);
    json_t *text = body ? json_stringn_nocheck(file->text, file->size) : NULL;
    if (text && json_object_set_new(body, "text", text) == 0)
        return body;
    json_decref(body);
    error_set(error, ERROR_USAGE, "the file's name, an option or HOPNHAT_AUTHOR is no UTF-8 text");
    return NULL;
}

static bool print_rejected(const json_t *rejected, struct error *error)
{
    struct table *table =
        table_new((const char *const[]){"line", "field", "not taken because"}, 3, REASON_WIDTH);
    bool done = table || out_of_memory(error);
    for (size_t i = 0; done && i < json_array_size(rejected); i++) {
        const json_t *row = json_array_get(rejected, i);
        char line[24];
        snprintf(line, sizeof line, "%lld", number_of(row, "line"));
        done = table_add(
            table, (const char *const[]){line, client_text(row, "field"), client_text(row, "reason")}, error);
    }
    if (done)
        table_print(table, stdout);
    table_free(table);
    return done;
}

static void print_joined(const char *what, const json_t *values)
{
    char *text = json_array_size(values) ? table_text(values) : NULL;
    if (text) {
        printf("%s: ", what);
        table_print_text(text, stdout);
        printf("\n");
    }
    free(text);
}

/* How the file was read: its encoding and form. */
static void print_form(const struct import_file *file, const json_t *answer)
{
    const char *separator = client_text(answer, "separator");
    printf("%s: %s%s, ", file->name, file->encoding,
           file->assumed ? " (assumed from the letters; --encoding says otherwise)" : "");
    if (file->starts)
        printf("JSON lines\n");
    else
        printf("headings in line %lld, cells parted by %s\n", number_of(answer, "line"),
               *separator == '\t' ? "tabs" : separator);
    if (number_of(answer, "numbers_line"))
        printf("columns numbered in line %lld, left out\n", number_of(answer, "numbers_line"));
}

static bool print_answer(const struct cli *cli, const struct import_file *file, const json_t *answer,
                         struct error *error)
{
    const json_t *rejected = json_object_get(answer, "rejected"), *number = json_object_get(answer, "import");
    const char *heading, *comma = "";
    json_t *columns = json_object_get(answer, "columns"), *field;
    print_form(file, answer);
    printf("taken: ");
    json_object_foreach(columns, heading, field)
    {
        printf("%s", comma);
        table_print_text(heading, stdout);
        printf(" = %s", json_string_value(field));
        comma = "; ";
    }
    printf("\n");
    print_joined("columns left out, as no field is named so or an earlier column is it",
                 json_object_get(answer, "not_taken"));
    print_joined("lines of totals, left out", json_object_get(answer, "totals"));
    if (json_array_size(rejected) && !print_rejected(rejected, error))
        return false;
    printf("%s%lld added, %lld changed, %lld unchanged, %zu rejected\n",
           cli_option(cli, "dry-run") ? "this would be: " : "", number_of(answer, "added"),
           number_of(answer, "changed"), number_of(answer, "unchanged"), json_array_size(rejected));
    if (number)
        printf("to take it back: %s import --undo %lld\n", cli->program->name, number_of(answer, "import"));
    return true;
}

static bool print_json(const struct import_file *file, json_t *answer, struct error *error)
{
    if (json_object_set_new(answer, "encoding", json_string(file->encoding)) < 0 ||
        json_object_set_new(answer, "assumed", json_boolean(file->assumed)) < 0)
        return out_of_memory(error);
    cli_print_json(answer);
    return true;
}

static bool import_list(struct cli *cli, struct error *error)
{
    struct import_file file;
    json_t *body = NULL, *answer = NULL;
    bool done = import_file_read(cli, cli->arguments[0], cli->arguments[1], cli_option(cli, "encoding"),
                                 &file, error) &&
                (body = make_body(cli, &file, error));
    if (done) {
        char text[100];
        snprintf(text, sizeof text, "%zu lines read, taking them in ...", file.lines);
        struct waiting *waiting = waiting_begin(text);
        done = cli_call(cli, "POST", body, &answer, error, "/v1/imports/%s", cli->arguments[0]);
        waiting_end(waiting);
    }
    if (done) {
        import_file_lines(&file, answer);
        done = cli->json ? print_json(&file, answer, error) : print_answer(cli, &file, answer, error);
        cli->status = json_array_size(json_object_get(answer, "rejected")) ? STATUS_LEFT_OUT : 0;
    }
    json_decref(body);
    json_decref(answer);
    import_file_release(&file);
    return done;
}

static bool print_kept(const json_t *kept, struct error *error)
{
    struct table *table =
        table_new((const char *const[]){"id", "field", "not taken back because"}, 3, REASON_WIDTH);
    bool done = table || out_of_memory(error);
    for (size_t i = 0; done && i < json_array_size(kept); i++) {
        const json_t *row = json_array_get(kept, i);
        done = table_add(table,
                         (const char *const[]){client_text(row, "id"), client_text(row, "field"),
                                               client_text(row, "reason")},
                         error);
    }
    if (done)
        table_print(table, stdout);
    table_free(table);
    return done;
}

static bool undo(struct cli *cli, const char *number, struct error *error)
{
    json_t *body = json_pack("{s:s}", "author", cli_author()), *answer = NULL;
    bool done = body ? cli_call(cli, "POST", body, &answer, error, "/v1/imports/%s/undo", number)
                     : error_set(error, ERROR_USAGE, "HOPNHAT_AUTHOR is no UTF-8 text");
    const json_t *kept = json_object_get(answer, "kept");
    if (done && cli->json) {
        cli_print_json(answer);
    } else if (done) {
        done = json_array_size(kept) == 0 || print_kept(kept, error);
        printf("%lld deleted, %lld put back, %lld gone already, %zu kept\n", number_of(answer, "deleted"),
               number_of(answer, "restored"), number_of(answer, "gone"), json_array_size(kept));
    }
    if (done && json_array_size(kept))
        cli->status = STATUS_LEFT_OUT;
    json_decref(body);
    json_decref(answer);
    return done;
}

static bool show_imports(struct cli *cli, struct error *error)
{
    json_t *answer = NULL;
    if (!cli_call(cli, "GET", NULL, &answer, error, "/v1/imports"))
        return false;
    const json_t *list = json_object_get(answer, "imports");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i);
        const long long kept = number_of(row, "kept");
        if (cli->json) {
            cli_print_json(row);
        } else {
            printf("%lld  %s  %s  %s  %s: %lld added, %lld changed%s%s", number_of(row, "import"),
                   client_text(row, "time"), client_text(row, "author"), client_text(row, "type"),
                   client_text(row, "file"), number_of(row, "added"), number_of(row, "changed"),
                   *client_text(row, "undone") ? ", taken back " : "", client_text(row, "undone"));
            if (kept)
                printf(" (%lld kept)", kept);
            printf("\n");
        }
    }
    json_decref(answer);
    return true;
}

/* Options that say how a list is taken in mean nothing without one; --undo --dry-run would not be dry. */
static bool check_options(const struct cli *cli, struct error *error)
{
    static const char *const of_lists[] = {"map", "key", "encoding", "dry-run"};
    for (size_t i = 0; i < sizeof of_lists / sizeof *of_lists; i++)
        if (cli_option(cli, of_lists[i]))
            return error_set(error, ERROR_USAGE, "--%s goes with TYPE and FILE only", of_lists[i]);
    return true;
}

static bool run_import(struct cli *cli, struct error *error)
{
    const char *number = cli_option(cli, "undo");
    bool shows = cli_option(cli, "imports") != NULL;
    if (cli->argument_count != (number || shows ? 0 : 2) || (number && shows))
        return error_set(error, ERROR_USAGE,
                         "give TYPE and FILE to import, or --undo N to take an import back, or --imports");
    if ((number || shows) && !check_options(cli, error))
        return false;
    if (shows)
        return show_imports(cli, error);
    return number ? undo(cli, number, error) : import_list(cli, error);
}

static const char *const import_options[] = {"map", "key", "encoding", "dry-run", "undo", "imports", NULL};

const struct cli_command command_import = {
    .name = "import",
    .arguments = "TYPE FILE | --undo N | --imports",
    .help = "take in a list: CSV or text as offices keep it (- for stdin); or take a former import back",
    .options = import_options,
    .most = 2,
    .run = run_import,
};
