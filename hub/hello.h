/* The beginning of a session. */
#ifndef HOPNHAT_HUB_HELLO_H
#define HOPNHAT_HUB_HELLO_H

#include "hub/session.h"

/* Takes a Hello: knows the installation (by its key, or at a hub restored from a backup by its certificate),
 * registers replica numbers that are new, and begins a session in the place of the key's former one. */
void hello_receive(struct hub *hub, const struct link_peer *peer, uint32_t request,
                   const Hopnhat__Hello *hello, uint64_t wall_ms, const struct hub_outlet *outlet);

/* The session of the key; NULL where there is none. For hub/session*.c. */
struct hub_session *session_find(const struct hub *hub, const uint8_t key[LINK_KEY_BYTES]);

/* Ends and frees a session. */
void session_end(struct hub *hub, struct hub_session *session);

#endif
