/* Until when an HTTP connection has to have shown somebody who is known: libmicrohttpd ends connections that
 * are silent, not those that send a byte now and then. */
#ifndef HOPNHAT_NET_HTTP_DEADLINE_H
#define HOPNHAT_NET_HTTP_DEADLINE_H

#include <microhttpd.h>
#include <stdint.h>

struct http_deadline; /* of one connection */

struct http_deadlines {
    uint64_t patience_ms; /* that a new connection has; 0: as long as it likes */
    struct http_deadline *list;
    uint64_t ended; /* connections that were too late, ever */
    uint64_t told_ms;
};

/* For MHD_OPTION_NOTIFY_CONNECTION, with the deadlines as `user`. A connection that finds no memory is ended.
 */
void http_deadline_notify(void *user, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code);

/* The connection may take as long as it likes, until it is given a deadline. */
void http_deadline_lift(struct MHD_Connection *connection);

/* The connection has so long at most from now on; what it had, if that is less. */
void http_deadline_within(struct MHD_Connection *connection, uint64_t ms);

/* Milliseconds until the first deadline; -1: there is none. */
int64_t http_deadlines_wait_ms(const struct http_deadlines *deadlines);

/* Shuts the sockets of those that are late: MHD ends these connections in its next run. Counts them, and
 * tells of them in the log once a minute at most. */
void http_deadlines_end_late(struct http_deadlines *deadlines);

#endif
