/* Text tables for people: columns aligned by the width that characters take on a terminal. */
#ifndef HOPNHAT_API_TABLE_H
#define HOPNHAT_API_TABLE_H

#include "base/error.h"

#include <jansson.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 16, TABLE_CELL_WIDTH = 40 };

struct table;

/* An empty table with these headings (copied), at most TABLE_COLUMNS. Cells wider than `widest` are cut, but
 * for those of the first column. NULL: out of memory. The caller frees it. */
struct table *table_new(const char *const *headings, size_t columns, size_t widest);
void table_free(struct table *table);

/* Adds a row of `columns` cells; a cell is copied, and NULL is an empty one. Control characters become
 * blanks. ERROR_MEMORY. */
bool table_add(struct table *table, const char *const *cells, struct error *error);

/* Prints headings and rows. */
void table_print(const struct table *table, FILE *to);

/* Prints the text as a cell shows it: control characters as blanks. */
void table_print_text(const char *text, FILE *to);

/* Makes blanks of the control characters in all texts of the value, but for line feeds and tabs: others wrote
 * them, and a terminal would obey. ERROR_MEMORY. */
bool table_clean(json_t *value, struct error *error);

/* A JSON value as a cell: arrays joined by "; ", null empty. Malloc'd; NULL: out of memory. */
char *table_text(const json_t *value);

#endif
