#include "store/list_run.h"

#include <stdlib.h>

enum { GROUP_MOST = 20000 }; /* records whose values begin alike for longer than a key */

static void field_prefix(struct key *key, uint32_t type, const Hopnhat__FieldDefinition *field)
{
    key->size = 0;
    key_add_u32(key, type);
    key_add_u32(key, field->number);
}

static bool value_prefix(struct list_run *run, const struct condition *condition, struct key *key)
{
    struct sort_key value;
    const Hopnhat__FieldDefinition *field = condition->path.field;
    if (!sort_key_make(run->query->querier->collation, field, condition->value, &value, run->error))
        return false;
    field_prefix(key, run->type, field);
    key_add(key, value.data, value.size);
    return true;
}

bool list_count_value(struct list_run *run, const struct condition *condition, size_t most, size_t *count)
{
    struct key prefix;
    struct cursor cursor;
    if (!value_prefix(run, condition, &prefix))
        return false;
    *count = 0;
    cursor_open(&cursor, &run->query->views, VIEW_INDEX);
    for (bool here = cursor_seek(&cursor, key_bytes(&prefix));
         here && *count < most && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor))
        (*count)++;
    cursor_close(&cursor);
    return true;
}

bool list_each_value(struct list_run *run, const struct condition *condition, const uint8_t *after,
                     bool (*visit)(struct list_run *run, const uint8_t *id, void *user), void *user)
{
    struct key prefix, start;
    struct cursor cursor;
    if (!value_prefix(run, condition, &prefix))
        return false;
    start = prefix;
    if (after) {
        key_add(&start, after, RECORD_ID_BYTES);
        key_add(&start, "", 1);
    }
    cursor_open(&cursor, &run->query->views, VIEW_INDEX);
    for (bool here = cursor_seek(&cursor, key_bytes(&start));
         here && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor)) {
        const uint8_t *id = cursor.key.data + cursor.key.size - RECORD_ID_BYTES;
        if (cursor.key.size == prefix.size + RECORD_ID_BYTES &&
            !query_is_in_tail(run->query, run->type, id) && !visit(run, id, user))
            break;
    }
    cursor_close(&cursor);
    return true;
}

/* qsort_r's order of entries. */
static int in_order(const void *a, const void *b, void *run)
{
    return list_entry_compare(run, a, b);
}

/* Where the wanted records of the tail stand, but for those of former pages. */
static bool place_tail(struct list_run *run)
{
    const struct query *query = run->query;
    const Hopnhat__Record *record;
    run->tail = arena_alloc(&run->kept, query->tail_count * sizeof *run->tail);
    if (!run->tail)
        return out_of_memory(run->error);
    for (size_t i = 0; i < query->tail_count; i++) {
        struct list_entry *entry = &run->tail[run->tail_count];
        if (!list_read(run, query->tail[i].id, &record))
            return false;
        if (!record)
            continue;
        if (!list_place_of(run, record, entry) || !list_keep(run, entry))
            return false;
        run->tail_count += !list_is_before(run, entry);
    }
    qsort_r(run->tail, run->tail_count, sizeof *run->tail, in_order, run);
    return true;
}

/* Shows one entry, if its record is wanted and (`exactly`) stands there. */
static bool show(struct list_run *run, const struct list_entry *entry, bool exactly)
{
    const Hopnhat__Record *record;
    struct list_entry now;
    if (!list_read(run, entry->id, &record))
        return false;
    if (record && exactly) {
        if (!list_place_of(run, record, &now))
            return false;
        if (sort_key_compare(&now.key, &entry->key) != 0)
            record = NULL;
    }
    if (record)
        return list_show(run, record, entry);
    list_pass(run, entry);
    return true;
}

/* Shows what of the tail comes before the entry (NULL: all), then the entry. */
static bool show_up_to(struct list_run *run, const struct list_entry *entry)
{
    while (run->tail_next < run->tail_count && !run->full &&
           (!entry || list_entry_compare(run, &run->tail[run->tail_next], entry) < 0))
        if (!show(run, &run->tail[run->tail_next++], false))
            return false;
    return !entry || run->full || show(run, entry, true);
}

static bool show_value(struct list_run *run, const uint8_t *id, void *user)
{
    bool *done = user;
    struct list_entry entry = {0};
    memcpy(entry.id, id, sizeof entry.id);
    *done = show_up_to(run, &entry);
    return *done && !run->full;
}

