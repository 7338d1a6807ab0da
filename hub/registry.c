#include "hub/registry.h"

#include "base/hex.h"
#include "base/log.h"
#include "hub/headquarters.h"

#include <stdio.h>
#include <stdlib.h>

enum { OFFICE_ARENA_BYTES = 1024 * 1024 };

struct replica *registry_replica(const struct hub *hub, uint64_t number)
{
    struct replica *replica;
    HASH_FIND(hh, hub->replicas, &number, sizeof number, replica);
    return replica;
}

struct installation *registry_installation(const struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES])
{
    struct installation *installation;
    HASH_FIND(hh, hub->installations, link_key, LINK_KEY_BYTES, installation);
    return installation;
}

const struct office *registry_office(const struct hub *hub, const char *code)
{
    struct office_state *state;
    HASH_FIND_STR(hub->offices, code, state);
    return state ? &state->office : NULL;
}

struct group_state *registry_group(struct hub *hub, struct bytes name)
{
    struct group_state *group;
    HASH_FIND(hh, hub->groups, name.data, (unsigned)name.size, group);
    if (group)
        return group;
    group = name.size <= LIMIT_GROUP_NAME_BYTES ? calloc(1, sizeof *group) : NULL;
    if (!group)
        return NULL;
    memcpy(group->name, name.data, name.size);
    HASH_ADD(hh, hub->groups, name, (unsigned)name.size, group);
    return group;
}

void registry_touch(struct hub *hub, struct replica *replica)
{
    if (replica->dirty)
        return;
    replica->dirty = true;
    replica->next_dirty = hub->dirty_replicas;
    hub->dirty_replicas = replica;
}

struct replica *registry_insert_replica(struct hub *hub, uint64_t number)
{
    struct replica *replica = calloc(1, sizeof *replica);
    if (!replica)
        return NULL;
    replica->number = number;
    HASH_ADD(hh, hub->replicas, number, sizeof replica->number, replica);
    return replica;
}

/* What the installation's office says of it, under the keys of now or of before; an office that has not come
 * yet says nothing. */
static bool is_revoked(const struct hub *hub, const struct installation *installation)
{
    const struct office *office = registry_office(hub, installation->office);
    for (size_t i = 0; office && i <= installation->former_count; i++) {
        const uint8_t *link_key =
            i < installation->former_count ? installation->former[i].link_key : installation->link_key;
        char key[2 * LINK_KEY_BYTES + 1];
        hex_encode(bytes_of(link_key, LINK_KEY_BYTES), key);
        if (office_has_revoked(office, key, installation->joined_ms))
            return true;
    }
    return false;
}

/* The office's record revokes installations, and with them their replicas. */
static void revoke_installations(struct hub *hub, const struct office *office)
{
    if (office->revoked_before_ms == 0 && office->revoked_key_count == 0)
        return;
    for (struct installation *one = hub->installations; one; one = one->hh.next)
        if (strcmp(one->office, office->code) == 0)
            one->revoked = one->revoked || is_revoked(hub, one);
    for (struct replica *one = hub->replicas; one; one = one->hh.next) {
        const struct installation *writer = registry_installation(hub, one->link_key);
        if (!one->revoked && one->office[0] && writer && writer->revoked) {
            one->revoked = true;
            registry_touch(hub, one);
        }
    }
}

