/* Where a list's columns are named, and which field each one is. Pure. */
#ifndef HOPNHAT_LISTS_HEAD_H
#define HOPNHAT_LISTS_HEAD_H

#include "lists/reader.h"
#include "model/catalog.h"

enum list_column_kind {
    COLUMN_UNKNOWN,
    COLUMN_FIELD,
    COLUMN_ID,    /* of the record, as an export writes it */
    COLUMN_TOKEN, /* what the one who exported was shown */
};

struct list_column {
    const char *heading; /* trimmed */
    enum list_column_kind kind;
    const Hopnhat__FieldDefinition *field; /* of COLUMN_FIELD */
};

/* A heading that the caller wants to be that field. */
struct list_map {
    const char *heading;
    const Hopnhat__FieldDefinition *field;
};

struct list_head {
    char separator;
    size_t line;         /* of the headings */
    size_t numbers_line; /* of the row below that numbers the columns; 0: there is none */
    struct list_column *columns;
    size_t count;
    bool has_ids; /* there is an id column: the list is an export of our own */
};

/* Finds the separator (one of , ; tab |) and the line of the headings, which may stand below title lines: of
 * the first lines the one that names most fields of the type, by folded name, label or alias or by `maps`. A
 * column "id" is the record's where `wants_ids` says so, or where the first row below holds a record's id;
 * then columns "token", "owner" and "group" are taken too. Two columns never are one field: the first one is,
 * unless maps say otherwise. *reader is left at the row below, which is not the one that numbers the columns,
 * as forms of authorities have it: its cells count up from 1, all in brackets ("(1)", "(3)=(1)+(2)"), or
 * without them one for each of three headings or more of which not all are of numbers. Everything is the
 * arena's or borrowed from the text. ERROR_INPUT (nothing is named there; a heading of a map that is not
 * there), ERROR_LIMIT, ERROR_MEMORY. */
bool list_find_head(struct bytes text, const struct catalog_type *type, const struct list_map *maps,
                    size_t map_count, bool wants_ids, struct arena *arena, struct list_reader *reader,
                    struct list_head *head, struct error *error);

/* The place of the field's column, or -1. */
int list_column_of(const struct list_head *head, const Hopnhat__FieldDefinition *field);

/* Whether the row holds totals: its first cell that is not blank says so ("Tổng cộng", "Tổng số: 40 đối
 * tác", "Total"), and all others are numbers. */
bool list_is_total(const struct list_row *row, struct arena *arena);

#endif
