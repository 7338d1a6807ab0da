#include "hub/revocation.h"

#include "base/hex.h"
#include "base/log.h"
#include "hub/audience.h"
#include "hub/headquarters.h"
#include "hub/hello.h"
#include "hub/registry.h"
#include "model/edit.h"
#include "store/rows.h"

#include <inttypes.h>
#include <stdio.h>

enum { WORK_ARENA_BYTES = 16 * 1024 * 1024, ROW_ARENA_BYTES = 1024 * 1024 };

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
        revoked->codes++;
        cursor_delete(&cursor);
    }
    cursor_close(&cursor);
}

static struct revoked count_revoked(const struct hub *hub, const char *office)
{
    struct revoked count = {0};
    for (const struct installation *one = hub->installations; one; one = one->hh.next)
        count.installations += one->revoked && strcmp(one->office, office) == 0;
    for (const struct replica *one = hub->replicas; one; one = one->hh.next)
        count.replicas += one->revoked && strcmp(one->office, office) == 0;
    return count;
}

/* Writes into the office's record that it is so: what is revoked follows from there, also in a hub that was
 * restored. `link_key`: of the one installation; NULL: of all that have joined until now. */
static bool write_record(struct admission *admission, const char *office, const uint8_t *link_key,
                         const struct revoking *revoking, struct arena *arena, struct error *error)
{
    const struct catalog_type *type =
        catalog_type(admission->hub->catalog, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE);
    uint8_t id[RECORD_ID_BYTES];
    char text[2 * LINK_KEY_BYTES + 1];
    struct new_edit edit;
    office_record_id(office, id);
    if (link_key)
        hex_encode(bytes_of(link_key, LINK_KEY_BYTES), text);
    else
        snprintf(text, sizeof text, "%" PRIu64, revoking->wall_ms);
    struct bytes value = bytes_of_string(text);
    const struct assignment assignment = {
        .definition = type_field(type, link_key ? OFFICE_REVOKED_KEYS : OFFICE_REVOKED_BEFORE),
        .kind = link_key ? ASSIGN_ADD : ASSIGN_SET,
        .values = &value,
        .count = 1,
    };
    const Hopnhat__Record *record =
        hub_record(&admission->transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, arena);
    if (!record)
        return error_set(error, ERROR_NOT_FOUND, "the record of office %.60s is missing", office);
    if (!edit_make(type, record, &assignment, 1, arena, &edit, error))
        return false;
    return edit.op_count == 0 ||
           headquarters_write_in(admission->hub, admission, &edit, 1, revoking->author, NULL, error);
}

static bool revoke(struct admission *admission, const char *office, const uint8_t *link_key,
                   const struct revoking *revoking, struct revoked *revoked, struct error *error)
{
    struct arena arena;
    struct revoked before = count_revoked(admission->hub, office);
    arena_init(&arena, WORK_ARENA_BYTES);
    bool done = write_record(admission, office, link_key, revoking, &arena, error);
    if (done && !link_key) {
        arena_reset(&arena);
        revoke_codes(&admission->transaction, office, revoked, &arena);
    }
    arena_release(&arena);
    struct revoked after = count_revoked(admission->hub, office);
    revoked->installations = after.installations - before.installations;
    revoked->replicas = after.replicas - before.replicas;
    return done;
}

/* Of installations that are revoked: they keep nothing in custody any more. A Pull that is held is told why,
 * else the next message. */
static void end_sessions(struct hub *hub)
{
    struct hub_session *session, *next;
    HASH_ITER(hh, hub->sessions, session, next)
    {
        const struct installation *installation = registry_installation(hub, session->key);
        if ((!installation || installation->revoked) && session->pull_count)
            audience_look(hub, session, LOOK_NEWS);
        else if (!installation || installation->revoked)
            session_end(hub, session);
    }
}

bool revocation_apply(struct hub *hub, const char *office, const struct revoking *revoking,
                      struct revoked *revoked, struct error *error)
{
    const struct replica *one = revoking->replica ? registry_replica(hub, revoking->replica) : NULL;
    struct admission admission;
    struct error reload;
    uint8_t link_key[LINK_KEY_BYTES];
    *revoked = (struct revoked){0};
    if (!registry_office(hub, office))
        return error_set(error, ERROR_NOT_FOUND, "there is no office %.60s: `office list` shows them",
                         office);
    if (revoking->replica && (!one || strcmp(one->office, office) != 0))
        return error_set(error, ERROR_NOT_FOUND, "the office %s has no replica %016" PRIx64, office,
                         revoking->replica);
    if (one)
        memcpy(link_key, one->link_key, LINK_KEY_BYTES);
    if (!admission_begin(&admission, hub, revoking->wall_ms, error))
        return false;
    if (!revoke(&admission, office, one ? link_key : NULL, revoking, revoked, error)) {
        if (!admission_abort(&admission, &reload))
            error_prefix(error, "%s; and before that", reload.text);
        return false;
    }
    if (!admission_commit(&admission, error))
        return false;
    end_sessions(hub);
    log_with(LOG_LEVEL_INFO, "HOPNHAT_OFFICE", office,
             "office %s: %zu installations, %zu replicas and %zu codes were revoked", office,
             revoked->installations, revoked->replicas, revoked->codes);
    return true;
}