bool list_by_value(struct list_run *run, const struct condition *condition)
{
    bool done = true;
    return place_tail(run) &&
           list_each_value(run, condition, run->list->after ? run->after.id : NULL, show_value, &done) &&
           done && show_up_to(run, NULL);
}

/* A way along the index of the sorted field. */
struct walk {
    struct list_run *run;
    struct cursor cursor;
    struct key prefix;
    bool here, failed;
};

/* Greater than all ids, and than every first byte of a key. */
static const uint8_t LAST[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                               0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

static void walk_start(struct walk *walk)
{
    struct list_run *run = walk->run;
    const struct list_query *list = run->list;
    struct key start;
    field_prefix(&walk->prefix, run->type, list->sort);
    start = walk->prefix;
    cursor_open(&walk->cursor, &run->query->views, VIEW_INDEX);
    if (list->after) {
        key_add(&start, run->after.key.data, run->after.key.size);
        if (!run->after.key.cut)
            key_add(&start, run->after.id, sizeof run->after.id);
        else if (list->descending)
            key_add(&start, LAST, sizeof LAST); /* after all of them, whatever their rest */
    } else if (list->descending) {
        key_add(&start, LAST, 1);
    }
    walk->here = list->descending ? cursor_seek_before(&walk->cursor, key_bytes(&start))
                                  : cursor_seek(&walk->cursor, key_bytes(&start));
}

static void walk_on(struct walk *walk)
{
    walk->here = walk->run->list->descending ? cursor_previous(&walk->cursor) : cursor_next(&walk->cursor);
}

/* The row that it is at. False at the end. */
static bool walk_entry(struct walk *walk, struct list_entry *entry)
{
    struct bytes key = walk->cursor.key;
    size_t before = walk->prefix.size;
    if (!walk->here || !cursor_within(&walk->cursor, key_bytes(&walk->prefix)))
        return false;
    struct bytes rest = bytes_of(key.data + before, key.size - before);
    *entry = (struct list_entry){0};
    if (!sort_key_read(walk->run->list->sort, rest, &entry->key) ||
        rest.size != (size_t)entry->key.size + RECORD_ID_BYTES) {
        walk->failed = true;
        return error_set(walk->run->error, ERROR_CORRUPT,
                         "a row of the index cannot be read: remove the views");
    }
    memcpy(entry->id, rest.data + entry->key.size, sizeof entry->id);
    return true;
}

/* Takes all entries from here that have the first one's key, and sorts them by what the key leaves out. */
static bool walk_group(struct walk *walk, const struct list_entry *first)
{
    struct list_run *run = walk->run;
    const Hopnhat__Record *record;
    struct list_entry entry, *group = malloc(GROUP_MOST * sizeof *group);
    size_t count = 0;
    bool done = group || out_of_memory(run->error);
    for (; done && walk_entry(walk, &entry) && sort_key_compare(&entry.key, &first->key) == 0;
         walk_on(walk)) {
        if (query_is_in_tail(run->query, run->type, entry.id))
            continue;
        if (count == GROUP_MOST)
            done = error_set(run->error, ERROR_LIMIT, "sort: more than %d values of %s begin alike",
                             GROUP_MOST, run->list->sort->name);
        done = done && list_read(run, entry.id, &record);
        if (!done || !record)
            continue;
        struct list_entry *now = &group[count];
        done = list_place_of(run, record, now) && list_keep(run, now);
        count += done && sort_key_compare(&now->key, &first->key) == 0;
    }
    if (done && count)
        qsort_r(group, count, sizeof *group, in_order, run);
    for (size_t i = 0; done && i < count && !run->full; i++)
        if (!list_is_before(run, &group[i]))
            done = show_up_to(run, &group[i]);
    free(group);
    return done && !walk->failed;
}

bool list_by_order(struct list_run *run)
{
    struct walk walk = {.run = run};
    struct list_entry entry;
    bool done = place_tail(run);
    if (!done)
        return false;
    walk_start(&walk);
    while (done && !run->full && walk_entry(&walk, &entry)) {
        if (entry.key.cut) {
            done = walk_group(&walk, &entry);
            continue;
        }
        if (!list_is_before(run, &entry) && !query_is_in_tail(run->query, run->type, entry.id))
            done = show_up_to(run, &entry);
        walk_on(&walk);
    }
    cursor_close(&walk.cursor);
    return done && !walk.failed && (run->full || show_up_to(run, NULL));
}
