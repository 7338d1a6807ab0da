#include "store/contribution.h"

#include "model/fold.h"
#include "store/words.h"

#include <stdlib.h>

enum { ROW_HEADER_BYTES = 3 };

bool field_is_indexed(const Hopnhat__FieldDefinition *field)
{
    if (field->number == HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER)
        return true;
    return field->indexed && !field->retired && field->kind != HOPNHAT__VALUE_KIND__KIND_BYTES;
}

static bool is_searched(const Hopnhat__FieldDefinition *field)
{
    return field->kind == HOPNHAT__VALUE_KIND__KIND_TEXT && !field->retired;
}

static bool add_row(struct contribution *contribution, uint8_t database, struct bytes part,
                    struct arena *arena, struct error *error)
{
    if (contribution->count == contribution->capacity) {
        size_t capacity = contribution->capacity ? 2 * contribution->capacity : 32;
        struct contribution_row *grown = arena_alloc(arena, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        if (contribution->count)
            memcpy(grown, contribution->rows, contribution->count * sizeof *grown);
        contribution->rows = grown;
        contribution->capacity = capacity;
    }
    contribution->rows[contribution->count++] = (struct contribution_row){.database = database, .part = part};
    return true;
}

static bool add_value(struct contribution *contribution, const struct collation *collation,
                      const Hopnhat__FieldDefinition *field, struct bytes value, struct arena *arena,
                      struct error *error)
{
    struct sort_key key;
    if (!sort_key_make(collation, field, value, &key, error))
        return false;
    uint8_t *part = arena_alloc(arena, 4 + (size_t)key.size);
    if (!part)
        return out_of_memory(error);
    put_u32_be(part, field->number);
    memcpy(part + 4, key.data, key.size);
    return add_row(contribution, VIEW_INDEX, bytes_of(part, 4 + (size_t)key.size), arena, error);
}

static bool add_indexed(struct contribution *contribution, const struct catalog_type *type,
                        const struct collation *collation, const Hopnhat__Record *record,
                        const Hopnhat__FieldDefinition *field, struct arena *arena, struct error *error)
{
    struct reading reading;
    if (!field_is_indexed(field))
        return true;
    if (!fold_field(type, record, field, arena, &reading, error))
        return false;
    for (size_t i = 0; i < reading.count; i++)
        if (!add_value(contribution, collation, field, reading.values[i], arena, error))
            return false;
    return reading.count || add_value(contribution, collation, field, bytes_of(NULL, 0), arena, error);
}

bool contribution_words(const struct catalog_type *type, const Hopnhat__Record *record, struct arena *arena,
                        struct words *words, struct error *error)
{
    const Hopnhat__TypeDefinition *definition = type_definition(type);
    struct reading reading;
    for (size_t i = 0; i < definition->n_fields; i++) {
        if (!is_searched(definition->fields[i]) || !record_field(record, definition->fields[i]->number))
            continue;
        if (!fold_field(type, record, definition->fields[i], arena, &reading, error))
            return false;
        for (size_t j = 0; j < reading.count; j++)
            if (!words_add(words, reading.values[j], arena, error))
                return false;
    }
    words_sort(words);
    return true;
}

static bool add_words(struct contribution *contribution, const struct catalog_type *type,
                      const Hopnhat__Record *record, struct arena *arena, struct error *error)
{
    struct words words = {0};
    if (!contribution_words(type, record, arena, &words, error))
        return false;
    for (size_t i = 0; i < words.count; i++) {
        uint8_t *part = arena_alloc(arena, words.words[i].size + 1); /* zeroed: ends in a 0 */
        if (!part)
            return out_of_memory(error);
        memcpy(part, words.words[i].data, words.words[i].size);
        if (!add_row(contribution, VIEW_WORDS, bytes_of(part, words.words[i].size + 1), arena, error))
            return false;
    }
    return true;
}

int contribution_compare(const struct contribution_row *a, const struct contribution_row *b)
{
    return a->database != b->database ? a->database - b->database : bytes_compare(a->part, b->part);
}

static int by_row(const void *a, const void *b)
{
    return contribution_compare(a, b);
}

static void sort_rows(struct contribution *contribution)
{
    size_t kept = 0;
    struct contribution_row *rows = contribution->rows;
    if (contribution->count)
        qsort(rows, contribution->count, sizeof *rows, by_row);
    for (size_t i = 0; i < contribution->count; i++)
        if (i == 0 || contribution_compare(&rows[i], &rows[kept - 1]) != 0)
            rows[kept++] = rows[i];
    contribution->count = kept;
}

bool contribution_make(const struct catalog *catalog, const struct collation *collation,
                       const Hopnhat__Record *record, struct arena *arena, struct contribution *contribution,
                       struct error *error)
{
    const struct catalog_type *type = catalog_type(catalog, record->type);
    bool deleted;
    if (!type)
        return true;
    if (!fold_deleted(type, record, arena, &deleted, NULL, error))
        return false;
    if (deleted)
        return true;
    const Hopnhat__TypeDefinition *definition = type_definition(type);
    const Hopnhat__FieldDefinition *owner = type_field(type, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER);
    contribution->flags = CONTRIBUTION_LIVE;
    if (owner && !add_indexed(contribution, type, collation, record, owner, arena, error))
        return false;
    for (size_t i = 0; i < definition->n_fields; i++)
        if (!add_indexed(contribution, type, collation, record, definition->fields[i], arena, error))
            return false;
    if (!add_words(contribution, type, record, arena, error))
        return false;
    sort_rows(contribution);
    return true;
}

bool contribution_pack(const struct contribution *contribution, struct arena *arena, struct bytes *stored,
                       struct error *error)
{
    size_t size = 1;
    for (size_t i = 0; i < contribution->count; i++)
        size += ROW_HEADER_BYTES + contribution->rows[i].part.size;
    uint8_t *data = arena_alloc(arena, size), *at = data;
    if (!data)
        return out_of_memory(error);
    *at++ = contribution->flags;
    for (size_t i = 0; i < contribution->count; i++) {
        const struct contribution_row *row = &contribution->rows[i];
        at[0] = row->database;
        put_u16_be(at + 1, (uint16_t)row->part.size);
        memcpy(at + ROW_HEADER_BYTES, row->part.data, row->part.size);
        at += ROW_HEADER_BYTES + row->part.size;
    }
    *stored = bytes_of(data, size);
    return true;
}

bool contribution_unpack(struct bytes stored, struct arena *arena, struct contribution *contribution,
                         struct error *error)
{
    *contribution = (struct contribution){.flags = stored.size ? stored.data[0] : 0};
    for (size_t at = 1; at < stored.size;) {
        size_t room = stored.size - at;
        size_t size =
            room < ROW_HEADER_BYTES ? SIZE_MAX : (size_t)stored.data[at + 1] << 8 | stored.data[at + 2];
        if (size > room - ROW_HEADER_BYTES || room < ROW_HEADER_BYTES)
            return error_set(error, ERROR_CORRUPT, "a row of the views cannot be read");
        if (!add_row(contribution, stored.data[at], bytes_of(stored.data + at + ROW_HEADER_BYTES, size),
                     arena, error))
            return false;
        at += ROW_HEADER_BYTES + size;
    }
    return true;
}

void contribution_key(const struct contribution_row *row, uint32_t type, const uint8_t id[16],
                      struct key *key)
{
    key->size = 0;
    if (row->database == VIEW_WORDS) {
        key_add(key, row->part.data, row->part.size);
        key_add_u32(key, type);
    } else {
        key_add_u32(key, type);
        key_add(key, row->part.data, row->part.size);
    }
    key_add(key, id, 16);
}
