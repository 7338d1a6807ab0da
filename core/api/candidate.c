#include "api/candidate.h"

#include <stdlib.h>

static int compare_written(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->entry->time != right->entry->time)
        return left->entry->time < right->entry->time ? -1 : 1;
    return entry_id_compare(entry_id_of(left->entry), entry_id_of(right->entry));
}

/* Leaves of each value only the first. */
static size_t keep_distinct(struct candidate *list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < kept && !bytes_equal(entry_value(list[i].entry), entry_value(list[j].entry)))
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
    struct reading reading;
    if (!list)
        return error_set(error, ERROR_MEMORY, "out of memory");
    if (!fold_field(type, record, definition, arena, &reading, error))
        return false;
    for (size_t i = 0; i < entries; i++)
        list[i] = (struct candidate){.entry = field->entries[i]};
    if (entries)
        qsort(list, entries, sizeof *list, compare_written);
    *count = keep_distinct(list, entries);
    struct bytes read = reading.count ? reading.values[0] : bytes_of(NULL, 0);
    for (size_t i = 0; i < *count; i++)
        list[i].chosen = bytes_equal(entry_value(list[i].entry), read);
    *candidates = list;
    *open = reading.open;
    return true;
}
