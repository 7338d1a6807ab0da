#include "agent/service.h"

#include "agent/backups.h"
#include "agent/history.h"
#include "agent/new_keys.h"
#include "agent/records.h"
#include "agent/whose.h"
#include "agent/write.h"
#include "api/change_json.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdlib.h>

enum { RECORD_ARENA_BYTES = 64 * 1024 * 1024, REJECTED_PAGE = 1000 };

static const struct catalog *catalog_of(void *context)
{
    const struct agent_service *service = context;
    return service->agent->catalog;
}

static bool begin(void *context, struct error *error)
{
    struct agent_service *service = context;
    return agent_read(service->agent, &service->transaction, error);
}

static void end(void *context)
{
    struct agent_service *service = context;
    transaction_abort(&service->transaction);
}

static const Hopnhat__Record *get(void *context, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                                  struct arena *arena, struct error *error)
{
    struct agent_service *service = context;
    const Hopnhat__Record *record = agent_record(&service->transaction, type, id, arena);
    if (!record && transaction_is_sound(&service->transaction, error))
        error_set(error, ERROR_NOT_FOUND, "there is no such record");
    return record;
}

/* A tool has no thread that keeps the views: it opens them when it first asks. */
static const struct querier *querier_of(void *context, struct error *error)
{
    struct agent_service *service = context;
    if (!service->follow)
        service->follow = agent_follow(service->agent, false, error);
    return service->follow ? follow_querier(service->follow) : NULL;
}

/* What is open here, in the order of the records. */
static bool conflicts(void *context, const struct conflict_filter *filter, struct bytes after,
                      struct arena *arena, bool (*visit)(void *user, const struct conflict *conflict),
                      void *user, struct error *error)
{
    struct agent_service *service = context;
    struct cursor cursor;
    struct key key = {0};
    (void)arena;
    if (filter->which == CONFLICTS_SETTLED)
        return error_set(
            error, ERROR_UNAVAILABLE,
            "settled conflicts are kept at headquarters; here `history TYPE ID` shows how a record "
            "came to be, and `outvoted` which values of this office were not taken");
    if (after.size) {
        key_add(&key, after.data, after.size);
        key_add(&key, "", 1);
    } else if (filter->type) {
        key_add_u32(&key, filter->type);
    }
    cursor_open(&cursor, &service->transaction, AGENT_CONFLICT);
    for (bool here = cursor_seek(&cursor, key_bytes(&key)); here; here = cursor_next(&cursor)) {
        struct conflict conflict = {.type = get_u32_be(cursor.key.data), .place = cursor.key};
        memcpy(conflict.id, cursor.key.data + 4, RECORD_ID_BYTES);
        conflict.field = get_u32_be(cursor.key.data + RECORD_KEY_BYTES);
        if ((filter->type && conflict.type != filter->type) || !visit(user, &conflict))
            break;
    }
    cursor_close(&cursor);
    return transaction_is_sound(&service->transaction, error);
}

/* The row of an own log; NULL where it is not there (any more). */
static const Hopnhat__LogRow *log_row(struct agent_service *service, struct dot dot, struct arena *arena)
{
    struct key key;
    key_dot(&key, dot.replica, dot.seq);
    return row_get(&service->transaction, AGENT_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
}

static void origin(void *context, const Hopnhat__Entry *entry, struct arena *arena, struct entry_origin *from)
{
    struct agent_service *service = context;
    struct change change;
    struct whose whose;
    struct error ignored; /* without its author the entry is still listed */
    if (!agent_log(service->agent, entry->replica)) {
        whose_read(&service->transaction, arena, &whose);
        from->office = whose_office(&whose, entry->replica, entry->rank);
        return;
    }
    from->office = service->agent->office_code;
    struct dot dot = entry_id_of(entry).dot;
    const Hopnhat__LogRow *row = log_row(service, dot, arena);
    if (row && change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), arena, &ignored))
        from->author = change.body->author;
}

/* As the own logs and the record tell it. */
static bool known_history(struct agent_service *service, const Hopnhat__History *request, struct arena *arena,
                          Hopnhat__HistoryAnswer *answer, struct error *error)
{
    if (!begin(service, error))
        return false;
    bool done = history_here(service->agent, &service->transaction, request, arena, answer, error);
    done = transaction_is_sound(&service->transaction, error) && done;
    end(service);
    return done;
}

