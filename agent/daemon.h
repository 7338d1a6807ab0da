/* The running agent: the loop, the link to the hub, the session over it, and the HTTP interface, in one
 * thread. */
#ifndef HOPNHAT_AGENT_DAEMON_H
#define HOPNHAT_AGENT_DAEMON_H

#include "agent/service.h"
#include "api/settings.h"

struct agent_daemon;

/* Opens the store in `data` and serves its tools at DATA/control.sock. The settings come from *source, which
 * is borrowed and read again at SIGHUP. NULL on error; ERROR_UNAVAILABLE where another process holds the
 * store. The caller frees it: that says Bye to the hub, and may take up to LINK_LINGER_MS. */
struct agent_daemon *agent_daemon_new(const char *data, const struct settings_source *source,
                                      struct error *error);
void agent_daemon_free(struct agent_daemon *daemon);

/* One turn: waits for something to do, at most most_wait_ms (-1: without end), and does it. */
bool agent_daemon_turn(struct agent_daemon *daemon, int64_t most_wait_ms, struct error *error);

/* False with the reason once the store has to be closed, looked at and opened anew (environment_is_sound). */
bool agent_daemon_is_sound(const struct agent_daemon *daemon, struct error *error);

/* The code of the office that it serves. */
const char *agent_daemon_office(const struct agent_daemon *daemon);

/* Where something was erased, starts again with a store that is written anew, in a pause between the calls of
 * tools; *daemon is then another one.
 * False: it did not start again, and *daemon is NULL. */
bool agent_daemon_renew(struct agent_daemon **daemon, struct error *error);

/* Whether a signal asked it to stop. */
bool agent_daemon_is_stopping(const struct agent_daemon *daemon);

/* What the daemon serves, for a command in this process. */
const struct api_service *agent_daemon_api(const struct agent_daemon *daemon);

#endif
