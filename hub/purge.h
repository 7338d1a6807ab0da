/* Housekeeping at the hub: deleted records are forgotten once nobody can bring them back, and installations
 * that stay away too long are no longer waited for.
 *
 * A deleted record is purged when it has been deleted for long enough and every active installation has read
 * past the deletion and pushed whatever it wrote before. Purging is a change of headquarters' own: the record
 * and its journal go, the group's feed tells so, and the id is remembered, so that an old change to it goes
 * to quarantine. An installation that nobody has heard of for long enough is retired, in the record of its
 * office; when it comes back it pushes first, compares all that it holds, and is active again. */
#ifndef HOPNHAT_HUB_PURGE_H
#define HOPNHAT_HUB_PURGE_H

#include "hub/admission.h"
#include "hub/place.h"
#include "store/key.h"

/* How long is long enough. */
struct purge_rules {
    uint64_t purge_after_ms;  /* since a record was deleted */
    uint64_t retire_after_ms; /* since an installation was heard */
};

/* The rules in the store. */
bool purge_rules_load(struct hub *hub, struct purge_rules *rules, struct error *error);
bool purge_rules_save(struct hub *hub, const struct purge_rules *rules, struct error *error);

/* One pass over the store; all zero before its first step. */
struct purge_pass {
    bool under_way, over_feed; /* first the records, then the feeds */
    struct key at;             /* where the next step begins */
    uint64_t readers_at;       /* the rev that every active installation and every view has read past */
    uint64_t purged, retired, forgotten; /* records, installations, and rows in feeds of records that left */
};

/* One step, which looks at `most` rows; begins a pass where none is under way, and retires who was away too
 * long. Durable when it returns; pass->under_way tells whether there is more to do. Nothing may be
 * uncommitted. Errors: the store's; what was done before stays. */
bool purge_step(struct hub *hub, const struct purge_rules *rules, uint64_t wall_ms, size_t most,
                struct purge_pass *pass, struct error *error);

/* Whether the edit purges its record. */
bool purge_is(const Hopnhat__Edit *edit);

/* An edit that purges has been admitted: the record goes. `before` is what it contributed. */
bool purge_take(struct admission *admission, Hopnhat__Record *record, const struct place *before,
                struct error *error);

/* The last change of a record that was purged; seq 0: it was not. */
struct dot purge_last(const struct hub *hub, struct transaction *transaction, uint32_t type,
                      const uint8_t id[RECORD_ID_BYTES]);

/* An installation says Hello. *compare: it has to compare all that it holds, for it may have missed what is
 * not told any more (it was retired, or its store came back from a copy). One that was retired and has done
 * so is active again, by a change of headquarters' own. Errors: the store's. */
bool purge_hello(struct hub *hub, const struct installation *installation, const Hopnhat__Hello *hello,
                 uint64_t wall_ms, bool *compare, struct error *error);

/* Notes for which types the catalog in force, and `former` not, says that a deletion wins: what had been
 * brought back by an edit reads as deleted from now on, and is kept from now on for as long as what is
 * deleted now. */
void purge_take_catalog(struct admission *admission, const struct catalog *former);

#endif
