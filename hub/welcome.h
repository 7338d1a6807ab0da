/* The answer to a Hello. */
#ifndef HOPNHAT_HUB_WELCOME_H
#define HOPNHAT_HUB_WELCOME_H

#include "hub/session.h"

/* Tells a session that begins where its logs stand here (watermarks, what has come of the next change,
 * refusals that it has not heard of), what is in force, and the hub's next link key, where there is one.
 * `protocol`: the version that both speak. `compare`: whether the agent is to compare all that it
 * holds first, since it was retired. Where the Welcome cannot be made, Busy goes out. */
void welcome_send(struct hub *hub, struct hub_session *session, uint32_t request, uint32_t protocol,
                  bool compare, uint64_t wall_ms, const struct hub_outlet *outlet);

#endif
