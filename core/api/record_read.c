#include "api/handlers.h"

#include "api/record_json.h"
#include "base/uuid.h"

#include <stdio.h>

const struct catalog_type *call_type(struct api_call *call, struct error *error)
{
    const struct catalog *catalog = call->records->catalog(call->records->context);
    const struct catalog_type *type = catalog_type_named(catalog, call->parts[0]);
    char known[400];
    size_t used = 0;
    if (type)
        return type;
    for (size_t i = 0; i < catalog_type_count(catalog) && used < sizeof known; i++) {
        const Hopnhat__TypeDefinition *definition = type_definition(catalog_type_at(catalog, i));
        used +=
            (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", definition->name);
    }
    error_set(error, ERROR_NOT_FOUND, "%.60s: there is no such record type; there are: %s", call->parts[0],
              known);
    return NULL;
}

bool call_id(const struct api_call *call, uint8_t id[RECORD_ID_BYTES], struct error *error)
{
    struct record_id parsed;
    if (!record_id_parse(call->parts[1], &parsed))
        return error_set(error, ERROR_INPUT, "id: \"%.60s\" is no id of a record (36 characters)",
                         call->parts[1]);
    memcpy(id, parsed.bytes, RECORD_ID_BYTES);
    return true;
}

const Hopnhat__Record *call_record(struct api_call *call, const struct catalog_type *type,
                                   struct error *error)
{
    const struct records *records = call->records;
    uint8_t id[RECORD_ID_BYTES];
    if (!call_id(call, id, error) || !records->begin(records->context, error))
        return NULL;
    const Hopnhat__Record *record =
        records->get(records->context, type_definition(type)->number, id, call->arena, error);
    records->end(records->context);
    if (!record && error->code == ERROR_NOT_FOUND)
        error_set(error, ERROR_NOT_FOUND, "there is no %s with the id %s here", type_definition(type)->name,
                  call->parts[1]);
    return record;
}

json_t *handle_get(struct api_call *call, struct error *error)
{
    const struct catalog_type *type = call_type(call, error);
    const Hopnhat__Record *record = type ? call_record(call, type, error) : NULL;
    if (!record)
        return NULL;
    struct shown shown = call->records->shown_now(call->records->context, record);
    return record_json(type, record, &shown, call->arena, error);
}
