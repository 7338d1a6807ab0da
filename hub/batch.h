/* The changes of one Push on their way in: unpacked, and proved by their signature. */
#ifndef HOPNHAT_HUB_BATCH_H
#define HOPNHAT_HUB_BATCH_H

#include "hub/session.h"

/* A change of a Push, unpacked. */
struct incoming_change {
    struct change change;
    const char *malformed;
    uint8_t link[LINK_BYTES]; /* the chain's, after it */
};

/* A Push on its way in. */
struct batch {
    struct hub_session *session;
    const Hopnhat__Push *push;
    struct replica *replica;
    struct incoming_change *changes; /* from `skip` on */
    size_t skip, end;                /* changes at its front that had come before; where this offer ends */
    struct arena arena;
    bool pieced;      /* its one change came in pieces */
    uint64_t reading; /* of the agent's clock when it was sent; the Push tells it by its last change's time */
    bool reading_known;
};

/* Unpacks the changes from skip on, in the batch's arena, and computes their links, so that the signature
 * over the last is checked before anything is taken in. What is not well formed but can be chained is left to
 * quarantine, with what is wrong in `malformed`. False: one cannot even be chained; ERROR_MEMORY. */
bool batch_unpack(struct batch *batch, struct error *error);

/* Whether the signature is the replica's over that link, as of the batch's last change. */
bool batch_signature_holds(const struct batch *batch, const uint8_t link[LINK_BYTES]);

/* Whether changes that are all known here are those of the Push: its signature says which. Others may have
 * come by a file meanwhile, from before the office's store was put back. */
bool batch_is_known(struct batch *batch, struct transaction *transaction);

/* Keeps the signature, for who verifies the log. */
void batch_store_signature(const struct batch *batch, struct transaction *transaction);

/* What the agent's clock read when the batch was sent; `now` where that is not told. */
void batch_find_reading(struct batch *batch, uint64_t now);

/* Whether the floor lifts the admitted time of any change of the batch. */
bool batch_raises(const struct batch *batch, uint64_t floor, uint64_t receipt);

#endif
