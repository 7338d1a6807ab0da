#include "hub/feed.h"

#include "base/defect.h"
#include "hub/admission.h"
#include "hub/registry.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static bool out_of_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "out of memory");
}

void feed_state_release(struct feed_state *state)
{
    free(state->cursors);
    free(state->logs);
    *state = (struct feed_state){0};
}

bool feed_state_copy(struct feed_state *to, const struct feed_state *from)
{
    struct feed_cursor *cursors = calloc(from->group_count + 1, sizeof *cursors);
    struct feed_log *logs = calloc(from->log_count + 1, sizeof *logs);
    feed_state_release(to);
    if (!cursors || !logs) {
        free(cursors);
        free(logs);
        return false;
    }
    if (from->group_count)
        memcpy(cursors, from->cursors, from->group_count * sizeof *cursors);
    if (from->log_count)
        memcpy(logs, from->logs, from->log_count * sizeof *logs);
    *to = *from;
    to->cursors = cursors;
    to->logs = logs;
    return true;
}

static bool groups_agree(const struct office *office, const struct feed_state *state)
{
    if (DEFECT(GROUPS_OF_HELLO) && state->groups_told)
        return true;
    if (!state->groups_told || office->group_count != state->group_count)
        return false;
    for (size_t i = 0; i < office->group_count; i++)
        if (strcmp(office->groups[i], state->cursors[i].group) != 0)
            return false;
    return true;
}

/* The cursors over the groups that the office has now: known ones where they were, new ones at the start. */
static bool regroup(const struct office *office, struct feed_state *state)
{
    struct feed_cursor *cursors = calloc(office->group_count, sizeof *cursors);
    if (!cursors)
        return false;
    for (size_t i = 0; i < office->group_count; i++) {
        snprintf(cursors[i].group, sizeof cursors[i].group, "%s", office->groups[i]);
        for (size_t j = 0; j < state->group_count; j++)
            if (strcmp(state->cursors[j].group, office->groups[i]) == 0)
                cursors[i] = state->cursors[j];
    }
    free(state->cursors);
    state->cursors = cursors;
    state->group_count = office->group_count;
    state->groups_told = true;
    return true;
}

static uint64_t watermark_of(const struct hub *hub, uint64_t number)
{
    const struct replica *replica = registry_replica(hub, number);
    return replica ? replica->watermark : 0;
}

bool feed_has_news(struct hub *hub, const struct feed_reader *reader, const struct feed_state *state)
{
    if (!groups_agree(reader->office, state))
        return true;
    for (size_t i = 0; i < reader->log_count; i++)
        if (watermark_of(hub, reader->logs[i]) != state->logs[i].watermark)
            return true;
    for (size_t i = 0; i < state->group_count; i++) {
        const struct feed_cursor *cursor = &state->cursors[i];
        const struct group_state *group = registry_group(hub, bytes_of_string(cursor->group));
        if (group && (group->last_rev > cursor->position || cursor->base != cursor->position))
            return true;
    }
    return false;
}

/* The part under construction. */
struct part {
    struct transaction *transaction;
    struct arena *arena;
    Hopnhat__Feed *feed;
    size_t item_capacity, size_bytes, credit_bytes;
    struct error *error;
};

static bool add_item(struct part *part, Hopnhat__FeedItem *item)
{
    Hopnhat__Feed *feed = part->feed;
    if (feed->n_items == part->item_capacity) {
        size_t capacity = part->item_capacity ? 2 * part->item_capacity : 64;
        Hopnhat__FeedItem **grown = arena_alloc(part->arena, capacity * sizeof(Hopnhat__FeedItem *));
        if (!grown)
            return out_of_memory(part->error);
        if (feed->n_items)
            memcpy(grown, feed->items, feed->n_items * sizeof *grown);
        feed->items = grown;
        part->item_capacity = capacity;
    }
    feed->items[feed->n_items++] = item;
    part->size_bytes += hopnhat__feed_item__get_packed_size(item) + 4;
    return true;
}

void feed_strip(Hopnhat__Record *record)
{
    record->group = NULL; /* the message says it */
    record->has_joined = record->has_last_replica = record->has_last_seq = false;
    for (size_t i = 0; i < record->n_fields; i++) {
        record->fields[i]->n_absent = 0;
        record->fields[i]->has_changed = false;
        for (size_t j = 0; j < record->fields[i]->n_entries; j++)
            record->fields[i]->entries[j]->has_rev = false;
    }
}

/* Leaves the fields changed since `base` (all for 0), and what agents need not know. */
static void trim_record(Hopnhat__Record *record, uint64_t base)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->n_fields; i++)
        if (base == 0 || record->fields[i]->changed > base)
            record->fields[kept++] = record->fields[i];
    record->n_fields = kept;
    feed_strip(record);
}

