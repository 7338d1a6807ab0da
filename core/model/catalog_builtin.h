/* The types and fields that exist without a catalog. For catalog*.c. */
#ifndef HOPNHAT_MODEL_CATALOG_BUILTIN_H
#define HOPNHAT_MODEL_CATALOG_BUILTIN_H

#include "base/arena.h"
#include "base/error.h"

#include <catalog.pb-c.h>

enum { BUILTIN_TYPES = 5, SYSTEM_FIELDS = 4 };

/* Makes the definitions in the arena, ascending by number. Errors: ERROR_MEMORY. */
bool builtin_types(struct arena *arena, Hopnhat__TypeDefinition *types[BUILTIN_TYPES], struct error *error);
bool system_fields(struct arena *arena, Hopnhat__FieldDefinition *fields[SYSTEM_FIELDS], struct error *error);

/* Whether the name is taken: by a built-in type; by a system field or a word that stands beside the fields.
 */
bool builtin_type_has_name(const char *name);
bool field_name_is_reserved(const char *name);

#endif
