#include "model/catalog.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"
#include "model/catalog_builtin.h"
#include "model/catalog_names.h"

#include <sodium.h>
#include <stdlib.h>

enum { CATALOG_ARENA_BYTES = 64 * 1024 * 1024, FIRST_NUMBER = 16 };

struct unit {
    const char *name;
    const Hopnhat__FieldDefinition **members;
    size_t count;
};

struct catalog_type {
    const Hopnhat__TypeDefinition *definition;
    const Hopnhat__FieldDefinition **fields; /* ascending by number, the system fields first */
    size_t field_count;
    struct name_table names;
    struct unit *units;
    size_t unit_count;
};

struct catalog {
    struct arena arena; /* holds all below */
    struct bytes packed;
    uint8_t hash[CATALOG_HASH_BYTES];
    const Hopnhat__Catalog *message;
    struct catalog_type *types; /* ascending by number */
    size_t type_count;
    struct name_table names;
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "no memory for the catalog");
}

static bool check_name(const char *name, struct error *error)
{
    return catalog_name_is_sound(name) ||
           error_set(error, ERROR_CORRUPT, "the catalog has a type or field whose name is not sound");
}

static int compare_fields(const void *a, const void *b)
{
    const Hopnhat__FieldDefinition *const *field_a = a, *const *field_b = b;
    return ((*field_a)->number > (*field_b)->number) - ((*field_a)->number < (*field_b)->number);
}

static int compare_types(const void *a, const void *b)
{
    const struct catalog_type *type_a = a, *type_b = b;
    return (type_a->definition->number > type_b->definition->number) -
           (type_a->definition->number < type_b->definition->number);
}

/* No two things have one name: the names sort before labels and aliases, and beside each other. */
static bool names_are_distinct(const struct name_table *table)
{
    for (size_t i = 1; i < table->count; i++)
        if (table->keys[i].rank == NAME_ITSELF && table->keys[i - 1].rank == NAME_ITSELF &&
            strcmp(table->keys[i].folded, table->keys[i - 1].folded) == 0)
            return false;
    return true;
}

static bool index_fields(struct catalog_type *type, Hopnhat__FieldDefinition *const system[SYSTEM_FIELDS],
                         struct arena *arena, struct error *error)
{
    const Hopnhat__TypeDefinition *definition = type->definition;
    type->field_count = SYSTEM_FIELDS + definition->n_fields;
    type->fields = arena_alloc(arena, type->field_count * sizeof *type->fields);
    if (!type->fields)
        return no_memory(error);
    for (size_t i = 0; i < SYSTEM_FIELDS; i++)
        type->fields[i] = system[i];
    for (size_t i = 0; i < definition->n_fields; i++) {
        const Hopnhat__FieldDefinition *field = definition->fields[i];
        if (!check_name(field->name, error))
            return false;
        if (field->number < FIRST_NUMBER || field->number > LIMIT_FIELD_NUMBER)
            return error_set(error, ERROR_CORRUPT, "the catalog gives %s.%s the number %u", definition->name,
                             field->name, field->number);
        type->fields[SYSTEM_FIELDS + i] = field;
    }
    qsort(type->fields, type->field_count, sizeof *type->fields, compare_fields);
    for (size_t i = 1; i < type->field_count; i++)
        if (type->fields[i]->number == type->fields[i - 1]->number)
            return error_set(error, ERROR_CORRUPT, "the catalog has two fields number %u in %s",
                             type->fields[i]->number, definition->name);
    return true;
}

static bool name_fields(struct catalog_type *type, struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const Hopnhat__FieldDefinition *field = type->fields[i];
        bool system = field->number < FIRST_NUMBER;
        if (field->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
            continue;
        if (!names_add(&type->names, arena, i, field->name, system ? NULL : field->label, field->aliases,
                       field->n_aliases, error))
            return false;
    }
    names_sort(&type->names);
    return names_are_distinct(&type->names) ||
           error_set(error, ERROR_CORRUPT, "the catalog has two fields of one name in %s",
                     type->definition->name);
}

static struct unit *unit_named(const struct catalog_type *type, const char *name)
{
    for (size_t i = 0; i < type->unit_count; i++)
        if (strcmp(type->units[i].name, name) == 0)
            return &type->units[i];
    return NULL;
}

