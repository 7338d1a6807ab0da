#include "hub/feed.h"

#include "base/defect.h"
#include "hub/audience.h"
#include "hub/feed_part.h"
#include "hub/registry.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

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
    state->digests_told = state->at_head = false;
    return true;
}

static uint64_t watermark_of(const struct hub *hub, uint64_t number)
{
    const struct replica *replica = registry_replica(hub, number);
    return replica ? replica->watermark : 0;
}

/* Whether nothing is to be sent but what goes ahead of its turn. */
static bool is_ahead_only(const struct feed_state *state, Hopnhat__PullScope scope)
{
    return scope == HOPNHAT__PULL_SCOPE__PULL_MARKED ||
           (scope == HOPNHAT__PULL_SCOPE__PULL_NO_BULK && state->bulk_waits);
}

static enum urgency lanes_of(Hopnhat__PullScope scope)
{
    return scope == HOPNHAT__PULL_SCOPE__PULL_MARKED ? URGENCY_AHEAD : URGENCY_NONE;
}

static bool has_urgent_news(struct hub *hub, const struct feed_state *state, enum urgency end)
{
    for (size_t i = 0; i < state->group_count; i++)
        for (enum urgency lane = URGENCY_MARKED; lane < end; lane++) {
            uint64_t rev = audience_urgent_rev(hub, state->cursors[i].group, lane);
            if (rev > state->ahead[lane] && state->ahead[lane] < hub->rev)
                return true;
        }
    return false;
}

bool feed_has_news(struct hub *hub, const struct feed_reader *reader, const struct feed_state *state,
                   Hopnhat__PullScope scope)
{
    if (!groups_agree(reader->office, state))
        return true;
    if (is_ahead_only(state, scope))
        return state->piece_ahead || has_urgent_news(hub, state, lanes_of(scope));
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
        if (part_is_full(part)) {
            *complete = false;
            break;
        }
        uint64_t rev = get_u64_be(cursor.key.data + cursor.key.size - 8);
        struct echo echo;
        bool is_echo = false;
        Hopnhat__FeedItem *item =
            part_read_item(part, number, DEFECT(DELTA_FROM_POSITION) ? from->position : from->base,
                           cursor.value, rev, &echo, &is_echo);
        bool large = item && !is_echo && part_is_large(part, item), whole = true;
        if (large && part->feed->n_items + part->echo_count) {
            *complete = false; /* in a part of its own */
            break;
        }
        done = item && (is_echo ? part_add_echo(part, &echo)
                        : large ? part_add_piece(part, item, false, &whole)
                                : part_add_item(part, item));
        if (!done || !whole) {
            *complete = false;
            break;
        }
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
    if (!head) {
        state->at_head = false;
        return true;
    }
    uint64_t former = state->group_count ? state->cursors[0].base : 0;
    feed->n_after = 0;
    if (state->at_head) {
        feed->has_from = false; /* from one head to the next */
        feed->has_advance = true;
        feed->advance = hub->rev - former;
    } else {
        feed->has_head = feed->head = true;
        feed->after[feed->n_after++] = hub->rev;
    }
    for (size_t i = 0; i < state->group_count; i++)
        state->cursors[i].base = state->cursors[i].position = hub->rev;
    state->at_head = true;
    memset(state->held, 0, sizeof state->held); /* what the agent held, it has dropped there */
    return true;
}

static bool is_head(const Hopnhat__Feed *feed)
{
    return feed->head || feed->has_advance;
}

/* The digests of all groups, or what they come to where they have been told before. */
static bool add_digests(struct part *part, struct hub *hub, struct feed_state *state)
{
    Hopnhat__Feed *feed = part->feed;
    struct digest *all = arena_alloc(part->arena, state->group_count * sizeof *all);
    if (!all)
        return out_of_memory(part->error);
    for (size_t i = 0; i < state->group_count; i++) {
        const struct group_state *group = registry_group(hub, bytes_of_string(state->cursors[i].group));
        if (!group)
            return out_of_memory(part->error);
        all[i] = group->digest;
    }
    feed->has_check = state->digests_told;
    feed->check = digest_check(all, state->group_count, hub->rev);
    feed->digests = arena_alloc(part->arena, state->group_count * sizeof(Hopnhat__GroupDigest *));
    for (size_t i = 0; feed->digests && !state->digests_told && i < state->group_count; i++) {
        Hopnhat__GroupDigest *digest = arena_alloc(part->arena, sizeof *digest);
        uint8_t *data = arena_alloc(part->arena, DIGEST_BYTES);
        if (!digest || !data)
            return out_of_memory(part->error);
        hopnhat__group_digest__init(digest);
        digest_store(&all[i], data);
        digest->group = (uint32_t)i;
        digest->digest = (ProtobufCBinaryData){DIGEST_BYTES, data};
        feed->digests[feed->n_digests++] = digest;
    }
    state->digests_told = true;
    return feed->digests || out_of_memory(part->error);
}

