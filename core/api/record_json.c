#include "api/record_json.h"

#include "api/token.h"
#include "base/text.h"
#include "base/uuid.h"
#include "model/value.h"

#include <stdlib.h>

static void *no_memory(struct error *error)
{
    out_of_memory(error);
    return NULL;
}

json_t *bytes_json(struct bytes bytes)
{
    if (!text_is_utf8(bytes))
        return json_sprintf("(%zu bytes)", bytes.size);
    return json_stringn(bytes.size ? (const char *)bytes.data : "", bytes.size);
}

json_t *value_json(const Hopnhat__FieldDefinition *definition, struct bytes value, struct arena *arena,
                   struct error *error)
{
    json_t *json = NULL;
    char *text;
    struct error ignored;
    bool sound = value_check(definition, value, &ignored);
    if (definition->kind == HOPNHAT__VALUE_KIND__KIND_BYTES)
        json = json_sprintf("(%zu bytes)", value.size);
    else if (!sound || value.size == 0)
        json = bytes_json(value);
    else if (!(text = value_show(arena, definition, value, error)))
        return NULL;
    else if (definition->kind == HOPNHAT__VALUE_KIND__KIND_INTEGER)
        json = json_integer(strtoll(text, NULL, 10));
    else if (definition->kind == HOPNHAT__VALUE_KIND__KIND_BOOLEAN)
        json = json_boolean(strcmp(text, "true") == 0);
    else
        json = bytes_json(bytes_of_string(text));
    return json ? json : no_memory(error);
}

static json_t *reading_json(const Hopnhat__FieldDefinition *definition, const struct reading *reading,
                            struct arena *arena, struct error *error)
{
    if (!reading->many)
        return value_json(definition, reading->values[0], arena, error);
    json_t *array = json_array();
    if (!array)
        return no_memory(error);
    for (size_t i = 0; i < reading->count; i++) {
        json_t *value = value_json(definition, reading->values[i], arena, error);
        if (!value || json_array_append_new(array, value) < 0) {
            json_decref(array);
            return value ? no_memory(error) : NULL;
        }
    }
    return array;
}

static bool put_field(const struct catalog_type *type, const Hopnhat__Record *record,
                      const Hopnhat__FieldDefinition *definition, json_t *fields, json_t *open,
                      struct arena *arena, struct error *error)
{
    struct reading reading;
    if (!fold_field(type, record, definition, arena, &reading, error))
        return error_prefix(error, "%s", definition->name);
    if (reading.open && json_array_append_new(open, json_string(definition->name)) < 0)
        return out_of_memory(error);
    if (reading.count == 0 || (!reading.many && reading.values[0].size == 0))
        return true;
    json_t *value = reading_json(definition, &reading, arena, error);
    if (!value)
        return false;
    return json_object_set_new(fields, definition->name, value) == 0 || out_of_memory(error);
}

static bool put_fields(const struct catalog_type *type, const Hopnhat__Record *record, json_t *fields,
                       json_t *open, struct arena *arena, struct error *error)
{
    const Hopnhat__TypeDefinition *definition = type_definition(type);
    for (size_t i = 0; i < definition->n_fields; i++)
        if (!put_field(type, record, definition->fields[i], fields, open, arena, error))
            return false;
    return true;
}

json_t *record_json(const struct catalog_type *type, const Hopnhat__Record *record, const struct shown *shown,
                    struct arena *arena, struct error *error)
{
    char id_text[RECORD_ID_TEXT_BYTES], token[TOKEN_TEXT_BYTES];
    struct record_id id;
    bool deleted, revived;
    json_t *fields = json_object(), *open = json_array();
    if (!fields || !open || !put_fields(type, record, fields, open, arena, error) ||
        !fold_deleted(type, record, arena, &deleted, &revived, error)) {
        bool made = fields && open;
        json_decref(fields);
        json_decref(open);
        return made ? NULL : no_memory(error);
    }
    memcpy(id.bytes, record->id.data, sizeof id.bytes);
    record_id_format(&id, id_text);
    token_format(shown, token);
    struct bytes owner = fold_owner(record), group = fold_group(record);
    json_t *json = json_pack("{s:s, s:s, s:o, s:o, s:I, s:s, s:o, s:o}", "type", type_definition(type)->name,
                             "id", id_text, "owner", bytes_json(owner), "group", bytes_json(group), "rev",
                             (json_int_t)record->rev, "token", token, "fields", fields, "open", open);
    if (!json)
        return no_memory(error);
    if ((deleted && json_object_set_new(json, "deleted", json_true()) < 0) ||
        (revived && json_object_set_new(json, "revived", json_true()) < 0)) {
        json_decref(json);
        return no_memory(error);
    }
    return json;
}
