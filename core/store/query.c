#include "store/query.h"

#include "base/limits.h"

#include <stdlib.h>

enum {
    TAIL_BLOCK = 1024,
    TAIL_RECORDS = 200000, /* more than that are not looked at one by one */
};

struct querier *querier_new(const struct record_source *source, struct views *views, struct error *error)
{
    struct querier *querier = calloc(1, sizeof *querier);
    if (!querier) {
        out_of_memory(error);
        return NULL;
    }
    querier->source = source;
    querier->views = views;
    querier->orders = calloc(1, sizeof *querier->orders);
    if (!querier->orders)
        out_of_memory(error);
    else if ((querier->collation = collation_open(error)))
        return querier;
    querier_free(querier);
    return NULL;
}

void querier_free(struct querier *querier)
{
    if (!querier)
        return;
    for (size_t i = 0; querier->orders && i < LIST_ORDERS; i++)
        free(querier->orders->kept[i].rows);
    free(querier->orders);
    collation_close(querier->collation);
    free(querier);
}

/* Whether the views are complete up to a position, of this store and under this catalog. */
static bool are_usable(struct query *query)
{
    struct views_state state;
    struct source_head head;
    uint8_t shape[VIEWS_SHAPE_BYTES];
    if (!query->views.handle || !views_load_state(&query->views, &state))
        return false;
    views_shape(query->catalog, query->querier->collation, shape);
    query->querier->source->head(&query->store, &head);
    query->position = state.position;
    return state.identity == head.identity && state.position <= head.rev && state.position >= state.target &&
           memcmp(shape, state.shape, sizeof shape) == 0;
}

bool query_begin(struct query *query, const struct querier *querier, const struct catalog *catalog,
                 struct error *error)
{
    struct error unusable;
    *query = (struct query){.querier = querier, .catalog = catalog};
    if (querier->views && !transaction_begin(&query->views, querier->views->environment, false, &unusable))
        query->views.handle = NULL; /* without them, then */
    if (!transaction_begin(&query->store, querier->source->environment, false, error)) {
        transaction_abort(&query->views);
        return false;
    }
    query->paths =
        (struct path_reader){.catalog = catalog, .source = querier->source, .snapshot = &query->store};
    query->indexed = are_usable(query);
    return true;
}

void query_end(struct query *query)
{
    transaction_abort(&query->views);
    transaction_abort(&query->store);
    free(query->tail);
    query->tail = NULL;
}

static int by_record(const void *a, const void *b)
{
    const struct source_row *left = a, *right = b;
    if (left->type != right->type)
        return left->type < right->type ? -1 : 1;
    return memcmp(left->id, right->id, sizeof left->id);
}

static bool add_to_tail(struct query *query, const struct source_row *row, struct error *error)
{
    if (query->tail_count == query->tail_capacity) {
        size_t capacity = query->tail_capacity ? 2 * query->tail_capacity : 64;
        struct source_row *grown = realloc(query->tail, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        query->tail = grown;
        query->tail_capacity = capacity;
    }
    query->tail[query->tail_count++] = *row;
    return true;
}

/* Sorts it by record, each once. */
static void sort_tail(struct query *query)
{
    size_t kept = 0;
    if (query->tail_count)
        qsort(query->tail, query->tail_count, sizeof *query->tail, by_record);
    for (size_t i = 0; i < query->tail_count; i++)
        if (i == 0 || by_record(&query->tail[i], &query->tail[kept - 1]) != 0)
            query->tail[kept++] = query->tail[i];
    query->tail_count = kept;
}

bool query_load_tail(struct query *query, uint32_t type, struct error *error)
{
    struct source_row *rows = malloc(TAIL_BLOCK * sizeof *rows);
    uint64_t position = query->position;
    size_t count = 0;
    bool all = false, done = rows || out_of_memory(error);
    query->tail_count = 0;
    for (size_t seen = 0; query->indexed && done && !all; seen += count) {
        done = query->querier->source->next(&query->store, position, rows, TAIL_BLOCK, &count, &all, error);
        for (size_t i = 0; done && i < count; i++) {
            position = rows[i].rev;
            if (type == 0 || rows[i].type == type)
                done = add_to_tail(query, &rows[i], error);
        }
        if (query->tail_count > TAIL_RECORDS || seen > 2 * (size_t)LIMIT_FOLLOWER_LAG)
            query->indexed = false;
    }
    free(rows);
    sort_tail(query);
    return done;
}

bool query_is_in_tail(const struct query *query, uint32_t type, const uint8_t id[RECORD_ID_BYTES])
{
    struct source_row row = {.type = type};
    memcpy(row.id, id, sizeof row.id);
    return query->tail_count && bsearch(&row, query->tail, query->tail_count, sizeof row, by_record) != NULL;
}

bool query_read(struct query *query, uint32_t type, const uint8_t id[RECORD_ID_BYTES], struct arena *arena,
                const Hopnhat__Record **record, struct error *error)
{
    return query->querier->source->read(&query->store, type, id, arena, record, error);
}
