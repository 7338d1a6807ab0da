#include "hub/pulls.h"

#include "base/log.h"
#include "hub/audience.h"
#include "hub/custody.h"
#include "hub/reply.h"

#include <stdlib.h>

enum { LONGEST_HOLD_MS = 10 * 60 * 1000, HOLD_STEP_MS = 250 };

/* Forgets the oldest part under way. */
static void drop_sent(struct hub_session *session)
{
    struct sent_part *part = session->sent;
    session->sent = part->next;
    feed_state_release(&part->after);
    free(part);
}

void pulls_forget(struct hub_session *session)
{
    feed_state_release(&session->confirmed);
    while (session->sent)
        drop_sent(session);
}

/* Where the agent stands once it has applied all that is under way, and what follows the last of it. */
static const struct feed_state *standing(struct hub_session *session, struct sent_part ***end)
{
    const struct feed_state *state = &session->confirmed;
    for (*end = &session->sent; **end; *end = &(**end)->next)
        state = &(**end)->after;
    return state;
}

static struct waiting_pull take_pull(struct hub_session *session)
{
    struct waiting_pull pull = session->pulls[0];
    session->pull_count--;
    memmove(session->pulls, session->pulls + 1, session->pull_count * sizeof *session->pulls);
    return pull;
}

/* Answers the Pull that waits longest. */
static void send_part(struct hub *hub, struct hub_session *session, const struct hub_outlet *outlet)
{
    struct arena arena;
    struct error error;
    struct sent_part **end, *part = calloc(1, sizeof *part);
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    const struct feed_state *state = standing(session, &end);
    const struct feed_reader reader = session_reader(hub, session);
    const struct waiting_pull pull = take_pull(session);
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    out_of_memory(&error);
    if (part && feed_part(hub, &reader, state, pull.credit_bytes, pull.scope, &arena, &message.feed,
                          &part->after, &error)) {
        message.body_case = HOPNHAT__MESSAGE__BODY_FEED;
        if (custody_waits(hub, session))
            message.feed->has_custody = message.feed->custody = session->custody_flagged = true;
        part->request = pull.request;
        *end = part;
        reply(outlet, &session->peer, pull.request, &message);
    } else {
        log_with(LOG_LEVEL_ERROR, "HOPNHAT_OFFICE", session->office, "cannot read the feed of office %s: %s",
                 session->office, error.text);
        if (part)
            feed_state_release(&part->after);
        free(part);
        reply_busy(outlet, &session->peer, pull.request, 5000);
    }
    arena_release(&arena);
}

/* A Pull says which part was applied last: that is where the agent stands. */
static bool confirm(struct hub_session *session, uint32_t applied)
{
    const struct sent_part *part = session->sent;
    if (applied == session->confirmed_request)
        return true;
    while (part && part->request != applied)
        part = part->next;
    if (!part)
        return false;
    while (session->confirmed_request != applied) {
        session->confirmed_request = session->sent->request;
        feed_state_release(&session->confirmed);
        session->confirmed = session->sent->after;
        session->sent->after = (struct feed_state){0};
        drop_sent(session);
    }
    return true;
}

void pulls_receive(struct hub *hub, struct hub_session *session, uint32_t request, const Hopnhat__Pull *pull,
                   const struct hub_outlet *outlet)
{
    const uint64_t now_ms = steady_ms(&hub->steady);
    bool first = !pull->has_applied && !session->sent;
    if (session->last_pull && (int32_t)(request - session->last_pull) <= 0)
        return; /* it came before: a second answer would be taken for another one's */
    session->last_pull = request;
    if (hub->has_next_link_keys && !session->key_told) { /* all Pull again within minutes, and not at once */
        reply_error(outlet, &session->peer, request, HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO,
                    "the Welcome tells of the hub's next key");
        return;
    }
    if (!pull->ahead)
        session->pull_count = 0;
    if (!confirm(session, pull->has_applied ? request - pull->applied : 0) ||
        session->pull_count == PULLS_WAITING) {
        reply_error(outlet, &session->peer, request, HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO,
                    "the part that was applied last is not known here");
        return;
    }
    reading_goes_on(hub, session, pull);
    while (!pull->ahead && session->sent)
        drop_sent(session); /* what was under way was not applied, and is sent again */
    for (size_t i = 0; i < PIECES_AT_ONCE && session->confirmed_request == 0; i++)
        session->confirmed.held[i] = pieces_told(i < pull->n_held ? pull->held[i] : NULL);
    uint64_t hold_ms = pull->wait_ms < LONGEST_HOLD_MS ? pull->wait_ms : LONGEST_HOLD_MS;
    struct waiting_pull *waiting = &session->pulls[session->pull_count++];
    waiting->request = request;
    waiting->scope = session->scope = pull->scope;
    if (pull->has_credit_bytes)
        session->credit_bytes = pull->credit_bytes < LIMIT_FEED_BYTES ? pull->credit_bytes : LIMIT_FEED_BYTES;
    waiting->credit_bytes = session->credit_bytes ? session->credit_bytes : 1; /* one record at least */
    waiting->hold_until_ms = first ? now_ms : now_ms + hold_ms;
    uint64_t look_ms =
        waiting->hold_until_ms > now_ms + HOLD_STEP_MS ? waiting->hold_until_ms : now_ms + HOLD_STEP_MS;
    if (look_ms < hub->holds_due_ms)
        hub->holds_due_ms = look_ms;
    audience_look(hub, session, LOOK_ASKED);
}

void pulls_answer(struct hub *hub, struct hub_session *session, const struct hub_outlet *outlet)
{
    const struct feed_reader reader = session_reader(hub, session);
    struct sent_part **end;
    while (session->pull_count &&
           (session->pulls[0].hold_until_ms <= steady_ms(&hub->steady) ||
            feed_has_news(hub, &reader, standing(session, &end), session->pulls[0].scope) ||
            custody_waits(hub, session)))
        send_part(hub, session, outlet);
}

void pulls_end_holds(struct hub *hub)
{
    const uint64_t now_ms = steady_ms(&hub->steady);
    if (now_ms < hub->holds_due_ms)
        return;
    hub->holds_due_ms = UINT64_MAX;
    for (struct hub_session *session = hub->sessions; session; session = session->hh.next) {
        if (session->pull_count == 0)
            continue;
        if (session->pulls[0].hold_until_ms <= now_ms)
            audience_look(hub, session, LOOK_ASKED);
        else if (session->pulls[0].hold_until_ms < hub->holds_due_ms)
            hub->holds_due_ms = session->pulls[0].hold_until_ms;
    }
    if (hub->holds_due_ms < now_ms + HOLD_STEP_MS)
        hub->holds_due_ms = now_ms + HOLD_STEP_MS;
}

void pulls_refuse(struct hub_session *session, const char *why, const struct hub_outlet *outlet)
{
    while (session->pull_count)
        reply_error(outlet, &session->peer, take_pull(session).request,
                    HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED, why);
}
