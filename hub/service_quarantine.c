#include "hub/service.h"

#include "api/change_json.h"
#include "api/record_json.h"
#include "api/wall.h"
#include "hub/quarantine.h"
#include "store/key.h"
#include "store/rows.h"

enum { QUARANTINE_PAGE = 1000 };

static const char *const STATES[] = {
    [HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING] = "waiting",
    [HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED] = "released",
    [HOPNHAT__QUARANTINE_STATE__QUARANTINE_DROPPED] = "dropped",
};

static json_t *quarantined_json(struct hub_service *service, const Hopnhat__Quarantined *row,
                                struct arena *arena, struct error *error)
{
    const Hopnhat__Refusal *refusal = row->refusal;
    struct dot dot = {refusal->replica, refusal->seq};
    struct key key;
    const ProtobufCEnumValue *reason =
        protobuf_c_enum_descriptor_get_value(&hopnhat__refusal_reason__descriptor, (int)refusal->reason);
    char *received = wall_text(row->received_ms, arena);
    json_t *json =
        json_pack("{s:o, s:I, s:s, s:s, s:s, s:s, s:s}", "replica", replica_json(dot.replica), "seq",
                  (json_int_t)dot.seq, "office", row->office ? row->office : "", "reason",
                  reason ? reason->name : "REFUSED_OTHER", "text", refusal->text ? refusal->text : "",
                  "received", received ? received : "", "state",
                  STATES[row->state <= HOPNHAT__QUARANTINE_STATE__QUARANTINE_DROPPED ? row->state : 0]);
    if (json && row->has_decided_ms) {
        char *decided = wall_text(row->decided_ms, arena);
        json_object_set_new(json, "decided", json_string(decided ? decided : ""));
        json_object_set_new(json, "decided_by",
                            bytes_json(bytes_of_string(row->decided_by ? row->decided_by : "")));
        json_object_set_new(json, "note", bytes_json(bytes_of_string(row->note ? row->note : "")));
    }
    key_dot(&key, dot.replica, dot.seq);
    const Hopnhat__LogRow *logged =
        row_get(&service->transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
    if (json && logged &&
        !change_describe(json, service->hub->catalog, dot, bytes_of(logged->logged.data, logged->logged.len),
                         arena, error)) {
        json_decref(json);
        return NULL;
    }
    if (!json)
        out_of_memory(error);
    return json;
}

/* Puts up to `limit` rows from the key on into the list, those that wait for a decision or all of them; the
 * last one's name goes into next. */
static bool list_rows(struct hub_service *service, const struct key *from, bool decided_too, uint64_t limit,
                      json_t *list, char next[DOT_TEXT_BYTES], struct arena *arena, struct error *error)
{
    struct cursor cursor;
    bool done = true;
    cursor_open(&cursor, &service->transaction, HUB_QUARANTINE);
    for (bool here = cursor_seek(&cursor, key_bytes(from)); here && done; here = cursor_next(&cursor)) {
        const Hopnhat__Quarantined *row =
            row_unpack(&service->transaction, cursor.value, &hopnhat__quarantined__descriptor, arena);
        if (row && !decided_too && row->state != HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING)
            continue;
        json_t *json = row ? quarantined_json(service, row, arena, error) : NULL;
        done = json && json_array_append_new(list, json) == 0;
        if (done && json_array_size(list) >= limit) {
            dot_format((struct dot){row->refusal->replica, row->refusal->seq}, next);
            break;
        }
    }
    cursor_close(&cursor);
    return transaction_is_sound(&service->transaction, error) && done;
}

json_t *handle_quarantine(struct api_call *call, struct error *error)
{
    struct hub_service *service = call->records->context;
    const char *after = http_request_query(call->request, "after"),
               *all = http_request_query(call->request, "all");
    struct key key = {0};
    struct dot dot;
    char next[DOT_TEXT_BYTES] = "";
    uint64_t limit;
    json_t *list = NULL, *json = NULL;
    if (!api_number(http_request_query(call->request, "limit"), "limit", QUARANTINE_PAGE, QUARANTINE_PAGE,
                    &limit, error) ||
        (after && !dot_parse(after, &dot, error)))
        return NULL;
    if (after) {
        key_dot(&key, dot.replica, dot.seq);
        key_add(&key, "", 1);
    }
    if (call->records->begin(service, error)) {
        list = json_array();
        if (list &&
            list_rows(service, &key, all && strcmp(all, "yes") == 0, limit, list, next, call->arena, error))
            json = json_pack("{s:O, s:s*}", "quarantine", list, "next", *next ? next : NULL);
        call->records->end(service);
    }
    json_decref(list);
    return json;
}

json_t *handle_quarantined(struct api_call *call, struct error *error)
{
    struct hub_service *service = call->records->context;
    struct key key;
    struct dot dot;
    json_t *json = NULL;
    if (!dot_parse(call->parts[0], &dot, error) || !call->records->begin(service, error))
        return NULL;
    key_dot(&key, dot.replica, dot.seq);
    const Hopnhat__Quarantined *row = row_get(&service->transaction, HUB_QUARANTINE, key_bytes(&key),
                                              &hopnhat__quarantined__descriptor, call->arena);
    if (row)
        json = quarantined_json(service, row, call->arena, error);
    else if (service->transaction.failed)
        *error = service->transaction.error;
    else
        error_set(error, ERROR_NOT_FOUND, "%s is not in quarantine", call->parts[0]);
    call->records->end(service);
    return json;
}

typedef bool decide_function(struct hub *hub, struct dot dot, const struct decision *decision,
                             struct error *error);

/* Decides on the change that the path names, and answers with its row. */
static json_t *decided(struct api_call *call, decide_function *decide, struct error *error)
{
    static const char *const keys[] = {"author", "note", NULL};
    struct hub_service *service = call->records->context;
    struct decision decision = {
        .note = json_string_value(json_object_get(call->body, "note")),
        .wall_ms = call->wall_ms,
    };
    struct dot dot;
    if (!api_body_keys(call, keys, error) || !api_author(call, &decision.author, error) ||
        !dot_parse(call->parts[0], &dot, error) || !decide(service->hub, dot, &decision, error))
        return NULL;
    return handle_quarantined(call, error);
}

json_t *handle_quarantine_release(struct api_call *call, struct error *error)
{
    return decided(call, quarantine_release, error);
}

json_t *handle_quarantine_drop(struct api_call *call, struct error *error)
{
    return decided(call, quarantine_drop, error);
}
