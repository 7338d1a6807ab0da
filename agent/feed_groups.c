#include "agent/feed_groups.h"

#include "agent/mirror.h"

#include <stdio.h>
#include <xxhash.h>

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

bool feed_groups_are_sound(const Hopnhat__Feed *feed)
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

static bool group_is_named(const Hopnhat__Feed *feed, const char *name)
{
    for (size_t i = 0; i < feed->n_groups; i++)
        if (strcmp(feed->groups[i], name) == 0)
            return true;
    return false;
}

/* The office has left the group: its records go. */
static void leave_group(struct agent *agent, struct transaction *transaction, const char *group_name,
                        const struct marks *marks)
{
    char name[LIMIT_GROUP_NAME_BYTES + 1];
    snprintf(name, sizeof name, "%s", group_name);
    mirror_remove_group(agent, transaction, name, marks);
    struct agent_group *group = agent_group(agent, name, false);
    *group = (struct agent_group){.dirty = true};
    memcpy(group->name, name, sizeof name);
}

/* Groups that are neither listed nor hold records make room for others. Their rows go at the commit. */
static void drop_unused(struct agent *agent, struct transaction *transaction)
{
    static const struct digest nothing;
    size_t kept = 0;
    for (size_t i = 0; i < agent->group_count; i++) {
        struct agent_group *group = &agent->groups[i];
        if (group->listed || !digest_equal(&group->digest, &nothing)) {
            agent->groups[kept++] = *group;
            continue;
        }
        struct bytes key = bytes_of_string(group->name);
        transaction_delete(transaction, AGENT_CURSOR, key);
        transaction_delete(transaction, AGENT_DIGEST, key);
    }
    agent->group_count = kept;
}

bool feed_groups_take(struct agent *agent, struct transaction *transaction, const Hopnhat__Feed *feed,
                      const struct marks *marks, struct error *error)
{
    if (feed->n_groups == 0)
        return true;
    for (size_t i = 0; i < agent->group_count; i++)
        if (!group_is_named(feed, agent->groups[i].name))
            leave_group(agent, transaction, agent->groups[i].name, marks);
    drop_unused(agent, transaction);
    for (uint32_t i = 0; i < feed->n_groups; i++) {
        struct agent_group *group = agent_group(agent, feed->groups[i], true);
        if (!group)
            return error_set(error, ERROR_LIMIT, "the office is in too many groups");
        group->listed = group->dirty = true;
        group->place = i;
    }
    return true;
}

uint32_t feed_cursors_hash(struct agent *agent)
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

static bool set_cursor(struct agent_group *group, uint64_t base, uint64_t position)
{
    if (!group || base > position || position < group->position)
        return false;
    group->base = base;
    group->position = position;
    group->dirty = true;
    return true;
}

bool feed_cursors_move(struct agent *agent, const Hopnhat__Feed *feed, uint64_t head)
{
    struct agent_group *group;
    for (uint32_t place = 0; head && (group = feed_group(agent, place)); place++)
        if (!set_cursor(group, head, head))
            return false;
    for (size_t i = 0; !head && i < feed->n_after; i += 3) {
        group = feed->after[i] < AGENT_GROUPS ? feed_group(agent, (uint32_t)feed->after[i]) : NULL;
        if (feed->n_after % 3 || !set_cursor(group, feed->after[i + 1], feed->after[i + 2]))
            return false;
    }
    return true;
}
