#include "store/list_run.h"

#include "base/entropy.h"

#include <stdlib.h>

/* The first entries of the list found so far: LIST_KEPT of them once they have been sorted out. */
struct collected {
    struct list_run *run;
    struct list_entry *entries;
    size_t count, capacity;
    size_t examined;
    bool cut; /* all that come after the last one are left out */
    bool done;
};

static int in_order(const void *a, const void *b, void *run)
{
    return list_entry_compare(run, a, b);
}

static void sort_out(struct collected *collected)
{
    qsort_r(collected->entries, collected->count, sizeof *collected->entries, in_order, collected->run);
    if (collected->count <= LIST_KEPT)
        return;
    collected->count = LIST_KEPT;
    collected->cut = true;
}

static bool collect(struct collected *collected, const Hopnhat__Record *record)
{
    struct list_run *run = collected->run;
    struct list_entry entry;
    if (!list_place_of(run, record, &entry))
        return false;
    if (list_is_before(run, &entry) ||
        (collected->cut && list_entry_compare(run, &entry, &collected->entries[LIST_KEPT - 1]) >= 0))
        return true;
    if (!list_keep(run, &entry))
        return false;
    collected->entries[collected->count++] = entry;
    if (collected->count == collected->capacity)
        sort_out(collected);
    return true;
}

static bool count_examined(struct collected *collected)
{
    struct list_run *run = collected->run;
    if (++collected->examined <= LIST_SORTED)
        return true;
    const char *field = run->list->sort ? run->list->sort->name : "id";
    return error_set(
        run->error, ERROR_LIMIT,
        "sort: %s is not indexed, or the index is being built, and there are more than %d records to sort",
        field, LIST_SORTED);
}

static bool collect_scanned(void *user, const Hopnhat__Record *record)
{
    struct collected *collected = user;
    struct list_run *run = collected->run;
    const struct list_query *list = run->list;
    bool wanted;
    arena_reset(&run->scratch);
    collected->done = count_examined(collected) &&
                      conditions_hold(list->conditions, list->condition_count, list->deleted_too, list->type,
                                      &run->query->paths, record, &run->scratch, &wanted, run->error) &&
                      (!wanted || collect(collected, record));
    return collected->done;
}

static bool collect_id(struct list_run *run, const uint8_t *id, void *user)
{
    struct collected *collected = user;
    const Hopnhat__Record *record;
    collected->done =
        count_examined(collected) && list_read(run, id, &record) && (!record || collect(collected, record));
    return collected->done;
}

static bool collect_all(struct collected *collected, const struct condition *condition)
{
    struct list_run *run = collected->run;
    collected->done = true;
    if (!condition)
        return run->query->querier->source->scan(&run->query->store, run->type, NULL, collect_scanned,
                                                 collected, run->error) &&
               collected->done;
    if (!list_each_value(run, condition, NULL, collect_id, collected))
        return false;
    for (size_t i = 0; i < run->query->tail_count && collected->done; i++)
        collect_id(run, run->query->tail[i].id, collected);
    return collected->done;
}

/* A row of an order: the record's id, the size of its key, whether that is cut, the key. */
enum { ROW_SIZE = RECORD_ID_BYTES, ROW_CUT, ROW_KEY };

/* What was found as an order, without a number. */
static bool make_order(struct collected *collected, struct list_order *order)
{
    size_t size = 0;
    sort_out(collected);
    for (size_t i = 0; i < collected->count; i++)
        size += ROW_KEY + (size_t)collected->entries[i].key.size;
    *order = (struct list_order){.rows = malloc(size + 1), .cut = collected->cut};
    if (!order->rows)
        return out_of_memory(collected->run->error);
    for (size_t i = 0; i < collected->count; i++) {
        const struct list_entry *entry = &collected->entries[i];
        uint8_t *row = order->rows + order->size;
        memcpy(row, entry->id, RECORD_ID_BYTES);
        row[ROW_SIZE] = entry->key.size;
        row[ROW_CUT] = entry->key.cut;
        memcpy(row + ROW_KEY, entry->key.data, entry->key.size);
        order->size += ROW_KEY + (size_t)entry->key.size;
    }
    return true;
}

/* Reads the row there. Returns where the next one is. */
static size_t read_row(const struct list_order *order, size_t at, struct list_entry *entry)
{
    const uint8_t *row = order->rows + at;
    *entry = (struct list_entry){.key = {.size = row[ROW_SIZE], .cut = row[ROW_CUT]}};
    memcpy(entry->id, row, RECORD_ID_BYTES);
    memcpy(entry->key.data, row + ROW_KEY, entry->key.size);
    return at + ROW_KEY + entry->key.size;
}

/* Shows what the order has from there on, until the page is full. A record whose value has changed since
 * counts as where it stood, so that whoever sorts anew from the page's end leaves none out. */
static bool show_order(struct list_run *run, const struct list_order *order, size_t at)
{
    const Hopnhat__Record *record;
    struct list_entry entry;
    while (at < order->size && !run->full) {
        at = read_row(order, at, &entry);
        run->examined = 0; /* to find them was the work */
        if (!list_read(run, entry.id, &record) || (record && !list_show(run, record, &entry)))
            return false;
    }
    run->result->more = run->shown && (at < order->size || order->cut);
    run->result->next.order = order->number;
    return true;
}

/* Keeps the order, which it takes, in place of the oldest one. */
static void keep_order(struct list_run *run, struct list_order *order)
{
    const struct entropy entropy = entropy_system();
    struct list_orders *orders = run->query->querier->orders;
    order->number = run->result->next.order = entropy_number(&entropy);
    free(orders->kept[orders->oldest].rows);
    orders->kept[orders->oldest] = *order;
    orders->oldest = (orders->oldest + 1) % LIST_ORDERS;
}

bool list_by_collecting(struct list_run *run, const struct condition *condition)
{
    struct collected collected = {.run = run, .capacity = 2 * LIST_KEPT};
    struct list_order order = {0};
    collected.entries = malloc(collected.capacity * sizeof *collected.entries);
    if (!collected.entries)
        return out_of_memory(run->error);
    bool done = collect_all(&collected, condition) && make_order(&collected, &order);
    free(collected.entries);
    done = done && show_order(run, &order, 0);
    if (done && run->result->more)
        keep_order(run, &order);
    else
        free(order.rows);
    return done;
}

bool list_go_on(struct list_run *run)
{
    const struct list_place *after = run->list->after;
    struct list_order *order = run->query->querier->orders->kept, *end = order + LIST_ORDERS;
    struct list_entry entry = {0};
    size_t at = 0;
    while (order < end && after && (after->order == 0 || order->number != after->order))
        order++;
    if (!after || order == end)
        return true;
    while (at < order->size && memcmp(entry.id, after->id, sizeof after->id) != 0)
        at = read_row(order, at, &entry);
    bool done = show_order(run, order, at);
    if (done && !run->result->more) {
        free(order->rows);
        *order = (struct list_order){0};
    }
    return done;
}
