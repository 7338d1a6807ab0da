/* CSV as spreadsheets read it: UTF-8 with a byte order mark, comma, CRLF, quotes where they are needed. */
#ifndef HOPNHAT_API_CSV_H
#define HOPNHAT_API_CSV_H

#include <stdbool.h>
#include <stdio.h>

/* A file in the making. */
struct csv {
    FILE *to;
    bool within; /* a line has begun */
};

/* Begins the file with its mark. */
void csv_begin(struct csv *csv, FILE *to);

/* Adds a cell. Text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line
 * break) gets an apostrophe before it, unless it is a number. */
void csv_add(struct csv *csv, const char *text);

/* Ends the line. */
void csv_end_line(struct csv *csv);

#endif
