#include "agent/mirror.h"

#include "agent/in_force.h"
#include "agent/outvoted.h"
#include "agent/records.h"
#include "base/log.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

Hopnhat__Record *mirror_get(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                            struct arena *arena)
{
    struct key key;
    key_record(&key, type, id);
    return row_get(transaction, AGENT_MIRROR, key_bytes(&key), &hopnhat__record__descriptor, arena);
}

static uint64_t former_rev(const Hopnhat__Record *former, uint32_t field, const Hopnhat__Entry *entry)
{
    const Hopnhat__Field *bag = former ? record_field(former, field) : NULL;
    const Hopnhat__Entry *same = bag ? bag_find(bag, entry_id_of(entry)) : NULL;
    return same && same->has_rev ? same->rev : 0;
}

static bool has_lost(const Hopnhat__Field *field, const Hopnhat__Field *former)
{
    for (size_t i = 0; i < former->n_entries; i++)
        if (!bag_find(field, entry_id_of(former->entries[i])))
            return true;
    return false;
}

/* Notes when entries left the field; where new ones came these tell it. */
static void number_loss(Hopnhat__Field *field, const Hopnhat__Record *former, uint64_t next)
{
    const Hopnhat__Field *bag = former ? record_field(former, field->number) : NULL;
    if (!bag)
        return;
    bool came = false;
    for (size_t i = 0; i < field->n_entries; i++)
        came = came || field->entries[i]->rev == next;
    uint64_t changed = !came && has_lost(field, bag) ? next : bag->changed;
    if (changed <= field->changed)
        return;
    field->has_changed = true;
    field->changed = changed;
}

void mirror_number(const struct agent *agent, Hopnhat__Record *record, const Hopnhat__Record *former,
                   const Hopnhat__Record *other)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        Hopnhat__Field *field = record->fields[i];
        for (size_t j = 0; j < field->n_entries; j++) {
            Hopnhat__Entry *entry = field->entries[j];
            if (entry->has_rev)
                continue;
            uint64_t rev = former_rev(former, field->number, entry);
            if (rev == 0)
                rev = former_rev(other, field->number, entry);
            entry->has_rev = true;
            entry->rev = rev ? rev : agent->local_rev + 1;
        }
        number_loss(field, other ? other : former, agent->local_rev + 1);
    }
}

struct mirror_before mirror_before(const Hopnhat__Record *record)
{
    struct mirror_before before = {.there = record != NULL};
    if (!record)
        return before;
    before.digest = digest_record(record);
    if (record->group && strlen(record->group) <= LIMIT_GROUP_NAME_BYTES)
        memcpy(before.group, record->group, strlen(record->group));
    return before;
}

static void add_digest(struct agent *agent, struct transaction *transaction, const char *name,
                       const struct digest *digest)
{
    struct error error;
    struct agent_group *group = name && name[0] ? agent_group(agent, name, true) : NULL;
    if (group) {
        digest_add(&group->digest, digest);
        group->dirty = true;
    } else if (name && name[0]) {
        error_set(&error, ERROR_LIMIT, "records of more than %d groups", AGENT_GROUPS);
        transaction_fail(transaction, &error);
    }
}

static void take_digest(struct agent *agent, const struct mirror_before *before)
{
    struct agent_group *group = before->there ? agent_group(agent, before->group, false) : NULL;
    if (!group)
        return;
    digest_subtract(&group->digest, &before->digest);
    group->dirty = true;
}

/* What only the hub needs is not kept. */
static void strip(Hopnhat__Record *record)
{
    record->has_joined = false;
    for (size_t i = 0; i < record->n_fields; i++)
        record->fields[i]->n_absent = 0;
}

void mirror_store(struct agent *agent, struct transaction *transaction, Hopnhat__Record *record,
                  const struct mirror_before *before, const struct marks *marks, struct arena *arena)
{
    struct key key;
    strip(record);
    key_record(&key, record->type, record->id.data);
    row_put(transaction, AGENT_MIRROR, key_bytes(&key), &record->base);
    struct digest digest = digest_record(record);
    take_digest(agent, before);
    add_digest(agent, transaction, record->group, &digest);
    const Hopnhat__Record *visible =
        draft_settle(agent, transaction, record->type, record->id.data, record, marks, arena);
    mirror_show(agent, transaction, record->type, record->id.data, visible, arena);
    in_force_take(agent, transaction, record);
}

void mirror_put(struct agent *agent, struct transaction *transaction, Hopnhat__Record *record,
                const struct marks *marks, struct arena *arena)
{
    const Hopnhat__Record *former = mirror_get(transaction, record->type, record->id.data, arena);
    struct mirror_before before = mirror_before(former);
    mirror_number(agent, record, former, draft_get(transaction, record->type, record->id.data, arena));
    mirror_store(agent, transaction, record, &before, marks, arena);
}

void mirror_remove(struct agent *agent, struct transaction *transaction, const Hopnhat__Record *record,
                   const struct marks *marks, struct arena *arena)
{
    struct mirror_before before = mirror_before(record);
    struct key key;
    key_record(&key, record->type, record->id.data);
    transaction_delete(transaction, AGENT_MIRROR, key_bytes(&key));
    take_digest(agent, &before);
    const Hopnhat__Record *visible =
        draft_settle(agent, transaction, record->type, record->id.data, NULL, marks, arena);
    mirror_show(agent, transaction, record->type, record->id.data, visible, arena);
    in_force_take(agent, transaction, record);
}

