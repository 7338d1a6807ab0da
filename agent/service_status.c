#include "agent/backups.h"
#include "agent/progress.h"
#include "agent/records.h"
#include "agent/service.h"
#include "api/change_json.h"
#include "api/index_status.h"
#include "api/record_json.h"
#include "api/recovery.h"
#include "api/store_status.h"
#include "api/wall.h"

enum { STATUS_ARENA_BYTES = 4096 };

static json_t *contact_json(uint64_t ms, struct arena *arena)
{
    return ms ? json_string(wall_text(ms, arena)) : json_null();
}

/* Own changes that are not in the oldest backup that headquarters keeps, or not trimmed yet. */
static uint64_t log_length(const struct agent *agent)
{
    uint64_t length = 0;
    for (size_t i = 0; i < agent->log_count; i++)
        length += agent->logs[i].head - agent->logs[i].trimmed;
    return length;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* What the daemon's parts say; without a daemon no part of it runs. */
static json_t *told(const struct agent_service *service, const char *(*part)(void *context))
{
    return json_string(part ? part(service->context) : "not running");
}

static json_t *status_json(const struct agent_service *service, const struct agent_status *now,
                           struct arena *arena)
{
    struct {
        const char *name;
        json_t *value;
    } members[] = {
        {"office", json_string(now->office)},
        {"replica", replica_json(now->replica)},
        {"epoch", replica_json(now->epoch)},
        {"hub", json_string(service->agent->hub_address)},
        {"hub_online", json_boolean(now->hub_online)},
        {"link", told(service, service->link)},
        {"state", told(service, service->state)},
        {"trouble", bytes_json(bytes_of_string(now->trouble))},
        {"caught_up", json_boolean(now->caught_up)},
        {"pending", number(now->pending)},
        {"pending_since", contact_json(now->pending_since_ms, arena)},
        {"drafts", number(now->drafts)},
        {"refused", number(now->refused)},
        {"outvoted", number(now->outvoted)},
        {"conflicts_open", number(now->conflicts_open)},
        {"digests_equal", json_boolean(now->digests_equal)},
        {"digest_mismatches", number(now->digest_mismatches)},
        {"records", number(now->records)},
        {"last_contact", contact_json(now->last_contact_ms, arena)},
        {"heads", number(now->heads)},
        {"catalog_version", number(now->catalog_version)},
        {"clock_offset_ms", json_integer(now->clock_offset_ms)},
        {"log_length", number(log_length(service->agent))},
        {"http_ended", number(http_server_ended(service->api.http))},
        {"custody_full", json_boolean(now->custody_full)},
        {"version", json_string(HOPNHAT_VERSION)},
    };
    json_t *json = json_object();
    bool whole = json;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        whole = json_object_set_new(json, members[i].name, members[i].value) == 0 && whole;
    if (whole)
        return json;
    json_decref(json);
    return NULL;
}

json_t *agent_service_status(void *context, uint64_t wall_ms, struct error *error)
{
    const struct agent_service *service = context;
    struct agent *agent = service->agent;
    struct agent_status now;
    struct arena arena;
    if (agent->last_contact_ms > wall_ms) /* the clock was ahead then */
        agent->last_contact_ms = wall_ms;
    if (!agent_status(agent, &now, error))
        return NULL;
    arena_init(&arena, STATUS_ARENA_BYTES);
    json_t *json = status_json(service, &now, &arena);
    arena_release(&arena);
    if (!json) {
        out_of_memory(error);
        return NULL;
    }
    agent_backups_status(agent, json);
    recovery_status(agent->directory, agent->environment, json);
    if (backup_schedule_status(json, service->backups, error) &&
        store_status_add(json, agent->environment, error) &&
        index_status_add(json, service->follow, agent->local_rev, error) &&
        agent_progress_status(agent, json, error))
        return json;
    json_decref(json);
    return NULL;
}