static bool index_units(struct catalog_type *type, struct arena *arena, struct error *error)
{
    size_t members = 0;
    for (size_t i = 0; i < type->field_count; i++)
        members += type->fields[i]->unit && !type->fields[i]->retired;
    type->units = arena_alloc(arena, members * sizeof *type->units);
    if (!type->units)
        return no_memory(error);
    for (size_t i = 0; i < type->field_count; i++) {
        const Hopnhat__FieldDefinition *field = type->fields[i];
        if (!field->unit || field->retired)
            continue;
        struct unit *unit = unit_named(type, field->unit);
        if (!unit) {
            unit = &type->units[type->unit_count++];
            unit->name = field->unit;
            unit->members = arena_alloc(arena, members * sizeof *unit->members);
            if (!unit->members)
                return no_memory(error);
        }
        unit->members[unit->count++] = field;
    }
    return true;
}

static bool index_type(struct catalog_type *type, Hopnhat__FieldDefinition *const system[SYSTEM_FIELDS],
                       struct arena *arena, struct error *error)
{
    return check_name(type->definition->name, error) && index_fields(type, system, arena, error) &&
           name_fields(type, arena, error) && index_units(type, arena, error);
}

static bool index_types(struct catalog *catalog, struct error *error)
{
    Hopnhat__TypeDefinition *builtin[BUILTIN_TYPES];
    Hopnhat__FieldDefinition *system[SYSTEM_FIELDS];
    const Hopnhat__Catalog *message = catalog->message;
    if (!builtin_types(&catalog->arena, builtin, error) || !system_fields(&catalog->arena, system, error))
        return false;
    catalog->type_count = BUILTIN_TYPES + message->n_types;
    catalog->types = arena_alloc(&catalog->arena, catalog->type_count * sizeof *catalog->types);
    if (!catalog->types)
        return no_memory(error);
    for (size_t i = 0; i < catalog->type_count; i++) {
        struct catalog_type *type = &catalog->types[i];
        type->definition = i < BUILTIN_TYPES ? builtin[i] : message->types[i - BUILTIN_TYPES];
        uint32_t number = type->definition->number;
        if (i >= BUILTIN_TYPES && (number < FIRST_NUMBER || number > LIMIT_TYPE_NUMBER))
            return error_set(error, ERROR_CORRUPT, "the catalog has a type number %u", number);
        if (!index_type(type, system, &catalog->arena, error))
            return false;
    }
    qsort(catalog->types, catalog->type_count, sizeof *catalog->types, compare_types);
    for (size_t i = 0; i < catalog->type_count; i++) {
        const Hopnhat__TypeDefinition *type = catalog->types[i].definition;
        if (i > 0 && catalog->types[i - 1].definition->number == type->number)
            return error_set(error, ERROR_CORRUPT, "the catalog has two types number %u", type->number);
        if (!names_add(&catalog->names, &catalog->arena, i, type->name, type->label, type->aliases,
                       type->n_aliases, error))
            return false;
    }
    names_sort(&catalog->names);
    return names_are_distinct(&catalog->names) ||
           error_set(error, ERROR_CORRUPT, "the catalog has two types of one name");
}

/* Every choice's name and every rule's text must be text; names, labels and aliases are folded anyway. */
static bool check_texts(const Hopnhat__Catalog *message, struct error *error)
{
    bool good = text_is_utf8(bytes_of_string(message->time_zone));
    for (size_t t = 0; t < message->n_types; t++) {
        const Hopnhat__TypeDefinition *type = message->types[t];
        good = good && (!type->title || text_is_utf8(bytes_of_string(type->title))) &&
               (!type->urgent || text_is_utf8(bytes_of_string(type->urgent)));
        for (size_t f = 0; f < type->n_fields; f++) {
            const Hopnhat__FieldDefinition *field = type->fields[f];
            const char *texts[] = {field->reference, field->least, field->most,
                                   field->pattern,   field->unit,  field->not_before};
            for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                good = good && (!texts[i] || text_is_utf8(bytes_of_string(texts[i])));
            for (size_t i = 0; i < field->n_choices; i++) {
                const Hopnhat__Label *label = field->choices[i]->label;
                good = good && catalog_name_is_sound(field->choices[i]->name);
                good = good && (!label || !label->vi || text_is_utf8(bytes_of_string(label->vi)));
                good = good && (!label || !label->en || text_is_utf8(bytes_of_string(label->en)));
            }
        }
    }
    return good || error_set(error, ERROR_CORRUPT,
                             "the catalog holds bytes that are no text, or a choice "
                             "whose name is not sound");
}

