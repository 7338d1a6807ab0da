#include "store/query_list.h"

#include "base/hex.h"
#include "model/fold.h"
#include "store/list_run.h"

#include <stdlib.h>

enum {
    FEW = 5000, /* records with a value that are sorted in memory rather than passed over in the index */
    REST_BYTES = 1024, /* how far values are compared */
    KEPT_BYTES = 256 * 1024 * 1024,
    SCRATCH_BYTES = 512 * 1024 * 1024,
};

int list_entry_compare(const struct list_run *run, const struct list_entry *a, const struct list_entry *b)
{
    int order = sort_key_compare(&a->key, &b->key);
    if (order == 0 && a->key.cut && run->list->sort)
        order = sort_compare_values(run->query->querier->collation, run->list->sort, a->rest, b->rest);
    if (order == 0)
        order = memcmp(a->id, b->id, sizeof a->id);
    return run->list->descending ? -order : order;
}

bool list_is_before(const struct list_run *run, const struct list_entry *entry)
{
    if (!run->list->after)
        return false;
    if (run->after_group && sort_key_compare(&entry->key, &run->after.key) == 0)
        return false;
    return list_entry_compare(run, entry, &run->after) <= 0;
}

bool list_read(struct list_run *run, const uint8_t id[RECORD_ID_BYTES], const Hopnhat__Record **record)
{
    bool wanted = false;
    arena_reset(&run->scratch);
    if (!query_read(run->query, run->type, id, &run->scratch, record, run->error))
        return false;
    if (*record &&
        !conditions_hold(run->list->conditions, run->list->condition_count, run->list->deleted_too,
                         run->list->type, &run->query->paths, *record, &run->scratch, &wanted, run->error))
        return false;
    if (!wanted)
        *record = NULL;
    return true;
}

/* The beginning of a value, ending with a whole character. */
static struct bytes beginning(struct bytes value)
{
    size_t size = value.size < REST_BYTES ? value.size : REST_BYTES;
    while (size < value.size && size > 0 && (value.data[size] & 0xC0) == 0x80)
        size--;
    return bytes_of(value.data, size);
}

bool list_place_of(struct list_run *run, const Hopnhat__Record *record, struct list_entry *entry)
{
    struct reading reading;
    const Hopnhat__FieldDefinition *sort = run->list->sort;
    *entry = (struct list_entry){0};
    memcpy(entry->id, record->id.data, sizeof entry->id);
    if (!sort)
        return true;
    if (!fold_field(run->list->type, record, sort, &run->scratch, &reading, run->error))
        return false;
    for (size_t i = 0; i < reading.count || i == 0; i++) {
        struct list_entry other = *entry;
        struct bytes value = i < reading.count ? reading.values[i] : bytes_of(NULL, 0);
        if (!sort_key_make(run->query->querier->collation, sort, value, &other.key, run->error))
            return false;
        other.rest = other.key.cut ? beginning(value) : bytes_of(NULL, 0);
        if (i == 0 || list_entry_compare(run, &other, entry) < 0)
            *entry = other;
    }
    return true;
}

bool list_keep(struct list_run *run, struct list_entry *entry)
{
    if (entry->rest.size == 0)
        return true;
    entry->rest.data = arena_copy(&run->kept, entry->rest.data, entry->rest.size);
    return entry->rest.data || out_of_memory(run->error);
}

static void end_at(struct list_run *run, const struct list_entry *entry)
{
    run->result->next.key = entry->key;
    memcpy(run->result->next.id, entry->id, sizeof entry->id);
    run->full = run->shown >= run->list->limit || run->examined >= LIST_EXAMINED ||
                (run->list->most_bytes && run->shown_bytes >= run->list->most_bytes);
    run->result->more = run->full;
}

bool list_show(struct list_run *run, const Hopnhat__Record *record, const struct list_entry *entry)
{
    if (!run->visit(run->user, record, run->error))
        return false;
    run->shown++;
    run->examined++;
    if (run->list->most_bytes)
        run->shown_bytes += hopnhat__record__get_packed_size(record);
    end_at(run, entry);
    return true;
}

void list_pass(struct list_run *run, const struct list_entry *entry)
{
    run->examined++;
    end_at(run, entry);
}

struct scan {
    struct list_run *run;
    bool done;
};

static bool scan_record(void *user, const Hopnhat__Record *record)
{
    struct scan *scan = user;
    struct list_run *run = scan->run;
    const struct list_query *list = run->list;
    struct list_entry entry = {0};
    bool wanted;
    memcpy(entry.id, record->id.data, sizeof entry.id);
    arena_reset(&run->scratch);
    scan->done = conditions_hold(list->conditions, list->condition_count, list->deleted_too, list->type,
                                 &run->query->paths, record, &run->scratch, &wanted, run->error);
    if (scan->done && wanted)
        scan->done = list_show(run, record, &entry);
    else if (scan->done)
        list_pass(run, &entry);
    return scan->done && !run->full;
}

