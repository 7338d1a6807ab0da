#include "net/http_deadline.h"

#include "base/log.h"
#include "net/loop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

enum { TELL_EVERY_MS = 60 * 1000 };

struct http_deadline {
    int fd;
    uint64_t due_ms; /* 0: none */
    struct http_deadline *prev, *next;
};

void http_deadline_notify(void *user, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_deadlines *deadlines = user;
    struct http_deadline *deadline = *slot;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (deadline)
            DL_DELETE(deadlines->list, deadline);
        free(deadline);
        *slot = NULL;
        return;
    }
    if (!deadlines->patience_ms)
        return;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *slot = deadline = calloc(1, sizeof *deadline);
    if (!deadline) {
        shutdown(fd, SHUT_RDWR);
        return;
    }
    deadline->fd = fd;
    deadline->due_ms = loop_now_ms() + deadlines->patience_ms;
    DL_APPEND(deadlines->list, deadline);
}

static struct http_deadline *deadline_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void http_deadline_lift(struct MHD_Connection *connection)
{
    struct http_deadline *deadline = deadline_of(connection);
    if (deadline)
        deadline->due_ms = 0;
}

void http_deadline_within(struct MHD_Connection *connection, uint64_t ms)
{
    struct http_deadline *deadline = deadline_of(connection);
    uint64_t due_ms = loop_now_ms() + ms;
    if (deadline && (!deadline->due_ms || due_ms < deadline->due_ms))
        deadline->due_ms = due_ms;
}

int64_t http_deadlines_wait_ms(const struct http_deadlines *deadlines)
{
    uint64_t first_ms = 0;
    for (const struct http_deadline *one = deadlines->list; one; one = one->next)
        if (one->due_ms && (!first_ms || one->due_ms < first_ms))
            first_ms = one->due_ms;
    return first_ms ? loop_until_ms(first_ms) : -1;
}

void http_deadlines_end_late(struct http_deadlines *deadlines)
{
    uint64_t now_ms = loop_now_ms(), before = deadlines->ended;
    for (struct http_deadline *one = deadlines->list; one; one = one->next) {
        if (!one->due_ms || one->due_ms > now_ms)
            continue;
        shutdown(one->fd, SHUT_RDWR);
        one->due_ms = 0;
        deadlines->ended++;
    }
    if (deadlines->ended == before || (deadlines->told_ms && now_ms < deadlines->told_ms + TELL_EVERY_MS))
        return;
    deadlines->told_ms = now_ms;
    log_warning("HTTP connections were ended that held a place and sent no request in time: %" PRIu64
                " since the start (told once a minute)",
                deadlines->ended);
}
