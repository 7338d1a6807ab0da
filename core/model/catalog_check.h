/* Whether a catalog makes sense: what catalog_load lets through because a newer one may know better, but what
 * nobody may write. For catalog*.c. */
#ifndef HOPNHAT_MODEL_CATALOG_CHECK_H
#define HOPNHAT_MODEL_CATALOG_CHECK_H

#include "base/arena.h"
#include "base/error.h"

#include <catalog.pb-c.h>

/* Where something is wrong: positions in the message, -1 for none, and the YAML key that says it (or NULL).
 */
struct catalog_place {
    int type, field;
    const char *key;
};

struct catalog_report {
    void (*tell)(void *context, struct catalog_place place, const char *text);
    void *context;
    struct arena *arena; /* for the texts */
};

/* Tells every error. A number 0 and an empty name are what could not be read and was told already. Returns
 * false only without memory (ERROR_MEMORY). */
bool catalog_check(const Hopnhat__Catalog *catalog, struct catalog_report *report, struct error *error);

/* The part for one field, called by it. */
void catalog_check_field(const Hopnhat__Catalog *catalog, struct catalog_place place,
                         struct catalog_report *report);

/* Formats and tells. */
void catalog_tell(struct catalog_report *report, struct catalog_place place, const char *key,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
