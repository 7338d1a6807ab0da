/* Finding a thing by any of its names: folded once when the table is built, then searched. For catalog*.c. */
#ifndef HOPNHAT_MODEL_CATALOG_NAMES_H
#define HOPNHAT_MODEL_CATALOG_NAMES_H

#include "base/arena.h"
#include "base/error.h"

#include <catalog.pb-c.h>

/* Whether name is [a-z][a-z0-9_]* of at most 63 bytes. */
bool catalog_name_is_sound(const char *name);

enum name_rank { NAME_ITSELF, NAME_LABEL, NAME_ALIAS };

struct name_key {
    const char *folded;
    enum name_rank rank;
    size_t position; /* of the thing that it names */
};

struct name_table {
    struct name_key *keys; /* sorted by folded, rank, position */
    size_t count, capacity;
};

/* Adds name, label (may be NULL) and aliases of the thing at position. The arena holds the table, which has
 * to be sorted before use. Errors: ERROR_MEMORY, ERROR_INPUT (no valid text). */
bool names_add(struct name_table *table, struct arena *arena, size_t position, const char *name,
               const Hopnhat__Label *label, char *const *aliases, size_t alias_count, struct error *error);

/* Makes the table ready for names_find. */
void names_sort(struct name_table *table);

/* Whether name, folded, is in the table, and the position of the best that has it. */
bool names_find(const struct name_table *table, const char *name, size_t *position);

#endif
