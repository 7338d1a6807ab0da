#include "model/catalog_change.h"

#include "model/fold.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_NUMBER = 16 }; /* below are the built-in types, which no catalog changes */

static const struct catalog_place WHOLE = {.type = -1, .field = -1};

static void note(const struct catalog_before *before, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(const struct catalog_before *before, const char *format, ...)
{
    char text[400];
    va_list arguments;
    if (!before->note)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    before->note(before->context, text);
}

static const char *word_of(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);
    return known ? known->name : "unknown";
}

static const char *kind_word(const Hopnhat__FieldDefinition *field)
{
    return word_of(&hopnhat__value_kind__descriptor, (int)field->kind) + strlen("KIND_");
}

static const char *policy_word(const Hopnhat__FieldDefinition *field)
{
    return word_of(&hopnhat__merge_policy__descriptor, (int)field->policy);
}

/* Whether a bag that was written under one policy can be read under the other. */
static bool policies_agree(Hopnhat__MergePolicy one, Hopnhat__MergePolicy other)
{
    return (one == HOPNHAT__MERGE_POLICY__SUM) == (other == HOPNHAT__MERGE_POLICY__SUM);
}

static int find_type(const Hopnhat__Catalog *catalog, uint32_t number)
{
    for (size_t i = 0; i < catalog->n_types; i++)
        if (catalog->types[i]->number == number)
            return (int)i;
    return -1;
}

static int find_field(const Hopnhat__TypeDefinition *type, uint32_t number)
{
    for (size_t i = 0; i < type->n_fields; i++)
        if (type->fields[i]->number == number)
            return (int)i;
    return -1;
}

static const Hopnhat__FieldDefinition *field_named(const Hopnhat__TypeDefinition *type, const char *name)
{
    for (size_t i = 0; i < type->n_fields; i++)
        if (strcmp(type->fields[i]->name, name) == 0)
            return type->fields[i];
    return NULL;
}

/* The number of the type with that name in the old catalog, or in the fresh one; 0: none. */
static uint32_t old_number(const struct catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog_type_count(catalog); i++)
        if (strcmp(type_definition(catalog_type_at(catalog, i))->name, name) == 0)
            return type_definition(catalog_type_at(catalog, i))->number;
    return 0;
}

static uint32_t fresh_number(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                             const char *name)
{
    for (size_t i = 0; i < fresh->n_types; i++)
        if (strcmp(fresh->types[i]->name, name) == 0)
            return fresh->types[i]->number;
    return old_number(before->catalog, name); /* a built-in one */
}

static uint64_t count(const struct catalog_before *before, const struct catalog_use *use)
{
    return before->count ? before->count(before->context, use) : 0;
}

/* Whether any entry of the field begins so, read or not; `whole`: is that. */
static bool any_entry(const Hopnhat__Record *record, const Hopnhat__FieldDefinition *field, const char *start,
                      bool whole)
{
    const Hopnhat__Field *bag = record_field(record, field->number);
    bool found = false;
    for (size_t i = 0; bag && i < bag->n_entries && !found; i++) {
        struct bytes value = entry_value(bag->entries[i]);
        size_t size = strlen(start);
        found = value.size >= size && (!whole || value.size == size) && memcmp(value.data, start, size) == 0;
    }
    return found;
}

static bool holds_choice(const struct catalog_use *use, const Hopnhat__Record *record, struct arena *arena)
{
    (void)arena;
    return any_entry(record, use->field, use->choice, true);
}

static bool holds_yearly(const struct catalog_use *use, const Hopnhat__Record *record, struct arena *arena)
{
    (void)arena;
    return any_entry(record, use->field, "--", false);
}

static bool holds_any(const struct catalog_use *use, const Hopnhat__Record *record, struct arena *arena)
{
    const Hopnhat__Field *bag = record_field(record, use->field->number);
    (void)arena;
    for (size_t i = 0; bag && i < bag->n_entries; i++)
        if (entry_value(bag->entries[i]).size)
            return true;
    return false;
}

/* Deleted, and read as not deleted for an edit that came beside it. */
static bool is_revived(const struct catalog_use *use, const Hopnhat__Record *record, struct arena *arena)
{
    bool deleted, altered;
    struct error ignored; /* what cannot be read is for verify to tell */
    return fold_deleted(use->type, record, arena, &deleted, &altered, &ignored) && !deleted && altered;
}

/* A choice that is gone must be gone from the records too. */
static void check_choices(const struct catalog_before *before, const Hopnhat__TypeDefinition *type,
                          const Hopnhat__FieldDefinition *old, const Hopnhat__FieldDefinition *fresh,
                          struct catalog_place place, struct catalog_report *report)
{
    for (size_t i = 0; i < old->n_choices; i++) {
        const char *name = old->choices[i]->name;
        size_t j = 0;
        while (j < fresh->n_choices && strcmp(fresh->choices[j]->name, name) != 0)
            j++;
        if (j < fresh->n_choices)
            continue;
        const struct catalog_use use = {.type = catalog_type(before->catalog, type->number),
                                        .field = old,
                                        .choice = name,
                                        .holds = holds_choice};
        const uint64_t uses = count(before, &use);
        if (uses)
            catalog_tell(
                report, place, "choices",
                "%s.%s: the choice %s is gone, and %llu records hold it; keep it with `retired: true`",
                type->name, old->name, name, (unsigned long long)uses);
        else
            note(before, "%s.%s: the choice %s is gone; no record holds it", type->name, old->name, name);
    }
}

