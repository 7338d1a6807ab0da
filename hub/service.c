#include "hub/service.h"

#include "api/change_json.h"
#include "api/index_status.h"
#include "api/record_json.h"
#include "api/recovery.h"
#include "api/store_status.h"
#include "hub/admission.h"
#include "hub/backups.h"
#include "hub/custody.h"
#include "hub/headquarters.h"
#include "hub/history.h"
#include "hub/intake.h"
#include "hub/office_status.h"
#include "hub/registry.h"
#include "hub/session.h"
#include "store/key.h"
#include "store/rewrite.h"
#include "store/rows.h"

#include <stdlib.h>

enum { RECORD_ARENA_BYTES = 64 * 1024 * 1024 };

static const struct catalog *catalog_of(void *context)
{
    const struct hub_service *service = context;
    return service->hub->catalog;
}

static bool begin(void *context, struct error *error)
{
    struct hub_service *service = context;
    return transaction_begin(&service->transaction, service->hub->environment, false, error);
}

static void end(void *context)
{
    struct hub_service *service = context;
    transaction_abort(&service->transaction);
}

static const Hopnhat__Record *get(void *context, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                                  struct arena *arena, struct error *error)
{
    struct hub_service *service = context;
    const Hopnhat__Record *record = hub_record(&service->transaction, type, id, arena);
    if (!record && transaction_is_sound(&service->transaction, error))
        error_set(error, ERROR_NOT_FOUND, "there is no such record");
    return record;
}

/* A tool has no thread that keeps the views: it opens them when it first asks. */
static const struct querier *querier_of(void *context, struct error *error)
{
    struct hub_service *service = context;
    if (!service->follow)
        service->follow = hub_follow(service->hub, false, error);
    return service->follow ? follow_querier(service->follow) : NULL;
}

static void origin(void *context, const Hopnhat__Entry *entry, struct arena *arena, struct entry_origin *from)
{
    struct hub_service *service = context;
    const struct replica *replica = registry_replica(service->hub, entry->replica);
    struct dot dot = entry_id_of(entry).dot;
    struct key key;
    struct change change;
    struct error ignored; /* without its author the entry is still listed */
    key_dot(&key, dot.replica, dot.seq);
    const Hopnhat__LogRow *row =
        row_get(&service->transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
    if (replica)
        from->office = *replica->office ? arena_string(arena, replica->office, strlen(replica->office))
                                        : HEADQUARTERS_OWNER;
    if (row && change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), arena, &ignored))
        from->author = change.body->author;
}

static struct shown shown_now(void *context, const Hopnhat__Record *record)
{
    const struct hub_service *service = context;
    return (struct shown){.rev = record->rev, .replica = service->hub->own_replica};
}

/* The office marked as headquarters, the first by its code; else the hub's own word for itself. */
static const char *headquarters_office(const struct hub *hub)
{
    const char *found = NULL;
    for (const struct office_state *state = hub->offices; state; state = state->hh.next)
        if (state->office.headquarters && (!found || strcmp(state->code, found) < 0))
            found = state->code;
    return found ? found : HEADQUARTERS_OWNER;
}

/* Headquarters itself is in no group but everyone; for another office's record its group follows from there.
 */
static bool defaults(void *context, const Hopnhat__TypeDefinition *type, const char *owner,
                     struct arena *arena, const char **default_group, const char **default_owner,
                     struct error *error)
{
    const struct hub_service *service = context;
    const char *code = owner ? owner : headquarters_office(service->hub), *group = NULL;
    const struct office *office = registry_office(service->hub, code);
    if (owner && !office && strcmp(owner, HEADQUARTERS_OWNER) != 0)
        return error_set(error, ERROR_INPUT, "owner: there is no office %.60s", owner);
    if (default_owner)
        *default_owner = arena_string(arena, code, strlen(code));
    if (!default_group)
        return true;
    if (type->audience == HOPNHAT__AUDIENCE__AUDIENCE_EVERYONE)
        group = GROUP_EVERYONE;
    else if (office)
        group = office_audience(office, type->audience);
    *default_group = group ? arena_string(arena, group, strlen(group)) : NULL;
    return *default_group ||
           error_set(
               error, ERROR_INPUT,
               "group: a %s is not for everyone; name its group (group=office:CODE, group=cluster:N) or its "
               "owner (owner=CODE)",
               type->name);
}

static bool write_edits(void *context, const struct new_edit *edits, size_t count, const char *author,
                        uint64_t wall_ms, struct error *error)
{
    struct hub_service *service = context;
    return headquarters_write(service->hub, edits, count, author, wall_ms, error);
}

static bool history(void *context, const Hopnhat__History *request, struct arena *arena,
                    Hopnhat__HistoryAnswer *answer, const char **here, struct error *error)
{
    struct hub_service *service = context;
    *here = NULL;
    if (!begin(service, error))
        return false;
    bool done = history_answer(service->hub, &service->transaction, NULL, request, arena, answer, error) &&
                transaction_is_sound(&service->transaction, error);
    end(service);
    return done;
}

/* What was lost of logs (registry_note_gap). */
static void add_gaps(const struct hub *hub, json_t *status)
{
    json_t *gaps = json_array();
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next)
        for (size_t i = 0; i < replica->gaps.count; i++)
            json_array_append_new(gaps, json_pack("{s:s, s:o, s:I, s:I}", "office",
                                                  replica->office[0] ? replica->office : HEADQUARTERS_OWNER,
                                                  "replica", replica_json(replica->number), "from",
                                                  (json_int_t)replica->gaps.list[i].from, "to",
                                                  (json_int_t)replica->gaps.list[i].to));
    json_object_set_new(status, "gaps", gaps);
}

