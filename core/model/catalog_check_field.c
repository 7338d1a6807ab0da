#include "base/text.h"
#include "model/catalog_builtin.h"
#include "model/catalog_check.h"
#include "model/catalog_names.h"
#include "model/value.h"

#include <regex.h>

enum { MOST_PATTERN_BYTES = 200 };

static bool has_kind(const Hopnhat__FieldDefinition *field, unsigned kinds)
{
    return kinds >> field->kind & 1;
}

#define KIND(name) (1u << HOPNHAT__VALUE_KIND__KIND_##name)

static const char *kind_name(Hopnhat__ValueKind kind)
{
    static const char *const names[] = {"text",    "integer", "decimal",   "date",    "time",
                                        "boolean", "enum",    "reference", "country", "bytes"};
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

/* Which kinds a policy can read: SUM adds numbers, HIGHEST needs an order, TEXT merges paragraphs. */
static void check_policy(const Hopnhat__FieldDefinition *field, struct catalog_place place,
                         struct catalog_report *report)
{
    unsigned ordered = KIND(INTEGER) | KIND(DECIMAL) | KIND(DATE) | KIND(TIME) | KIND(ENUM);
    const char *needs = NULL;
    switch (field->policy) {
    case HOPNHAT__MERGE_POLICY__SUM:
        if (!has_kind(field, KIND(INTEGER) | KIND(DECIMAL)))
            needs = "sum needs an integer or a decimal";
        break;
    case HOPNHAT__MERGE_POLICY__HIGHEST:
    case HOPNHAT__MERGE_POLICY__LOWEST:
        if (!has_kind(field, ordered))
            needs = "highest and lowest need a number, a date, a time or an enum";
        break;
    case HOPNHAT__MERGE_POLICY__TEXT:
    case HOPNHAT__MERGE_POLICY__THREAD:
        if (!has_kind(field, KIND(TEXT)))
            needs = "text and thread need text";
        break;
    case HOPNHAT__MERGE_POLICY__UNION:
        if (has_kind(field, KIND(BOOLEAN)))
            needs = "a union of booleans says nothing";
        break;
    default:
        break;
    }
    if (needs)
        catalog_tell(report, place, "policy", "the policy does not fit the kind of %s, which is %s: %s",
                     field->name, kind_name(field->kind), needs);
}

/* Headquarters and owner are each narrower than both together, and these than any office. */
static bool narrows(Hopnhat__WriteRule rule, Hopnhat__WriteRule outer)
{
    return rule == outer || outer == HOPNHAT__WRITE_RULE__WRITE_ANY ||
           (outer == HOPNHAT__WRITE_RULE__WRITE_OWNER_OR_HEADQUARTERS &&
            rule != HOPNHAT__WRITE_RULE__WRITE_ANY);
}

static bool type_exists(const Hopnhat__Catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->n_types; i++)
        if (strcmp(catalog->types[i]->name, name) == 0)
            return true;
    return builtin_type_has_name(name);
}

static void check_reference(const Hopnhat__Catalog *catalog, const Hopnhat__FieldDefinition *field,
                            struct catalog_place place, struct catalog_report *report)
{
    bool is_reference = has_kind(field, KIND(REFERENCE));
    if (is_reference && !field->reference)
        catalog_tell(report, place, "kind", "%s needs `reference`: the type that it points to", field->name);
    if (!field->reference)
        return;
    if (!is_reference)
        catalog_tell(report, place, "reference", "%s has `reference`, but its kind is %s", field->name,
                     kind_name(field->kind));
    if (!type_exists(catalog, field->reference))
        catalog_tell(report, place, "reference", "%s points to the type %s, which is not there", field->name,
                     field->reference);
}

static void check_choice_names(const Hopnhat__FieldDefinition *field, struct catalog_place place,
                               struct catalog_report *report)
{
    struct name_table names = {0};
    struct error error;
    for (size_t i = 0; i < field->n_choices; i++) {
        const Hopnhat__Choice *choice = field->choices[i];
        if (*choice->name && !catalog_name_is_sound(choice->name))
            catalog_tell(report, place, "choices", "the choice \"%s\" is not made of a-z, 0-9 and _",
                         choice->name);
        if (!names_add(&names, report->arena, i, choice->name, choice->label, choice->aliases,
                       choice->n_aliases, &error)) {
            catalog_tell(report, place, "choices", "%s", error.text);
            return;
        }
    }
    names_sort(&names);
    for (size_t i = 1; i < names.count; i++)
        if (names.keys[i].position != names.keys[i - 1].position &&
            strcmp(names.keys[i].folded, names.keys[i - 1].folded) == 0)
            catalog_tell(report, place, "choices", "\"%s\" leads to two choices of %s, %s and %s",
                         names.keys[i].folded, field->name, field->choices[names.keys[i - 1].position]->name,
                         field->choices[names.keys[i].position]->name);
}

