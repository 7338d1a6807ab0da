/* The running agent: the loop, the link to the hub, the session over it, and the HTTP interface, in one
 * thread. */
#ifndef HOPNHAT_AGENT_DAEMON_H
#define HOPNHAT_AGENT_DAEMON_H

#include "agent/service.h"

struct agent_daemon;

/* Opens the store in `data` and serves its tools at DATA/control.sock; `http` (NULL: none) is an address for
 * HTTP over TCP. NULL on error; ERROR_UNAVAILABLE where another process holds the store. The caller frees it.
 */
struct agent_daemon *agent_daemon_new(const char *data, const char *http, struct error *error);
void agent_daemon_free(struct agent_daemon *daemon);

/* One turn: waits for something to do, at most most_wait_ms (-1: without end), and does it. */
bool agent_daemon_turn(struct agent_daemon *daemon, int64_t most_wait_ms, struct error *error);

/* False with the reason once the store has to be closed, looked at and opened anew (environment_is_sound). */
bool agent_daemon_is_sound(const struct agent_daemon *daemon, struct error *error);

/* Whether a signal asked it to stop. */
bool agent_daemon_is_stopping(const struct agent_daemon *daemon);

/* What the daemon serves, for a command in this process. */
const struct api_service *agent_daemon_api(const struct agent_daemon *daemon);

#endif
