/* A question to the records of a store: first a snapshot of the views, then one of the store, so that the
 * views are never ahead; what changed in between (the tail) is looked at directly. So an answer neither lacks
 * what a follower has not taken yet nor shows what is no longer so. */
#ifndef HOPNHAT_STORE_QUERY_H
#define HOPNHAT_STORE_QUERY_H

#include "store/path.h"
#include "store/views.h"

#include <stdatomic.h>

/* A list that no index had in order, from some place on: for the pages that follow (query_list.h). */
struct list_order {
    uint64_t number; /* 0: none */
    uint8_t *rows;   /* where each record stood (list_collect.c) */
    size_t size;
    bool cut; /* more follow after them */
};

enum { LIST_ORDERS = 4 };

struct list_orders {
    struct list_order kept[LIST_ORDERS];
    size_t oldest;
};

/* What one thread asks with. */
struct querier {
    const struct record_source *source;
    struct views *views; /* NULL: there are none, all records are looked at */
    struct collation *collation;
    struct list_orders *orders;
    const atomic_bool *stop; /* NULL, or set by another thread: what looks at all records ends */
};

/* The views must live as long. NULL: ERROR_MEMORY, ERROR_INTERNAL. The caller ends it with querier_free. */
struct querier *querier_new(const struct record_source *source, struct views *views, struct error *error);
void querier_free(struct querier *querier); /* NULL is allowed */

struct query {
    const struct querier *querier;
    const struct catalog *catalog;
    struct transaction views, store;
    struct path_reader paths;
    bool indexed;      /* the views can be used, together with the tail */
    uint64_t position; /* of the views, where they can */
    struct source_row *tail;
    size_t tail_count, tail_capacity;
};

/* Begins; ends with query_end. `catalog` is the one in force, as the caller knows it. Errors: the store's. */
bool query_begin(struct query *query, const struct querier *querier, const struct catalog *catalog,
                 struct error *error);
void query_end(struct query *query);

/* Reads which records of the type (0: of all types) are in the tail. Where it is too long, query->indexed
 * becomes false. Errors: the store's, ERROR_MEMORY. */
bool query_load_tail(struct query *query, uint32_t type, struct error *error);

/* Whether the record is in the tail that was loaded. */
bool query_is_in_tail(const struct query *query, uint32_t type, const uint8_t id[RECORD_ID_BYTES]);

/* The record, in the arena; *record is NULL where there is none. */
bool query_read(struct query *query, uint32_t type, const uint8_t id[RECORD_ID_BYTES], struct arena *arena,
                const Hopnhat__Record **record, struct error *error);

#endif
