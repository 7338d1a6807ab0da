/* The catalog in force, and those that were. */
#ifndef HOPNHAT_HUB_CATALOGS_H
#define HOPNHAT_HUB_CATALOGS_H

#include "hub/state.h"

/* Whether a catalog with that tag is or was in force here. */
bool catalogs_know(const struct hub *hub, struct transaction *transaction, uint32_t tag);

/* Takes over the catalog that a record of that type holds: kept under its tag, and in force where its version
 * is above the present one's: then *former is the one before, the caller's to free; else NULL. A record that
 * holds none that can be loaded changes nothing. Errors: ERROR_MEMORY. */
bool catalogs_take(struct hub *hub, struct transaction *transaction, const Hopnhat__Record *record,
                   struct catalog **former, struct error *error);

/* Loads the one in force. */
bool catalogs_load(struct hub *hub, struct transaction *transaction, struct error *error);

/* The edit that brings a packed catalog into the store; *loaded is the same catalog, the caller's to free. */
bool catalogs_edit(struct bytes packed, const char *owner, struct arena *arena, struct new_edit *edit,
                   struct catalog **loaded, struct error *error);

#endif
