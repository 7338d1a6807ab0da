/* Conditions on records: all of them have to hold. */
#ifndef HOPNHAT_STORE_CONDITION_H
#define HOPNHAT_STORE_CONDITION_H

#include "store/path.h"

enum { LIMIT_CONDITIONS = 32 };

struct condition {
    struct path path;
    struct bytes value; /* in stored form; empty: the path has no value */
};

/* Reads `path=value`; everything is the arena's or the catalog's. Errors: ERROR_INPUT, ERROR_LIMIT,
 * ERROR_MEMORY. */
bool condition_parse(const struct catalog *catalog, const struct catalog_type *type, const char *text,
                     struct arena *arena, struct condition *condition, struct error *error);

/* Whether the path reads as the value, or has it among several. Errors: as path_values. */
bool condition_holds(const struct condition *condition, const struct path_reader *reader,
                     const Hopnhat__Record *record, struct arena *arena, bool *holds, struct error *error);

/* Whether the record is wanted: not deleted (unless deleted_too), and all conditions hold. */
bool conditions_hold(const struct condition *conditions, size_t count, bool deleted_too,
                     const struct catalog_type *type, const struct path_reader *reader,
                     const Hopnhat__Record *record, struct arena *arena, bool *wanted, struct error *error);

#endif
