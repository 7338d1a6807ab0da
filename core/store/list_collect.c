#include "store/list_run.h"

#include <stdlib.h>

/* The first entries of the list found so far: `most` of them once they have been sorted out. */
struct collected {
    struct list_run *run;
    struct list_entry *entries;
    size_t count, most, capacity;
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
    if (collected->count <= collected->most)
        return;
    collected->count = collected->most;
    collected->cut = true;
}

static bool collect(struct collected *collected, const Hopnhat__Record *record)
{
    struct list_run *run = collected->run;
    struct list_entry entry;
    if (!list_place_of(run, record, &entry))
        return false;
    if (list_is_before(run, &entry) ||
        (collected->cut && list_entry_compare(run, &entry, &collected->entries[collected->most - 1]) >= 0))
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

static bool show_collected(struct collected *collected)
{
    struct list_run *run = collected->run;
    const Hopnhat__Record *record;
    size_t i = 0;
    sort_out(collected);
    for (; i < collected->count && !run->full; i++) {
        run->examined = 0; /* to find them was the work */
        if (!list_read(run, collected->entries[i].id, &record))
            return false;
        if (record && !list_show(run, record, &collected->entries[i]))
            return false;
    }
    run->result->more = i < collected->count;
    return true;
}

bool list_by_collecting(struct list_run *run, const struct condition *condition)
{
    struct collected collected = {.run = run, .most = run->list->limit + 1};
    collected.capacity = 2 * collected.most + 64;
    collected.entries = malloc(collected.capacity * sizeof *collected.entries);
    if (!collected.entries)
        return error_set(run->error, ERROR_MEMORY, "out of memory");
    bool done = collect_all(&collected, condition) && show_collected(&collected);
    free(collected.entries);
    return done;
}