static void check_yearly(const struct catalog_before *before, const Hopnhat__TypeDefinition *type,
                         const Hopnhat__FieldDefinition *old, const Hopnhat__FieldDefinition *field,
                         struct catalog_place place, struct catalog_report *report)
{
    const struct catalog_use use = {
        .type = catalog_type(before->catalog, type->number), .field = old, .holds = holds_yearly};
    if (!old->yearly || field->yearly)
        return;
    const uint64_t uses = count(before, &use);
    if (uses)
        catalog_tell(report, place, "yearly",
                     "%s.%s is yearly no more, and %llu records hold a day without a year in it, which no "
                     "other date is; keep `yearly: true`, or give those records a year first",
                     type->name, old->name, (unsigned long long)uses);
}

/* Times are stored without their zone: under another one they would be other moments. */
static void check_time_zone(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                            const Hopnhat__TypeDefinition *type, const Hopnhat__FieldDefinition *old,
                            struct catalog_report *report)
{
    const char *former = catalog_time_zone(before->catalog);
    const struct catalog_use use = {
        .type = catalog_type(before->catalog, type->number), .field = old, .holds = holds_any};
    if (old->kind != HOPNHAT__VALUE_KIND__KIND_TIME || strcmp(former, fresh->time_zone) == 0)
        return;
    const uint64_t uses = count(before, &use);
    if (uses)
        catalog_tell(report, WHOLE, "time_zone",
                     "the time zone was \"%s\", and %llu records hold times of it in %s.%s, which would be "
                     "other moments in \"%s\"; keep the time zone, and write times of another place in a "
                     "field whose label says so",
                     former, (unsigned long long)uses, type->name, old->name, fresh->time_zone);
}

static void check_reference(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                            const Hopnhat__TypeDefinition *type, const Hopnhat__FieldDefinition *old,
                            const Hopnhat__FieldDefinition *field, struct catalog_place place,
                            struct catalog_report *report)
{
    if (!old->reference || !field->reference ||
        old_number(before->catalog, old->reference) == fresh_number(before, fresh, field->reference))
        return;
    catalog_tell(
        report, place, "reference",
        "%s.%s referred to %s: the ids in it are of such records; add a field for %s and retire this one",
        type->name, old->name, old->reference, field->reference);
}

static void check_policy(const struct catalog_before *before, const Hopnhat__TypeDefinition *type,
                         const Hopnhat__FieldDefinition *old, const Hopnhat__FieldDefinition *field,
                         struct catalog_place place, struct catalog_report *report)
{
    if (old->policy == field->policy)
        return;
    if (!policies_agree(old->policy, field->policy))
        catalog_tell(
            report, place, "policy",
            "%s.%s was read by %s: what a counter holds are totals, which no other policy can read; add a "
            "field and retire this one",
            type->name, old->name, policy_word(old));
    else
        note(before, "%s.%s is read by %s, no more by %s: values that stand side by side are read anew",
             type->name, field->name, policy_word(field), policy_word(old));
}

/* Whether the catalog itself says that what it calls otherwise now is still the thing of that name: people
 * and their lists go on finding it by it, which nobody would want of another thing. */
static bool is_also_called(char *const *aliases, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(aliases[i], name) == 0)
            return true;
    return false;
}

/* Two names under one number: another name for the same thing, or another thing under its number. */
static void check_field_name(const struct catalog_before *before, const Hopnhat__TypeDefinition *old_type,
                             const Hopnhat__TypeDefinition *type, const Hopnhat__FieldDefinition *old,
                             const Hopnhat__FieldDefinition *field, struct catalog_place place,
                             struct catalog_report *report)
{
    if (strcmp(old->name, field->name) == 0)
        return;
    if (old->retired) {
        catalog_tell(
            report, place, "number",
            "number %u of %s is that of %s, which is retired and stands in the data still: a number is "
            "not used again; give %s a number of its own and leave %s as it was",
            field->number, type->name, old->name, field->name, old->name);
        return;
    }
    const Hopnhat__FieldDefinition *moved = field_named(type, old->name);
    const Hopnhat__FieldDefinition *taken = field_named(old_type, field->name);
    if (moved || taken)
        catalog_tell(report, place, "number",
                     "number %u of %s is that of %s, which stands in the data under it; give %s back its own "
                     "number",
                     field->number, type->name, old->name, taken ? taken->name : field->name);
    else if (!is_also_called(field->aliases, field->n_aliases, old->name))
        catalog_tell(
            report, place, "number",
            "number %u of %s is that of %s, and records would show what is in %s as %s; if that is "
            "the same under another name, write %s among its aliases; if not, give %s a number of its "
            "own and keep %s with `retired: true`",
            field->number, type->name, old->name, old->name, field->name, old->name, field->name, old->name);
    else
        note(before, "%s.%s is called %s now", type->name, old->name, field->name);
}

