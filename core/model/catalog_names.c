#include "model/catalog_names.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdlib.h>

bool catalog_name_is_sound(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= 63 && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

static bool grow(struct name_table *table, struct arena *arena, struct error *error)
{
    if (table->count < table->capacity)
        return true;
    size_t capacity = table->capacity ? table->capacity * 2 : 64;
    struct name_key *keys = arena_alloc(arena, capacity * sizeof *keys);
    if (!keys)
        return error_set(error, ERROR_MEMORY, "no memory for the names of a catalog");
    if (table->count > 0)
        memcpy(keys, table->keys, table->count * sizeof *keys);
    table->keys = keys;
    table->capacity = capacity;
    return true;
}

static bool add(struct name_table *table, struct arena *arena, size_t position, enum name_rank rank,
                const char *name, struct error *error)
{
    if (!name)
        return true;
    const char *folded = text_fold(arena, bytes_of_string(name), error);
    if (!folded || !grow(table, arena, error))
        return false;
    if (*folded)
        table->keys[table->count++] = (struct name_key){folded, rank, position};
    return true;
}

bool names_add(struct name_table *table, struct arena *arena, size_t position, const char *name,
               const Hopnhat__Label *label, char *const *aliases, size_t alias_count, struct error *error)
{
    if (!add(table, arena, position, NAME_ITSELF, name, error))
        return false;
    if (label && (!add(table, arena, position, NAME_LABEL, label->vi, error) ||
                  !add(table, arena, position, NAME_LABEL, label->en, error)))
        return false;
    for (size_t i = 0; i < alias_count; i++)
        if (!add(table, arena, position, NAME_ALIAS, aliases[i], error))
            return false;
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const struct name_key *key_a = a, *key_b = b;
    int order = strcmp(key_a->folded, key_b->folded);
    if (order == 0)
        order = (key_a->rank > key_b->rank) - (key_a->rank < key_b->rank);
    return order ? order : (key_a->position > key_b->position) - (key_a->position < key_b->position);
}

void names_sort(struct name_table *table)
{
    if (table->count > 0)
        qsort(table->keys, table->count, sizeof *table->keys, compare_keys);
}

bool names_find(const struct name_table *table, const char *name, size_t *position)
{
    struct arena scratch;
    struct error ignored;
    arena_init(&scratch, LIMIT_CATALOG_BYTES);
    struct bytes text = bytes_of_string(name);
    const char *folded = text.size <= 1024 ? text_fold(&scratch, text, &ignored) : NULL;
    size_t low = 0, high = folded ? table->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->keys[middle].folded, folded) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = folded && low < table->count && strcmp(table->keys[low].folded, folded) == 0;
    if (found)
        *position = table->keys[low].position;
    arena_release(&scratch);
    return found;
}
