/* What to write into a record: as people type it, as it travels in a request, and as the model takes it.
 *
 * A request's body holds up to three objects, "set", "add" and "remove", of field names (or labels, or
 * aliases) and values: a string as people type it, an integer, a boolean, null (cleared), or an array of
 * these for a set. */
#ifndef HOPNHAT_API_ASSIGNMENT_H
#define HOPNHAT_API_ASSIGNMENT_H

#include "model/edit.h"

#include <jansson.h>

struct assignment_list {
    struct assignment *items;
    size_t count;
};

/* Puts what a person typed, `field=value`, `field+=value` or `field-=value`, into the body of a request. The
 * same field given again makes an array. ERROR_USAGE for what has none of these forms or is no text,
 * ERROR_MEMORY. */
bool assignment_put(json_t *body, const char *typed, struct error *error);

/* Reads set, add and remove of a body for a record of that type, in the arena. Errors name the field:
 * ERROR_INPUT, ERROR_LIMIT, ERROR_MEMORY. */
bool assignment_read(const struct catalog_type *type, json_t *body, struct arena *arena,
                     struct assignment_list *list, struct error *error);

/* Adds field=value, the value in stored form and borrowed. ERROR_MEMORY, ERROR_INTERNAL where the type has no
 * such field. */
bool assignment_add(struct assignment_list *list, const struct catalog_type *type, uint32_t field,
                    const char *value, struct arena *arena, struct error *error);

/* The same with a value as people type it. Errors as assignment_read. */
bool assignment_parse(struct assignment_list *list, const struct catalog_type *type, uint32_t field,
                      const char *typed, struct arena *arena, struct error *error);

/* The assignment to that field, or NULL. */
const struct assignment *assignment_of_field(const struct assignment_list *list, uint32_t field);

/* The field of that name, label or alias that people may write or ask for. NULL with ERROR_INPUT that lists
 * the known ones. */
const Hopnhat__FieldDefinition *field_known(const struct catalog_type *type, const char *name,
                                            struct error *error);

#endif
