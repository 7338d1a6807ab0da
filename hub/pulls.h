/* The Pulls of a session: which parts of the feed are under way, which of them the agent has applied, and
 * the Pulls that are held until there is something for them. */
#ifndef HOPNHAT_HUB_PULLS_H
#define HOPNHAT_HUB_PULLS_H

#include "hub/session.h"

/* Takes a Pull: what it confirms, and that it waits. It is answered by pulls_answer, in a turn; at once only
 * where the session has to begin anew. */
void pulls_receive(struct hub *hub, struct hub_session *session, uint32_t request, const Hopnhat__Pull *pull,
                   const struct hub_outlet *outlet);

/* Answers the Pulls of one session whose time has come, or for which there is something. */
void pulls_answer(struct hub *hub, struct hub_session *session, const struct hub_outlet *outlet);

/* Has those looked at (audience.h) whose Pulls have been held long enough: not one by one, but now and then
 * all of them. */
void pulls_end_holds(struct hub *hub);

/* Tells each that waits why it is not answered. */
void pulls_refuse(struct hub_session *session, const char *why, const struct hub_outlet *outlet);

/* Releases what the session holds of its feed. */
void pulls_forget(struct hub_session *session);

#endif
