/* Asking the hub who changed a record: not part of the sync, so nothing of it ends a session. */
#include "agent/session_state.h"

/* What the link carries, and may, in two seconds or so. What cannot be divided may be twice as much beside
 * it, and as much of the feed may be under way: so it comes within HISTORY_MS. */
static size_t credit_bytes(const struct agent_session *session)
{
    const uint64_t most = 2 * session->agent->limits.down_bytes_per_second;
    const size_t window = session->down.window_bytes;
    return most && most < window ? (size_t)most : window;
}

uint32_t agent_session_history(struct agent_session *session, const Hopnhat__History *history,
                               uint64_t wall_ms)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__History copy = *history;
    if ((session->state != SESSION_OPEN && session->state != SESSION_RECONCILING) ||
        session_asked(session, REQUEST_HISTORY) >= HISTORIES_IN_FLIGHT)
        return 0;
    message.body_case = HOPNHAT__MESSAGE__BODY_HISTORY;
    message.history = &copy;
    copy.has_credit_bytes = true;
    copy.credit_bytes = (uint32_t)credit_bytes(session);
    const struct request *request = session_ask(session, &message, REQUEST_HISTORY, wall_ms);
    return request ? request->number : 0;
}

void session_take_history(struct agent_session *session, const struct request *request,
                          const Hopnhat__HistoryAnswer *answer, const char *why)
{
    if (session->outlet.history)
        session->outlet.history(session->outlet.context, request->number, answer, why);
}

void session_give_up_histories(struct agent_session *session, bool all)
{
    for (size_t i = 0; i < SESSION_REQUESTS; i++) {
        struct request request = session->requests[i];
        if (!request.number || request.kind != REQUEST_HISTORY ||
            (!all && !session_is_due(session, request.sent_ms + HISTORY_MS)))
            continue;
        session->requests[i].number = 0;
        session_take_history(session, &request, NULL,
                             all ? "the link to the hub was cut" : "the hub did not answer in time");
    }
}