static void check_choices(const Hopnhat__FieldDefinition *field, struct catalog_place place,
                          struct catalog_report *report)
{
    bool is_enum = has_kind(field, KIND(ENUM));
    if (is_enum && field->n_choices == 0)
        catalog_tell(report, place, "kind", "%s is an enum and needs `choices`", field->name);
    if (!is_enum && field->n_choices > 0)
        catalog_tell(report, place, "choices", "%s has `choices`, but its kind is %s", field->name,
                     kind_name(field->kind));
    check_choice_names(field, place, report);
}

/* A bound must be a value of the field in its stored form. */
static bool check_bound(const Hopnhat__FieldDefinition *field, const char *bound, const char *key,
                        struct catalog_place place, struct catalog_report *report)
{
    if (!bound)
        return false;
    if (!has_kind(field, KIND(INTEGER) | KIND(DECIMAL) | KIND(DATE) | KIND(TIME))) {
        catalog_tell(report, place, key, "%s has `%s`, but its kind is %s", field->name, key,
                     kind_name(field->kind));
        return false;
    }
    Hopnhat__FieldDefinition plain = HOPNHAT__FIELD_DEFINITION__INIT;
    struct error error;
    plain.name = field->name;
    plain.kind = field->kind;
    if (*bound && value_check(&plain, bytes_of_string(bound), &error))
        return true;
    catalog_tell(report, place, key, "`%s` of %s is not a value of the kind %s in its stored form: \"%s\"",
                 key, field->name, kind_name(field->kind), bound);
    return false;
}

static void check_range(const Hopnhat__FieldDefinition *field, struct catalog_place place,
                        struct catalog_report *report)
{
    bool least = check_bound(field, field->least, "least", place, report);
    bool most = check_bound(field, field->most, "most", place, report);
    if (least && most &&
        value_compare(field, bytes_of_string(field->least), bytes_of_string(field->most)) > 0)
        catalog_tell(report, place, "least", "the least of %s, %s, is above its most, %s", field->name,
                     field->least, field->most);
}

static void check_text_rules(const Hopnhat__FieldDefinition *field, struct catalog_place place,
                             struct catalog_report *report)
{
    if (field->has_most_bytes && !has_kind(field, KIND(TEXT)))
        catalog_tell(report, place, "most_bytes", "%s has `most_bytes`, but its kind is %s", field->name,
                     kind_name(field->kind));
    if (field->yearly && !has_kind(field, KIND(DATE)))
        catalog_tell(report, place, "yearly", "%s is `yearly`, but its kind is %s", field->name,
                     kind_name(field->kind));
    if (!field->pattern)
        return;
    if (!has_kind(field, KIND(TEXT)))
        catalog_tell(report, place, "pattern", "%s has `pattern`, but its kind is %s", field->name,
                     kind_name(field->kind));
    if (strlen(field->pattern) > MOST_PATTERN_BYTES) {
        catalog_tell(report, place, "pattern", "the pattern of %s is longer than %d bytes", field->name,
                     MOST_PATTERN_BYTES);
        return;
    }
    regex_t pattern;
    int status = regcomp(&pattern, field->pattern, REG_EXTENDED);
    if (status == 0) {
        regfree(&pattern);
        return;
    }
    char reason[128];
    regerror(status, &pattern, reason, sizeof reason);
    catalog_tell(report, place, "pattern", "the pattern of %s is wrong: %s", field->name, reason);
}

/* The one field of its unit: is the rest in another type? */
static void check_lone(const Hopnhat__Catalog *catalog, struct catalog_place place,
                       struct catalog_report *report)
{
    const Hopnhat__TypeDefinition *type = catalog->types[place.type];
    const Hopnhat__FieldDefinition *field = type->fields[place.field];
    const char *elsewhere = NULL;
    for (size_t t = 0; t < catalog->n_types; t++)
        for (size_t i = 0; t != (size_t)place.type && i < catalog->types[t]->n_fields; i++)
            if (catalog->types[t]->fields[i]->unit &&
                strcmp(catalog->types[t]->fields[i]->unit, field->unit) == 0)
                elsewhere = catalog->types[t]->name;
    if (elsewhere)
        catalog_tell(report, place, "unit",
                     "the unit %s has fields in %s and in %s: a unit lies within one type", field->unit,
                     type->name, elsewhere);
    else
        catalog_tell(report, place, "unit", "%s is alone in the unit %s", field->name, field->unit);
}