bool registry_note_gap(struct hub *hub, struct replica *replica, uint64_t to, const uint8_t link[LINK_BYTES],
                       struct error *error)
{
    const char *who = replica->office[0] ? replica->office : HEADQUARTERS_OWNER;
    if (replica->gaps.count >= LIMIT_GAPS_PER_LOG && !gaps_at(&replica->gaps, replica->watermark))
        return error_set(error, ERROR_LIMIT,
                         "%s: log %016llx has %d gaps already: let that installation join anew", who,
                         (unsigned long long)replica->number, LIMIT_GAPS_PER_LOG);
    if (!gaps_add(&replica->gaps, replica->watermark + 1, to, link))
        return out_of_memory(error);
    log_with(LOG_LEVEL_ERROR, "HOPNHAT_OFFICE", who,
             "%s: changes %llu to %llu of its log %016llx are lost: they are not in the backup that this hub "
             "came back from, and nobody keeps them any more",
             who, (unsigned long long)replica->watermark + 1, (unsigned long long)to,
             (unsigned long long)replica->number);
    replica->watermark = to;
    memcpy(replica->link, link, LINK_BYTES);
    registry_touch(hub, replica);
    return true;
}

struct replica *registry_add_replica(struct hub *hub, uint64_t number,
                                     const struct installation *installation)
{
    struct replica *replica = registry_insert_replica(hub, number);
    if (!replica)
        return NULL;
    chain_start(number, replica->link);
    if (installation) {
        snprintf(replica->office, sizeof replica->office, "%s", installation->office);
        memcpy(replica->link_key, installation->link_key, LINK_KEY_BYTES);
        memcpy(replica->signing_key, installation->signing_key, SIGNING_KEY_BYTES);
        replica->last_contact = time_of_ms(installation->joined_ms); /* nothing was written before */
        replica->revoked = installation->revoked;
    }
    registry_touch(hub, replica);
    return replica;
}

bool registry_insert_installation(struct hub *hub, const struct installation *from, struct error *error)
{
    struct installation *installation = malloc(sizeof *installation);
    if (!installation)
        return out_of_memory(error);
    *installation = *from;
    installation->former = malloc((from->former_count + 1) * sizeof *installation->former);
    if (!installation->former) {
        free(installation);
        return out_of_memory(error);
    }
    if (from->former_count)
        memcpy(installation->former, from->former, from->former_count * sizeof *installation->former);
    installation->revoked = from->revoked || is_revoked(hub, from);
    HASH_ADD(hh, hub->installations, link_key, LINK_KEY_BYTES, installation);
    return true;
}

bool registry_add_installation(struct hub *hub, struct transaction *transaction,
                               const struct installation *installation, struct error *error)
{
    if (!registry_insert_installation(hub, installation, error))
        return false;
    registry_save_installation(transaction, registry_installation(hub, installation->link_key));
    return true;
}

struct installation *registry_announced(const struct hub *hub, const uint8_t link_key[LINK_KEY_BYTES])
{
    for (struct installation *one = hub->installations; one; one = one->hh.next)
        if (one->has_next && memcmp(one->next.link_key, link_key, LINK_KEY_BYTES) == 0)
            return one;
    return NULL;
}

bool registry_promote(struct hub *hub, struct transaction *transaction, struct installation *installation,
                      struct error *error)
{
    struct former_keys *grown =
        realloc(installation->former, (installation->former_count + 1) * sizeof *grown);
    if (!grown)
        return out_of_memory(error);
    installation->former = grown;
    struct former_keys *last = &grown[installation->former_count++];
    memcpy(last->link_key, installation->link_key, LINK_KEY_BYTES);
    memcpy(last->signing_key, installation->signing_key, SIGNING_KEY_BYTES);
    memcpy(last->signature, installation->next.signature, SIGNATURE_BYTES);
    transaction_delete(transaction, HUB_INSTALLATION, bytes_of(last->link_key, LINK_KEY_BYTES));
    HASH_DEL(hub->installations, installation);
    memcpy(installation->link_key, installation->next.link_key, LINK_KEY_BYTES);
    memcpy(installation->signing_key, installation->next.signing_key, SIGNING_KEY_BYTES);
    installation->has_next = false;
    HASH_ADD(hh, hub->installations, link_key, LINK_KEY_BYTES, installation);
    for (struct replica *one = hub->replicas; one; one = one->hh.next) {
        if (memcmp(one->link_key, last->link_key, LINK_KEY_BYTES) != 0)
            continue;
        memcpy(one->link_key, installation->link_key, LINK_KEY_BYTES);
        memcpy(one->signing_key, installation->signing_key, SIGNING_KEY_BYTES);
        registry_touch(hub, one);
    }
    installation->revoked = installation->revoked || is_revoked(hub, installation);
    registry_save_installation(transaction, installation);
    return true;
}

