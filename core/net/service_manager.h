/* What systemd is told of a service that it started with Type=notify: ready, reloading, stopping, and a sign
 * of life from the loop as often as its watchdog wants one. Where nobody wants to know, nothing happens. */
#ifndef HOPNHAT_NET_SERVICE_MANAGER_H
#define HOPNHAT_NET_SERVICE_MANAGER_H

#include "net/loop.h"

struct service_manager {
    uint64_t interval_ms; /* between signs of life; 0: none are wanted */
    uint64_t next_ms;     /* by loop_now_ms */
};

/* The service is ready; from now on the loop shows that it turns (base/patience.h: before, and in between,
 * what takes long asks for time). The loop's source goes with the loop, which *manager must outlive.
 * ERROR_MEMORY. */
bool service_manager_ready(struct service_manager *manager, struct loop *loop, struct error *error);

/* The configuration is being read anew; has been read (or kept as it was). */
void service_manager_reloading(void);
void service_manager_reloaded(void);

/* The service is on its way out. */
void service_manager_stopping(void);

#endif
