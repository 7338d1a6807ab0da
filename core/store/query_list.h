/* Lists: the records of a type that meet conditions, in an order, page by page. */
#ifndef HOPNHAT_STORE_QUERY_LIST_H
#define HOPNHAT_STORE_QUERY_LIST_H

#include "store/condition.h"
#include "store/query.h"

enum {
    LIST_SORTED = 500000,
    LIST_KEPT = 50000, /* places of an order that are kept for the pages that follow */
};

/* Where a page ends. */
struct list_place {
    struct sort_key key; /* empty (size 0) where nothing is sorted */
    uint8_t id[RECORD_ID_BYTES];
    uint64_t order; /* of the querier, which goes on there; 0: none */
};

struct list_query {
    const struct catalog_type *type;
    const struct condition *conditions;
    size_t condition_count;
    const Hopnhat__FieldDefinition *sort; /* NULL: by id, which is the order in which they were made */
    bool descending;                      /* the order reversed */
    bool deleted_too;
    const struct list_place *after; /* NULL: from the start */
    size_t limit;                   /* at least 1 */
    size_t most_bytes;              /* the page ends when its records, packed, pass this; 0: no bound */
};

struct list_result {
    bool more; /* records may follow after `next` */
    struct list_place next;
};

/* Receives one record, which lives for the call. False with *error ends the list. */
typedef bool list_visit(void *user, const Hopnhat__Record *record, struct error *error);

/* Visits at most `limit` records; fewer, with result->more, where many had to be passed over or they are
 * large. A record with several values in the sorted field stands at its first one (descending: its last);
 * records that lack it come first (descending: last). Sorting by a field that is not indexed, or while the
 * index is being built, looks at all records of the type: ERROR_LIMIT past LIST_SORTED of them. The first
 * LIST_KEPT of the order found are kept, as the last of LIST_ORDERS, so that the pages that follow need not
 * sort anew: they show records where these stood then. Other errors: ERROR_INPUT (bytes cannot be sorted),
 * ERROR_MEMORY, ERROR_CORRUPT, the store's. */
bool query_list(struct query *query, const struct list_query *list, list_visit *visit, void *user,
                struct list_result *result, struct error *error);

enum { LIST_PLACE_TEXT_BYTES = 2 * (SORT_KEY_BYTES + RECORD_ID_BYTES) + 2 + 16 + 1 };

/* Writes the place as text that may stand in a request. */
void list_place_format(const struct list_place *place, char text[LIST_PLACE_TEXT_BYTES]);

/* Reads it back for a list sorted by that field (NULL: none). False where it is no such place. */
bool list_place_read(const char *text, const Hopnhat__FieldDefinition *sort, struct list_place *place);

#endif
