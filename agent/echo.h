/* Own changes that come back from the hub by name alone (model/echo.h): they are applied from the own log. */
#ifndef HOPNHAT_AGENT_ECHO_H
#define HOPNHAT_AGENT_ECHO_H

#include "agent/mirror.h"
#include "model/echo.h"

/* Applies the edit of the own change, which is marks->at_hand, to the mirrored record, as the hub did, in the
 * transaction. False: it has no such edit, or it cannot be applied: the group is not what the hub has. */
bool echo_apply(struct agent *agent, struct transaction *transaction, const struct agent_group *group,
                const struct echo *echo, const struct marks *marks);

#endif
