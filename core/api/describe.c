#include "api/handlers.h"
#include "api/metrics.h"

#include "api/record_json.h"
#include "base/hex.h"

#include <ctype.h>

const struct api_route record_routes[] = {
    {"GET", "/v1/status", handle_status, ROLE_READER},
    {"GET", "/metrics", handle_metrics, ROLE_ANYONE},
    {"GET", "/v1/catalog", handle_catalog, ROLE_READER},
    {"GET", "/v1/conflicts", handle_conflicts, ROLE_READER},
    {"GET", "/v1/search", handle_search, ROLE_READER},
    {"GET", "/v1/report/{type}", handle_report, ROLE_READER},
    {"GET", "/v1/records/{type}", handle_list, ROLE_READER},
    {"POST", "/v1/records/{type}", handle_add, ROLE_EDITOR},
    {"GET", "/v1/records/{type}/{id}", handle_get, ROLE_READER},
    {"PATCH", "/v1/records/{type}/{id}", handle_set, ROLE_EDITOR},
    {"DELETE", "/v1/records/{type}/{id}", handle_delete, ROLE_EDITOR},
    {"POST", "/v1/records/{type}/{id}/undelete", handle_undelete, ROLE_EDITOR},
    {"POST", "/v1/records/{type}/{id}/resolve", handle_resolve, ROLE_EDITOR},
    {"POST", "/v1/imports/{type}", handle_import, ROLE_MANAGER},
    {"GET", "/v1/imports", handle_imports, ROLE_READER},
    {"POST", "/v1/imports/{number}/undo", handle_import_undo, ROLE_MANAGER},
    {"GET", "/v1/records/{type}/{id}/history", handle_history, ROLE_READER},
};
const size_t record_route_count = sizeof record_routes / sizeof *record_routes;

json_t *handle_status(struct api_call *call, struct error *error)
{
    return call->records->status(call->records->context, call->wall_ms, error);
}

json_t *handle_metrics(struct api_call *call, struct error *error)
{
    json_t *status = handle_status(call, error);
    json_t *text = status ? metrics_text(status, error) : NULL;
    json_decref(status);
    return text;
}

static json_t *label_json(const Hopnhat__Label *label)
{
    return json_pack("{s:s, s:s}", "vi", label && label->vi ? label->vi : "", "en",
                     label && label->en ? label->en : "");
}

/* An enum value's name in lower case, without what all names of the enum begin with. */
static json_t *enum_json(const ProtobufCEnumDescriptor *type, int value, const char *prefix)
{
    char name[64] = "";
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);
    const char *text = known ? known->name : "";
    if (strncmp(text, prefix, strlen(prefix)) == 0)
        text += strlen(prefix);
    for (size_t i = 0; text[i] && i < sizeof name - 1; i++)
        name[i] = (char)tolower((unsigned char)text[i]);
    return json_string(name);
}

static json_t *field_json(const Hopnhat__FieldDefinition *field)
{
    json_t *choices = json_array();
    for (size_t i = 0; choices && i < field->n_choices; i++) {
        const Hopnhat__Choice *choice = field->choices[i];
        json_array_append_new(choices, json_pack("{s:s, s:o, s:b}", "name", choice->name, "label",
                                                 label_json(choice->label), "retired", choice->retired));
    }
    return json_pack("{s:s, s:i, s:o, s:o, s:o, s:b, s:b, s:s, s:s, s:o}", "name", field->name, "number",
                     (int)field->number, "label", label_json(field->label), "kind",
                     enum_json(&hopnhat__value_kind__descriptor, (int)field->kind, "KIND_"), "policy",
                     enum_json(&hopnhat__merge_policy__descriptor, (int)field->policy, ""), "required",
                     field->required, "retired", field->retired, "unit", field->unit ? field->unit : "",
                     "reference", field->reference ? field->reference : "", "choices", choices);
}

static json_t *type_json(const struct catalog_type *type)
{
    const Hopnhat__TypeDefinition *definition = type_definition(type);
    json_t *fields = json_array();
    for (size_t i = 0; fields && i < definition->n_fields; i++)
        json_array_append_new(fields, field_json(definition->fields[i]));
    return json_pack("{s:s, s:i, s:o, s:o, s:o, s:s, s:b, s:o}", "name", definition->name, "number",
                     (int)definition->number, "label", label_json(definition->label), "audience",
                     enum_json(&hopnhat__audience__descriptor, (int)definition->audience, "AUDIENCE_"),
                     "write", enum_json(&hopnhat__write_rule__descriptor, (int)definition->write, "WRITE_"),
                     "title", definition->title ? definition->title : "", "retired", definition->retired,
                     "fields", fields);
}

json_t *handle_catalog(struct api_call *call, struct error *error)
{
    const struct catalog *catalog = call->records->catalog(call->records->context);
    char hash[2 * CATALOG_HASH_BYTES + 1];
    json_t *types = json_array();
    for (size_t i = 0; types && i < catalog_type_count(catalog); i++)
        json_array_append_new(types, type_json(catalog_type_at(catalog, i)));
    hex_encode(bytes_of(catalog_hash(catalog), CATALOG_HASH_BYTES), hash);
    json_t *json = json_pack("{s:i, s:s, s:s, s:o}", "version", (int)catalog_version(catalog), "hash", hash,
                             "time_zone", catalog_time_zone(catalog), "types", types);
    if (!json)
        out_of_memory(error);
    return json;
}
