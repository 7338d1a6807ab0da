/* What the view of words says: the records that have all of some words. For query_search.c. */
#ifndef HOPNHAT_STORE_SEARCH_HITS_H
#define HOPNHAT_STORE_SEARCH_HITS_H

#include "store/key.h"
#include "store/query_search.h"

struct search_word {
    struct bytes word;
    bool begins; /* words that begin so are meant */
};

struct search_terms {
    struct search_word words[LIMIT_SEARCH_WORDS];
    size_t count;
};

/* Candidates by type and id: they have the whole words, and where there are none of these, the first
 * beginning. */
struct search_hits {
    struct transaction *views;
    const struct search_terms *terms;
    struct cursor cursors[LIMIT_SEARCH_WORDS]; /* of the whole words */
    const struct search_word *words[LIMIT_SEARCH_WORDS];
    size_t cursor_count;
    uint8_t (*found)[RECORD_KEY_BYTES]; /* for beginnings: all, sorted; else NULL */
    size_t found_count, found_next;
    bool by_beginning;
};

/* Begins. Ends with search_hits_close, also after an error: ERROR_LIMIT, ERROR_MEMORY. */
bool search_hits_open(struct search_hits *hits, struct transaction *views, const struct search_terms *terms,
                      struct error *error);
void search_hits_close(struct search_hits *hits);

/* Moves *key (type, id) on to the first candidate at or after it. False: there is none. */
bool search_hits_next(struct search_hits *hits, uint8_t key[RECORD_KEY_BYTES]);

#endif