static bool load(struct catalog *catalog, struct bytes packed, struct error *error)
{
    const uint8_t *copy = arena_copy(&catalog->arena, packed.data, packed.size);
    if (!copy)
        return no_memory(error);
    catalog->packed = bytes_of(copy, packed.size);
    crypto_generichash(catalog->hash, sizeof catalog->hash, copy, packed.size, NULL, 0);
    catalog->message = hopnhat__catalog__unpack(&catalog->arena.protobuf, packed.size, copy);
    if (!catalog->message)
        return error_set(error, ERROR_CORRUPT, "the catalog of %zu bytes cannot be unpacked", packed.size);
    return check_texts(catalog->message, error) && index_types(catalog, error);
}

struct catalog *catalog_load(struct bytes packed, struct error *error)
{
    if (packed.size > LIMIT_CATALOG_BYTES) {
        error_set(error, ERROR_LIMIT, "the catalog has %zu bytes, more than %d", packed.size,
                  LIMIT_CATALOG_BYTES);
        return NULL;
    }
    struct catalog *catalog = calloc(1, sizeof *catalog);
    if (!catalog) {
        no_memory(error);
        return NULL;
    }
    arena_init(&catalog->arena, CATALOG_ARENA_BYTES);
    if (load(catalog, packed, error))
        return catalog;
    if (error->code == ERROR_INPUT)
        error->code = ERROR_CORRUPT;
    catalog_free(catalog);
    return NULL;
}

struct catalog *catalog_empty(struct error *error)
{
    static const uint8_t version_0[] = {0x08, 0x00}; /* field 1, a varint */
    return catalog_load(bytes_of(version_0, sizeof version_0), error);
}

void catalog_free(struct catalog *catalog)
{
    if (!catalog)
        return;
    arena_release(&catalog->arena);
    free(catalog);
}

struct bytes catalog_packed(const struct catalog *catalog)
{
    return catalog->packed;
}

const uint8_t *catalog_hash(const struct catalog *catalog)
{
    return catalog->hash;
}

uint32_t catalog_tag(const struct catalog *catalog)
{
    const uint8_t *hash = catalog->hash;
    return (uint32_t)hash[3] << 24 | (uint32_t)hash[2] << 16 | (uint32_t)hash[1] << 8 | hash[0];
}

uint32_t catalog_version(const struct catalog *catalog)
{
    return catalog->message->version;
}

const char *catalog_time_zone(const struct catalog *catalog)
{
    return catalog->message->time_zone;
}

const struct catalog_type *catalog_type(const struct catalog *catalog, uint32_t number)
{
    size_t low = 0, high = catalog->type_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (catalog->types[middle].definition->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < catalog->type_count && catalog->types[low].definition->number == number;
    return found ? &catalog->types[low] : NULL;
}

const struct catalog_type *catalog_type_named(const struct catalog *catalog, const char *name)
{
    size_t position;
    return names_find(&catalog->names, name, &position) ? &catalog->types[position] : NULL;
}

size_t catalog_type_count(const struct catalog *catalog)
{
    return catalog->type_count;
}

const struct catalog_type *catalog_type_at(const struct catalog *catalog, size_t position)
{
    return position < catalog->type_count ? &catalog->types[position] : NULL;
}

const Hopnhat__TypeDefinition *type_definition(const struct catalog_type *type)
{
    return type->definition;
}

const Hopnhat__FieldDefinition *type_field(const struct catalog_type *type, uint32_t number)
{
    size_t low = 0, high = type->field_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (type->fields[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < type->field_count && type->fields[low]->number == number ? type->fields[low] : NULL;
}

const Hopnhat__FieldDefinition *type_field_named(const struct catalog_type *type, const char *name)
{
    size_t position;
    return names_find(&type->names, name, &position) ? type->fields[position] : NULL;
}

const Hopnhat__FieldDefinition *type_title(const struct catalog_type *type)
{
    return type->definition->title ? type_field_named(type, type->definition->title) : NULL;
}

const Hopnhat__FieldDefinition *const *type_unit(const struct catalog_type *type,
                                                 const Hopnhat__FieldDefinition *field, size_t *count)
{
    const struct unit *unit = field->unit && !field->retired ? unit_named(type, field->unit) : NULL;
    *count = unit ? unit->count : 0;
    return unit ? unit->members : NULL;
}
