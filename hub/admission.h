/* One transaction in which changes come in: the log, the records, the feed, the digests; quarantine and
 * journal where they must. Nothing is durable, and nothing may be acknowledged, before admission_commit. */
#ifndef HOPNHAT_HUB_ADMISSION_H
#define HOPNHAT_HUB_ADMISSION_H

#include "hub/state.h"
#include "model/merge.h"

#include "store.pb-c.h"

struct admission {
    struct hub *hub;
    struct transaction transaction;
    struct arena arena; /* of one change at a time */
    struct arena
        *work; /* what the journal works in: `arena`, or for many rows one that is reset between them */
    struct text_place *texts; /* by texts.c: fields in which different texts stand */
    size_t text_count, text_capacity;
    uint64_t receipt; /* the hub's time when it began */
    uint64_t received_ms;
};

/* What came of a change. */
enum admitted {
    ADMITTED,
    ADMITTED_REFUSED, /* in quarantine; the watermark has passed it */
    ADMITTED_BEFORE,  /* had come already: nothing happened */
    ADMITTED_WAITS,   /* made under a catalog that the hub does not have; nothing happened */
    ADMITTED_GAP,     /* changes before it are missing; nothing happened */
    ADMITTED_FAILED,  /* the transaction has failed: abort it */
};

/* A change as it is offered. */
struct offer {
    struct replica *replica;
    uint64_t seq;
    struct bytes stored;       /* LoggedChange; must live until the call returns, as what follows */
    struct change *change;     /* unpacked from it; chainable */
    const char *malformed;     /* not NULL: what change_unpack said against it */
    const uint8_t *link;       /* the chain's, after this change */
    uint64_t reading;          /* of the author's clock when it was sent */
    uint64_t floor;            /* no admitted time is below */
    uint64_t admitted;         /* the admitted time that it is known under; 0: none */
    const char *force_refusal; /* not NULL: quarantine it with this reason, unseen */
};

/* Begins. False with the store's error. */
bool admission_begin(struct admission *admission, struct hub *hub, uint64_t wall_ms, struct error *error);

/* Takes in one change. For ADMITTED_REFUSED *refusal is filled in, in the admission's arena: valid until the
 * next call. For ADMITTED_FAILED *error says why. */
enum admitted admission_offer(struct admission *admission, const struct offer *offer,
                              Hopnhat__Refusal **refusal, struct error *error);

/* Admits a change that is in quarantine, under the catalog and the rights of now (though its replica may have
 * been revoked since), at the time at which it would have been admitted. What of it was superseded meanwhile
 * stays so. `again`: it had been released before the hub was restored, so rights that were lost since do not
 * stand against it. The row in quarantine is the caller's business, who puts it after this has returned true.
 * False with the reason; then the transaction is to be aborted. */
bool admission_release(struct admission *admission, struct dot dot, bool again, struct error *error);

/* The changes that touched a record before an edit and with it, of LogRow.touched. */
enum { TOUCHED_NUMBERS = 4, TOUCHED_REV = 0, TOUCHED_RANK, TOUCHED_REPLICA, TOUCHED_SEQ };

/* Merges texts that stand side by side now (texts.h), and makes all of it durable. On failure nothing of it
 * is stored, and what is kept in memory is read anew. */
bool admission_commit(struct admission *admission, struct error *error);

/* Ends it without effect; what is kept in memory is read anew. Does nothing where it has ended. */
bool admission_abort(struct admission *admission, struct error *error);

/* The record in the transaction, in the arena; NULL where there is none (or the transaction failed). */
Hopnhat__Record *hub_record(struct transaction *transaction, uint32_t type, const uint8_t id[16],
                            struct arena *arena);

/* A row of the feed: kind (1 byte: an ItemKind, only LEFT or WHOLE), type (4), record id (16). */
enum { FEED_ROW_BYTES = 21 };

#endif
