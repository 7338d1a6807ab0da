/* What lists, searches and reports have in common. Used by core/api alone. */
#ifndef HOPNHAT_API_QUERY_CALL_H
#define HOPNHAT_API_QUERY_CALL_H

#include "api/handlers.h"
#include "store/condition.h"

enum { PAGE_PACKED_BYTES = 4 * 1024 * 1024 }; /* a page ends when its records, as stored, pass this */

/* The request's conditions, where=PATH=VALUE each (store/path.h), into conditions. Errors: ERROR_INPUT,
 * ERROR_LIMIT, ERROR_MEMORY. */
bool call_conditions(struct api_call *call, const struct catalog_type *type,
                     struct condition conditions[LIMIT_CONDITIONS], size_t *count, struct error *error);

/* The request's limit, 1 to LIMIT_PAGE_RECORDS. ERROR_INPUT. */
bool call_limit(const struct api_call *call, size_t *limit, struct error *error);

/* Begins a query over what the request's service serves; ends with query_end. */
bool call_query(struct api_call *call, struct query *query, struct error *error);

/* A page of records in the making. */
struct page {
    struct api_call *call;
    json_t *records;    /* owned by who made it */
    struct arena arena; /* of one record */
};

/* A visit of query_list and query_search with the page as user: appends the record. */
bool page_add(void *user, const Hopnhat__Record *record, struct error *error);

#endif