/* The next record of the group at or after the key, which moves on past it. */
static Hopnhat__Record *next_of_group(struct transaction *transaction, const char *group, struct key *key,
                                      struct arena *arena)
{
    struct cursor cursor;
    Hopnhat__Record *found = NULL;
    cursor_open(&cursor, transaction, AGENT_MIRROR);
    for (bool here = cursor_seek(&cursor, key_bytes(key)); here && !found; here = cursor_next(&cursor)) {
        arena_reset(arena);
        Hopnhat__Record *record = row_unpack(transaction, cursor.value, &hopnhat__record__descriptor, arena);
        if (record && record->group && strcmp(record->group, group) == 0)
            found = record;
    }
    cursor_close(&cursor);
    if (found) {
        key_record(key, found->type, found->id.data);
        key_add(key, "", 1);
    }
    return found;
}

void mirror_remove_group(struct agent *agent, struct transaction *transaction, const char *group,
                         const struct marks *marks)
{
    struct key key = {0};
    Hopnhat__Record *record;
    while ((record = next_of_group(transaction, group, &key, &agent->scratch)))
        mirror_remove(agent, transaction, record, marks, &agent->scratch);
    arena_reset(&agent->scratch);
}

static void clear_conflicts(struct transaction *transaction, struct bytes record_key)
{
    struct cursor cursor;
    cursor_open(&cursor, transaction, AGENT_CONFLICT);
    bool here = cursor_seek(&cursor, record_key);
    while (here && cursor_within(&cursor, record_key)) {
        cursor_delete(&cursor);
        here = cursor_seek(&cursor, record_key);
    }
    cursor_close(&cursor);
}

/* Only then can the field read as open; saves folding nearly all of them. */
static bool may_be_open(const Hopnhat__Record *record, const Hopnhat__FieldDefinition *definition)
{
    if (definition->policy != HOPNHAT__MERGE_POLICY__REVIEW &&
        definition->policy != HOPNHAT__MERGE_POLICY__TEXT)
        return false;
    const Hopnhat__Field *field = record_field(record, definition->number);
    return field && field->n_entries > 1;
}

/* Lists what is open in the record; nothing where it is deleted. */
static void list_conflicts(struct agent *agent, struct transaction *transaction,
                           const Hopnhat__Record *record, struct arena *arena)
{
    const struct catalog_type *type = catalog_type(agent->catalog, record->type);
    const Hopnhat__TypeDefinition *definition = type ? type_definition(type) : NULL;
    struct reading reading;
    struct error error;
    struct key key;
    bool deleted = false;
    if (type && record_field(record, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED) &&
        !fold_deleted(type, record, arena, &deleted, NULL, &error) && error.code == ERROR_MEMORY)
        transaction_fail(transaction, &error);
    for (size_t i = 0; definition && !deleted && i < definition->n_fields; i++) {
        const Hopnhat__FieldDefinition *field = definition->fields[i];
        if (!may_be_open(record, field))
            continue;
        if (!fold_field(type, record, field, arena, &reading, &error)) {
            if (error.code == ERROR_MEMORY)
                transaction_fail(transaction, &error);
            continue;
        }
        if (!reading.open)
            continue;
        key_record(&key, record->type, record->id.data);
        key_add_u32(&key, field->number);
        transaction_put(transaction, AGENT_CONFLICT, key_bytes(&key), bytes_of("", 0));
    }
}

void mirror_show(struct agent *agent, struct transaction *transaction, uint32_t type, const uint8_t id[16],
                 const Hopnhat__Record *visible, struct arena *arena)
{
    struct key key, rev;
    struct bytes former;
    uint8_t number[8];
    key_record(&key, type, id);
    if (transaction_get(transaction, AGENT_PLACE, key_bytes(&key), &former) && former.size == sizeof number) {
        memcpy(number, former.data, sizeof number);
        transaction_delete(transaction, AGENT_CHANGED, bytes_of(number, sizeof number));
    }
    key_number(&rev, ++agent->local_rev);
    transaction_append(transaction, AGENT_CHANGED, key_bytes(&rev), key_bytes(&key));
    transaction_put(transaction, AGENT_PLACE, key_bytes(&key), key_bytes(&rev));
    clear_conflicts(transaction, key_bytes(&key));
    if (visible)
        list_conflicts(agent, transaction, visible, arena);
    outvoted_show(agent, transaction, type, id, visible, arena);
}

void mirror_rebuild_conflicts(struct agent *agent, struct transaction *transaction)
{
    const Hopnhat__Record *record;
    struct agent_scan scan;
    transaction_clear(transaction, AGENT_CONFLICT);
    for (size_t i = 0; i < catalog_type_count(agent->catalog); i++) {
        const Hopnhat__TypeDefinition *type = type_definition(catalog_type_at(agent->catalog, i));
        agent_scan_open(&scan, transaction, type->number, NULL);
        while ((record = agent_scan_next(&scan, &agent->scratch))) {
            list_conflicts(agent, transaction, record, &agent->scratch);
            outvoted_show(agent, transaction, record->type, record->id.data, record, &agent->scratch);
            arena_reset(&agent->scratch);
        }
        agent_scan_close(&scan);
    }
}
