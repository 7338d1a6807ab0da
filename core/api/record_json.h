/* Records as JSON, for programs and for the page:
 *
 *   {"type":"partner", "id":"…", "owner":"da-nang", "group":"everyone", "rev":17, "token":"17.4.…",
 *    "fields":{"name":"Room to Read","sectors":["education"],"committed_usd":"1200000"},
 *    "open":["status"], "deleted":true, "revived":true}
 *
 * A field that reads as cleared is left out. Sets and threads are arrays; integers are JSON integers and
 * booleans JSON booleans; all else is a string in a form that is read back as the same value (so a decimal is
 * a string). Values of the kind bytes are shown as their size. `deleted` and `revived` stand only where true;
 * revived: a deletion was overruled by an edit that it had not seen. What the catalog does not know is not
 * shown. */
#ifndef HOPNHAT_API_RECORD_JSON_H
#define HOPNHAT_API_RECORD_JSON_H

#include "model/edit.h"

#include <jansson.h>

/* One value of a field. A new reference; NULL: ERROR_MEMORY. */
json_t *value_json(const Hopnhat__FieldDefinition *definition, struct bytes value, struct arena *arena,
                   struct error *error);

/* The record; `shown` gives its token. A new reference; NULL: ERROR_MEMORY, ERROR_CORRUPT. */
json_t *record_json(const struct catalog_type *type, const Hopnhat__Record *record, const struct shown *shown,
                    struct arena *arena, struct error *error);

/* A string of any bytes: what is no UTF-8 is shown as its size. A new reference, NULL without memory. */
json_t *bytes_json(struct bytes bytes);

#endif