static Hopnhat__WriteRule write_rule(const Hopnhat__TypeDefinition *type,
                                     const Hopnhat__FieldDefinition *field)
{
    return field->has_write ? field->write : type->write;
}

/* A unit is read from one writing, so all its fields are registers under one policy, and there are two. */
static void check_unit(const Hopnhat__Catalog *catalog, struct catalog_place place,
                       struct catalog_report *report)
{
    const Hopnhat__TypeDefinition *type = catalog->types[place.type];
    const Hopnhat__FieldDefinition *field = type->fields[place.field];
    if (!field->unit || field->retired)
        return;
    if (!catalog_name_is_sound(field->unit))
        catalog_tell(report, place, "unit", "the unit's name \"%s\" is not made of a-z, 0-9 and _",
                     field->unit);
    if (field->policy == HOPNHAT__MERGE_POLICY__SUM || field->policy == HOPNHAT__MERGE_POLICY__UNION ||
        field->policy == HOPNHAT__MERGE_POLICY__THREAD || field->policy == HOPNHAT__MERGE_POLICY__TEXT)
        catalog_tell(report, place, "unit", "%s cannot be in a unit: its policy reads more than one writing",
                     field->name);
    size_t members = 0;
    const Hopnhat__FieldDefinition *first = NULL;
    for (size_t i = 0; i < type->n_fields; i++) {
        const Hopnhat__FieldDefinition *other = type->fields[i];
        if (!other->unit || other->retired || strcmp(other->unit, field->unit) != 0)
            continue;
        first = first ? first : other;
        members++;
    }
    if (first->policy != field->policy)
        catalog_tell(report, place, "unit", "%s and %s are in the unit %s, but have different policies",
                     first->name, field->name, field->unit);
    if (write_rule(type, first) != write_rule(type, field))
        catalog_tell(report, place, "unit", "%s and %s are in the unit %s, but have different write rules",
                     first->name, field->name, field->unit);
    if (members == 1)
        check_lone(catalog, place, report);
}
/* The two are written together, so whoever writes one has seen the other. */
static void check_not_before(const Hopnhat__Catalog *catalog, struct catalog_place place,
                             struct catalog_report *report)
{
    const Hopnhat__TypeDefinition *type = catalog->types[place.type];
    const Hopnhat__FieldDefinition *field = type->fields[place.field], *other = NULL;
    if (!field->not_before)
        return;
    for (size_t i = 0; i < type->n_fields; i++)
        if (strcmp(type->fields[i]->name, field->not_before) == 0)
            other = type->fields[i];
    if (!has_kind(field, KIND(DATE) | KIND(TIME)) || field->yearly)
        catalog_tell(report, place, "not_before", "%s has `not_before`, but is no date of a year and no time",
                     field->name);
    else if (!other || other == field)
        catalog_tell(report, place, "not_before", "%s shall not be before %s, which is no other field of %s",
                     field->name, field->not_before, type->name);
    else if (other->kind != field->kind || other->yearly)
        catalog_tell(report, place, "not_before", "%s and %s cannot be compared", field->name, other->name);
    else if (!field->unit || !other->unit || strcmp(field->unit, other->unit) != 0)
        catalog_tell(report, place, "not_before",
                     "%s shall not be before %s: put them in one unit, so that they are written together",
                     field->name, other->name);
}

void catalog_check_field(const Hopnhat__Catalog *catalog, struct catalog_place place,
                         struct catalog_report *report)
{
    const Hopnhat__TypeDefinition *type = catalog->types[place.type];
    const Hopnhat__FieldDefinition *field = type->fields[place.field];
    check_policy(field, place, report);
    check_reference(catalog, field, place, report);
    check_choices(field, place, report);
    check_range(field, place, report);
    check_text_rules(field, place, report);
    check_unit(catalog, place, report);
    check_not_before(catalog, place, report);
    if (field->has_write && !narrows(field->write, type->write))
        catalog_tell(report, place, "write", "the write rule of %s is wider than that of %s", field->name,
                     type->name);
    if (field->required && field->retired)
        catalog_tell(report, place, "retired", "%s is retired and required", field->name);
}
