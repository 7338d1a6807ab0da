/* Values of a field as one cell of a list, and back. Pure. What is written here is read back as the same.
 *
 *   a text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return)
 *     gets an apostrophe before it; so does one that begins with apostrophes before such a character
 *   members of a set are parted by ";" (line ends part them too); a ";", a line feed or a backslash that
 *     belongs to a member has a backslash before it, and any other backslash is itself
 *   posts of a thread are parted by a line that is just "---"; such a line within a post (or one with
 * backslashes before it) gets a backslash before it */
#ifndef HOPNHAT_LISTS_CELL_H
#define HOPNHAT_LISTS_CELL_H

#include "base/arena.h"

#include <catalog.pb-c.h>

/* Whether a cell holds several values of the field, to be taken apart and joined here. */
bool cell_has_parts(const Hopnhat__FieldDefinition *field);

/* Takes the text of a cell apart into the values in it, trimmed, without empty ones, in the arena. A field
 * with one value gives one part, or none for a blank cell. ERROR_LIMIT (LIMIT_ENTRIES_PER_FIELD),
 * ERROR_MEMORY. */
bool cell_split(const Hopnhat__FieldDefinition *field, struct bytes cell, struct arena *arena,
                const char ***parts, size_t *count, struct error *error);

/* Joins values (as model/value.h shows them) into a cell, in the arena. NULL: out of memory. */
char *cell_join(const Hopnhat__FieldDefinition *field, const char *const *values, size_t count,
                struct arena *arena);

/* The text with an apostrophe before it where that is needed, in the arena. NULL: out of memory. */
char *cell_guard(const char *text, struct arena *arena);

/* The cell without the apostrophe that cell_guard put there. */
struct bytes cell_unguard(struct bytes cell);

#endif
