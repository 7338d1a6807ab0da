/* Changes as JSON: who wrote what, for lists of what was refused. */
#ifndef HOPNHAT_API_CHANGE_JSON_H
#define HOPNHAT_API_CHANGE_JSON_H

#include "model/catalog.h"
#include "model/change.h"

#include <jansson.h>

/* A replica number as it is shown: 16 hexadecimal digits. A new reference, NULL without memory. */
json_t *replica_json(uint64_t replica);

/* And back; NULL is none. ERROR_INPUT: none, or 0. */
bool replica_parse(const char *text, uint64_t *replica, struct error *error);

enum { DOT_TEXT_BYTES = 16 + 1 + 20 + 1 };

/* A change's name as REPLICA.SEQ, the replica in hexadecimal, and back. ERROR_INPUT. */
void dot_format(struct dot dot, char text[DOT_TEXT_BYTES]);
bool dot_parse(const char *text, struct dot *dot, struct error *error);

/* Adds to *object what the stored change says: author, time, and for each edit its type, record id and values
 * by field, as far as the catalog knows them. A change that cannot be read adds nothing. ERROR_MEMORY. */
bool change_describe(json_t *object, const struct catalog *catalog, struct dot dot, struct bytes stored,
                     struct arena *arena, struct error *error);

#endif
