#include "store/path.h"

#include "model/fold.h"
#include "model/office.h"

#include <stdio.h>

static const char CLUSTER_PREFIX[] = "cluster:";

/* What parts of dates and clusters are ordered by. */
static const Hopnhat__FieldDefinition *plain_definition(void)
{
    static const Hopnhat__FieldDefinition plain = {
        .base = PROTOBUF_C_MESSAGE_INIT(&hopnhat__field_definition__descriptor),
        .kind = HOPNHAT__VALUE_KIND__KIND_REFERENCE, /* ordered by bytes */
    };
    return &plain;
}

static const Hopnhat__FieldDefinition *cluster_definition(void)
{
    static const Hopnhat__FieldDefinition number = {
        .base = PROTOBUF_C_MESSAGE_INIT(&hopnhat__field_definition__descriptor),
        .kind = HOPNHAT__VALUE_KIND__KIND_INTEGER,
    };
    return &number;
}

bool path_is_field(const struct path *path)
{
    return !path->reference && !path->cluster && path->part == PATH_WHOLE;
}

const Hopnhat__FieldDefinition *path_definition(const struct path *path)
{
    if (path->cluster)
        return cluster_definition();
    return path->part == PATH_WHOLE ? path->field : plain_definition();
}

static bool unknown_field(const struct catalog_type *type, const char *name, struct error *error)
{
    const Hopnhat__TypeDefinition *definition = type_definition(type);
    char known[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < definition->n_fields && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", definition->fields[i]->name);
    return error_set(error, ERROR_INPUT, "%.60s: %s has no such field; it has %sowner, cluster, group", name,
                     definition->name, known);
}

/* The last name of the path: a field of the target, the owner or its cluster. */
static bool parse_field(struct path *path, const char *name, struct error *error)
{
    uint32_t owner = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER;
    path->field = type_field_named(path->target, name);
    if (!path->field && strcmp(name, "office") == 0)
        path->field = type_field(path->target, owner);
    if (!path->field && strcmp(name, "cluster") == 0) {
        path->field = type_field(path->target, owner);
        path->cluster = true;
    }
    return path->field || unknown_field(path->target, name, error);
}

static bool parse_reference(const struct catalog *catalog, struct path *path, const char *name,
                            struct error *error)
{
    path->reference = type_field_named(path->type, name);
    if (!path->reference)
        return unknown_field(path->type, name, error);
    if (path->reference->kind == HOPNHAT__VALUE_KIND__KIND_REFERENCE && path->reference->reference)
        path->target = catalog_type_named(catalog, path->reference->reference);
    else
        path->target = NULL;
    return path->target || error_set(error, ERROR_INPUT, "%.60s: the field %s refers to no other record",
                                     path->text, path->reference->name);
}

static bool parse_part(struct path *path, const char *part, struct error *error)
{
    static const char *const names[] = {
        [PATH_YEAR] = "year", [PATH_QUARTER] = "quarter", [PATH_MONTH] = "month"};
    Hopnhat__ValueKind kind = path->field->kind;
    for (unsigned i = PATH_YEAR; i <= PATH_MONTH; i++)
        if (strcmp(part, names[i]) == 0)
            path->part = (enum path_part)i;
    if (path->part == PATH_WHOLE)
        return error_set(error, ERROR_INPUT, "%.60s: give :year, :quarter or :month", path->text);
    if (path->cluster || (kind != HOPNHAT__VALUE_KIND__KIND_DATE && kind != HOPNHAT__VALUE_KIND__KIND_TIME))
        return error_set(error, ERROR_INPUT, "%.60s: %s is no date", path->text,
                         path->cluster ? "cluster" : path->field->name);
    return true;
}

bool path_parse(const struct catalog *catalog, const struct catalog_type *type, const char *text,
                struct arena *arena, struct path *path, struct error *error)
{
    *path = (struct path){.text = text, .type = type, .target = type};
    char *name = arena_string(arena, text, strlen(text));
    if (!name)
        return out_of_memory(error);
    char *part = strrchr(name, ':'), *dot = strchr(name, '.');
    if (part)
        *part++ = '\0';
    if (dot && (!part || dot < part) && !type_field_named(type, name)) { /* an alias may hold a point */
        *dot++ = '\0';
        if (!parse_reference(catalog, path, name, error))
            return false;
        name = dot;
    }
    return parse_field(path, name, error) && (!part || parse_part(path, part, error));
}

/* Cuts the date to the part; empty where it does not say it. */
static bool cut_date(enum path_part part, struct bytes date, struct arena *arena, struct bytes *value,
                     struct error *error)
{
    *value = bytes_of(NULL, 0);
    bool year = date.size >= 4 && date.data[0] != '-', month = year && date.size >= 7;
    if (!year || (part != PATH_YEAR && !month))
        return true;
    if (part != PATH_QUARTER) {
        *value = bytes_of(date.data, part == PATH_YEAR ? 4 : 7);
        return true;
    }
    int number = (date.data[5] - '0') * 10 + date.data[6] - '0';
    char *text = arena_format(arena, "%.4s-Q%d", (const char *)date.data, (number + 2) / 3);
    if (!text)
        return out_of_memory(error);
    *value = bytes_of_string(text);
    return true;
}

/* The cluster of the office with that code; empty where it is in none, or not known here. */
static bool cluster_of(const struct path_reader *reader, struct bytes code, struct arena *arena,
                       struct bytes *value, struct error *error)
{
    uint8_t id[RECORD_ID_BYTES];
    const Hopnhat__Record *record;
    struct office office;
    struct error unreadable;
    char *name = arena_string(arena, code.data, code.size);
    *value = bytes_of(NULL, 0);
    if (!name)
        return out_of_memory(error);
    office_record_id(name, id);
    if (!reader->source->read(reader->snapshot, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, arena, &record,
                              error))
        return false;
    if (!record || !office_read(reader->catalog, record, arena, &office, &unreadable))
        return true;
    const char *group = office_audience(&office, HOPNHAT__AUDIENCE__AUDIENCE_CLUSTER);
    if (group)
        *value = bytes_of_string(group + strlen(CLUSTER_PREFIX));
    return true;
}

/* Values in the making. */
struct values {
    struct bytes *values;
    size_t count, capacity;
};

static bool add_value(struct values *list, struct bytes value, struct arena *arena, struct error *error)
{
    if (value.size == 0)
        return true;
    for (size_t i = 0; i < list->count; i++)
        if (bytes_equal(list->values[i], value))
            return true;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 8;
        struct bytes *grown = arena_alloc(arena, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        if (list->count)
            memcpy(grown, list->values, list->count * sizeof *grown);
        list->values = grown;
        list->capacity = capacity;
    }
    list->values[list->count++] = value;
    return true;
}

/* Adds what the target record has. */
static bool read_target(const struct path *path, const struct path_reader *reader,
                        const Hopnhat__Record *record, struct arena *arena, struct values *list,
                        struct error *error)
{
    struct reading reading;
    if (!fold_field(path->target, record, path->field, arena, &reading, error))
        return false;
    for (size_t i = 0; i < reading.count; i++) {
        struct bytes value = reading.values[i];
        if (path->cluster && !cluster_of(reader, value, arena, &value, error))
            return false;
        if (path->part != PATH_WHOLE && !cut_date(path->part, value, arena, &value, error))
            return false;
        if (!add_value(list, value, arena, error))
            return false;
    }
    return true;
}

/* The record with that id in text; NULL where it is not here, or deleted. */
static bool read_referred(const struct path *path, const struct path_reader *reader, struct bytes id,
                          struct arena *arena, const Hopnhat__Record **record, struct error *error)
{
    struct record_id parsed;
    bool deleted = false;
    char *text = arena_string(arena, id.data, id.size);
    *record = NULL;
    if (!text)
        return out_of_memory(error);
    if (!record_id_parse(text, &parsed))
        return true;
    if (!reader->source->read(reader->snapshot, type_definition(path->target)->number, parsed.bytes, arena,
                              record, error))
        return false;
    if (*record && !fold_deleted(path->target, *record, arena, &deleted, NULL, error))
        return false;
    if (deleted)
        *record = NULL;
    return true;
}

bool path_values(const struct path *path, const struct path_reader *reader, const Hopnhat__Record *record,
                 struct arena *arena, struct bytes **values, size_t *count, struct error *error)
{
    struct values list = {0};
    struct reading references;
    bool done = true;
    if (!path->reference) {
        done = read_target(path, reader, record, arena, &list, error);
    } else {
        const Hopnhat__Record *target;
        if (!fold_field(path->type, record, path->reference, arena, &references, error))
            return false;
        for (size_t i = 0; i < references.count && done; i++) {
            done = read_referred(path, reader, references.values[i], arena, &target, error);
            if (done && target)
                done = read_target(path, reader, target, arena, &list, error);
        }
    }
    *values = list.values;
    *count = list.count;
    return done;
}
