#include "api/export.h"

#include "api/client.h"
#include "lists/cell.h"

#include <string.h>

static const json_t *find_type(const json_t *catalog, const char *type)
{
    const json_t *types = json_object_get(catalog, "types");
    for (size_t i = 0; i < json_array_size(types); i++)
        if (strcmp(client_text(json_array_get(types, i), "name"), type) == 0)
            return json_array_get(types, i);
    return NULL;
}

bool export_columns(const json_t *catalog, const char *type, struct export_columns *columns,
                    struct arena *arena, struct error *error)
{
    static const char *const system[EXPORT_SYSTEM_COLUMNS] = {"id", "token", "owner", "group"};
    const json_t *found = find_type(catalog, type), *fields = json_object_get(found, "fields");
    if (!found)
        return error_set(error, ERROR_NOT_FOUND, "%.60s: there is no such record type", type);
    size_t most = EXPORT_SYSTEM_COLUMNS + json_array_size(fields);
    *columns = (struct export_columns){.items = arena_alloc(arena, most * sizeof *columns->items)};
    if (!columns->items)
        return out_of_memory(error);
    for (size_t i = 0; i < EXPORT_SYSTEM_COLUMNS; i++)
        columns->items[columns->count++].name = system[i];
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        if (json_is_true(json_object_get(field, "retired")))
            continue;
        columns->items[columns->count].name = client_text(field, "name");
        columns->items[columns->count++].field = field;
    }
    return true;
}

bool export_is_number(const struct export_column *column)
{
    const char *kind = client_text(column->field, "kind");
    return strcmp(kind, "integer") == 0 || strcmp(kind, "decimal") == 0;
}

static const char *scalar(const json_t *value, struct arena *arena)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        return arena_format(arena, "%lld", (long long)json_integer_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    return "";
}

const char *export_cell(const struct export_column *column, const json_t *record, struct arena *arena)
{
    if (!column->field)
        return client_text(record, column->name);
    const json_t *value = json_object_get(json_object_get(record, "fields"), column->name);
    if (!json_is_array(value))
        return scalar(value, arena);
    Hopnhat__FieldDefinition definition = HOPNHAT__FIELD_DEFINITION__INIT;
    definition.policy = strcmp(client_text(column->field, "policy"), "thread") == 0
                            ? HOPNHAT__MERGE_POLICY__THREAD
                            : HOPNHAT__MERGE_POLICY__UNION;
    const char **values = arena_alloc(arena, json_array_size(value) * sizeof *values);
    for (size_t i = 0; values && i < json_array_size(value); i++)
        if (!(values[i] = scalar(json_array_get(value, i), arena)))
            return NULL;
    return values ? cell_join(&definition, values, json_array_size(value), arena) : NULL;
}

static void put_cell(const char *cell, FILE *to)
{
    bool quoted = strpbrk(cell, "\",;\t|\r\n") != NULL;
    if (quoted)
        fputc('"', to);
    for (; *cell; cell++) {
        if (*cell == '"')
            fputc('"', to);
        fputc(*cell, to);
    }
    if (quoted)
        fputc('"', to);
}

bool export_csv_head(const struct export_columns *columns, FILE *to, struct error *error)
{
    for (size_t i = 0; i < columns->count; i++)
        fprintf(to, "%s%s", i ? "," : "", columns->items[i].name);
    return fputs("\r\n", to) >= 0 || error_set(error, ERROR_STORE, "the list could not be written");
}

bool export_csv_row(const struct export_columns *columns, const json_t *record, FILE *to, struct arena *arena,
                    struct error *error)
{
    for (size_t i = 0; i < columns->count; i++) {
        const char *cell = export_cell(&columns->items[i], record, arena);
        if (cell && !export_is_number(&columns->items[i]))
            cell = cell_guard(cell, arena);
        if (!cell)
            return out_of_memory(error);
        if (i > 0)
            fputc(',', to);
        put_cell(cell, to);
    }
    return fputs("\r\n", to) >= 0 || error_set(error, ERROR_STORE, "the list could not be written");
}
