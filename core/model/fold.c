#include "model/fold.h"

#include "model/decimal.h"
#include "model/value.h"

#include <stdlib.h>

static bool is_later(const Hopnhat__Entry *a, const Hopnhat__Entry *b)
{
    return a->time != b->time ? a->time > b->time : entry_id_compare(entry_id_of(a), entry_id_of(b)) > 0;
}

const Hopnhat__Entry *fold_latest(const Hopnhat__Field *field)
{
    const Hopnhat__Entry *latest = NULL;
    for (size_t i = 0; i < field->n_entries; i++)
        if (!latest || is_later(field->entries[i], latest))
            latest = field->entries[i];
    return latest;
}

const Hopnhat__Entry *fold_authority(const Hopnhat__Field *field)
{
    const Hopnhat__Entry *best = NULL;
    for (size_t i = 0; i < field->n_entries; i++) {
        const Hopnhat__Entry *entry = field->entries[i];
        if (!best || entry->rank > best->rank || (entry->rank == best->rank && is_later(entry, best)))
            best = entry;
    }
    return best;
}

static struct bytes system_register(const Hopnhat__Record *record, uint32_t number)
{
    const Hopnhat__Field *field = record_field(record, number);
    const Hopnhat__Entry *entry = field ? fold_authority(field) : NULL;
    return entry ? entry_value(entry) : bytes_of(NULL, 0);
}

struct bytes fold_group(const Hopnhat__Record *record)
{
    return system_register(record, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP);
}

struct bytes fold_owner(const Hopnhat__Record *record)
{
    return system_register(record, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER);
}

bool fold_reads_one(Hopnhat__MergePolicy policy)
{
    return policy != HOPNHAT__MERGE_POLICY__SUM && policy != HOPNHAT__MERGE_POLICY__UNION &&
           policy != HOPNHAT__MERGE_POLICY__THREAD;
}

bool fold_concurrent(const struct catalog_type *type, const Hopnhat__Record *record,
                     const Hopnhat__FieldDefinition *definition)
{
    size_t members = 0;
    const Hopnhat__FieldDefinition *const *unit = type_unit(type, definition, &members);
    const Hopnhat__Field *field = record_field(record, definition->number);
    if (definition->retired || !field || field->n_entries < 2)
        return false;
    bool differ = fold_distinct(field) > 1;
    for (size_t i = 0; i < members && !differ; i++) {
        field = record_field(record, unit[i]->number);
        differ = field && fold_distinct(field) > 1;
    }
    return differ;
}

size_t fold_distinct(const Hopnhat__Field *field)
{
    size_t distinct = 0;
    for (size_t i = 0; i < field->n_entries; i++) {
        size_t j = 0;
        while (j < i && !bytes_equal(entry_value(field->entries[i]), entry_value(field->entries[j])))
            j++;
        distinct += j == i;
    }
    return distinct;
}

static const Hopnhat__Entry *extreme(const Hopnhat__Field *field, const Hopnhat__FieldDefinition *definition)
{
    int sign = definition->policy == HOPNHAT__MERGE_POLICY__LOWEST ? -1 : 1;
    const Hopnhat__Entry *best = NULL;
    for (size_t i = 0; i < field->n_entries; i++) {
        const Hopnhat__Entry *entry = field->entries[i];
        if (!entry->has_value)
            continue;
        int order = best ? sign * value_compare(definition, entry_value(entry), entry_value(best)) : 1;
        if (order > 0 || (order == 0 && is_later(entry, best)))
            best = entry;
    }
    return best;
}

/* The entry that a single value is read from. */
static const Hopnhat__Entry *chosen(const Hopnhat__Field *field, const Hopnhat__FieldDefinition *definition)
{
    switch (definition->policy) {
    case HOPNHAT__MERGE_POLICY__AUTHORITY:
        return fold_authority(field);
    case HOPNHAT__MERGE_POLICY__HIGHEST:
    case HOPNHAT__MERGE_POLICY__LOWEST:
        return extreme(field, definition);
    default:
        return fold_latest(field);
    }
}

static bool needs_person(Hopnhat__MergePolicy policy)
{
    return policy == HOPNHAT__MERGE_POLICY__REVIEW || policy == HOPNHAT__MERGE_POLICY__TEXT;
}

/* Room for `capacity` values; *values and *entries are filled afterwards by the caller. */
static bool make_room(struct reading *reading, size_t capacity, struct arena *arena, struct bytes **values,
                      const Hopnhat__Entry ***entries, struct error *error)
{
    *values = arena_alloc(arena, capacity * sizeof **values);
    *entries = arena_alloc(arena, capacity * sizeof(Hopnhat__Entry *));
    reading->values = *values;
    reading->entries = *entries;
    return (*values && *entries) || out_of_memory(error);
}

static bool read_single(const Hopnhat__Entry *entry, struct arena *arena, struct reading *reading,
                        struct error *error)
{
    struct bytes *values;
    const Hopnhat__Entry **entries;
    if (!entry)
        return true;
    if (!make_room(reading, 1, arena, &values, &entries, error))
        return false;
    values[0] = entry_value(entry);
    entries[0] = entry;
    reading->count = entry->has_value ? 1 : 0;
    return true;
}

