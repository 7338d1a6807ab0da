#include "api/change_json.h"

#include "api/record_json.h"
#include "api/router.h"
#include "api/wall.h"
#include "base/hex.h"
#include "base/uuid.h"
#include "model/clock.h"

#include <inttypes.h>
#include <stdio.h>

json_t *replica_json(uint64_t replica)
{
    return json_sprintf("%016" PRIx64, replica);
}

bool replica_parse(const char *text, uint64_t *replica, struct error *error)
{
    uint8_t bytes[8];
    *replica = text && strlen(text) == 16 && hex_decode(text, 16, bytes) ? get_u64_be(bytes) : 0;
    return *replica ||
           error_set(error, ERROR_INPUT, "replica: \"%.40s\" is no replica's number (16 hexadecimal digits)",
                     text ? text : "");
}

void dot_format(struct dot dot, char text[DOT_TEXT_BYTES])
{
    snprintf(text, DOT_TEXT_BYTES, "%016" PRIx64 ".%" PRIu64, dot.replica, dot.seq);
}

bool dot_parse(const char *text, struct dot *dot, struct error *error)
{
    uint8_t replica[8];
    struct error ignored;
    if (strlen(text) > 17 && text[16] == '.' && hex_decode(text, 16, replica) &&
        api_number(text + 17, "seq", 0, UINT64_MAX, &dot->seq, &ignored)) {
        dot->replica = get_u64_be(replica);
        return true;
    }
    return error_set(error, ERROR_INPUT, "\"%.60s\" names no change: REPLICA.SEQ", text);
}

static const char *operation_name(Hopnhat__OpKind kind)
{
    switch (kind) {
    case HOPNHAT__OP_KIND__ADD:
        return "add";
    case HOPNHAT__OP_KIND__DROP:
        return "drop";
    default:
        return "put";
    }
}

static json_t *op_json(const struct change *change, const struct catalog_type *type, const Hopnhat__Op *op,
                       size_t place, struct arena *arena, struct error *error)
{
    const Hopnhat__FieldDefinition *definition = type ? type_field(type, op->field) : NULL;
    struct bytes value = change_value(change, place);
    json_t *shown = definition ? value_json(definition, value, arena, error) : bytes_json(value);
    json_t *field = definition ? json_string(definition->name) : json_sprintf("field %u", op->field);
    return json_pack("{s:o, s:s, s:o, s:o*}", "field", field, "operation", operation_name(op->kind), "value",
                     shown, "erased", change_is_erased(change, place) ? json_true() : NULL);
}

static json_t *edit_json(const struct change *change, const struct catalog *catalog, size_t place,
                         struct arena *arena, struct error *error)
{
    const Hopnhat__Edit *edit = change->body->edits[place];
    const struct catalog_type *type = catalog_type(catalog, edit->type);
    char id_text[RECORD_ID_TEXT_BYTES];
    struct record_id id;
    json_t *ops = json_array();
    for (size_t i = 0; ops && i < edit->n_ops; i++)
        json_array_append_new(ops,
                              op_json(change, type, edit->ops[i], change->first_op[place] + i, arena, error));
    memcpy(id.bytes, edit->record.data, sizeof id.bytes);
    record_id_format(&id, id_text);
    json_t *type_name = type ? json_string(type_definition(type)->name) : json_sprintf("type %u", edit->type);
    return json_pack("{s:o, s:s, s:o}", "type", type_name, "id", id_text, "operations", ops);
}

bool change_describe(json_t *object, const struct catalog *catalog, struct dot dot, struct bytes stored,
                     struct arena *arena, struct error *error)
{
    struct change change;
    struct error unreadable;
    json_t *edits = json_array();
    if (!edits)
        return out_of_memory(error);
    if (!change_unpack(&change, dot, stored, arena, &unreadable)) {
        json_decref(edits);
        return true;
    }
    for (size_t i = 0; i < change.body->n_edits; i++)
        json_array_append_new(edits, edit_json(&change, catalog, i, arena, error));
    char *time = wall_text(time_ms(change.body->time), arena);
    const char *author = change.body->author ? change.body->author : "";
    if (json_object_set_new(object, "author", bytes_json(bytes_of_string(author))) == 0 &&
        json_object_set_new(object, "time", json_string(time ? time : "")) == 0 &&
        json_object_set_new(object, "edits", edits) == 0)
        return true;
    return out_of_memory(error);
}
