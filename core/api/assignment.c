#include "api/assignment.h"

#include "base/limits.h"
#include "model/value.h"

#include <stdio.h>

static const struct {
    const char *key;
    enum assignment_kind kind;
} kinds[] = {{"set", ASSIGN_SET}, {"add", ASSIGN_ADD}, {"remove", ASSIGN_REMOVE}};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* The object under `key`, made where it is not there. Borrowed. */
static json_t *object_under(json_t *body, const char *key)
{
    json_t *object = json_object_get(body, key);
    if (object)
        return object;
    object = json_object();
    return object && json_object_set_new(body, key, object) == 0 ? object : NULL;
}

/* Puts a value under the name; with one that is there already, both in an array. Takes `value`. */
static bool put_value(json_t *object, const char *name, json_t *value)
{
    json_t *before = json_object_get(object, name);
    if (!before)
        return json_object_set_new(object, name, value) == 0;
    if (json_is_array(before))
        return json_array_append_new(before, value) == 0;
    json_t *array = json_pack("[O, o]", before, value);
    return array && json_object_set_new(object, name, array) == 0;
}

bool assignment_put(json_t *body, const char *typed, struct error *error)
{
    const char *equals = strchr(typed, '=');
    size_t size = equals ? (size_t)(equals - typed) : 0;
    size_t kind = 0;
    char name[512];
    if (size && (typed[size - 1] == '+' || typed[size - 1] == '-'))
        kind = typed[--size] == '+' ? 1 : 2;
    if (size == 0 || size >= sizeof name)
        return error_set(error, ERROR_USAGE,
                         "\"%.80s\" is no assignment: write field=value, field+=value or field-=value",
                         typed);
    memcpy(name, typed, size);
    name[size] = '\0';
    json_t *value = json_string(equals + 1);
    if (!value)
        return error_set(error, ERROR_USAGE, "%s: the value is no UTF-8 text", name);
    json_t *object = object_under(body, kinds[kind].key);
    if (object && put_value(object, name, value))
        return true;
    return error_set(error, ERROR_USAGE, "\"%.80s\" is no UTF-8 text", typed);
}

const Hopnhat__FieldDefinition *field_known(const struct catalog_type *type, const char *name,
                                            struct error *error)
{
    const Hopnhat__TypeDefinition *definition = type_definition(type);
    const Hopnhat__FieldDefinition *field = type_field_named(type, name);
    if (field && field->number != HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
        return field;
    char known[400];
    size_t used = 0;
    for (size_t i = 0; i < definition->n_fields && used < sizeof known; i++)
        if (!definition->fields[i]->retired)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                                     definition->fields[i]->name);
    error_set(error, ERROR_INPUT, "%.60s: %s has no such field; it has: %s", name, definition->name,
              used ? known : "none");
    return NULL;
}

/* The text of a JSON value as a person would type it, in the arena or the value's own. */
static const char *typed_form(const json_t *value, struct arena *arena, const char *name, struct error *error)
{
    const char *text = NULL;
    if (json_is_string(value)) {
        text = json_string_value(value);
    } else if (json_is_integer(value)) {
        text = arena_format(arena, "%lld", (long long)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "true" : "false";
    } else if (json_is_null(value)) {
        text = "";
    } else {
        error_set(error, ERROR_INPUT,
                  "%.60s: give a string, an integer, true, false, null or an array of these%s", name,
                  json_is_real(value) ? " (a number with a fraction as a string)" : "");
        return NULL;
    }
    if (!text)
        out_of_memory(error);
    return text;
}

static bool read_values(struct assignment *assignment, json_t *json, const char *name, struct arena *arena,
                        struct error *error)
{
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    if (count > LIMIT_ENTRIES_PER_FIELD)
        return error_set(error, ERROR_LIMIT, "%s: more than %d values", assignment->definition->name,
                         LIMIT_ENTRIES_PER_FIELD);
    struct bytes *values = arena_alloc(arena, count * sizeof *values);
    if (!values)
        return out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_is_array(json) ? json_array_get(json, i) : json;
        const char *text = typed_form(value, arena, name, error);
        if (!text || !value_parse(arena, assignment->definition, text, &values[i], error))
            return false;
        if (assignment->kind != ASSIGN_SET && values[i].size == 0)
            return error_set(error, ERROR_INPUT, "%s: there is nothing to %s", assignment->definition->name,
                             kinds[assignment->kind].key);
    }
    /* A set of nothing: one empty value, as typed by `field=`. */
    assignment->values = values;
    assignment->count = count == 1 && values[0].size == 0 ? 0 : count;
    return true;
}

static bool read_kind(const struct catalog_type *type, json_t *object, enum assignment_kind kind,
                      struct arena *arena, struct assignment_list *list, struct error *error)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        struct assignment *assignment = &list->items[list->count];
        *assignment = (struct assignment){.definition = field_known(type, name, error), .kind = kind};
        if (!assignment->definition || !read_values(assignment, value, name, arena, error))
            return false;
        list->count++;
    }
    return true;
}

bool assignment_read(const struct catalog_type *type, json_t *body, struct arena *arena,
                     struct assignment_list *list, struct error *error)
{
    size_t capacity = 0;
    for (size_t i = 0; i < KINDS; i++) {
        json_t *object = json_object_get(body, kinds[i].key);
        if (object && !json_is_object(object))
            return error_set(error, ERROR_INPUT, "%s: give an object of fields and values", kinds[i].key);
        capacity += json_object_size(object);
    }
    *list = (struct assignment_list){.items = arena_alloc(arena, capacity * sizeof *list->items)};
    if (!list->items)
        return out_of_memory(error);
    for (size_t i = 0; i < KINDS; i++)
        if (!read_kind(type, json_object_get(body, kinds[i].key), kinds[i].kind, arena, list, error))
            return false;
    return true;
}

static bool append(struct assignment_list *list, const Hopnhat__FieldDefinition *definition,
                   struct bytes value, struct arena *arena, struct error *error)
{
    struct assignment *grown = arena_alloc(arena, (list->count + 1) * sizeof *grown);
    struct bytes *values = arena_alloc(arena, sizeof *values);
    if (!grown || !values)
        return out_of_memory(error);
    if (list->count)
        memcpy(grown, list->items, list->count * sizeof *grown);
    *values = value;
    grown[list->count++] =
        (struct assignment){.definition = definition, .kind = ASSIGN_SET, .values = values, .count = 1};
    list->items = grown;
    return true;
}

static const Hopnhat__FieldDefinition *field_numbered(const struct catalog_type *type, uint32_t field,
                                                      struct error *error)
{
    const Hopnhat__FieldDefinition *definition = type_field(type, field);
    if (!definition)
        error_set(error, ERROR_INTERNAL, "the type %s has no field %u", type_definition(type)->name, field);
    return definition;
}

bool assignment_add(struct assignment_list *list, const struct catalog_type *type, uint32_t field,
                    const char *value, struct arena *arena, struct error *error)
{
    const Hopnhat__FieldDefinition *definition = field_numbered(type, field, error);
    return definition && append(list, definition, bytes_of_string(value), arena, error);
}

bool assignment_parse(struct assignment_list *list, const struct catalog_type *type, uint32_t field,
                      const char *typed, struct arena *arena, struct error *error)
{
    const Hopnhat__FieldDefinition *definition = field_numbered(type, field, error);
    struct bytes value;
    return definition && value_parse(arena, definition, typed, &value, error) &&
           append(list, definition, value, arena, error);
}

const struct assignment *assignment_of_field(const struct assignment_list *list, uint32_t field)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].definition->number == field)
            return &list->items[i];
    return NULL;
}
