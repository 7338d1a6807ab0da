/* A record's place: its group, its one row in the feed, and its part in the group's digest. */
#ifndef HOPNHAT_HUB_PLACE_H
#define HOPNHAT_HUB_PLACE_H

#include "hub/state.h"

/* What a record contributed before it was changed. */
struct place {
    struct digest digest;
};

/* To be asked before the record is altered. */
struct place place_before(const Hopnhat__Record *record);

/* Stores the altered record at the hub's present rev: moves its row in the feed, to another group where the
 * group field now reads so, and its part in the digests. Errors: ERROR_MEMORY. */
bool place_record(struct hub *hub, struct transaction *transaction, Hopnhat__Record *record,
                  const struct place *before, struct arena *arena, struct error *error);

/* The same for what no admitted change of the record did: no reader can do it after the hub by its own log.
 */
bool place_altered(struct hub *hub, struct transaction *transaction, Hopnhat__Record *record,
                   const struct place *before, struct arena *arena, struct error *error);

/* Takes the record out of the store: its group's feed says that it left, its digests are without it. `record`
 * may be one that is in no group, or not stored at all. */
bool place_remove(struct hub *hub, struct transaction *transaction, const Hopnhat__Record *record,
                  const struct place *before, struct error *error);

#endif
