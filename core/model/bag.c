#include "model/bag.h"

#include "base/limits.h"

Hopnhat__Record *record_new(struct arena *arena, uint32_t type, const uint8_t id[16])
{
    Hopnhat__Record *record = arena_alloc(arena, sizeof *record);
    if (!record)
        return NULL;
    hopnhat__record__init(record);
    record->type = type;
    record->id.len = 16;
    record->id.data = arena_copy(arena, id, 16);
    return record->id.data ? record : NULL;
}

Hopnhat__Record *record_copy(struct arena *arena, const Hopnhat__Record *record)
{
    Hopnhat__Record *copy = arena_copy(arena, record, sizeof *record);
    if (!copy)
        return NULL;
    copy->fields = arena_copy(arena, record->fields, record->n_fields * sizeof *record->fields);
    if (!copy->fields)
        return NULL;
    for (size_t i = 0; i < copy->n_fields; i++) {
        Hopnhat__Field *field = arena_copy(arena, record->fields[i], sizeof *field);
        if (!field)
            return NULL;
        field->entries = arena_copy(arena, field->entries, field->n_entries * sizeof *field->entries);
        field->absent = arena_copy(arena, field->absent, field->n_absent * sizeof *field->absent);
        if (!field->entries || !field->absent)
            return NULL;
        copy->fields[i] = field;
    }
    return copy;
}

/* Where in the ascending fields the number is, or would be. */
static size_t field_place(const Hopnhat__Record *record, uint32_t number)
{
    size_t low = 0, high = record->n_fields;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (record->fields[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

Hopnhat__Field *record_field(const Hopnhat__Record *record, uint32_t number)
{
    size_t place = field_place(record, number);
    return place < record->n_fields && record->fields[place]->number == number ? record->fields[place] : NULL;
}

/* A copy of an array of pointers with room for one more at `place`; NULL: out of memory. */
static void *with_gap(struct arena *arena, const void *items, size_t count, size_t place)
{
    const size_t size = sizeof(void *);
    uint8_t *grown = arena_alloc(arena, (count + 1) * size);
    if (!grown)
        return NULL;
    if (place)
        memcpy(grown, items, place * size);
    if (count > place)
        memcpy(grown + (place + 1) * size, (const uint8_t *)items + place * size, (count - place) * size);
    return grown;
}

static bool field_insert(struct arena *arena, Hopnhat__Record *record, size_t place, Hopnhat__Field *field)
{
    Hopnhat__Field **fields = with_gap(arena, record->fields, record->n_fields, place);
    if (!fields)
        return false;
    fields[place] = field;
    record->fields = fields;
    record->n_fields++;
    return true;
}

Hopnhat__Field *record_field_make(struct arena *arena, Hopnhat__Record *record, uint32_t number)
{
    size_t place = field_place(record, number);
    if (place < record->n_fields && record->fields[place]->number == number)
        return record->fields[place];
    Hopnhat__Field *field = arena_alloc(arena, sizeof *field);
    if (!field)
        return NULL;
    hopnhat__field__init(field);
    field->number = number;
    return field_insert(arena, record, place, field) ? field : NULL;
}

bool record_field_replace(struct arena *arena, Hopnhat__Record *record, Hopnhat__Field *field)
{
    size_t place = field_place(record, field->number);
    if (place < record->n_fields && record->fields[place]->number == field->number) {
        record->fields[place] = field;
        return true;
    }
    return field_insert(arena, record, place, field);
}

static size_t entry_place(const Hopnhat__Field *field, struct entry_id id)
{
    size_t low = 0, high = field->n_entries;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_id_compare(entry_id_of(field->entries[middle]), id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool entry_is_at(const Hopnhat__Field *field, size_t place, struct entry_id id)
{
    return place < field->n_entries && entry_id_compare(entry_id_of(field->entries[place]), id) == 0;
}

Hopnhat__Entry *bag_find(const Hopnhat__Field *field, struct entry_id id)
{
    size_t place = entry_place(field, id);
    return entry_is_at(field, place, id) ? field->entries[place] : NULL;
}

bool bag_put(struct arena *arena, Hopnhat__Field *field, Hopnhat__Entry *entry, struct error *error)
{
    struct entry_id id = entry_id_of(entry);
    size_t place = entry_place(field, id);
    if (entry_is_at(field, place, id)) {
        field->entries[place] = entry;
        return true;
    }
    if (field->n_entries >= LIMIT_ENTRIES_PER_FIELD)
        return error_set(error, ERROR_LIMIT, "field %u would hold more than %d values; remove some first",
                         field->number, LIMIT_ENTRIES_PER_FIELD);
    Hopnhat__Entry **entries = with_gap(arena, field->entries, field->n_entries, place);
    if (!entries)
        return out_of_memory(error);
    entries[place] = entry;
    field->entries = entries;
    field->n_entries++;
    return true;
}

bool bag_take(Hopnhat__Field *field, struct entry_id id)
{
    size_t place = entry_place(field, id);
    if (!entry_is_at(field, place, id))
        return false;
    field->n_entries--;
    memmove(field->entries + place, field->entries + place + 1,
            (field->n_entries - place) * sizeof *field->entries);
    return true;
}

static size_t absent_place(const Hopnhat__Field *field, struct entry_id id)
{
    size_t place = 0;
    while (place < field->n_absent && entry_id_compare(entry_id_unpacked(field->absent[place]), id) < 0)
        place++;
    return place;
}

static bool absent_is_at(const Hopnhat__Field *field, size_t place, struct entry_id id)
{
    return place < field->n_absent && entry_id_compare(entry_id_unpacked(field->absent[place]), id) == 0;
}

bool absent_put(struct arena *arena, Hopnhat__Field *field, struct entry_id id, struct error *error)
{
    size_t place = absent_place(field, id);
    if (absent_is_at(field, place, id))
        return true;
    if (field->n_absent >= LIMIT_ABSENT_PER_FIELD)
        return error_set(error, ERROR_LIMIT,
                         "field %u: the change supersedes more than %d values that never came", field->number,
                         LIMIT_ABSENT_PER_FIELD);
    Hopnhat__EntryId **absent = with_gap(arena, field->absent, field->n_absent, place);
    Hopnhat__EntryId *added = arena_alloc(arena, sizeof *added);
    if (!absent || !added)
        return out_of_memory(error);
    hopnhat__entry_id__init(added);
    added->replica = id.dot.replica;
    added->seq = id.dot.seq;
    added->has_index = id.index != 0;
    added->index = id.index;
    absent[place] = added;
    field->absent = absent;
    field->n_absent++;
    return true;
}

bool absent_has(const Hopnhat__Field *field, struct entry_id id)
{
    return absent_is_at(field, absent_place(field, id), id);
}

bool absent_take(Hopnhat__Field *field, struct entry_id id)
{
    size_t place = absent_place(field, id);
    if (!absent_is_at(field, place, id))
        return false;
    field->n_absent--;
    memmove(field->absent + place, field->absent + place + 1,
            (field->n_absent - place) * sizeof *field->absent);
    return true;
}
