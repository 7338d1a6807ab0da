/* Where erased values are taken out of at the hub, beside the record itself. For erasure*.c. */
#ifndef HOPNHAT_HUB_ERASURE_PARTS_H
#define HOPNHAT_HUB_ERASURE_PARTS_H

#include "hub/erasure.h"
#include "model/decimal.h"
#include "store/rewrite.h"

/* An erasure that is being carried out. */
struct taking {
    struct admission *admission;
    const Hopnhat__Record *erasure;
    uint32_t type; /* of the record that it speaks of */
    uint8_t id[RECORD_ID_BYTES];
    Hopnhat__Record *record; /* NULL: it is not here */
    struct arena *arena;     /* of the record */
};

/* Whether the entry's op is one that the erasure takes, by its change in the log. */
bool erasing_takes_entry(struct taking *taking, struct entry_id id, bool *goes, struct arena *arena,
                         struct error *error);

/* Takes the values out of the logs: of admitted changes along the record's history, and of those in
 * quarantine, whose reason may quote a value and is told in other words. `take_increment` is told of each
 * increment that goes. */
bool erasing_take_logged(struct taking *taking,
                         bool (*take_increment)(void *context, const Hopnhat__Op *op, struct bytes value,
                                                struct error *error),
                         struct error *error);

/* Out of the journal: what stood side by side is told without the values, and is settled. */
bool erasing_take_journal(struct taking *taking, struct error *error);

/* Out of what imports keep for being taken back. */
bool erasing_take_imports(struct taking *taking, struct error *error);

#endif
