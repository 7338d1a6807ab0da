/* What headquarters does is a change like any other, in the hub's own log. */
#ifndef HOPNHAT_HUB_HEADQUARTERS_H
#define HOPNHAT_HUB_HEADQUARTERS_H

#include "hub/admission.h"

/* Makes the edits as one change of the hub's own and admits it; returns after the commit. On error nothing is
 * changed. `author` may be NULL. Errors: what the catalog refuses (ERROR_INPUT, ERROR_LIMIT), the store's.
 * The feeds that are held open for agents are answered at the next hub_turn. */
bool headquarters_write(struct hub *hub, const struct new_edit *edits, size_t count, const char *author,
                        uint64_t wall_ms, struct error *error);

/* The same as one of several changes in an admission that the caller began: nothing is on disk before
 * admission_commit. *dot (may be NULL) gets the change's name. After an error the admission has to be
 * aborted. */
bool headquarters_write_in(struct hub *hub, struct admission *admission, const struct new_edit *edits,
                           size_t count, const char *author, struct dot *dot, struct error *error);

/* Whether this edit of a record that now stands as `before` (NULL: there is none) would be taken. Changes
 * nothing. */
bool headquarters_check(const struct hub *hub, const struct new_edit *edit, const Hopnhat__Record *before,
                        struct error *error);

/* Brings a packed catalog into force. ERROR_INPUT where its version is not above the present one's. */
bool headquarters_apply_catalog(struct hub *hub, struct bytes packed, const char *author, uint64_t wall_ms,
                                struct error *error);

/* Tells everybody whose replica the number is, in the record of the office; does nothing where that is said
 * already. Errors as headquarters_write. */
bool headquarters_publish_replica(struct hub *hub, const char *office, uint64_t number, uint64_t wall_ms,
                                  struct error *error);

/* The owner of records that headquarters itself makes. */
extern const char HEADQUARTERS_OWNER[];

#endif
