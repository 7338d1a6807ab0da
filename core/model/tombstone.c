/* Deletion: a tombstone lists what its author saw. fold.h says how it is read. */
#include "model/fold.h"

#include "base/limits.h"

#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
    const struct entry_id *left = a, *right = b;
    return entry_id_compare(*left, *right);
}

enum { TOMBSTONE_BYTES = LIMIT_CHANGE_BYTES / 2, CHECK_ARENA_BYTES = 64 * 1024 * 1024 };

/* The ids that a tombstone lists, ascending. */
static bool tombstone_unpack(const Hopnhat__Entry *entry, struct arena *arena, struct entry_list *seen,
                             struct error *error)
{
    struct bytes value = entry_value(entry);
    Hopnhat__Tombstone *tombstone = hopnhat__tombstone__unpack(&arena->protobuf, value.size, value.data);
    if (!tombstone && arena->failure != ERROR_NONE)
        return out_of_memory(error);
    if (!tombstone || tombstone->n_seen % 3)
        return error_set(error, ERROR_CORRUPT, "a tombstone that is not well formed");
    seen->count = tombstone->n_seen / 3;
    seen->ids = arena_alloc(arena, seen->count * sizeof *seen->ids);
    if (!seen->ids)
        return out_of_memory(error);
    for (size_t i = 0; i < seen->count; i++) {
        const uint64_t *triple = tombstone->seen + 3 * i;
        if (triple[0] >= tombstone->n_replicas)
            return error_set(error, ERROR_CORRUPT, "a tombstone that is not well formed");
        seen->ids[i] = (struct entry_id){{tombstone->replicas[triple[0]], triple[1]}, (uint32_t)triple[2]};
    }
    if (seen->count)
        qsort(seen->ids, seen->count, sizeof *seen->ids, by_id);
    return true;
}

bool tombstones_list(const struct tombstones *tombstones, struct entry_id id)
{
    for (size_t i = 0; i < tombstones->count; i++) {
        const struct entry_list *list = &tombstones->lists[i];
        if (list->count && bsearch(&id, list->ids, list->count, sizeof id, by_id))
            return true;
    }
    return false;
}

static bool all_listed(const Hopnhat__Record *record, const struct tombstones *tombstones)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        const Hopnhat__Field *field = record->fields[i];
        if (field->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
            continue;
        for (size_t j = 0; j < field->n_entries; j++)
            if (!tombstones_list(tombstones, entry_id_of(field->entries[j])))
                return false;
    }
    return true;
}

bool tombstones_read(const Hopnhat__Record *record, struct arena *arena, struct tombstones *tombstones,
                     struct error *error)
{
    const Hopnhat__Field *field = record_field(record, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED);
    *tombstones = (struct tombstones){0};
    if (!field || field->n_entries == 0)
        return true;
    tombstones->lists = arena_alloc(arena, field->n_entries * sizeof *tombstones->lists);
    if (!tombstones->lists)
        return out_of_memory(error);
    for (size_t i = 0; i < field->n_entries; i++) {
        if (!field->entries[i]->has_value)
            continue; /* a restore: it superseded the tombstones that its author saw */
        if (!tombstone_unpack(field->entries[i], arena, &tombstones->lists[tombstones->count], error))
            return false;
        tombstones->count++;
    }
    return true;
}

bool fold_deleted(const struct catalog_type *type, const Hopnhat__Record *record, struct arena *arena,
                  bool *deleted, bool *altered, struct error *error)
{
    struct tombstones tombstones;
    *deleted = false;
    if (altered)
        *altered = false;
    if (!tombstones_read(record, arena, &tombstones, error))
        return false;
    *deleted = tombstones.count && (type_definition(type)->deletion == HOPNHAT__DELETE_POLICY__DELETE_WINS ||
                                    all_listed(record, &tombstones));
    if (altered)
        *altered = tombstones.count && !*deleted;
    return true;
}

static uint64_t replica_position(Hopnhat__Tombstone *tombstone, uint64_t replica)
{
    for (size_t i = 0; i < tombstone->n_replicas; i++)
        if (tombstone->replicas[i] == replica)
            return i;
    tombstone->replicas[tombstone->n_replicas] = replica;
    return tombstone->n_replicas++;
}

bool tombstone_pack(const Hopnhat__Record *record, struct arena *arena, struct bytes *value,
                    struct error *error)
{
    Hopnhat__Tombstone tombstone = HOPNHAT__TOMBSTONE__INIT;
    size_t total = 0;
    for (size_t i = 0; i < record->n_fields; i++)
        total += record->fields[i]->n_entries;
    tombstone.replicas = arena_alloc(arena, total * sizeof *tombstone.replicas);
    tombstone.seen = arena_alloc(arena, 3 * total * sizeof *tombstone.seen);
    if (!tombstone.replicas || !tombstone.seen)
        return out_of_memory(error);
    for (size_t i = 0; i < record->n_fields; i++) {
        const Hopnhat__Field *field = record->fields[i];
        if (field->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
            continue;
        for (size_t j = 0; j < field->n_entries; j++) {
            struct entry_id id = entry_id_of(field->entries[j]);
            tombstone.seen[tombstone.n_seen++] = replica_position(&tombstone, id.dot.replica);
            tombstone.seen[tombstone.n_seen++] = id.dot.seq;
            tombstone.seen[tombstone.n_seen++] = id.index;
        }
    }
    uint8_t *data = arena_alloc(arena, hopnhat__tombstone__get_packed_size(&tombstone));
    if (!data)
        return out_of_memory(error);
    *value = bytes_of(data, hopnhat__tombstone__pack(&tombstone, data));
    if (value->size > TOMBSTONE_BYTES)
        return error_set(error, ERROR_LIMIT, "the record holds too many values to delete it at once");
    return true;
}

bool tombstone_check(struct bytes value, struct error *error)
{
    Hopnhat__Entry entry = HOPNHAT__ENTRY__INIT;
    struct entry_list seen;
    struct arena arena;
    if (value.size > TOMBSTONE_BYTES)
        return error_set(error, ERROR_LIMIT, "a deletion of %zu bytes; the most is %d", value.size,
                         TOMBSTONE_BYTES);
    entry.has_value = true;
    entry.value = (ProtobufCBinaryData){value.size, (uint8_t *)(uintptr_t)value.data};
    arena_init(&arena, CHECK_ARENA_BYTES);
    bool sound = tombstone_unpack(&entry, &arena, &seen, error);
    arena_release(&arena);
    if (!sound && error->code == ERROR_CORRUPT)
        error->code = ERROR_INPUT;
    return sound;
}
