#include "api/export.h"

#include <stdlib.h>
#include <string.h>
#include <xlsxwriter.h>

enum {
    SHEET_ROWS = LXW_ROW_MAX,
    CELL_CHARACTERS = 32767,
    EXACT_DIGITS = 15, /* of the numbers that a sheet holds */
    FIELD_WIDTH = 20,
    ID_WIDTH = 8,
};

struct export_sheet {
    lxw_workbook *workbook;
    lxw_worksheet *worksheet;
    lxw_format *heading, *date;
    const struct export_columns *columns;
    lxw_row_t row; /* the next */
};

static bool fail(lxw_error code, struct error *error)
{
    if (code == LXW_NO_ERROR)
        return true;
    return error_set(error, code == LXW_ERROR_MEMORY_MALLOC_FAILED ? ERROR_MEMORY : ERROR_STORE,
                     "the workbook could not be written: %s", lxw_strerror(code));
}

static bool put_headings(struct export_sheet *sheet, struct error *error)
{
    lxw_error code = LXW_NO_ERROR;
    for (size_t i = 0; i < sheet->columns->count && code == LXW_NO_ERROR; i++) {
        lxw_col_t column = (lxw_col_t)i;
        code = worksheet_set_column(sheet->worksheet, column, column,
                                    i < EXPORT_SYSTEM_COLUMNS ? ID_WIDTH : FIELD_WIDTH, NULL);
        if (code == LXW_NO_ERROR)
            code = worksheet_write_string(sheet->worksheet, 0, column, sheet->columns->items[i].name,
                                          sheet->heading);
    }
    sheet->row = 1;
    return fail(code, error);
}

static bool start(struct export_sheet *sheet, const char *path, const char *type, struct error *error)
{
    lxw_workbook_options options = {.constant_memory = LXW_TRUE};
    if (!(sheet->workbook = workbook_new_opt(path, &options)) ||
        !(sheet->worksheet = workbook_add_worksheet(sheet->workbook, type)) ||
        !(sheet->heading = workbook_add_format(sheet->workbook)) ||
        !(sheet->date = workbook_add_format(sheet->workbook)))
        return error_set(error, ERROR_MEMORY, "out of memory for the workbook");
    format_set_bold(sheet->heading);
    format_set_num_format(sheet->date, "dd/mm/yyyy");
    worksheet_freeze_panes(sheet->worksheet, 1, 0);
    return put_headings(sheet, error);
}

struct export_sheet *export_sheet_new(const char *path, const char *type,
                                      const struct export_columns *columns, struct error *error)
{
    struct error ignored;
    struct export_sheet *sheet = calloc(1, sizeof *sheet);
    if (!sheet) {
        error_set(error, ERROR_MEMORY, "out of memory for the workbook");
        return NULL;
    }
    sheet->columns = columns;
    if (start(sheet, path, type, error))
        return sheet;
    export_sheet_close(sheet, &ignored);
    return NULL;
}

static bool is_exact(const char *number)
{
    size_t digits = 0;
    for (; *number; number++)
        digits += *number >= '0' && *number <= '9';
    return digits <= EXACT_DIGITS;
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* YYYY-MM-DD of a year that Excel's calendar has. */
static bool is_day(const struct export_column *column, const char *cell, lxw_datetime *day)
{
    const char *kind = json_string_value(json_object_get(column->field, "kind"));
    int length = 0;
    *day = (lxw_datetime){0};
    return kind && strcmp(kind, "date") == 0 &&
           sscanf(cell, "%4d-%2d-%2d%n", &day->year, &day->month, &day->day, &length) == 3 &&
           cell[length] == '\0' && day->year >= 1901;
}

static bool put(struct export_sheet *sheet, size_t place, const char *id, const char *cell,
                struct error *error)
{
    const struct export_column *column = &sheet->columns->items[place];
    lxw_worksheet *to = sheet->worksheet;
    lxw_col_t at = (lxw_col_t)place;
    lxw_datetime day;
    if (*cell == '\0')
        return true;
    if (characters(cell) > CELL_CHARACTERS)
        return error_set(
            error, ERROR_LIMIT,
            "the record %s, %s: more than the %d characters that a workbook's cell holds; export "
            "it with --csv",
            id, column->name, CELL_CHARACTERS);
    if (export_is_number(column) && is_exact(cell))
        return fail(worksheet_write_number(to, sheet->row, at, strtod(cell, NULL), NULL), error);
    if (is_day(column, cell, &day))
        return fail(worksheet_write_datetime(to, sheet->row, at, &day, sheet->date), error);
    return fail(worksheet_write_string(to, sheet->row, at, cell, NULL), error);
}

bool export_sheet_row(struct export_sheet *sheet, const json_t *record, struct arena *arena,
                      struct error *error)
{
    if (sheet->row >= SHEET_ROWS)
        return error_set(error, ERROR_LIMIT, "a workbook holds %d rows; export with --csv", SHEET_ROWS);
    const char *id = json_string_value(json_object_get(record, "id"));
    for (size_t i = 0; i < sheet->columns->count; i++) {
        const char *cell = export_cell(&sheet->columns->items[i], record, arena);
        if (!cell)
            return out_of_memory(error);
        if (!put(sheet, i, id ? id : "?", cell, error))
            return false;
    }
    sheet->row++;
    return true;
}

bool export_sheet_close(struct export_sheet *sheet, struct error *error)
{
    bool closed = !sheet->workbook || fail(workbook_close(sheet->workbook), error);
    free(sheet);
    return closed;
}
