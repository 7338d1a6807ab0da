#include "model/catalog_check.h"

#include "model/catalog_builtin.h"
#include "model/catalog_names.h"

#include <stdarg.h>
#include <stdio.h>

/* A catalog beyond these is no catalog for people, and the checks would take long. */
enum { MOST_TYPES = 1000, MOST_FIELDS = 10000, MOST_CHOICES = 500 };

void catalog_tell(struct catalog_report *report, struct catalog_place place, const char *key,
                  const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    place.key = key;
    report->tell(report->context, place, text);
}

static void check_type_names(const Hopnhat__Catalog *catalog, int position, struct catalog_report *report)
{
    const Hopnhat__TypeDefinition *type = catalog->types[position];
    struct catalog_place place = {.type = position, .field = -1};
    if (*type->name && !catalog_name_is_sound(type->name))
        catalog_tell(report, place, "name", "the name \"%s\" is not made of a-z, 0-9 and _, a letter first",
                     type->name);
    if (builtin_type_has_name(type->name))
        catalog_tell(report, place, "name", "%s is a built-in type", type->name);
    for (int i = 0; i < position; i++) {
        const Hopnhat__TypeDefinition *other = catalog->types[i];
        if (type->number && other->number == type->number)
            catalog_tell(report, place, "number", "the number %u is that of %s already", type->number,
                         other->name);
        if (*type->name && strcmp(other->name, type->name) == 0)
            catalog_tell(report, place, "name", "there are two types %s", type->name);
    }
}

static void check_field_names(const Hopnhat__TypeDefinition *type, struct catalog_place place,
                              struct catalog_report *report)
{
    const Hopnhat__FieldDefinition *field = type->fields[place.field];
    if (*field->name && !catalog_name_is_sound(field->name))
        catalog_tell(report, place, "name", "the name \"%s\" is not made of a-z, 0-9 and _, a letter first",
                     field->name);
    if (field_name_is_reserved(field->name))
        catalog_tell(report, place, "name", "the name %s is reserved", field->name);
    for (int i = 0; i < place.field; i++) {
        const Hopnhat__FieldDefinition *other = type->fields[i];
        if (field->number && other->number == field->number)
            catalog_tell(report, place, "number", "the number %u is that of %s.%s already", field->number,
                         type->name, other->name);
        if (*field->name && strcmp(other->name, field->name) == 0)
            catalog_tell(report, place, "name", "%s has two fields %s", type->name, field->name);
    }
}

static void check_title(const Hopnhat__TypeDefinition *type, struct catalog_place place,
                        struct catalog_report *report)
{
    if (!type->title)
        return;
    for (size_t i = 0; i < type->n_fields; i++)
        if (strcmp(type->fields[i]->name, type->title) == 0)
            return;
    catalog_tell(report, place, "title", "%s has no field %s to be its title", type->name, type->title);
}

/* A person marks with a box to tick, and one value of it is read. */
static void check_urgent(const Hopnhat__TypeDefinition *type, struct catalog_place place,
                         struct catalog_report *report)
{
    if (!type->urgent)
        return;
    for (size_t i = 0; i < type->n_fields; i++) {
        const Hopnhat__FieldDefinition *field = type->fields[i];
        if (strcmp(field->name, type->urgent) == 0 && field->kind == HOPNHAT__VALUE_KIND__KIND_BOOLEAN &&
            (field->policy == HOPNHAT__MERGE_POLICY__LATEST ||
             field->policy == HOPNHAT__MERGE_POLICY__AUTHORITY))
            return;
    }
    catalog_tell(report, place, "urgent",
                 "%s has no boolean field %s, read by latest or authority, to mark what is urgent",
                 type->name, type->urgent);
}

/* A folded name that leads to two things, told at the later of them. Two equal names are told elsewhere. */
static void check_ambiguous(const struct name_table *table, struct catalog_place place, bool fields,
                            const Hopnhat__Catalog *catalog, struct catalog_report *report)
{
    for (size_t i = 1; i < table->count; i++) {
        const struct name_key *key = &table->keys[i], *before = &table->keys[i - 1];
        if (key->position == before->position || strcmp(key->folded, before->folded) != 0)
            continue;
        if (key->rank == NAME_ITSELF && before->rank == NAME_ITSELF)
            continue;
        size_t later = key->position > before->position ? key->position : before->position;
        size_t first = key->position > before->position ? before->position : key->position;
        const char *other;
        if (fields) {
            place.field = (int)later;
            other = catalog->types[place.type]->fields[first]->name;
        } else {
            place.type = (int)later;
            other = catalog->types[first]->name;
        }
        catalog_tell(report, place, "aliases", "the name, label or alias \"%s\" also leads to %s",
                     key->folded, other);
    }
}

static bool check_fields(const Hopnhat__Catalog *catalog, int position, struct catalog_report *report,
                         struct error *error)
{
    const Hopnhat__TypeDefinition *type = catalog->types[position];
    struct catalog_place place = {.type = position, .field = -1};
    struct name_table names = {0};
    if (type->n_fields == 0)
        catalog_tell(report, place, "name", "%s has no fields", type->name);
    for (size_t i = 0; i < type->n_fields; i++) {
        const Hopnhat__FieldDefinition *field = type->fields[i];
        place.field = (int)i;
        check_field_names(type, place, report);
        catalog_check_field(catalog, place, report);
        if (!names_add(&names, report->arena, i, field->name, field->label, field->aliases, field->n_aliases,
                       error))
            return false;
    }
    names_sort(&names);
    check_ambiguous(&names, place, true, catalog, report);
    return true;
}

static bool counts_are_sound(const Hopnhat__Catalog *catalog, struct catalog_report *report)
{
    size_t fields = 0, choices = 0;
    for (size_t i = 0; i < catalog->n_types; i++) {
        fields += catalog->types[i]->n_fields;
        for (size_t j = 0; j < catalog->types[i]->n_fields; j++)
            if (catalog->types[i]->fields[j]->n_choices > choices)
                choices = catalog->types[i]->fields[j]->n_choices;
    }
    if (catalog->n_types <= MOST_TYPES && fields <= MOST_FIELDS && choices <= MOST_CHOICES)
        return true;
    catalog_tell(report, (struct catalog_place){-1, -1, NULL}, NULL,
                 "a catalog has at most %d types, %d fields and %d choices in a field", MOST_TYPES,
                 MOST_FIELDS, MOST_CHOICES);
    return false;
}

bool catalog_check(const Hopnhat__Catalog *catalog, struct catalog_report *report, struct error *error)
{
    struct name_table names = {0};
    if (!counts_are_sound(catalog, report))
        return true;
    for (size_t i = 0; i < catalog->n_types; i++) {
        const Hopnhat__TypeDefinition *type = catalog->types[i];
        struct catalog_place place = {.type = (int)i, .field = -1};
        check_type_names(catalog, (int)i, report);
        check_title(type, place, report);
        check_urgent(type, place, report);
        if (!check_fields(catalog, (int)i, report, error) ||
            !names_add(&names, report->arena, i, type->name, type->label, type->aliases, type->n_aliases,
                       error))
            return false;
    }
    names_sort(&names);
    check_ambiguous(&names, (struct catalog_place){-1, -1, NULL}, false, catalog, report);
    return true;
}
