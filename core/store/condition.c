#include "store/condition.h"

#include "model/fold.h"
#include "model/value.h"

static bool is_quarter(const char *text)
{
    return strspn(text, "0123456789") == 4 && strncmp(text + 4, "-Q", 2) == 0 &&
           strspn(text + 6, "1234") == 1 && text[7] == '\0';
}

/* A part of a date, as path_values tells it: years and months also as people write them. */
static bool parse_part(struct condition *condition, const char *text, struct arena *arena,
                       struct error *error)
{
    static const char *const forms[] = {
        [PATH_YEAR] = "year (YYYY)", [PATH_QUARTER] = "quarter (YYYY-Q1)", [PATH_MONTH] = "month (YYYY-MM)"};
    const enum path_part part = condition->path.part;
    Hopnhat__FieldDefinition date = *condition->path.field;
    struct bytes *value = &condition->value;
    date.kind = HOPNHAT__VALUE_KIND__KIND_DATE;
    date.least = date.most = NULL;
    date.yearly = false;
    if (part == PATH_QUARTER && is_quarter(text)) {
        const char *copy = arena_string(arena, text, strlen(text));
        *value = bytes_of_string(copy ? copy : "");
        return copy || out_of_memory(error);
    }
    bool read = value_parse(arena, &date, text, value, error);
    if (read && (value->size == 0 || (part != PATH_QUARTER && value->size == (part == PATH_YEAR ? 4 : 7))))
        return true;
    if (!read && error->code == ERROR_MEMORY)
        return false;
    return error_set(error, ERROR_INPUT, "%s: \"%.60s\" is no %s", condition->path.text, text, forms[part]);
}

static bool parse_value(struct condition *condition, const char *text, struct arena *arena,
                        struct error *error)
{
    const struct path *path = &condition->path;
    if (path->part != PATH_WHOLE)
        return parse_part(condition, text, arena, error);
    const bool is_time = !path->cluster && path->field->kind == HOPNHAT__VALUE_KIND__KIND_TIME;
    if (is_time && *text && !strpbrk(text, ":h")) /* the day alone would be its beginning */
        return error_set(error, ERROR_INPUT,
                         "%s: \"%.60s\" is no time: write YYYY-MM-DDTHH:MM, or ask for %s:month=YYYY-MM",
                         path->text, text, path->text);
    if (!path->cluster)
        return value_parse(arena, path->field, text, &condition->value, error);
    static const char prefix[] = "cluster:";
    if (strncmp(text, prefix, sizeof prefix - 1) == 0)
        text += sizeof prefix - 1;
    const char *copy = arena_string(arena, text, strlen(text));
    if (!copy)
        return out_of_memory(error);
    condition->value = bytes_of_string(copy);
    return true;
}

bool condition_parse(const struct catalog *catalog, const struct catalog_type *type, const char *text,
                     struct arena *arena, struct condition *condition, struct error *error)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return error_set(error, ERROR_INPUT, "where: \"%.60s\" is not field=value", text);
    const char *name = arena_string(arena, text, (size_t)(equals - text));
    if (!name)
        return out_of_memory(error);
    *condition = (struct condition){0};
    return (path_parse(catalog, type, name, arena, &condition->path, error) &&
            parse_value(condition, equals + 1, arena, error)) ||
           error_prefix(error, "where");
}

bool condition_holds(const struct condition *condition, const struct path_reader *reader,
                     const Hopnhat__Record *record, struct arena *arena, bool *holds, struct error *error)
{
    struct bytes *values;
    size_t count;
    if (!path_values(&condition->path, reader, record, arena, &values, &count, error))
        return false;
    *holds = count == 0 && condition->value.size == 0;
    for (size_t i = 0; i < count && !*holds; i++)
        *holds = bytes_equal(values[i], condition->value);
    return true;
}

bool conditions_hold(const struct condition *conditions, size_t count, bool deleted_too,
                     const struct catalog_type *type, const struct path_reader *reader,
                     const Hopnhat__Record *record, struct arena *arena, bool *wanted, struct error *error)
{
    bool deleted = false;
    if (!deleted_too && !fold_deleted(type, record, arena, &deleted, NULL, error))
        return false;
    *wanted = !deleted;
    for (size_t i = 0; i < count && *wanted; i++)
        if (!condition_holds(&conditions[i], reader, record, arena, wanted, error))
            return false;
    return true;
}
