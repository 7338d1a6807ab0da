#include "hub/revocation.h"

#include "base/log.h"
#include "hub/registry.h"
#include "store/rows.h"

enum { ROW_ARENA_BYTES = 1024 * 1024 };

/* In memory, and in its row, whose other fields stay. */
static void revoke_installation(struct transaction *transaction, struct installation *installation,
                                struct arena *arena)
{
    struct bytes key = bytes_of(installation->link_key, LINK_KEY_BYTES);
    Hopnhat__Installation *row =
        row_get(transaction, HUB_INSTALLATION, key, &hopnhat__installation__descriptor, arena);
    installation->revoked = true;
    if (!row)
        return;
    row->has_revoked = row->revoked = true;
    row_put(transaction, HUB_INSTALLATION, key, &row->base);
}

static void revoke_codes(struct transaction *transaction, const char *office, struct revoked *revoked,
                         struct arena *arena)
{
    struct cursor cursor;
    cursor_open(&cursor, transaction, HUB_ENROLMENT);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        arena_reset(arena);
        const Hopnhat__Enrolment *row =
            row_unpack(transaction, cursor.value, &hopnhat__enrolment__descriptor, arena);
        if (!row || strcmp(row->office, office) != 0)
            continue;
        revoked->codes += !row->has_used_by;
        cursor_delete(&cursor);
    }
    cursor_close(&cursor);
}

/* `link_key`: of the one installation; NULL: of every one of the office. */
static void revoke_keys(struct hub *hub, struct transaction *transaction, const char *office,
                        const uint8_t *link_key, struct revoked *revoked, struct arena *arena)
{
    for (struct installation *one = hub->installations; one; one = one->hh.next) {
        if (one->revoked || strcmp(one->office, office) != 0 ||
            (link_key && memcmp(one->link_key, link_key, LINK_KEY_BYTES) != 0))
            continue;
        revoke_installation(transaction, one, arena);
        revoked->installations++;
    }
    for (struct replica *one = hub->replicas; one; one = one->hh.next) {
        if (one->revoked || strcmp(one->office, office) != 0 ||
            (link_key && memcmp(one->link_key, link_key, LINK_KEY_BYTES) != 0))
            continue;
        one->revoked = true;
        registry_touch(hub, one);
        revoked->replicas++;
    }
    registry_save(hub, transaction);
}

bool revocation_apply(struct hub *hub, const char *office, uint64_t replica, struct revoked *revoked,
                      struct error *error)
{
    const struct replica *one = replica ? registry_replica(hub, replica) : NULL;
    struct transaction transaction;
    struct arena arena;
    struct error reload;
    *revoked = (struct revoked){0};
    if (!registry_office(hub, office))
        return error_set(error, ERROR_NOT_FOUND, "there is no office %.60s", office);
    if (replica && (!one || strcmp(one->office, office) != 0))
        return error_set(error, ERROR_NOT_FOUND, "the office %s has no replica %016llx", office,
                         (unsigned long long)replica);
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    arena_init(&arena, ROW_ARENA_BYTES);
    revoke_keys(hub, &transaction, office, one ? one->link_key : NULL, revoked, &arena);
    if (!replica)
        revoke_codes(&transaction, office, revoked, &arena);
    arena_release(&arena);
    if (transaction_commit(&transaction, error)) {
        log_with(LOG_LEVEL_INFO, "HOPNHAT_OFFICE", office,
                 "office %s: %zu installations, %zu replicas and %zu codes were revoked", office,
                 revoked->installations, revoked->replicas, revoked->codes);
        return true;
    }
    if (!hub_reload(hub, &reload))
        error_prefix(error, "%s; and then", reload.text);
    return false;
}