static void check_field(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                        const Hopnhat__TypeDefinition *old_type, const Hopnhat__FieldDefinition *old,
                        struct catalog_place place, struct catalog_report *report)
{
    const Hopnhat__TypeDefinition *type = fresh->types[place.type];
    place.field = find_field(type, old->number);
    if (place.field < 0) {
        catalog_tell(
            report, place, "fields",
            "%s.%s (number %u) is gone: what records hold in it could not be read; keep it with `retired: "
            "true`",
            type->name, old->name, old->number);
        return;
    }
    const Hopnhat__FieldDefinition *field = type->fields[place.field];
    check_field_name(before, old_type, type, old, field, place, report);
    if (old->kind != field->kind) {
        catalog_tell(
            report, place, "kind",
            "%s.%s was a field of the kind %s, and old values are no %s; add a field with a number of its "
            "own and retire this one",
            type->name, old->name, kind_word(old), kind_word(field));
        return;
    }
    check_policy(before, type, old, field, place, report);
    check_reference(before, fresh, type, old, field, place, report);
    check_choices(before, type, old, field, place, report);
    check_yearly(before, type, old, field, place, report);
    check_time_zone(before, fresh, type, old, report);
}

static void note_deletion(const struct catalog_before *before, const Hopnhat__TypeDefinition *old,
                          const Hopnhat__TypeDefinition *type)
{
    const struct catalog_use use = {.type = catalog_type(before->catalog, old->number), .holds = is_revived};
    if (old->deletion == type->deletion)
        return;
    if (type->deletion == HOPNHAT__DELETE_POLICY__DELETE_WINS)
        note(
            before,
            "%s is read by delete_wins: %llu records that an edit has brought back read as deleted then, and "
            "are purged like all deleted ones, by the time since this catalog came into force",
            type->name, (unsigned long long)count(before, &use));
    else
        note(before,
             "%s is read by edit_wins: deleted records that were edited beside it are back, unless they are "
             "purged by then",
             type->name);
}

static void check_type_name(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                            const Hopnhat__TypeDefinition *old, const Hopnhat__TypeDefinition *type,
                            struct catalog_place place, struct catalog_report *report)
{
    if (strcmp(old->name, type->name) == 0)
        return;
    if (old->retired) {
        catalog_tell(report, place, "number",
                     "number %u is that of the type %s, which is retired and whose records stand under it "
                     "still: a number is not used again; give %s a number of its own and leave %s as it was",
                     type->number, old->name, type->name, old->name);
        return;
    }
    bool moved = fresh_number(before, fresh, old->name) != old->number;
    if (moved || old_number(before->catalog, type->name))
        catalog_tell(
            report, place, "number",
            "number %u is that of the type %s, whose records stand under it; give %s a number of its own",
            type->number, old->name, type->name);
    else if (!is_also_called(type->aliases, type->n_aliases, old->name))
        catalog_tell(
            report, place, "number",
            "number %u is that of the type %s, and its records would be shown as %s; if that is the "
            "same under another name, write %s among its aliases; if not, give %s a number of its own "
            "and keep %s with `retired: true`",
            type->number, old->name, type->name, old->name, type->name, old->name);
    else
        note(before, "the type %s is called %s now", old->name, type->name);
}

static void check_type(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                       const Hopnhat__TypeDefinition *old, struct catalog_report *report)
{
    struct catalog_place place = WHOLE;
    place.type = find_type(fresh, old->number);
    if (place.type < 0) {
        catalog_tell(
            report, WHOLE, "types",
            "the type %s (number %u) is gone: its records could not be read; keep it with `retired: true`",
            old->name, old->number);
        return;
    }
    check_type_name(before, fresh, old, fresh->types[place.type], place, report);
    note_deletion(before, old, fresh->types[place.type]);
    for (size_t i = 0; i < old->n_fields; i++)
        check_field(before, fresh, old, old->fields[i], place, report);
}

void catalog_check_change(const struct catalog_before *before, const Hopnhat__Catalog *fresh,
                          struct catalog_report *report)
{
    if (fresh->version <= catalog_version(before->catalog))
        catalog_tell(report, WHOLE, "version",
                     "the version is %u, and version %u is in force: give it a higher one", fresh->version,
                     catalog_version(before->catalog));
    for (size_t i = 0; i < catalog_type_count(before->catalog); i++) {
        const Hopnhat__TypeDefinition *old = type_definition(catalog_type_at(before->catalog, i));
        if (old->number >= FIRST_NUMBER)
            check_type(before, fresh, old, report);
    }
}
