/* The catalog as people write it, in YAML; the form is described at the head of deploy/catalog/vufo.yaml.
 * Pure: bytes in, bytes out. */
#ifndef HOPNHAT_MODEL_CATALOG_YAML_H
#define HOPNHAT_MODEL_CATALOG_YAML_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

enum { CATALOG_MOST_ERRORS = 100 };

struct catalog_error {
    unsigned line;    /* 0: the file as a whole */
    const char *text; /* "FILE:LINE: reason", the arena's */
};

/* What is wrong with a catalog, by line; of more than CATALOG_MOST_ERRORS the rest is only counted. */
struct catalog_errors {
    struct catalog_error list[CATALOG_MOST_ERRORS];
    size_t count; /* in list */
    size_t more;  /* beyond it */
};

/* Reads and checks a catalog in YAML and packs it: *packed lies in the arena. The same YAML always gives the
 * same bytes. On false errors holds all that is wrong, each with its line; *errors is filled either way.
 * file_name is for the errors alone. Never blocks. */
bool catalog_from_yaml(struct bytes yaml, const char *file_name, struct arena *arena, struct bytes *packed,
                       struct catalog_errors *errors);

/* The same for a catalog that is to follow the one in force: also what catalog_check_change tells is an
 * error. */
struct catalog_before;
bool catalog_from_yaml_after(const struct catalog_before *before, struct bytes yaml, const char *file_name,
                             struct arena *arena, struct bytes *packed, struct catalog_errors *errors);

#endif
