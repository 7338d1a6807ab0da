/* Changes that come in their brief form (model/brief.h), made whole with what the hub has. */
#ifndef HOPNHAT_HUB_BRIEF_H
#define HOPNHAT_HUB_BRIEF_H

#include "hub/session.h"

/* *stored: the change of a Push in brief form, in the arena, as its author stored it, if what the hub has is
 * what the author had; the batch's signature proves that. False: the hub lacks something that it rests on, or
 * a row cannot be read (then the transaction has failed); *error says what. */
bool brief_read(struct transaction *transaction, const struct hub_session *session, uint64_t replica,
                const Hopnhat__Push *push, struct arena *arena, struct bytes *stored, struct error *error);

#endif
