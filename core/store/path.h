/* What people group and filter by: a field, a part of a date, the office or cluster that a record belongs to,
 * or any of these of a record that it refers to.
 *
 *   status   since:year   since:quarter   since:month   owner (or office)   cluster   group   partner.country
 *
 * A year is 2024, a quarter 2024-Q1, a month 2024-03; a date that does not say it has none. The cluster is
 * that of the office that owns the record, as "cluster:3" of its groups without the word. */
#ifndef HOPNHAT_STORE_PATH_H
#define HOPNHAT_STORE_PATH_H

#include "model/catalog.h"
#include "store/source.h"

enum path_part { PATH_WHOLE, PATH_YEAR, PATH_QUARTER, PATH_MONTH };

struct path {
    const char *text;                          /* as it was given */
    const struct catalog_type *type;           /* of the records that it is read from */
    const Hopnhat__FieldDefinition *reference; /* the field that leads to another record; NULL: none */
    const struct catalog_type *target;         /* of that record; `type` itself where there is none */
    const Hopnhat__FieldDefinition *field;     /* of the target; for a cluster the owner */
    bool cluster;
    enum path_part part;
};

/* Reads the text; everything in *path is the catalog's, or borrowed from text. Errors: ERROR_INPUT, which
 * names what is not known and lists what is, ERROR_MEMORY. */
bool path_parse(const struct catalog *catalog, const struct catalog_type *type, const char *text,
                struct arena *arena, struct path *path, struct error *error);

/* Whether it is a field of the record itself, as it stands. */
bool path_is_field(const struct path *path);

/* A definition that orders and parses the path's values. */
const Hopnhat__FieldDefinition *path_definition(const struct path *path);

/* Where values are read: records that are referred to come from the same snapshot. */
struct path_reader {
    const struct catalog *catalog;
    const struct record_source *source;
    struct transaction *snapshot;
};

/* The path's distinct values in a record: none where it is cleared, several of a set. In the arena or
 * borrowed from the record. Errors: ERROR_MEMORY, ERROR_CORRUPT, the store's. */
bool path_values(const struct path *path, const struct path_reader *reader, const Hopnhat__Record *record,
                 struct arena *arena, struct bytes **values, size_t *count, struct error *error);

#endif
