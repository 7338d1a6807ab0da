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

/* Tells everybody whose replicas the numbers are (the newest first; LIMIT_LOGS_PER_AGENT at most), in the
 * record of the office, as far as it is not said already. The record names the latest LIMIT_OFFICE_REPLICAS:
 * whose an older one was is in the history, and offices may not know it. Errors as headquarters_write. */
bool headquarters_publish_replicas(struct hub *hub, const char *office, const uint64_t *numbers, size_t count,
                                   uint64_t wall_ms, struct error *error);

#endif