static Hopnhat__FeedItem *read_item(struct part *part, uint32_t group, uint64_t base, struct bytes row,
                                    uint64_t rev)
{
    Hopnhat__FeedItem *item = arena_alloc(part->arena, sizeof *item);
    if (!item || row.size != FEED_ROW_BYTES) {
        error_set(part->error, item ? ERROR_CORRUPT : ERROR_MEMORY, "a row of the feed cannot be read");
        return NULL;
    }
    hopnhat__feed_item__init(item);
    item->group = group;
    item->has_kind = true;
    item->kind = row.data[0];
    uint32_t type = get_u32_be(row.data + 1);
    if (item->kind == HOPNHAT__ITEM_KIND__ITEM_LEFT) {
        item->record = record_new(part->arena, type, row.data + 5);
        if (item->record) {
            item->record->has_rev = true;
            item->record->rev = rev;
        }
    } else {
        item->record = hub_record(part->transaction, type, row.data + 5, part->arena);
        if (item->record) {
            bool whole = item->record->joined > base;
            item->kind = whole ? HOPNHAT__ITEM_KIND__ITEM_WHOLE : HOPNHAT__ITEM_KIND__ITEM_DELTA;
            trim_record(item->record, whole ? 0 : base);
        }
    }
    if (!item->record)
        error_set(part->error, ERROR_CORRUPT,
                  "a row of the feed names a record that is not there: run verify");
    return item->record ? item : NULL;
}

/* Reads one group on. *last is the rev read last, *complete whether that was all. */
static bool read_group(struct part *part, uint32_t number, const struct feed_cursor *from, uint64_t *last,
                       bool *complete)
{
    struct key key, prefix = {0};
    struct cursor cursor;
    bool done = true;
    key_feed(&key, from->group, from->position + 1);
    key_add(&prefix, from->group, strlen(from->group) + 1);
    *complete = true;
    *last = from->position;
    cursor_open(&cursor, part->transaction, HUB_FEED);
    for (bool more = cursor_seek(&cursor, key_bytes(&key));
         more && cursor_within(&cursor, key_bytes(&prefix)); more = cursor_next(&cursor)) {
        if (part->size_bytes >= part->credit_bytes) {
            *complete = false;
            break;
        }
        uint64_t rev = get_u64_be(cursor.key.data + cursor.key.size - 8);
        Hopnhat__FeedItem *item = read_item(
            part, number, DEFECT(DELTA_FROM_POSITION) ? from->position : from->base, cursor.value, rev);
        done = item && add_item(part, item);
        if (!done)
            break;
        *last = rev;
    }
    cursor_close(&cursor);
    return done;
}

static bool read_groups(struct part *part, const struct hub *hub, struct feed_state *state)
{
    Hopnhat__Feed *feed = part->feed;
    bool head = true;
    feed->after = arena_alloc(part->arena, (3 * state->group_count + 1) * sizeof *feed->after);
    if (!feed->after)
        return out_of_memory(part->error);
    for (size_t i = 0; i < state->group_count; i++) {
        struct feed_cursor *cursor = &state->cursors[i];
        uint64_t last;
        bool complete;
        if (!read_group(part, (uint32_t)i, cursor, &last, &complete))
            return false;
        head = head && complete;
        uint64_t position = complete ? hub->rev : last;
        if (position == cursor->position)
            continue;
        cursor->position = position;
        feed->after[feed->n_after++] = i;
        feed->after[feed->n_after++] = cursor->base;
        feed->after[feed->n_after++] = position;
    }
    if (!head)
        return true;
    feed->has_head = feed->head = true;
    feed->n_after = 1;
    feed->after[0] = hub->rev;
    for (size_t i = 0; i < state->group_count; i++)
        state->cursors[i].base = state->cursors[i].position = hub->rev;
    return true;
}

static bool add_digests(struct part *part, struct hub *hub, struct feed_state *state)
{
    Hopnhat__Feed *feed = part->feed;
    feed->digests = arena_alloc(part->arena, state->group_count * sizeof(Hopnhat__GroupDigest *));
    if (!feed->digests)
        return out_of_memory(part->error);
    for (size_t i = 0; i < state->group_count; i++) {
        struct feed_cursor *cursor = &state->cursors[i];
        const struct group_state *group = registry_group(hub, bytes_of_string(cursor->group));
        Hopnhat__GroupDigest *digest = arena_alloc(part->arena, sizeof *digest);
        uint8_t *data = arena_alloc(part->arena, DIGEST_BYTES);
        if (!group || !digest || !data)
            return out_of_memory(part->error);
        if (cursor->was_told && digest_equal(&cursor->told, &group->digest))
            continue;
        hopnhat__group_digest__init(digest);
        digest_store(&group->digest, data);
        digest->group = (uint32_t)i;
        digest->digest = (ProtobufCBinaryData){DIGEST_BYTES, data};
        feed->digests[feed->n_digests++] = digest;
        cursor->told = group->digest;
        cursor->was_told = true;
    }
    return true;
}

