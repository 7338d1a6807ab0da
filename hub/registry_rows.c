#include "hub/registry.h"

#include "hub/audience.h"
#include "hub/hello.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdio.h>

static bool copy_key(uint8_t *to, size_t size, const ProtobufCBinaryData *from)
{
    if (from->len == size)
        memcpy(to, from->data, size);
    return from->len == size;
}

static ProtobufCBinaryData binary(const uint8_t *data, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

static Hopnhat__FormerKeys former_row(const struct former_keys *keys)
{
    Hopnhat__FormerKeys row = HOPNHAT__FORMER_KEYS__INIT;
    row.link_key = binary(keys->link_key, LINK_KEY_BYTES);
    row.signing_key = binary(keys->signing_key, SIGNING_KEY_BYTES);
    row.signature = binary(keys->signature, SIGNATURE_BYTES);
    return row;
}

void registry_save_installation(struct transaction *transaction, const struct installation *installation)
{
    Hopnhat__Installation row = HOPNHAT__INSTALLATION__INIT;
    Hopnhat__FormerKeys former[LIMIT_FORMER_KEYS], *pointers[LIMIT_FORMER_KEYS], next;
    char office[LIMIT_OFFICE_CODE_BYTES + 1];
    snprintf(office, sizeof office, "%s", installation->office);
    row.link_key = binary(installation->link_key, LINK_KEY_BYTES);
    row.signing_key = binary(installation->signing_key, SIGNING_KEY_BYTES);
    row.office = office;
    row.joined_ms = installation->joined_ms;
    row.has_revoked = row.revoked = installation->revoked;
    row.former = pointers;
    for (size_t i = 0; i < installation->former_count; i++) {
        former[i] = former_row(&installation->former[i]);
        pointers[row.n_former++] = &former[i];
    }
    if (installation->has_next) {
        next = former_row(&installation->next);
        row.next = &next;
    }
    row.has_next_hub_key = installation->next_hub_key != 0;
    row.next_hub_key = installation->next_hub_key;
    row.has_read_rev = row.has_seen_ms = true;
    row.read_rev = installation->read_rev;
    row.seen_ms = installation->seen_ms;
    row.has_seen_bound_ms = installation->seen_bound_ms != 0;
    row.seen_bound_ms = installation->seen_bound_ms;
    row.has_digest_mismatches = installation->digest_mismatches != 0;
    row.digest_mismatches = installation->digest_mismatches;
    row_put(transaction, HUB_INSTALLATION, bytes_of(installation->link_key, LINK_KEY_BYTES), &row.base);
}

bool registry_read_gaps(const Hopnhat__ReplicaState *row, struct gaps *gaps)
{
    uint8_t link[LINK_BYTES] = {0};
    bool read = true;
    for (size_t i = 0; read && i < row->n_gaps; i++) {
        copy_key(link, LINK_BYTES, &row->gaps[i]->link);
        read = gaps_add(gaps, row->gaps[i]->from, row->gaps[i]->to, link);
    }
    copy_key(link, LINK_BYTES, &row->gap_link);
    return read && (row->n_gaps || !row->gap_to || gaps_add(gaps, row->gap_from, row->gap_to, link));
}

static bool load_replicas(struct hub *hub, struct transaction *transaction, struct arena *arena,
                          struct error *error)
{
    struct cursor cursor;
    bool loaded = true;
    cursor_open(&cursor, transaction, HUB_REPLICA);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more && loaded; more = cursor_next(&cursor)) {
        const Hopnhat__ReplicaState *row =
            row_unpack(transaction, cursor.value, &hopnhat__replica_state__descriptor, arena);
        struct replica *replica = row ? registry_insert_replica(hub, row->replica) : NULL;
        loaded = replica && registry_read_gaps(row, &replica->gaps);
        if (!loaded)
            break;
        snprintf(replica->office, sizeof replica->office, "%s", row->office);
        copy_key(replica->link_key, LINK_KEY_BYTES, &row->link_key);
        copy_key(replica->signing_key, SIGNING_KEY_BYTES, &row->signing_key);
        if (!copy_key(replica->link, LINK_BYTES, &row->link))
            chain_start(row->replica, replica->link);
        replica->watermark = row->watermark;
        replica->last_contact = row->last_contact;
        replica->revoked = row->revoked;
        arena_reset(arena);
    }
    cursor_close(&cursor);
    return loaded || out_of_memory(error);
}

static bool read_former(const Hopnhat__FormerKeys *row, struct former_keys *keys)
{
    return copy_key(keys->link_key, LINK_KEY_BYTES, &row->link_key) &&
           copy_key(keys->signing_key, SIGNING_KEY_BYTES, &row->signing_key) &&
           copy_key(keys->signature, SIGNATURE_BYTES, &row->signature);
}

static bool load_installations(struct hub *hub, struct transaction *transaction, struct arena *arena,
                               struct error *error)
{
    struct cursor cursor;
    bool loaded = true;
    cursor_open(&cursor, transaction, HUB_INSTALLATION);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more && loaded; more = cursor_next(&cursor)) {
        struct installation installation = {0};
        struct former_keys former[LIMIT_FORMER_KEYS];
        const Hopnhat__Installation *row =
            row_unpack(transaction, cursor.value, &hopnhat__installation__descriptor, arena);
        if (!row)
            break;
        copy_key(installation.link_key, LINK_KEY_BYTES, &row->link_key);
        copy_key(installation.signing_key, SIGNING_KEY_BYTES, &row->signing_key);
        snprintf(installation.office, sizeof installation.office, "%s", row->office);
        installation.joined_ms = row->joined_ms;
        installation.revoked = row->revoked;
        installation.next_hub_key = row->next_hub_key;
        installation.has_next = row->next && read_former(row->next, &installation.next);
        installation.former = former;
        while (installation.former_count < row->n_former && installation.former_count < LIMIT_FORMER_KEYS &&
               read_former(row->former[installation.former_count], &former[installation.former_count]))
            installation.former_count++;
        installation.read_rev = row->read_rev;
        installation.seen_ms = row->has_seen_ms ? row->seen_ms : row->joined_ms;
        installation.seen_bound_ms = row->seen_bound_ms;
        installation.digest_mismatches = row->digest_mismatches;
        loaded = registry_insert_installation(hub, &installation, error);
        arena_reset(arena);
    }
    cursor_close(&cursor);
    return loaded;
}

