/* New keys for this installation, and the hub's new link key. */
#ifndef HOPNHAT_AGENT_NEW_KEYS_H
#define HOPNHAT_AGENT_NEW_KEYS_H

#include "agent/state.h"

/* Draws the keys that are to follow, unless some wait already to be announced; durable when it returns. The
 * session announces them; until the hub has answered, the present ones are used. */
bool new_keys_draw(struct agent *agent, struct error *error);

/* Fills in the announcement; texts in the arena. False: out of memory. */
bool new_keys_announce(const struct agent *agent, Hopnhat__Rotate *rotate, struct arena *arena);

/* The hub has taken note: the new keys are this installation's from now on, under the new certificate. The
 * link has to be made anew. ERROR_CORRUPT where the certificate is not for them. */
bool new_keys_take(struct agent *agent, const Hopnhat__Certificate *certificate, struct error *error);

/* Takes in, within a transaction, the link key that the hub is going to have, if its long-term key has signed
 * it. */
void new_keys_hear_hub(struct agent *agent, struct transaction *transaction, const Hopnhat__Welcome *welcome);

/* The hub has proved its next link key: the former one is not believed any more. */
bool new_keys_hub_moved(struct agent *agent, struct error *error);

#endif