static uint32_t cursors_hash(const struct feed_state *state, struct arena *arena)
{
    uint8_t *bytes = arena_alloc(arena, 16 * state->group_count);
    if (!bytes)
        return 0;
    for (size_t i = 0; i < state->group_count; i++) {
        put_u64_le(bytes + 16 * i, state->cursors[i].base);
        put_u64_le(bytes + 16 * i + 8, state->cursors[i].position);
    }
    return (uint32_t)XXH3_64bits(bytes, 16 * state->group_count);
}

bool feed_refusals(struct transaction *transaction, uint64_t replica, uint64_t *told, struct arena *arena,
                   Hopnhat__Refusal **refusals, size_t *count)
{
    struct key key, prefix = {0};
    struct cursor cursor;
    bool all = true;
    key_dot(&key, replica, *told + 1);
    key_add_u64(&prefix, replica);
    cursor_open(&cursor, transaction, HUB_QUARANTINE);
    for (bool more = cursor_seek(&cursor, key_bytes(&key));
         more && cursor_within(&cursor, key_bytes(&prefix)); more = cursor_next(&cursor)) {
        all = *count < LIMIT_REFUSALS_PER_MESSAGE;
        const Hopnhat__Quarantined *row =
            all ? row_unpack(transaction, cursor.value, &hopnhat__quarantined__descriptor, arena) : NULL;
        if (!row)
            break;
        if (row->state != HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED)
            refusals[(*count)++] = row->refusal;
        *told = row->refusal->seq;
    }
    cursor_close(&cursor);
    return all;
}

static bool add_logs(struct part *part, const struct hub *hub, const struct feed_reader *reader,
                     struct feed_state *state)
{
    Hopnhat__Feed *feed = part->feed;
    feed->watermarks = arena_alloc(part->arena, reader->log_count * sizeof *feed->watermarks);
    feed->refusals = arena_alloc(part->arena, LIMIT_REFUSALS_PER_MESSAGE * sizeof(Hopnhat__Refusal *));
    if (!feed->watermarks || !feed->refusals)
        return out_of_memory(part->error);
    for (size_t i = 0; i < reader->log_count; i++) {
        state->logs[i].watermark = watermark_of(hub, reader->logs[i]);
        feed->watermarks[feed->n_watermarks++] = state->logs[i].watermark;
        if (!feed_refusals(part->transaction, reader->logs[i], &state->logs[i].refusal, part->arena,
                           feed->refusals, &feed->n_refusals))
            part->credit_bytes = 0; /* refusals first: no head before all of them are told */
    }
    return true;
}

static bool add_groups(struct part *part, const struct office *office, struct feed_state *state)
{
    if (groups_agree(office, state))
        return true;
    if (!regroup(office, state))
        return out_of_memory(part->error);
    part->feed->groups = arena_alloc(part->arena, office->group_count * sizeof(char *));
    if (!part->feed->groups)
        return out_of_memory(part->error);
    for (size_t i = 0; i < office->group_count; i++) {
        part->feed->groups[i] = arena_string(part->arena, office->groups[i], strlen(office->groups[i]));
        if (!part->feed->groups[i])
            return out_of_memory(part->error);
    }
    part->feed->n_groups = office->group_count;
    return true;
}

static bool read_part(struct part *part, struct hub *hub, const struct feed_reader *reader,
                      struct feed_state *next)
{
    if (!add_groups(part, reader->office, next))
        return false;
    part->feed->from = cursors_hash(next, part->arena);
    return add_logs(part, hub, reader, next) && read_groups(part, hub, next) &&
           (!part->feed->head || add_digests(part, hub, next));
}

bool feed_part(struct hub *hub, const struct feed_reader *reader, const struct feed_state *state,
               size_t credit_bytes, struct arena *arena, Hopnhat__Feed **feed, struct feed_state *next,
               struct error *error)
{
    struct transaction transaction;
    struct part part = {
        .transaction = &transaction,
        .arena = arena,
        .feed = arena_alloc(arena, sizeof *part.feed),
        .credit_bytes = credit_bytes,
        .error = error,
    };
    if (!part.feed || !feed_state_copy(next, state))
        return out_of_memory(error);
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    hopnhat__feed__init(part.feed);
    bool read = read_part(&part, hub, reader, next);
    if (transaction.failed) {
        *error = transaction.error;
        read = false;
    }
    transaction_abort(&transaction);
    *feed = part.feed;
    return read;
}