static bool read_sum(const Hopnhat__Field *field, struct arena *arena, struct reading *reading,
                     struct error *error)
{
    struct decimal sum = {0}, one;
    char text[DECIMAL_TEXT_BYTES];
    struct bytes *values;
    const Hopnhat__Entry **entries;
    if (field->n_entries == 0)
        return true;
    for (size_t i = 0; i < field->n_entries; i++)
        if (!decimal_parse(entry_value(field->entries[i]), &one, error) ||
            !decimal_add(sum, one, &sum, error))
            return error_set(error, ERROR_CORRUPT, "the counter in field %u is no number", field->number);
    if (!make_room(reading, 1, arena, &values, &entries, error))
        return false;
    size_t size = decimal_format(sum, text);
    values[0] = bytes_of(arena_copy(arena, text, size), size);
    entries[0] = fold_latest(field);
    reading->count = 1;
    return values[0].data || out_of_memory(error);
}

static int earlier_first(const void *a, const void *b)
{
    const Hopnhat__Entry *left = *(Hopnhat__Entry *const *)a, *right = *(Hopnhat__Entry *const *)b;
    return is_later(left, right) - is_later(right, left);
}

/* All entries by time; for a set, each distinct value once, at its first entry. */
static bool read_many(const Hopnhat__Field *field, bool distinct, struct arena *arena,
                      struct reading *reading, struct error *error)
{
    struct bytes *values;
    const Hopnhat__Entry **entries;
    reading->many = true;
    if (!make_room(reading, field->n_entries, arena, &values, &entries, error))
        return false;
    if (field->n_entries)
        memcpy(entries, field->entries, field->n_entries * sizeof *entries);
    qsort(entries, field->n_entries, sizeof *entries, earlier_first);
    for (size_t i = 0; i < field->n_entries; i++) {
        struct bytes value = entry_value(entries[i]);
        bool again = value.size == 0;
        for (size_t j = 0; distinct && !again && j < reading->count; j++)
            again = bytes_equal(values[j], value);
        if (again)
            continue;
        values[reading->count] = value;
        entries[reading->count++] = entries[i];
    }
    return true;
}

static bool read_alone(const Hopnhat__Field *field, const Hopnhat__FieldDefinition *definition,
                       struct arena *arena, struct reading *reading, struct error *error)
{
    switch (definition->policy) {
    case HOPNHAT__MERGE_POLICY__SUM:
        return read_sum(field, arena, reading, error);
    case HOPNHAT__MERGE_POLICY__UNION:
    case HOPNHAT__MERGE_POLICY__THREAD:
        return read_many(field, definition->policy == HOPNHAT__MERGE_POLICY__UNION, arena, reading, error);
    default:
        return read_single(chosen(field, definition), arena, reading, error);
    }
}

/* A unit: its fields, and those writings (changes) that wrote all of them and are live in each. */
struct unit {
    const Hopnhat__FieldDefinition *const *members;
    size_t count;
    const Hopnhat__Record *record;
};

static const Hopnhat__Entry *entry_of_dot(const Hopnhat__Field *field, struct dot dot)
{
    for (size_t i = 0; field && i < field->n_entries; i++)
        if (field->entries[i]->replica == dot.replica && field->entries[i]->seq == dot.seq)
            return field->entries[i];
    return NULL;
}

static bool is_complete(const struct unit *unit, struct dot dot)
{
    for (size_t i = 0; i < unit->count; i++)
        if (!entry_of_dot(record_field(unit->record, unit->members[i]->number), dot))
            return false;
    return true;
}

/* The unit's fields are read from one complete writing, chosen by the policy over the first member's entries.
 * Without one they are read singly. */
static bool read_in_unit(const struct unit *unit, const Hopnhat__FieldDefinition *definition,
                         struct arena *arena, struct reading *reading, struct error *error)
{
    const Hopnhat__Field *field = record_field(unit->record, definition->number);
    const Hopnhat__Field *first = record_field(unit->record, unit->members[0]->number);
    Hopnhat__Field complete = HOPNHAT__FIELD__INIT;
    complete.entries = arena_alloc(arena, (first ? first->n_entries : 0) * sizeof *complete.entries);
    if (!complete.entries)
        return out_of_memory(error);
    for (size_t i = 0; first && i < first->n_entries; i++) {
        struct dot dot = entry_id_of(first->entries[i]).dot;
        if (is_complete(unit, dot))
            complete.entries[complete.n_entries++] = first->entries[i];
    }
    if (complete.n_entries == 0)
        return !field || read_alone(field, definition, arena, reading, error);
    struct dot dot =
        entry_id_of(definition->policy == HOPNHAT__MERGE_POLICY__AUTHORITY ? fold_authority(&complete)
                                                                           : fold_latest(&complete))
            .dot;
    return read_single(entry_of_dot(field, dot), arena, reading, error);
}

bool fold_field(const struct catalog_type *type, const Hopnhat__Record *record,
                const Hopnhat__FieldDefinition *definition, struct arena *arena, struct reading *reading,
                struct error *error)
{
    *reading = (struct reading){.open = needs_person(definition->policy) &&
                                        fold_concurrent(type, record, definition)};
    struct unit unit = {.record = record};
    if (definition->unit) {
        unit.members = type_unit(type, definition, &unit.count);
        if (unit.count > 1)
            return read_in_unit(&unit, definition, arena, reading, error);
    }
    const Hopnhat__Field *field = record_field(record, definition->number);
    if (field)
        return read_alone(field, definition, arena, reading, error);
    reading->many = definition->policy == HOPNHAT__MERGE_POLICY__UNION ||
                    definition->policy == HOPNHAT__MERGE_POLICY__THREAD;
    return true;
}
