/* Which sessions to look at: a held Pull is answered when something has changed in a group of its office or
 * in its own logs, and with thousands of them held nobody can be asked each time whether that is so. Each
 * session has a seat in every group of its office; a commit tells the groups that it changed, and those who
 * sit there are looked at in the next turns. */
#ifndef HOPNHAT_HUB_AUDIENCE_H
#define HOPNHAT_HUB_AUDIENCE_H

#include "hub/session.h"

/* Gives the session its seats anew where its office's groups are others than before. False: out of memory; it
 * has none then. */
bool audience_seat(struct hub *hub, struct hub_session *session, const struct office *office);

/* The session ends: it has no seats and is not looked at any more. */
void audience_leave(struct hub *hub, struct hub_session *session);

/* The session is to be looked at: it asked, or there may be news for it. Nothing where it waits already. */
void audience_look(struct hub *hub, struct hub_session *session, enum look_reason reason);

/* The group has changed: everyone who sits in it is to be looked at. */
void audience_tell(struct hub *hub, const char *group);

/* Something of that urgency is in the group at the hub's present rev. It may not come to a commit. */
void audience_urgent(struct hub *hub, const char *group, enum urgency urgency);

/* The rev at which that was so last, while anybody has sat in the group; 0: not in that time. */
uint64_t audience_urgent_rev(struct hub *hub, const char *group, enum urgency urgency);

/* Takes the next session to be looked at, those with news and those that asked by turns; NULL: none. */
struct hub_session *audience_next(struct hub *hub);

/* Whether some are to be looked at. */
bool audience_waits(const struct hub *hub);

#endif
