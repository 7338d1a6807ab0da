/* A list's text taken apart into rows and cells. Pure; nothing is copied but cells that stand in quotes.
 *
 * Cells are parted by one separator; a cell in quotes may hold separators, line ends and doubled quotes. A
 * quote that is never closed, or only lines on with letters behind it, is taken as a letter, and its row
 * marked. Line ends are LF, CR LF or CR. */
#ifndef HOPNHAT_LISTS_READER_H
#define HOPNHAT_LISTS_READER_H

#include "base/arena.h"

enum { LIST_COLUMNS = 1000 /* the most that a row may have */ };

struct list_reader {
    struct bytes text; /* what follows; UTF-8, with a NUL behind its end */
    char separator;
    size_t line; /* of what follows, from 1 */
};

struct list_row {
    size_t line; /* where it begins */
    struct bytes *cells;
    size_t count;
    bool too_wide; /* more than LIST_COLUMNS cells; the rest is left out */
    bool unclosed; /* a quote in it is never closed */
};

/* The next row, in the arena; false at the end of the text, or with *error where the arena is out of memory
 * (else its code is left alone). */
bool list_next(struct list_reader *reader, struct arena *arena, struct list_row *row, struct error *error);

/* Passes over what is left of the line, whatever quotes stand in it. */
void list_skip_line(struct list_reader *reader);

/* Whether all its cells are blank. */
bool list_is_blank(const struct list_row *row);

#endif
