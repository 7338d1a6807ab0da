/* Search: the records whose texts have all of some words, in whatever field. */
#ifndef HOPNHAT_STORE_QUERY_SEARCH_H
#define HOPNHAT_STORE_QUERY_SEARCH_H

#include "store/query.h"

enum { LIMIT_SEARCH_WORDS = 16, SEARCH_SCANNED = 200000 };

struct search_place {
    uint32_t type;
    uint8_t id[RECORD_ID_BYTES];
};

struct search_query {
    const char *text; /* words; "quang tri" and "Quảng Trị" find the same, "quan*" what begins so */
    uint32_t type;    /* 0: of all types */
    const struct search_place *after; /* NULL: from the start */
    size_t limit;                     /* at least 1 */
    size_t most_bytes;                /* the page ends when its records, packed, pass this; 0: no bound */
};

struct search_result {
    bool more; /* records may follow after `next` */
    struct search_place next;
};

/* Receives one record, which lives for the call. False with *error ends the search. */
typedef bool search_visit(void *user, const Hopnhat__Record *record, struct error *error);

/* Visits at most `limit` records that are not deleted, by type and id; fewer, with result->more, where many
 * had to be passed over. While the index is being built all records are looked at: ERROR_UNAVAILABLE where
 * there are more than SEARCH_SCANNED. Other errors: ERROR_INPUT (no words), ERROR_LIMIT (too many words, or
 * too many records for a search by nothing but beginnings), ERROR_MEMORY, ERROR_CORRUPT, the store's. */
bool query_search(struct query *query, const struct search_query *search, search_visit *visit, void *user,
                  struct search_result *result, struct error *error);

#endif
