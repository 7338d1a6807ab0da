#include "hub/service.h"

#include "api/handlers.h"
#include "hub/erasure.h"

/* The numbers of the fields that the body names. */
static bool read_fields(struct api_call *call, const struct catalog_type *type, struct erasing *erasing,
                        struct error *error)
{
    const json_t *names = json_object_get(call->body, "fields");
    uint32_t *fields = arena_alloc(call->arena, json_array_size(names) * sizeof *fields);
    if (names && !json_is_array(names))
        return error_set(error, ERROR_INPUT, "fields: give an array of names");
    if (!fields)
        return out_of_memory(error);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const Hopnhat__FieldDefinition *definition = name ? type_field_named(type, name) : NULL;
        if (!definition)
            return error_set(error, ERROR_INPUT, "the type %s has no field %.60s",
                             type_definition(type)->name, name ? name : "?");
        fields[erasing->field_count++] = definition->number;
    }
    erasing->fields = fields;
    return true;
}

json_t *handle_erase(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"fields", "reason", "author", NULL};
    struct hub_service *service = call->records->context;
    const struct catalog_type *type = call_type(call, error);
    struct erasing erasing = {0};
    if (!type || !call_id(call, erasing.record, error) || !api_body_keys(call, keys, error) ||
        !api_author(call, &erasing.author, error) || !read_fields(call, type, &erasing, error))
        return NULL;
    erasing.type = type_definition(type)->number;
    erasing.reason = json_string_value(json_object_get(call->body, "reason"));
    if (!erasure_write(service->hub, &erasing, call->wall_ms, error))
        return NULL;
    json_t *json = json_pack("{s:s, s:b}", "id", call->parts[1], "erased", true);
    if (!json)
        out_of_memory(error);
    return json;
}