static json_t *status(void *context, uint64_t wall_ms, struct error *error)
{
    struct hub_service *service = context;
    const struct hub *hub = service->hub;
    if (!begin(service, error))
        return NULL;
    uint64_t records = transaction_count(&service->transaction, HUB_RECORD);
    uint64_t purged = transaction_count(&service->transaction, HUB_PURGED);
    bool erased = rewrite_is_due(&service->transaction, HUB_META);
    bool sound = transaction_is_sound(&service->transaction, error);
    end(service);
    if (!sound)
        return NULL;
    json_t *json = json_pack(
        "{s:o, s:o, s:I, s:I, s:i, s:i, s:i, s:i, s:I, s:I, s:i, s:I, s:s?, s:s}", "epoch",
        replica_json(hub->epoch), "replica", replica_json(hub->own_replica), "rev", (json_int_t)hub->rev,
        "records", (json_int_t)records, "offices", (int)HASH_COUNT(hub->offices), "installations",
        (int)HASH_COUNT(hub->installations), "replicas", (int)HASH_COUNT(hub->replicas), "replicas_online",
        (int)hub_sessions_online(hub), "conflicts_open", (json_int_t)hub->conflicts_open, "quarantined",
        (json_int_t)hub->quarantined, "catalog_version", (int)catalog_version(hub->catalog), "malformed",
        (json_int_t)hub->malformed, "listens", service->listens, "version", HOPNHAT_VERSION);
    if (!json)
        out_of_memory(error);
    else
        backups_status(hub, json), custody_status(service->hub, json), add_gaps(hub, json),
            recovery_status(hub->directory, hub->environment, json);
    if (json) { /* bytes that were erased are in the files until the next start */
        json_object_set_new(json, "erased_in_files", json_boolean(erased));
        json_object_set_new(json, "purged", json_integer((json_int_t)purged));
        json_object_set_new(json, "disk_is_low", json_boolean(intake_disk_is_low(service->hub)));
        json_object_set_new(json, "http_ended",
                            json_integer((json_int_t)http_server_ended(service->api.http)));
    }
    if (json && (!backup_schedule_status(json, service->backups, error) ||
                 !store_status_add(json, hub->environment, error) ||
                 !office_status_add(json, service->hub, wall_ms, error) ||
                 !index_status_add(json, service->follow, hub->rev, error))) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static const struct api_route routes[] = {
    {"GET", "/v1/offices", handle_offices, ROLE_READER},
    {"POST", "/v1/offices", handle_office_add, ROLE_MANAGER},
    {"PATCH", "/v1/offices/{code}", handle_office_set, ROLE_MANAGER},
    {"POST", "/v1/offices/{code}/enrolments", handle_enrol, ROLE_ADMINISTRATOR},
    {"POST", "/v1/offices/{code}/revoke", handle_revoke, ROLE_ADMINISTRATOR},
    {"POST", "/v1/records/{type}/{id}/erase", handle_erase, ROLE_ADMINISTRATOR},
    {"POST", "/v1/purge", handle_purge, ROLE_ADMINISTRATOR},
    {"GET", "/v1/quarantine", handle_quarantine, ROLE_READER},
    {"GET", "/v1/quarantine/{change}", handle_quarantined, ROLE_READER},
    {"POST", "/v1/quarantine/{change}/release", handle_quarantine_release, ROLE_MANAGER},
    {"POST", "/v1/quarantine/{change}/drop", handle_quarantine_drop, ROLE_MANAGER},
    {"POST", "/v1/catalog/check", handle_catalog_check, ROLE_READER},
    {"POST", "/v1/catalog/apply", handle_catalog_apply, ROLE_ADMINISTRATOR},
    {"POST", "/v1/bundles", hub_handle_bundle_import, ROLE_LOCAL},
    {"POST", "/v1/bundles/export", hub_handle_bundle_export, ROLE_LOCAL},
    {"POST", "/v1/rotate-keys", handle_rotate_keys, ROLE_LOCAL},
    {"POST", "/v1/backups", backups_handle, ROLE_LOCAL},
    {"POST", "/v1/recovery-key", backups_handle_recovery_key, ROLE_LOCAL},
};

void hub_service_start(struct hub_service *service, struct hub *hub)
{
    *service = (struct hub_service){
        .hub = hub,
        .records = {.context = service,
                    .bulk = &hub_bulk,
                    .catalog = catalog_of,
                    .begin = begin,
                    .end = end,
                    .get = get,
                    .querier = querier_of,
                    .conflicts = hub_conflicts,
                    .origin = origin,
                    .shown_now = shown_now,
                    .defaults = defaults,
                    .write = write_edits,
                    .history = history,
                    .status = status},
        .api = {.records = &service->records,
                .people = &service->people,
                .routes = routes,
                .route_count = sizeof routes / sizeof *routes},
    };
    people_start(&service->people, hub->environment, HUB_ACCOUNT, HUB_AUDIT);
}

void hub_service_end(struct hub_service *service)
{
    people_end(&service->people);
    follow_close(service->follow);
    service->follow = NULL;
}

void *hub_service_open(const char *data, const struct api_service **api, struct error *error)
{
    struct hub_options options = {.take_lock = true, .entropy = entropy_system()};
    struct hub_service *service = malloc(sizeof *service);
    struct hub *hub = NULL;
    if (service)
        hub = hub_open(data, &options, error);
    else
        out_of_memory(error);
    if (!hub) {
        free(service);
        return NULL;
    }
    hub_service_start(service, hub);
    *api = &service->api;
    return service;
}

void hub_service_close(void *opened)
{
    struct hub_service *service = opened;
    hub_service_end(service);
    hub_close(service->hub);
    free(service);
}