static bool load_offices(struct hub *hub, struct transaction *transaction, struct arena *arena,
                         struct error *error)
{
    struct cursor cursor;
    struct key prefix = {0};
    bool loaded = true;
    key_add_u32(&prefix, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE);
    cursor_open(&cursor, transaction, HUB_RECORD);
    for (bool more = cursor_seek(&cursor, key_bytes(&prefix));
         more && loaded && cursor_within(&cursor, key_bytes(&prefix)); more = cursor_next(&cursor)) {
        const Hopnhat__Record *record =
            row_unpack(transaction, cursor.value, &hopnhat__record__descriptor, arena);
        if (!record)
            break;
        struct error unreadable; /* an office without a code has not come whole yet: nobody can be it */
        loaded = registry_set_office(hub, record, &unreadable) || unreadable.code == ERROR_CORRUPT;
        arena_reset(arena);
    }
    cursor_close(&cursor);
    return loaded || out_of_memory(error);
}

static bool load_groups(struct hub *hub, struct transaction *transaction, struct error *error)
{
    struct cursor cursor;
    bool loaded = true;
    cursor_open(&cursor, transaction, HUB_DIGEST);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more && loaded; more = cursor_next(&cursor)) {
        struct group_state *group = registry_group(hub, cursor.key);
        loaded = group && cursor.value.size == DIGEST_BYTES + 8;
        if (loaded) {
            digest_load(&group->digest, cursor.value.data);
            group->last_rev = get_u64_be(cursor.value.data + DIGEST_BYTES);
        }
    }
    cursor_close(&cursor);
    return loaded || error_set(error, ERROR_CORRUPT, "a digest row cannot be read");
}

static bool any_of_type(struct transaction *transaction, uint32_t type)
{
    struct key prefix = {0};
    struct cursor cursor;
    key_add_u32(&prefix, type);
    cursor_open(&cursor, transaction, HUB_RECORD);
    bool any = cursor_seek(&cursor, key_bytes(&prefix)) && cursor_within(&cursor, key_bytes(&prefix));
    cursor_close(&cursor);
    return any;
}

bool registry_load(struct hub *hub, struct transaction *transaction, struct error *error)
{
    struct arena arena;
    registry_clear(hub);
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool loaded = load_replicas(hub, transaction, &arena, error) &&
                  load_installations(hub, transaction, &arena, error) &&
                  load_offices(hub, transaction, &arena, error) && load_groups(hub, transaction, error);
    hub->purged = transaction_count(transaction, HUB_PURGED) > 0;
    hub->erasures = any_of_type(transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE);
    arena_release(&arena);
    return transaction_is_sound(transaction, error) && loaded;
}

static void save_replica(struct replica *replica, struct transaction *transaction)
{
    Hopnhat__ReplicaState row = HOPNHAT__REPLICA_STATE__INIT;
    Hopnhat__LogGap gaps[LIMIT_GAPS_PER_LOG], *pointers[LIMIT_GAPS_PER_LOG];
    struct key key;
    key_number(&key, replica->number);
    row.replica = replica->number;
    row.office = replica->office;
    row.has_link_key = row.has_signing_key = replica->office[0] != 0;
    row.link_key = binary(replica->link_key, LINK_KEY_BYTES);
    row.signing_key = binary(replica->signing_key, SIGNING_KEY_BYTES);
    row.watermark = replica->watermark;
    row.has_link = true;
    row.link = binary(replica->link, LINK_BYTES);
    row.has_last_contact = true;
    row.last_contact = replica->last_contact;
    row.has_revoked = row.revoked = replica->revoked;
    row.gaps = pointers;
    for (size_t i = 0; i < replica->gaps.count && i < LIMIT_GAPS_PER_LOG; i++) {
        const struct gap *gap = &replica->gaps.list[i];
        hopnhat__log_gap__init(&gaps[i]);
        gaps[i].from = gap->from;
        gaps[i].to = gap->to;
        gaps[i].link = binary(gap->link, LINK_BYTES);
        pointers[row.n_gaps++] = &gaps[i];
    }
    row_put(transaction, HUB_REPLICA, key_bytes(&key), &row.base);
}

void registry_save(struct hub *hub, struct transaction *transaction)
{
    while (hub->dirty_replicas) {
        struct replica *replica = hub->dirty_replicas;
        hub->dirty_replicas = replica->next_dirty;
        replica->dirty = false;
        save_replica(replica, transaction);
        struct hub_session *session = session_find(hub, replica->link_key);
        if (session)
            audience_look(hub, session, LOOK_NEWS);
    }
    struct group_state *group, *next;
    HASH_ITER(hh, hub->groups, group, next)
    {
        uint8_t row[DIGEST_BYTES + 8];
        if (!group->dirty)
            continue;
        group->dirty = false;
        audience_tell(hub, group->name);
        digest_store(&group->digest, row);
        put_u64_be(row + DIGEST_BYTES, group->last_rev);
        transaction_put(transaction, HUB_DIGEST, bytes_of_string(group->name), bytes_of(row, sizeof row));
    }
}