/* From the hub where it can be asked, else from here. */
static bool history(void *context, const Hopnhat__History *request, struct arena *arena,
                    Hopnhat__HistoryAnswer *answer, const char **here, struct error *error)
{
    struct agent_service *service = context;
    struct agent_asking *asking = &service->asking;
    if (asking->heard) {
        *answer = *asking->heard;
        *here = NULL;
        return true;
    }
    if (asking->send && (asking->number = asking->send(asking->context, request)))
        return error_set(error, ERROR_UNAVAILABLE, "the hub has been asked");
    if (asking->why && request->has_as_of_ms)
        return error_set(error, ERROR_UNAVAILABLE, "the hub does not say: %.400s", asking->why);
    *here = asking->why ? asking->why : "the hub was not asked";
    return known_history(service, request, arena, answer, error);
}

static struct shown shown_now(void *context, const Hopnhat__Record *record)
{
    const struct agent_service *service = context;
    (void)record;
    return agent_shown_now(service->agent);
}

static bool defaults(void *context, const Hopnhat__TypeDefinition *type, const char *owner,
                     struct arena *arena, const char **default_group, const char **default_owner,
                     struct error *error)
{
    const struct agent_service *service = context;
    (void)owner, (void)arena;
    if (default_owner)
        *default_owner = service->agent->office_code;
    if (!default_group)
        return true;
    *default_group = office_audience(&service->agent->office, type->audience);
    return *default_group ||
           error_set(error, ERROR_INPUT, "group: the office %s is in no cluster; name the group by group=…",
                     service->agent->office_code);
}

static bool write_edits(void *context, const struct new_edit *edits, size_t count, const char *author,
                        uint64_t wall_ms, struct error *error)
{
    struct agent_service *service = context;
    return agent_write(service->agent, edits, count, author, wall_ms, NULL, error);
}

static json_t *handle_sync(struct api_call *call, struct error *error)
{
    struct agent_service *service = call->records->context;
    uint64_t heads = service->agent->heads;
    if (!service->sync) {
        error_set(error, ERROR_UNAVAILABLE, "no agent runs on this store");
        return NULL;
    }
    service->sync(service->context, call->wall_ms);
    json_t *json = json_pack("{s:I}", "heads", (json_int_t)heads);
    if (!json)
        out_of_memory(error);
    return json;
}

static json_t *handle_urgent(struct api_call *call, struct error *error)
{
    struct agent_service *service = call->records->context;
    return agent_mark_urgent(service->agent, error) ? json_object() : NULL;
}

static json_t *handle_rotate_keys(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"author", NULL};
    struct agent_service *service = call->records->context;
    if (!api_body_keys(call, keys, error) || !new_keys_draw(service->agent, error))
        return NULL;
    if (service->sync)
        service->sync(service->context, call->wall_ms);
    return json_object();
}

static json_t *refusal_json(struct agent_service *service, const Hopnhat__Refusal *refusal,
                            struct arena *arena, struct error *error)
{
    struct dot dot = {refusal->replica, refusal->seq};
    const ProtobufCEnumValue *reason =
        protobuf_c_enum_descriptor_get_value(&hopnhat__refusal_reason__descriptor, (int)refusal->reason);
    json_t *json = json_pack("{s:o, s:I, s:s, s:s}", "replica", replica_json(dot.replica), "seq",
                             (json_int_t)dot.seq, "reason", reason ? reason->name : "REFUSED_OTHER", "text",
                             refusal->text ? refusal->text : "");
    const Hopnhat__LogRow *row = log_row(service, dot, arena);
    if (json && row &&
        !change_describe(json, service->agent->catalog, dot, bytes_of(row->logged.data, row->logged.len),
                         arena, error)) {
        json_decref(json);
        return NULL;
    }
    if (!json)
        out_of_memory(error);
    return json;
}

