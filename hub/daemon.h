/* The running hub: the loop, the link to all agents, their sessions, and the HTTP interface, in one thread.
 */
#ifndef HOPNHAT_HUB_DAEMON_H
#define HOPNHAT_HUB_DAEMON_H

#include "api/recovery.h"
#include "api/settings.h"

struct hub_daemon_options {
    const char *data;
    struct settings_source source; /* read again at SIGHUP */
};

/* Opens the store, listens, serves its tools at DATA/control.sock, and runs until a signal asks it to stop.
 * ERROR_UNAVAILABLE where another process holds the store. */
enum run_end hub_daemon_run(const struct hub_daemon_options *options, struct error *error);

#endif
