#include "agent/feed.h"

#include "agent/log.h"
#include "agent/mirror.h"
#include "base/defect.h"
#include "base/log.h"

#include <xxhash.h>

/* A part on its way in. */
struct part {
    struct agent *agent;
    struct transaction transaction;
    const Hopnhat__Feed *feed;
    struct marks marks;
    struct error *error;
};

void feed_forget_told(struct agent *agent)
{
    for (size_t i = 0; i < agent->group_count; i++)
        agent->groups[i].told = (struct digest){0, 0};
}

struct agent_group *feed_group(struct agent *agent, uint32_t place)
{
    for (size_t i = 0; i < agent->group_count; i++)
        if (agent->groups[i].listed && agent->groups[i].place == place)
            return &agent->groups[i];
    return NULL;
}

bool feed_needs_reconcile(struct agent *agent, struct agent_group **group)
{
    struct agent_group *found;
    for (uint32_t place = 0; (found = feed_group(agent, place)); place++)
        if (found->reconcile) {
            if (group)
                *group = found;
            return true;
        }
    return false;
}

static uint32_t cursors_hash(struct agent *agent)
{
    uint8_t bytes[16 * AGENT_GROUPS];
    const struct agent_group *group;
    size_t size = 0;
    for (uint32_t place = 0; (group = feed_group(agent, place)); place++) {
        put_u64_le(bytes + size, group->base);
        put_u64_le(bytes + size + 8, group->position);
        size += 16;
    }
    return (uint32_t)XXH3_64bits(bytes, size);
}

static bool malformed(struct error *error, const char *what)
{
    return error_set(error, ERROR_CORRUPT, "the hub sent a part of the feed with %s", what);
}

static bool group_is_named(const Hopnhat__Feed *feed, const char *name)
{
    for (size_t i = 0; i < feed->n_groups; i++)
        if (strcmp(feed->groups[i], name) == 0)
            return true;
    return false;
}

static bool groups_are_sound(const Hopnhat__Feed *feed)
{
    if (feed->n_groups > LIMIT_GROUPS_PER_OFFICE)
        return false;
    for (size_t i = 0; i < feed->n_groups; i++) {
        size_t size = strlen(feed->groups[i]);
        if (size == 0 || size > LIMIT_GROUP_NAME_BYTES)
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(feed->groups[i], feed->groups[j]) == 0)
                return false;
    }
    return true;
}

/* The office has left the group: its records go. */
static void leave_group(struct part *part, struct agent_group *group)
{
    struct agent *agent = part->agent;
    char name[LIMIT_GROUP_NAME_BYTES + 1];
    memcpy(name, group->name, sizeof name);
    mirror_remove_group(agent, &part->transaction, name, &part->marks);
    group = agent_group(agent, name, false);
    *group = (struct agent_group){.dirty = true};
    memcpy(group->name, name, sizeof name);
}

/* Groups that are neither listed nor hold records make room for others. Their rows go at the commit. */
static void drop_unused(struct part *part)
{
    static const struct digest nothing;
    struct agent *agent = part->agent;
    size_t kept = 0;
    for (size_t i = 0; i < agent->group_count; i++) {
        struct agent_group *group = &agent->groups[i];
        if (group->listed || !digest_equal(&group->digest, &nothing)) {
            agent->groups[kept++] = *group;
            continue;
        }
        struct bytes key = bytes_of_string(group->name);
        transaction_delete(&part->transaction, AGENT_CURSOR, key);
        transaction_delete(&part->transaction, AGENT_DIGEST, key);
    }
    agent->group_count = kept;
}

