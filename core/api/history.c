#include "api/handlers.h"

#include "api/change_json.h"
#include "api/record_json.h"
#include "api/wall.h"
#include "base/uuid.h"
#include "model/clock.h"

enum { HISTORY_PAGE = 100, HISTORY_MOST = 500 };

static json_t *no_memory(struct error *error)
{
    out_of_memory(error);
    return NULL;
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? bytes_json(bytes_of_string(text)) : json_null();
}

static json_t *shown_value(const Hopnhat__FieldDefinition *definition, bool has,
                           const ProtobufCBinaryData *value, struct arena *arena, struct error *error)
{
    struct bytes bytes = bytes_of(has ? value->data : NULL, has ? value->len : 0);
    if (bytes.size == 0)
        return json_null();
    return definition ? value_json(definition, bytes, arena, error) : bytes_json(bytes);
}

static json_t *old_json(const Hopnhat__FieldDefinition *definition, const Hopnhat__HistoryValue *old,
                        struct arena *arena, struct error *error)
{
    json_t *json = json_pack("{s:o, s:o, s:I, s:o}", "value",
                             shown_value(definition, old->has_value, &old->value, arena, error), "replica",
                             replica_json(old->replica), "seq", (json_int_t)old->seq, "office",
                             text_or_null(old->office));
    if (json && old->withheld)
        json_object_set_new(json, "withheld", json_true());
    if (json && old->erased)
        json_object_set_new(json, "erased", json_true());
    return json;
}

static const char *operation_name(Hopnhat__OpKind kind)
{
    return kind == HOPNHAT__OP_KIND__ADD ? "add" : kind == HOPNHAT__OP_KIND__DROP ? "drop" : "put";
}

static json_t *op_json(const struct catalog_type *type, const Hopnhat__HistoryOp *op, struct arena *arena,
                       struct error *error)
{
    const Hopnhat__FieldDefinition *definition = type_field(type, op->field);
    json_t *superseded = json_array();
    for (size_t i = 0; superseded && i < op->n_superseded; i++)
        json_array_append_new(superseded, old_json(definition, op->superseded[i], arena, error));
    json_t *json =
        json_pack("{s:o, s:s, s:o, s:o}", "field",
                  definition ? json_string(definition->name) : json_sprintf("field %u", op->field),
                  "operation", operation_name(op->kind), "value",
                  shown_value(definition, op->has_value, &op->value, arena, error), "superseded", superseded);
    if (json && op->withheld)
        json_object_set_new(json, "withheld", json_true());
    if (json && op->too_large)
        json_object_set_new(json, "too_large", json_true());
    if (json && op->merged)
        json_object_set_new(json, "merged", json_true());
    return json;
}

static json_t *entry_json(const struct catalog_type *type, const Hopnhat__HistoryEntry *entry,
                          struct arena *arena, struct error *error)
{
    char *time = wall_text(time_ms(entry->time), arena);
    json_t *fields = json_array();
    for (size_t i = 0; fields && i < entry->n_ops; i++)
        json_array_append_new(fields, op_json(type, entry->ops[i], arena, error));
    json_t *json =
        json_pack("{s:o, s:I, s:s, s:o, s:o, s:o}", "replica", replica_json(entry->replica), "seq",
                  (json_int_t)entry->seq, "time", time ? time : "", "office", text_or_null(entry->office),
                  "author", text_or_null(entry->author), "fields", fields);
    if (json && entry->has_rev)
        json_object_set_new(json, "rev", json_integer((json_int_t)entry->rev));
    if (json && entry->note)
        json_object_set_new(json, "note", text_or_null(entry->note));
    if (json && entry->pending)
        json_object_set_new(json, "pending", json_true());
    if (json && entry->refused)
        json_object_set_new(json, "refused", json_true());
    return json;
}

/* {"source","why","changes":[…], "next": where older ones follow, "cut"} */
static json_t *changes_json(const struct catalog_type *type, const Hopnhat__HistoryAnswer *answer,
                            const char *here, struct arena *arena, struct error *error)
{
    char next[DOT_TEXT_BYTES] = "";
    json_t *changes = json_array();
    for (size_t i = 0; changes && i < answer->n_entries; i++)
        if (json_array_append_new(changes, entry_json(type, answer->entries[i], arena, error)) < 0) {
            json_decref(changes);
            return error->code ? NULL : no_memory(error);
        }
    if (answer->more && answer->n_entries) {
        const Hopnhat__HistoryEntry *last = answer->entries[answer->n_entries - 1];
        dot_format((struct dot){last->replica, last->seq}, next);
    }
    json_t *json = json_pack("{s:s, s:s*, s:o, s:s*}", "source", here ? "here" : "hub", "why", here,
                             "changes", changes, "next", *next ? next : NULL);
    if (json && answer->cut)
        json_object_set_new(json, "cut", json_true());
    return json ? json : no_memory(error);
}

/* The record as it was: without a token, since nobody may write what was seen then. */
static json_t *then_json(const struct catalog_type *type, const Hopnhat__HistoryAnswer *answer,
                         const char *as_of, struct arena *arena, struct error *error)
{
    struct shown nothing = {0};
    json_t *json = record_json(type, answer->record, &nothing, arena, error);
    if (!json)
        return NULL;
    json_object_del(json, "token");
    json_object_set_new(json, "as_of", json_string(as_of));
    return json;
}

static bool read_request(struct api_call *call, const struct catalog_type *type, Hopnhat__History *history,
                         const char **as_of, struct error *error)
{
    const char *before = http_request_query(call->request, "before");
    uint64_t limit;
    struct dot dot;
    uint8_t *id = arena_alloc(call->arena, RECORD_ID_BYTES);
    *as_of = http_request_query(call->request, "as-of");
    hopnhat__history__init(history);
    if (!id)
        return out_of_memory(error);
    if (!call_id(call, id, error) || (before && !dot_parse(before, &dot, error)) ||
        !api_number(http_request_query(call->request, "limit"), "limit", HISTORY_PAGE, HISTORY_MOST, &limit,
                    error))
        return false;
    history->type = type_definition(type)->number;
    history->record = (ProtobufCBinaryData){RECORD_ID_BYTES, id};
    history->has_limit = true;
    history->limit = (uint32_t)limit;
    if (before) {
        history->has_before_replica = history->has_before_seq = true;
        history->before_replica = dot.replica;
        history->before_seq = dot.seq;
    }
    history->has_as_of_ms = *as_of != NULL;
    return !*as_of || wall_parse(*as_of, &history->as_of_ms) ||
           error_set(error, ERROR_INPUT,
                     "as-of: \"%.40s\" is no moment as in 2025-07-01T08:30:00Z, 2025-07-01T15:30+07:00 or "
                     "2025-07-01",
                     *as_of);
}

json_t *handle_history(struct api_call *call, struct error *error)
{
    const struct catalog_type *type = call_type(call, error);
    Hopnhat__History history;
    Hopnhat__HistoryAnswer answer = HOPNHAT__HISTORY_ANSWER__INIT;
    const char *as_of;
    const char *here = NULL;
    if (!type || !read_request(call, type, &history, &as_of, error) ||
        !call->records->history(call->records->context, &history, call->arena, &answer, &here, error))
        return NULL;
    if (answer.record)
        return then_json(type, &answer, as_of ? as_of : "", call->arena, error);
    return changes_json(type, &answer, here, call->arena, error);
}