/* Puts up to `limit` refusals after the key into the list; the last one's name goes into next. */
static bool list_refusals(struct agent_service *service, const struct key *after, uint64_t limit,
                          json_t *list, char next[DOT_TEXT_BYTES], struct arena *arena, struct error *error)
{
    struct cursor cursor;
    bool done = true;
    cursor_open(&cursor, &service->transaction, AGENT_REFUSED);
    for (bool here = cursor_seek(&cursor, key_bytes(after)); here && done; here = cursor_next(&cursor)) {
        const Hopnhat__Refusal *refusal =
            row_unpack(&service->transaction, cursor.value, &hopnhat__refusal__descriptor, arena);
        json_t *json = refusal ? refusal_json(service, refusal, arena, error) : NULL;
        done = json && json_array_append_new(list, json) == 0;
        if (done && json_array_size(list) >= limit) {
            dot_format((struct dot){refusal->replica, refusal->seq}, next);
            break;
        }
    }
    cursor_close(&cursor);
    return transaction_is_sound(&service->transaction, error) && done;
}

static json_t *handle_rejected(struct api_call *call, struct error *error)
{
    struct agent_service *service = call->records->context;
    const char *after = http_request_query(call->request, "after");
    struct key key = {0};
    struct dot dot;
    char next[DOT_TEXT_BYTES] = "";
    uint64_t limit;
    json_t *list = NULL, *json = NULL;
    if (!api_number(http_request_query(call->request, "limit"), "limit", REJECTED_PAGE, REJECTED_PAGE, &limit,
                    error) ||
        (after && !dot_parse(after, &dot, error)))
        return NULL;
    if (after) {
        key_dot(&key, dot.replica, dot.seq);
        key_add(&key, "", 1);
    }
    if (begin(service, error)) {
        list = json_array();
        if (list && list_refusals(service, &key, limit, list, next, call->arena, error))
            json = json_pack("{s:O, s:s*}", "rejected", list, "next", *next ? next : NULL);
        end(service);
    }
    json_decref(list);
    return json;
}

static const struct api_route routes[] = {
    {"GET", "/v1/rejected", handle_rejected, ROLE_READER},
    {"GET", "/v1/outvoted", handle_outvoted, ROLE_READER},
    {"POST", "/v1/outvoted/{type}/{id}", handle_take_back, ROLE_EDITOR},
    {"POST", "/v1/rotate-keys", handle_rotate_keys, ROLE_LOCAL},
    {"POST", "/v1/sync", handle_sync, ROLE_READER},
    {"POST", "/v1/urgent", handle_urgent, ROLE_EDITOR},
    {"POST", "/v1/backups", agent_handle_backup, ROLE_LOCAL},
    {"POST", "/v1/recovery-key", agent_handle_recovery_key, ROLE_LOCAL},
    {"POST", "/v1/bundles", agent_handle_bundle_import, ROLE_LOCAL},
    {"POST", "/v1/bundles/export", agent_handle_bundle_export, ROLE_LOCAL},
};

void agent_service_start(struct agent_service *service, struct agent *agent)
{
    *service = (struct agent_service){
        .agent = agent,
        .records = {.context = service,
                    .bulk = &agent_bulk,
                    .catalog = catalog_of,
                    .begin = begin,
                    .end = end,
                    .get = get,
                    .querier = querier_of,
                    .conflicts = conflicts,
                    .origin = origin,
                    .shown_now = shown_now,
                    .defaults = defaults,
                    .write = write_edits,
                    .history = history,
                    .status = agent_service_status},
        .api = {.records = &service->records,
                .people = &service->people,
                .routes = routes,
                .route_count = sizeof routes / sizeof *routes},
    };
    people_start(&service->people, agent->environment, AGENT_ACCOUNT, AGENT_AUDIT);
}

void agent_service_end(struct agent_service *service)
{
    people_end(&service->people);
    follow_close(service->follow);
    service->follow = NULL;
}

void *agent_service_open(const char *data, const struct api_service **api, struct error *error)
{
    struct agent_options options = {.take_lock = true, .entropy = entropy_system()};
    struct agent_service *service = malloc(sizeof *service);
    struct agent *agent = NULL;
    if (service)
        agent = agent_open(data, &options, error);
    else
        out_of_memory(error);
    if (!agent) {
        free(service);
        return NULL;
    }
    agent_service_start(service, agent);
    *api = &service->api;
    return service;
}

void agent_service_close(void *opened)
{
    struct agent_service *service = opened;
    agent_service_end(service);
    agent_close(service->agent);
    free(service);
}