bool registry_retired(const Hopnhat__Record *office, const uint8_t link_key[LINK_KEY_BYTES],
                      struct arena *arena, struct entry_list *entries)
{
    const Hopnhat__Field *field = record_field(office, OFFICE_RETIRED);
    char key[2 * LINK_KEY_BYTES + 1];
    hex_encode(bytes_of(link_key, LINK_KEY_BYTES), key);
    *entries = (struct entry_list){0};
    if (!field)
        return true;
    entries->ids = arena_alloc(arena, field->n_entries * sizeof *entries->ids);
    for (size_t i = 0; entries->ids && i < field->n_entries; i++)
        if (bytes_equal(entry_value(field->entries[i]), bytes_of_string(key)))
            entries->ids[entries->count++] = entry_id_of(field->entries[i]);
    return entries->ids != NULL;
}

/* Which installations of the office are retired, and since which rev. */
static bool set_retired(struct hub *hub, const Hopnhat__Record *record, const char *code, struct arena *arena)
{
    const Hopnhat__Field *field = record_field(record, OFFICE_RETIRED);
    struct entry_list entries;
    for (struct installation *one = hub->installations; field && one; one = one->hh.next) {
        if (strcmp(one->office, code) != 0)
            continue;
        if (!registry_retired(record, one->link_key, arena, &entries))
            return false;
        one->retired_at = 0;
        for (size_t i = 0; i < entries.count; i++)
            if (bag_find(field, entries.ids[i])->rev > one->retired_at)
                one->retired_at = bag_find(field, entries.ids[i])->rev;
    }
    return true;
}

bool registry_set_office(struct hub *hub, const Hopnhat__Record *record, struct error *error)
{
    struct office_state *fresh = calloc(1, sizeof *fresh), *old;
    if (!fresh)
        return out_of_memory(error);
    arena_init(&fresh->arena, OFFICE_ARENA_BYTES);
    if (!office_read(hub->catalog, record, &fresh->arena, &fresh->office, error)) {
        arena_release(&fresh->arena);
        free(fresh);
        return false;
    }
    if (!set_retired(hub, record, fresh->office.code, &fresh->arena)) {
        arena_release(&fresh->arena);
        free(fresh);
        return out_of_memory(error);
    }
    snprintf(fresh->code, sizeof fresh->code, "%s", fresh->office.code);
    HASH_FIND_STR(hub->offices, fresh->code, old);
    if (old) {
        HASH_DEL(hub->offices, old);
        arena_release(&old->arena);
        free(old);
    }
    HASH_ADD_STR(hub->offices, code, fresh);
    revoke_installations(hub, &fresh->office);
    return true;
}

void registry_clear(struct hub *hub)
{
    struct replica *replica, *next_replica;
    struct installation *installation, *next_installation;
    struct office_state *office, *next_office;
    struct group_state *group, *next_group;
    HASH_ITER(hh, hub->replicas, replica, next_replica)
    {
        HASH_DEL(hub->replicas, replica);
        gaps_free(&replica->gaps);
        free(replica);
    }
    HASH_ITER(hh, hub->installations, installation, next_installation)
    {
        HASH_DEL(hub->installations, installation);
        free(installation->former);
        free(installation);
    }
    HASH_ITER(hh, hub->offices, office, next_office)
    {
        HASH_DEL(hub->offices, office);
        arena_release(&office->arena);
        free(office);
    }
    HASH_ITER(hh, hub->groups, group, next_group)
    {
        HASH_DEL(hub->groups, group);
        free(group);
    }
    hub->dirty_replicas = NULL;
}
