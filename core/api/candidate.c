#include "api/candidate.h"

#include <stdlib.h>

static int compare_written(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->entry->time != right->entry->time)
        return left->entry->time < right->entry->time ? -1 : 1;
    return entry_id_compare(entry_id_of(left->entry), entry_id_of(right->entry));
}

/* A field and those of its unit, in a record. */
struct unit {
    const Hopnhat__Record *record;
    const Hopnhat__FieldDefinition *const *members;
    size_t count;
};

/* What the change wrote into the field; NULL: nothing that stands there. */
static const Hopnhat__Entry *entry_of(const struct unit *unit, size_t member, struct dot dot)
{
    const Hopnhat__Field *field = record_field(unit->record, unit->members[member]->number);
    for (size_t i = 0; field && i < field->n_entries; i++)
        if (dot_compare(entry_id_of(field->entries[i]).dot, dot) == 0)
            return field->entries[i];
    return NULL;
}

/* Whether the two wrote the same, into the unit's other fields too. */
static bool wrote_the_same(const struct unit *unit, const Hopnhat__Entry *a, const Hopnhat__Entry *b)
{
    bool same = bytes_equal(entry_value(a), entry_value(b));
    for (size_t i = 0; same && i < unit->count; i++) {
        const Hopnhat__Entry *left = entry_of(unit, i, entry_id_of(a).dot),
                             *right = entry_of(unit, i, entry_id_of(b).dot);
        same = (!left && !right) || (left && right && bytes_equal(entry_value(left), entry_value(right)));
    }
    return same;
}

/* Leaves of each writing only the first. */
static size_t keep_distinct(const struct unit *unit, struct candidate *list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < kept && !wrote_the_same(unit, list[i].entry, list[j].entry))
            j++;
        if (j == kept)
            list[kept++] = list[i];
    }
    return kept;
}

bool candidates_find(const struct catalog_type *type, const Hopnhat__Record *record,
                     const Hopnhat__FieldDefinition *definition, struct arena *arena,
                     struct candidate **candidates, size_t *count, bool *open, struct error *error)
{
    const Hopnhat__Field *field = record_field(record, definition->number);
    size_t entries = field ? field->n_entries : 0;
    struct candidate *list = arena_alloc(arena, entries * sizeof *list);
    struct unit unit = {.record = record};
    struct reading reading;
    if (!list)
        return out_of_memory(error);
    if (!fold_field(type, record, definition, arena, &reading, error))
        return false;
    for (size_t i = 0; i < entries; i++)
        list[i] = (struct candidate){.entry = field->entries[i]};
    if (entries)
        qsort(list, entries, sizeof *list, compare_written);
    unit.members = type_unit(type, definition, &unit.count);
    *count = keep_distinct(&unit, list, entries);
    for (size_t i = 0; i < *count && reading.entries; i++)
        list[i].chosen = wrote_the_same(&unit, list[i].entry, reading.entries[0]);
    *candidates = list;
    *open = reading.open;
    return true;
}

bool candidate_take(const struct catalog_type *type, const Hopnhat__Record *record,
                    const Hopnhat__FieldDefinition *definition, const Hopnhat__Entry *entry,
                    struct arena *arena, struct assignment_list *list, struct error *error)
{
    size_t members = 0;
    const Hopnhat__FieldDefinition *const *unit = type_unit(type, definition, &members);
    struct bytes *values = arena_alloc(arena, (members + 1) * sizeof *values);
    list->items = arena_alloc(arena, (members + 1) * sizeof *list->items);
    if (!list->items || !values)
        return out_of_memory(error);
    values[0] = entry_value(entry);
    list->items[list->count++] =
        (struct assignment){.definition = definition, .kind = ASSIGN_SET, .values = &values[0], .count = 1};
    for (size_t i = 0; i < members; i++) {
        const Hopnhat__Field *field = unit[i] == definition ? NULL : record_field(record, unit[i]->number);
        for (size_t j = 0; field && j < field->n_entries; j++) {
            if (dot_compare(entry_id_of(field->entries[j]).dot, entry_id_of(entry).dot) != 0)
                continue;
            values[list->count] = entry_value(field->entries[j]);
            list->items[list->count] = (struct assignment){
                .definition = unit[i], .kind = ASSIGN_SET, .values = &values[list->count], .count = 1};
            list->count++;
            break;
        }
    }
    return true;
}
