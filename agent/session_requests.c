#include "agent/session_state.h"
#include "base/log.h"

struct request *session_ask(struct agent_session *session, Hopnhat__Message *message, enum request_kind kind,
                            uint64_t wall_ms)
{
    struct request *request = session->requests;
    while (request->number)
        if (++request == session->requests + SESSION_REQUESTS) {
            log_error("more requests under way than there can be");
            return NULL;
        }
    if (++session->last_request == 0)
        session->last_request = 1;
    *request = (struct request){
        .number = session->last_request, .kind = kind, .sent_ms = session->now_ms, .sent_wall_ms = wall_ms};
    message->has_request = true;
    message->request = request->number;
    if (session->outlet.send(session->outlet.context, message))
        return request;
    session_lose_link(session, "the link takes no more messages");
    return NULL;
}

size_t session_asked(const struct agent_session *session, enum request_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < SESSION_REQUESTS; i++)
        count += session->requests[i].number && session->requests[i].kind == kind;
    return count;
}

size_t session_under_way(const struct agent_session *session, enum request_kind kind)
{
    size_t bytes = 0;
    for (size_t i = 0; i < SESSION_REQUESTS; i++)
        if (session->requests[i].number && session->requests[i].kind == kind)
            bytes += session->requests[i].mark.size_bytes;
    return bytes;
}

uint64_t session_room_ms(const struct agent_session *session, enum request_kind kind,
                         const struct link_rate *rate, size_t size_bytes)
{
    uint64_t wait_ms = rate_room_ms(rate, session_under_way(session, kind), size_bytes),
             oldest_ms = UINT64_MAX;
    for (size_t i = 0; i < SESSION_REQUESTS; i++) {
        const struct request *request = &session->requests[i];
        if (request->number && request->kind == kind && request->sent_ms < oldest_ms)
            oldest_ms = request->sent_ms;
    }
    if (wait_ms == 0)
        return 0;
    return wait_ms < UINT64_MAX - oldest_ms ? oldest_ms + wait_ms : UINT64_MAX;
}

void session_forget(struct agent_session *session, enum request_kind kind)
{
    for (size_t i = 0; i < SESSION_REQUESTS; i++)
        if (session->requests[i].kind == kind)
            session->requests[i].number = 0;
}

/* Whether the body answers that kind of request. */
static bool answers(const Hopnhat__Message *message, enum request_kind kind)
{
    switch (message->body_case) {
    case HOPNHAT__MESSAGE__BODY_BUSY:
    case HOPNHAT__MESSAGE__BODY_ERROR:
        return true;
    case HOPNHAT__MESSAGE__BODY_WELCOME:
        return kind == REQUEST_HELLO;
    case HOPNHAT__MESSAGE__BODY_COMPARED:
        return kind == REQUEST_COMPARE;
    case HOPNHAT__MESSAGE__BODY_ACK:
        return kind == REQUEST_PUSH;
    case HOPNHAT__MESSAGE__BODY_FEED:
        return kind == REQUEST_PULL;
    case HOPNHAT__MESSAGE__BODY_RECONCILED:
        return kind == REQUEST_RECONCILE;
    case HOPNHAT__MESSAGE__BODY_CUSTODY:
        return kind == REQUEST_CUSTODY;
    case HOPNHAT__MESSAGE__BODY_ROTATED:
        return kind == REQUEST_ROTATE;
    case HOPNHAT__MESSAGE__BODY_HISTORY_ANSWER:
        return kind == REQUEST_HISTORY;
    default:
        return false;
    }
}

bool session_answered(struct agent_session *session, const Hopnhat__Message *message, struct request *request)
{
    if (message->request == 0)
        return false;
    for (size_t i = 0; i < SESSION_REQUESTS; i++)
        if (session->requests[i].number == message->request && answers(message, session->requests[i].kind)) {
            *request = session->requests[i];
            session->requests[i].number = 0;
            return true;
        }
    return false;
}