static bool add_echoes(struct part *part, const struct hub *hub, const struct feed_state *state)
{
    Hopnhat__Feed *feed = part->feed;
    if (part->echo_count == 0)
        return true;
    feed->own = echo_pack(part->echoes, part->echo_count, state->logs[0].watermark,
                          is_head(feed) ? hub->rev : 0, part->arena);
    feed->n_own = ECHO_NUMBERS * part->echo_count;
    return feed->own || out_of_memory(part->error);
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
        feed->watermarks[i] = state->logs[i].watermark;
        if (!feed_refusals(part->transaction, reader->logs[i], &state->logs[i].refusal, part->arena,
                           feed->refusals, &feed->n_refusals))
            part->credit_bytes = 0; /* refusals first: no head before all of them are told */
    }
    feed->n_watermarks = reader->log_count;
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

/* How many rows follow the cursors. */
static uint64_t count_left(struct transaction *transaction, const struct feed_state *state)
{
    uint64_t left = 0;
    for (size_t i = 0; i < state->group_count; i++) {
        struct key key, prefix = {0};
        struct cursor cursor;
        key_feed(&key, state->cursors[i].group, state->cursors[i].position + 1);
        key_add(&prefix, state->cursors[i].group, strlen(state->cursors[i].group) + 1);
        cursor_open(&cursor, transaction, HUB_FEED);
        for (bool here = cursor_seek(&cursor, key_bytes(&key));
             here && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor))
            left++;
        cursor_close(&cursor);
    }
    return left;
}

/* What is left is counted once in a catch-up, and then goes down with what is sent. */
static void tell_left(struct part *part, struct feed_state *state)
{
    Hopnhat__Feed *feed = part->feed;
    uint64_t sent = feed->n_items + part->echo_count;
    if (is_head(feed)) {
        state->left = 0;
        return;
    }
    state->left = state->left > sent ? state->left - sent : count_left(part->transaction, state);
    feed->has_left = true;
    feed->left = state->left;
}

static bool read_part(struct part *part, struct hub *hub, const struct feed_reader *reader,
                      Hopnhat__PullScope scope, struct feed_state *next)
{
    const bool only = is_ahead_only(next, scope);
    if (!add_groups(part, reader->office, next))
        return false;
    part->feed->has_from = true;
    part->feed->from = cursors_hash(next, part->arena);
    next->at_head = next->at_head && !only;
    if (!add_logs(part, hub, reader, next) || !part_read_ahead(part, hub, next, lanes_of(scope)))
        return false;
    if (only)
        next->left = 0; /* counted anew: it does not go down by what is sent */
    if (only || part->feed->n_items || part->feed->piece) {
        tell_left(part, next);
        return true;
    }
    return read_groups(part, hub, next) && (!is_head(part->feed) || add_digests(part, hub, next)) &&
           add_echoes(part, hub, next) && (tell_left(part, next), true);
}

/* Whether the part goes the feed on without reaching the head. */
static bool is_bulk(const Hopnhat__Feed *feed)
{
    return !is_head(feed) && feed->n_ahead == 0 && (feed->n_items || feed->n_own || feed->piece);
}

/* What was read for the part is too much for now: it becomes one of what goes ahead alone. */
static bool read_without_bulk(struct part *part, struct hub *hub, const struct feed_reader *reader,
                              const struct feed_state *state, struct feed_state *next)
{
    hopnhat__feed__init(part->feed);
    part->item_capacity = part->size_bytes = part->echo_count = 0;
    if (!feed_state_copy(next, state))
        return out_of_memory(part->error);
    next->bulk_waits = true;
    return read_part(part, hub, reader, HOPNHAT__PULL_SCOPE__PULL_NO_BULK, next);
}

bool feed_part(struct hub *hub, const struct feed_reader *reader, const struct feed_state *state,
               size_t credit_bytes, Hopnhat__PullScope scope, struct arena *arena, Hopnhat__Feed **feed,
               struct feed_state *next, struct error *error)
{
    struct transaction transaction;
    struct part part = {
        .transaction = &transaction,
        .arena = arena,
        .feed = arena_alloc(arena, sizeof *part.feed),
        .credit_bytes = credit_bytes,
        .reader = reader,
        .held = next->held,
        .error = error,
    };
    if (!part.feed || !feed_state_copy(next, state))
        return out_of_memory(error);
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    next->bulk_waits = next->bulk_waits && scope == HOPNHAT__PULL_SCOPE__PULL_NO_BULK;
    hopnhat__feed__init(part.feed);
    arena_init(&part.scratch, LIMIT_MESSAGE_ARENA_BYTES);
    bool read = read_part(&part, hub, reader, scope, next);
    if (read && scope == HOPNHAT__PULL_SCOPE__PULL_NO_BULK && is_bulk(part.feed))
        read = read_without_bulk(&part, hub, reader, state, next);
    arena_release(&part.scratch);
    read = transaction_is_sound(&transaction, error) && read;
    transaction_abort(&transaction);
    *feed = part.feed;
    return read;
}
