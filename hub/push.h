/* Up: pushed changes, several agents' in one transaction, acknowledged after it is on disk. */
#ifndef HOPNHAT_HUB_PUSH_H
#define HOPNHAT_HUB_PUSH_H

#include "hub/session.h"

/* Takes the changes of a Push into the transaction of this turn. The Ack (or for a log that does not fit, a
 * forged signature or a store that fails, an Error or Busy) is sent now or at push_commit. */
void push_receive(struct hub *hub, struct hub_session *session, uint32_t request, const Hopnhat__Push *push,
                  uint64_t wall_ms, const struct hub_outlet *outlet);

/* Commits what has come in this turn and answers it. Does nothing where nothing has. Where the commit fails
 * all are told to come again. */
void push_commit(struct hub *hub, const struct hub_outlet *outlet);

/* Throws away what has come and is not committed; nobody is answered. */
void push_drop(struct hub *hub);

#endif