/* `groups`, where present, is the office's list from now on. A new one starts at (0, 0). */
static bool take_groups(struct part *part)
{
    const Hopnhat__Feed *feed = part->feed;
    struct agent *agent = part->agent;
    if (feed->n_groups == 0)
        return true;
    for (size_t i = 0; i < agent->group_count; i++)
        if (!group_is_named(feed, agent->groups[i].name))
            leave_group(part, &agent->groups[i]);
    drop_unused(part);
    for (uint32_t i = 0; i < feed->n_groups; i++) {
        struct agent_group *group = agent_group(agent, feed->groups[i], true);
        if (!group)
            return error_set(part->error, ERROR_LIMIT, "the office is in too many groups");
        group->listed = group->dirty = true;
        group->place = i;
    }
    return true;
}

static void mark_mismatch(struct part *part, struct agent_group *group)
{
    part->agent->digest_mismatches += !group->reconcile;
    group->reconcile = group->dirty = true;
    log_with(LOG_LEVEL_WARNING, "HOPNHAT_GROUP", group->name,
             "the mirror of the group %s is not what the hub has: it is being reconciled", group->name);
}

static void apply_left(struct part *part, const struct agent_group *group, const Hopnhat__Record *record)
{
    struct arena *arena = &part->agent->scratch;
    const Hopnhat__Record *mirrored = mirror_get(&part->transaction, record->type, record->id.data, arena);
    if (mirrored && mirrored->group && (DEFECT(LEFT_ALWAYS) || strcmp(mirrored->group, group->name) == 0))
        mirror_remove(part->agent, &part->transaction, mirrored, &part->marks, arena);
}

/* The fields sent replace the mirror's; the others stay. */
static void apply_delta(struct part *part, struct agent_group *group, Hopnhat__Record *record)
{
    struct arena *arena = &part->agent->scratch;
    Hopnhat__Record *mirrored = mirror_get(&part->transaction, record->type, record->id.data, arena);
    if (!mirrored) { /* the hub takes it for known here: the digests will not agree */
        mark_mismatch(part, group);
        return;
    }
    struct mirror_before before = mirror_before(mirrored);
    mirror_number(part->agent, record, mirrored,
                  draft_get(&part->transaction, record->type, record->id.data, arena));
    for (size_t i = 0; i < record->n_fields; i++)
        if (!record_field_replace(arena, mirrored, record->fields[i])) {
            agent_fail_memory(&part->transaction);
            return;
        }
    mirrored->group = group->name;
    mirrored->has_rev = record->has_rev;
    mirrored->rev = record->rev;
    mirror_store(part->agent, &part->transaction, mirrored, &before, &part->marks, arena);
}

static bool apply_item(struct part *part, const Hopnhat__FeedItem *item)
{
    struct agent_group *group = feed_group(part->agent, item->group);
    if (!group || item->record->id.len != RECORD_ID_BYTES || item->record->type == 0)
        return malformed(part->error, "a record that is not well formed");
    arena_reset(&part->agent->scratch);
    log_release(part->agent, &part->transaction, item->record);
    switch (item->kind) {
    case HOPNHAT__ITEM_KIND__ITEM_LEFT:
        apply_left(part, group, item->record);
        break;
    case HOPNHAT__ITEM_KIND__ITEM_WHOLE: {
        Hopnhat__Record *record = arena_copy(&part->agent->scratch, item->record, sizeof *record);
        if (!record) {
            agent_fail_memory(&part->transaction);
            break;
        }
        record->group = group->name;
        mirror_put(part->agent, &part->transaction, record, &part->marks, &part->agent->scratch);
        break;
    }
    default:
        apply_delta(part, group, item->record);
    }
    return true;
}

static bool set_cursor(struct part *part, struct agent_group *group, uint64_t base, uint64_t position)
{
    if (!group || base > position || position < group->position)
        return malformed(part->error, "cursors that cannot be");
    group->base = base;
    group->position = position;
    group->dirty = true;
    return true;
}

