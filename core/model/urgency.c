#include "model/urgency.h"

#include "model/bag.h"
#include "model/fold.h"

static bool is_marked(const struct catalog_type *type, const Hopnhat__Record *record)
{
    const char *name = type_definition(type)->urgent;
    const Hopnhat__FieldDefinition *definition = name ? type_field_named(type, name) : NULL;
    const Hopnhat__Field *field = definition ? record_field(record, definition->number) : NULL;
    if (!field)
        return false;
    const Hopnhat__Entry *entry =
        definition->policy == HOPNHAT__MERGE_POLICY__AUTHORITY ? fold_authority(field) : fold_latest(field);
    return entry && bytes_equal(entry_value(entry), bytes_of_string("true"));
}

enum urgency urgency_of(const struct catalog *catalog, const Hopnhat__Record *record)
{
    const struct catalog_type *type = catalog_type(catalog, record->type);
    if (!type)
        return URGENCY_NONE;
    if (is_marked(type, record))
        return URGENCY_MARKED;
    return type_definition(type)->ahead ? URGENCY_AHEAD : URGENCY_NONE;
}
