/* A catalog in memory: the record types with their fields, found by number and by name. It never changes once
 * loaded, so any thread may read it. Everything that the functions return is the catalog's and lives as long.
 *
 * Besides what headquarters wrote, every catalog has the built-in types (office, catalog, notice), and every
 * type the system fields group, owner and deleted (numbers 1 to 3). */
#ifndef HOPNHAT_MODEL_CATALOG_H
#define HOPNHAT_MODEL_CATALOG_H

#include "base/bytes.h"
#include "base/error.h"

#include <catalog.pb-c.h>
#include <record.pb-c.h>

enum { CATALOG_HASH_BYTES = 32 };

struct catalog;
struct catalog_type;

/* Loads a packed Catalog message (copied). Checks what the program rests on: sizes, text, numbers and names
 * that are sound and stand once. Policies, kinds and rules that this version does not know are let through,
 * so that an older program can work with a newer catalog. The caller ends it with catalog_free.
 * Errors: ERROR_LIMIT, ERROR_CORRUPT, ERROR_MEMORY. */
struct catalog *catalog_load(struct bytes packed, struct error *error);

/* The catalog of an agent before its first: built-in types alone, version 0. Errors: ERROR_MEMORY. */
struct catalog *catalog_empty(struct error *error);

/* Ends a catalog; NULL is fine. */
void catalog_free(struct catalog *catalog);

/* The bytes that it was loaded from, and their BLAKE2b-256. */
struct bytes catalog_packed(const struct catalog *catalog);
const uint8_t *catalog_hash(const struct catalog *catalog);

/* The first 4 bytes of the hash, little endian: names the catalog in a Change. */
uint32_t catalog_tag(const struct catalog *catalog);

/* As headquarters numbered it; 0: the empty one. */
uint32_t catalog_version(const struct catalog *catalog);

/* The zone in which days and years are read, by its IANA name. */
const char *catalog_time_zone(const struct catalog *catalog);

/* The type with that number; NULL if there is none. */
const struct catalog_type *catalog_type(const struct catalog *catalog, uint32_t number);

/* The type with that name, label or alias, folded (base/text.h); names go before labels, labels before
 * aliases. NULL if there is none, or without memory to fold. */
const struct catalog_type *catalog_type_named(const struct catalog *catalog, const char *name);

/* All types, ascending by number, the built-in ones first: NULL for position >= catalog_type_count. */
size_t catalog_type_count(const struct catalog *catalog);
const struct catalog_type *catalog_type_at(const struct catalog *catalog, size_t position);

/* As it was written; its fields are those of the catalog, not the system fields. Never NULL. */
const Hopnhat__TypeDefinition *type_definition(const struct catalog_type *type);

/* The field with that number, system fields included; NULL if there is none. Fast: runs for each operation.
 */
const Hopnhat__FieldDefinition *type_field(const struct catalog_type *type, uint32_t number);

/* The field with that name, label or alias, as catalog_type_named; group and owner by their names. */
const Hopnhat__FieldDefinition *type_field_named(const struct catalog_type *type, const char *name);

/* The field that names a record to people; NULL if the type has none. */
const Hopnhat__FieldDefinition *type_title(const struct catalog_type *type);

/* The fields of the unit that the field belongs to, itself among them, ascending by number, and how many:
 * NULL and 0 for a field that is in no unit or is retired. Retired fields are in no unit. */
const Hopnhat__FieldDefinition *const *type_unit(const struct catalog_type *type,
                                                 const Hopnhat__FieldDefinition *field, size_t *count);

#endif
