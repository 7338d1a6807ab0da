/* Figures: counts and exact sums over the records of a type, grouped, from one snapshot. */
#ifndef HOPNHAT_STORE_REPORT_H
#define HOPNHAT_STORE_REPORT_H

#include "model/decimal.h"
#include "store/condition.h"
#include "store/query.h"

enum { LIMIT_REPORT_GROUPS = 8, LIMIT_REPORT_ROWS = 20000 };

struct report_query {
    const struct catalog_type *type;
    const struct path *groups; /* at most LIMIT_REPORT_GROUPS; none: the total alone */
    size_t group_count;
    const Hopnhat__FieldDefinition *sum; /* a number; NULL: only counts */
    const struct condition *conditions;
    size_t condition_count;
};

struct report_row {
    struct bytes *values; /* one for each group; empty where the record has none there */
    uint64_t count;
    struct decimal sum;
};

/* A record with several values in a group counts in the row of each, and in the total once. */
struct report {
    struct report_row *rows; /* in the order of the groups' values, as people expect it; the cleared first */
    size_t row_count;
    struct report_row total; /* without values */
};

/* Reads all records of the type that are not deleted and meet the conditions; the result is the arena's.
 * Errors: ERROR_INPUT (the sum is of no single number), ERROR_LIMIT (too many rows, or a sum past the digits
 * that are kept), ERROR_MEMORY, ERROR_CORRUPT, the store's. */
bool query_report(struct query *query, const struct report_query *request, struct arena *arena,
                  struct report *report, struct error *error);

#endif
