/* Records, as the interface answers them, as lists that people keep and that `import` reads back. Used by
 * core/api alone. The first columns are id, token, owner and group, then the type's fields that are in use.
 */
#ifndef HOPNHAT_API_EXPORT_H
#define HOPNHAT_API_EXPORT_H

#include "base/arena.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { EXPORT_SYSTEM_COLUMNS = 4 };

struct export_columns {
    struct export_column {
        const char *name;
        const json_t *field; /* of the catalog; NULL: a member of the record itself */
    } * items;
    size_t count;
};

/* The columns of the type, as /v1/catalog describes it; borrowed from it, in the arena. ERROR_NOT_FOUND,
 * ERROR_MEMORY. */
bool export_columns(const json_t *catalog, const char *type, struct export_columns *columns,
                    struct arena *arena, struct error *error);

/* Whether the column holds numbers. */
bool export_is_number(const struct export_column *column);

/* The record's cell, in the arena, without the guard against spreadsheets (lists/cell.h). NULL: memory. */
const char *export_cell(const struct export_column *column, const json_t *record, struct arena *arena);

/* Writes the headings, or a record, as a line of comma-separated values. */
bool export_csv_head(const struct export_columns *columns, FILE *to, struct error *error);
bool export_csv_row(const struct export_columns *columns, const json_t *record, FILE *to, struct arena *arena,
                    struct error *error);

/* An Excel workbook under way (export_sheet.c), written to the file `path` when it is closed. */
struct export_sheet;

/* NULL: ERROR_STORE, ERROR_MEMORY. */
struct export_sheet *export_sheet_new(const char *path, const char *type,
                                      const struct export_columns *columns, struct error *error);

/* ERROR_LIMIT where a sheet cannot hold it. */
bool export_sheet_row(struct export_sheet *sheet, const json_t *record, struct arena *arena,
                      struct error *error);

/* Writes the file and ends the sheet, which is gone then whatever happens. */
bool export_sheet_close(struct export_sheet *sheet, struct error *error);

#endif