/* All records, by id. */
static bool list_all(struct list_run *run)
{
    struct scan scan = {.run = run, .done = true};
    return run->query->querier->source->scan(&run->query->store, run->type,
                                             run->list->after ? run->after.id : NULL, scan_record, &scan,
                                             run->error) &&
           scan.done;
}

/* The condition on an indexed field that the fewest records meet; NULL where there is none. */
static bool best_condition(struct list_run *run, const struct condition **best, size_t *fewest)
{
    *best = NULL;
    *fewest = SIZE_MAX;
    for (size_t i = 0; run->query->indexed && i < run->list->condition_count; i++) {
        const struct condition *condition = &run->list->conditions[i];
        size_t count;
        if (!path_is_field(&condition->path) || !field_is_indexed(condition->path.field))
            continue;
        if (!list_count_value(run, condition, FEW + 1, &count))
            return false;
        if (count < *fewest) {
            *fewest = count;
            *best = condition;
        }
    }
    return true;
}

static bool choose(struct list_run *run)
{
    const struct list_query *list = run->list;
    const struct condition *best;
    size_t fewest;
    if (!list_go_on(run))
        return false;
    if (run->shown)
        return true;
    if (list->deleted_too)
        run->query->indexed = false; /* they are in no index */
    if (!query_load_tail(run->query, run->type, run->error) || !best_condition(run, &best, &fewest))
        return false;
    if (!list->sort && !list->descending)
        return best ? list_by_value(run, best) : list_all(run);
    if (run->query->indexed && list->sort && fewest > FEW && field_is_indexed(list->sort))
        return list_by_order(run);
    return list_by_collecting(run, best);
}

/* What was shown last, as it would be compared now. */
static bool find_after(struct list_run *run)
{
    const struct list_place *after = run->list->after;
    const Hopnhat__Record *record;
    struct list_entry now;
    if (!after)
        return true;
    run->after.key = after->key;
    memcpy(run->after.id, after->id, sizeof after->id);
    if (!after->key.cut)
        return true;
    run->after_group = true;
    if (!query_read(run->query, run->type, after->id, &run->scratch, &record, run->error))
        return false;
    if (!record)
        return true;
    if (!list_place_of(run, record, &now) || !list_keep(run, &now))
        return false;
    if (sort_key_compare(&now.key, &after->key) == 0) {
        run->after = now;
        run->after_group = false;
    }
    return true;
}

bool query_list(struct query *query, const struct list_query *list, list_visit *visit, void *user,
                struct list_result *result, struct error *error)
{
    struct list_run run = {
        .query = query,
        .list = list,
        .visit = visit,
        .user = user,
        .result = result,
        .type = type_definition(list->type)->number,
        .error = error,
    };
    *result = (struct list_result){0};
    if (list->sort && list->sort->kind == HOPNHAT__VALUE_KIND__KIND_BYTES)
        return error_set(error, ERROR_INPUT, "sort: %s holds bytes, which have no order", list->sort->name);
    arena_init(&run.kept, KEPT_BYTES);
    arena_init(&run.scratch, SCRATCH_BYTES);
    bool done = find_after(&run) && choose(&run);
    arena_release(&run.kept);
    arena_release(&run.scratch);
    return done && transaction_is_sound(&query->store, error) && transaction_is_sound(&query->views, error);
}

void list_place_format(const struct list_place *place, char text[LIST_PLACE_TEXT_BYTES])
{
    hex_encode(bytes_of(place->id, sizeof place->id), text);
    text += 2 * RECORD_ID_BYTES;
    *text++ = '.';
    hex_encode(sort_key_bytes(&place->key), text);
    if (!place->order)
        return;
    uint8_t order[8];
    put_u64_be(order, place->order);
    text += 2 * (size_t)place->key.size;
    *text++ = '.';
    hex_encode(bytes_of(order, sizeof order), text);
}

bool list_place_read(const char *text, const Hopnhat__FieldDefinition *sort, struct list_place *place)
{
    enum { DOT = 2 * RECORD_ID_BYTES, ORDER = 8 };
    uint8_t key[SORT_KEY_BYTES], order[ORDER] = {0};
    *place = (struct list_place){0};
    if (strlen(text) <= DOT || text[DOT] != '.')
        return false;
    const char *digits = text + DOT + 1, *end = digits + strcspn(digits, ".");
    size_t key_size = (size_t)(end - digits) / 2;
    if (key_size > sizeof key || (end - digits) % 2 != 0 || !hex_decode(text, DOT, place->id) ||
        !hex_decode(digits, 2 * key_size, key))
        return false;
    if (*end && (strlen(end) != 1 + 2 * ORDER || !hex_decode(end + 1, 2 * ORDER, order)))
        return false;
    place->order = get_u64_be(order);
    if (!sort)
        return key_size == 0;
    return sort_key_read(sort, bytes_of(key, key_size), &place->key) && place->key.size == key_size;
}