static bool move_cursors(struct part *part)
{
    const Hopnhat__Feed *feed = part->feed;
    struct agent_group *group;
    if (feed->head) {
        if (feed->n_after != 1)
            return malformed(part->error, "cursors that cannot be");
        for (uint32_t place = 0; (group = feed_group(part->agent, place)); place++)
            if (!set_cursor(part, group, feed->after[0], feed->after[0]))
                return false;
        return true;
    }
    if (feed->n_after % 3)
        return malformed(part->error, "cursors that cannot be");
    for (size_t i = 0; i < feed->n_after; i += 3) {
        group = feed->after[i] < AGENT_GROUPS ? feed_group(part->agent, (uint32_t)feed->after[i]) : NULL;
        if (!set_cursor(part, group, feed->after[i + 1], feed->after[i + 2]))
            return false;
    }
    return true;
}

/* Equal cursor, equal digest: else what differs is found and fetched. */
static bool compare_digests(struct part *part)
{
    const Hopnhat__Feed *feed = part->feed;
    struct agent_group *group;
    bool equal = true;
    for (size_t i = 0; i < feed->n_digests; i++) {
        group = feed_group(part->agent, feed->digests[i]->group);
        if (!group || feed->digests[i]->digest.len != DIGEST_BYTES)
            return malformed(part->error, "a digest that is not well formed");
        digest_load(&group->told, feed->digests[i]->digest.data);
    }
    for (uint32_t place = 0; (group = feed_group(part->agent, place)); place++)
        if (!digest_equal(&group->told, &group->digest)) {
            equal = false;
            mark_mismatch(part, group);
        } else if (group->reconcile) {
            group->reconcile = false; /* a part was missing, and has come by another way */
            group->dirty = true;
        }
    part->agent->digests_equal = equal;
    return true;
}

static bool apply_all(struct part *part)
{
    const Hopnhat__Feed *feed = part->feed;
    log_refuse(part->agent, &part->transaction, feed->refusals, feed->n_refusals, true);
    for (size_t i = 0; i < feed->n_items && !part->transaction.failed; i++)
        if (!apply_item(part, feed->items[i]))
            return false;
    if (!move_cursors(part))
        return false;
    if (!feed->head)
        return true;
    draft_refresh_all(part->agent, &part->transaction, &part->marks);
    return compare_digests(part);
}

static enum feed_outcome give_up(struct part *part, enum feed_outcome outcome)
{
    bool failed = part->transaction.failed;
    if (failed)
        *part->error = part->transaction.error;
    agent_abort(part->agent, &part->transaction);
    return failed ? FEED_FAILED : outcome;
}

enum feed_outcome feed_apply(struct agent *agent, const Hopnhat__Feed *feed, const uint64_t *replicas,
                             size_t replica_count, struct error *error)
{
    struct part part = {
        .agent = agent,
        .feed = feed,
        .marks = {.replicas = replicas, .watermarks = feed->watermarks, .count = replica_count},
        .error = error,
    };
    if (feed->n_watermarks != replica_count || !groups_are_sound(feed)) {
        malformed(error, "watermarks or groups that cannot be");
        return FEED_MALFORMED;
    }
    if (!agent_begin(agent, &part.transaction, error))
        return FEED_FAILED;
    if (!take_groups(&part))
        return give_up(&part, FEED_MALFORMED);
    if (cursors_hash(agent) != feed->from && !DEFECT(LATE_PART))
        return give_up(&part, FEED_LATE);
    if (!apply_all(&part))
        return give_up(&part, FEED_MALFORMED);
    if (!agent_commit(agent, &part.transaction, error))
        return FEED_FAILED;
    agent->at_head = feed->head;
    agent->heads += feed->head;
    arena_reset(&agent->scratch);
    return FEED_APPLIED;
}

bool feed_fits(struct agent *agent, const Hopnhat__Feed *feed)
{
    struct error error;
    struct part part = {.agent = agent, .feed = feed, .error = &error};
    if (!groups_are_sound(feed) || !agent_begin(agent, &part.transaction, &error))
        return false;
    bool fits = take_groups(&part) && cursors_hash(agent) == feed->from;
    agent_abort(agent, &part.transaction);
    return fits;
}
