#include "api/commands.h"
#include "api/export.h"
#include "api/output_file.h"
#include "base/limits.h"
#include "base/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An export under way. */
struct export
{
    struct cli *cli;
    json_t *catalog;
    struct export_columns columns;
    struct export_sheet *sheet; /* NULL: no workbook */
    FILE *to;
    struct arena arena; /* of one record */
};

static bool take_record(void *user, json_t *record, struct error *error)
{
    struct export *export = user;
    arena_reset(&export->arena);
    if (export->sheet)
        return export_sheet_row(export->sheet, record, &export->arena, error);
    if (!export->cli->json)
        return export_csv_row(&export->columns, record, export->to, &export->arena, error);
    return (json_dumpf(record, export->to, JSON_COMPACT) == 0 && fputc('\n', export->to) != EOF) ||
           error_set(error, ERROR_STORE, "the list could not be written");
}

static bool export_records(struct export *export, struct error *error)
{
    static const char *const options[] = {"where", "sort", NULL};
    struct cli *cli = export->cli;
    const char *type = cli_escape(cli, cli->arguments[0]);
    const char *path =
        command_path(cli, arena_format(&cli->arena, "/v1/records/%s?limit=1000", type), options, error);
    if (!export->sheet && !cli->json) {
        fputs("\xEF\xBB\xBF", export->to); /* so that Excel takes it for UTF-8 */
        if (!export_csv_head(&export->columns, export->to, error))
            return false;
    }
    return path && command_each(cli, path, "records", take_record, export, error);
}

/* Where the export is made until it is complete: what had the name before stays when it fails. NULL: out of
 * memory. */
static const char *place_for(const char *path, struct arena *arena)
{
    struct stat status;
    bool special = stat(path, &status) == 0 && !S_ISREG(status.st_mode); /* a pipe has no name to give */
    return special ? path : arena_format(arena, "%s.part", path);
}

static bool put_in_place(const char *place, const char *path, bool done, struct error *error)
{
    if (strcmp(place, path) == 0)
        return done;
    if (!done)
        unlink(place);
    else if (rename(place, path) < 0)
        return error_set(error, ERROR_STORE, "%s: %s", path, strerror(errno));
    return done;
}

/* place: NULL: stdout. What has no place of its own beside it is there, and opened as it is. */
static bool open_file(struct export *export, const char *place, const char *path, struct error *error)
{
    if (!place) {
        export->to = stdout;
        return true;
    }
    int file = strcmp(place, path) == 0 ? open(place, O_WRONLY | O_CLOEXEC) : new_file_open(place, 0666);
    export->to = file < 0 ? NULL : fdopen(file, "wb");
    if (export->to)
        return true;
    error_set(error, ERROR_STORE, "%s: %s", place, strerror(errno));
    if (file >= 0)
        close(file);
    return false;
}

static bool close_file(struct export *export, const char *path, struct error *error)
{
    bool sound = fflush(export->to) == 0 && !ferror(export->to);
    if (path && fclose(export->to) != 0)
        sound = false;
    return sound || error_set(error, ERROR_STORE, "%s could not be written", path ? path : "the output");
}

static bool copy_out(const char *path, FILE *to, struct error *error)
{
    char buffer[64 * 1024];
    size_t size;
    FILE *from = fopen(path, "rbe");
    if (!from)
        return error_set(error, ERROR_STORE, "%s: %s", path, strerror(errno));
    while ((size = fread(buffer, 1, sizeof buffer, from)) > 0)
        fwrite(buffer, 1, size, to);
    bool sound = !ferror(from) && !ferror(to);
    fclose(from);
    return sound || error_set(error, ERROR_STORE, "the output could not be written");
}

/* The library writes a workbook by its name alone: so in a file of our own, which is copied. */
static bool export_workbook(struct export *export, struct error *error)
{
    char temporary[] = "/tmp/hopnhat-XXXXXX";
    struct error later;
    int file = mkstemp(temporary);
    if (file < 0)
        return error_set(error, ERROR_STORE, "%s: %s", temporary, strerror(errno));
    close(file);
    export->sheet = export_sheet_new(temporary, export->cli->arguments[0], &export->columns, error);
    bool done = export->sheet && export_records(export, error);
    if (export->sheet && !export_sheet_close(export->sheet, done ? error : &later))
        done = false;
    done = done && copy_out(temporary, export->to, error);
    unlink(temporary);
    return done;
}

static bool run_export(struct cli *cli, struct error *error)
{
    struct export export = {.cli = cli};
    struct error later;
    const char *path = cli_option(cli, "out"), *place = path ? place_for(path, &cli->arena) : NULL;
    bool workbook = cli_option(cli, "xlsx") != NULL;
    if ((cli_option(cli, "csv") != NULL) + workbook + cli->json > 1)
        return error_set(error, ERROR_USAGE, "give one of --csv, --json and --xlsx");
    if (path && !*path)
        return error_set(error, ERROR_USAGE, "--out needs the name of a file");
    if (workbook && !path && isatty(STDOUT_FILENO))
        return error_set(error, ERROR_USAGE, "a workbook is nothing for a terminal: give --out FILE");
    if (path && !place)
        return out_of_memory(error);
    if (path && !output_file_is_outside(path, cli->data, &cli->arena, error))
        return false;
    arena_init(&export.arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool done = cli_call(cli, "GET", NULL, &export.catalog, error, "/v1/catalog") &&
                export_columns(export.catalog, cli->arguments[0], &export.columns, &cli->arena, error);
    if (done && (done = open_file(&export, place, path, error))) {
        done = workbook ? export_workbook(&export, error) : export_records(&export, error);
        if (!close_file(&export, place, done ? error : &later))
            done = false;
    }
    if (path)
        done = put_in_place(place, path, done, error);
    arena_release(&export.arena);
    json_decref(export.catalog);
    return done;
}

static const char *const export_options[] = {"csv", "xlsx", "where", "sort", "out", NULL};

const struct cli_command command_export = {
    .name = "export",
    .arguments = "TYPE [--csv|--json|--xlsx] [--out FILE]",
    .help = "write the records of a type as a list: CSV (if nothing else is said), JSON lines or a workbook",
    .options = export_options,
    .least = 1,
    .most = 1,
    .run = run_export,
};
