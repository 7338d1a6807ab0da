#include "agent/feed_groups.h"
#include "agent/session_state.h"
#include "agent/trim.h"
#include "base/defect.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BIT(state) (1u << SESSION_##state)

/* Where each state may go. */
static const unsigned LEGAL[SESSION_STATES] = {
    [SESSION_DOWN] = BIT(GREETING) | BIT(WAITING),
    [SESSION_WAITING] = BIT(DOWN) | BIT(GREETING),
    [SESSION_GREETING] = BIT(DOWN) | BIT(WAITING) | BIT(GREETING) | BIT(COMPARING) | BIT(OPEN) | BIT(STOPPED),
    [SESSION_COMPARING] = BIT(DOWN) | BIT(WAITING) | BIT(GREETING) | BIT(OPEN) | BIT(STOPPED),
    [SESSION_OPEN] = BIT(DOWN) | BIT(WAITING) | BIT(GREETING) | BIT(RECONCILING) | BIT(STOPPED),
    [SESSION_RECONCILING] = BIT(DOWN) | BIT(WAITING) | BIT(GREETING) | BIT(STOPPED),
    [SESSION_STOPPED] = BIT(DOWN) | BIT(WAITING) | BIT(GREETING),
};

static const char *const NAMES[SESSION_STATES] = {
    [SESSION_DOWN] = "down",           [SESSION_WAITING] = "waiting", [SESSION_GREETING] = "greeting",
    [SESSION_COMPARING] = "comparing", [SESSION_OPEN] = "open",       [SESSION_RECONCILING] = "reconciling",
    [SESSION_STOPPED] = "stopped",
};

struct agent_session *agent_session_new(struct agent *agent, const struct agent_outlet *outlet,
                                        struct error *error)
{
    struct agent_session *session = calloc(1, sizeof *session);
    if (!session) {
        out_of_memory(error);
        return NULL;
    }
    session->agent = agent;
    session->outlet = *outlet;
    session->push_after_ms = session->pull_after_ms = UINT64_MAX;
    arena_init(&session->arena, LIMIT_MESSAGE_ARENA_BYTES);
    arena_init(&session->message, LIMIT_MESSAGE_ARENA_BYTES);
    rate_start(&session->up, MOST_UP_BYTES);
    rate_start(&session->down, MOST_DOWN_BYTES);
    return session;
}

void agent_session_free(struct agent_session *session)
{
    if (!session)
        return;
    session->agent->hub_online = session->agent->at_head = false;
    arena_release(&session->arena);
    arena_release(&session->message);
    free(session);
}

const char *agent_session_state(const struct agent_session *session)
{
    return NAMES[session->state];
}

static bool is_online(enum session_state state)
{
    return state == SESSION_COMPARING || state == SESSION_OPEN || state == SESSION_RECONCILING;
}

void session_move(struct agent_session *session, enum session_state to)
{
    if (session->state != to && !(LEGAL[session->state] & 1u << to))
        log_error("the session goes from %s to %s, which it must not", NAMES[session->state], NAMES[to]);
    session->state = to;
    session->agent->hub_online = is_online(to);
    if (to != SESSION_OPEN)
        session->agent->at_head = false;
}

/* Time passes as the wall clock says, but never backwards. */
static void pass_time(struct agent_session *session, uint64_t wall_ms)
{
    if (session->last_wall_ms && wall_ms > session->last_wall_ms)
        session->now_ms += wall_ms - session->last_wall_ms;
    session->last_wall_ms = wall_ms;
}

void session_trouble(struct agent_session *session, const char *format, ...)
{
    char text[sizeof session->agent->trouble];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (strcmp(text, session->agent->trouble) == 0)
        return;
    memcpy(session->agent->trouble, text, sizeof text);
    log_warning("sync: %s", text);
}

static void end_session(struct agent_session *session)
{
    session_give_up_histories(session, true);
    memset(session->requests, 0, sizeof session->requests);
    session->applied = session->credit_told = 0;
    session->ask_after_ms = 0;
    session->push_after_ms = session->pull_after_ms = UINT64_MAX;
    session->protocol = 0;
    session->agent->has_seed_key = false;
    keys_wipe(session->seed_key, sizeof session->seed_key);
    keys_wipe(session->agent->seed_key, sizeof session->agent->seed_key);
    session->welcome = NULL;
    session->round = (struct reconciliation){0};
    arena_release(&session->arena);
}

/* The link has gone: what was under way was too much for it, perhaps. */
static void link_lost(struct agent_session *session)
{
    if (session_asked(session, REQUEST_PUSH))
        rate_lost(&session->up);
    if (session_asked(session, REQUEST_PULL) && !session->agent->at_head)
        rate_lost(&session->down);
    end_session(session);
    session_move(session, SESSION_DOWN);
}

void session_lose_link(struct agent_session *session, const char *why)
{
    link_lost(session);
    session->outlet.drop_link(session->outlet.context, why);
}

void session_store_failed(struct agent_session *session, const struct error *error)
{
    session_trouble(session, "%s", error->text);
    session_lose_link(session, "the store failed");
}

Hopnhat__PullScope session_scope(const struct agent_session *session)
{
    /* what is not known to be the hub's is mended in bulk, and not read on before */
    if (session->agent->limits.metered ||
        (session->agent->limits.bulk_waits && feed_needs_reconcile(session->agent, NULL)))
        return HOPNHAT__PULL_SCOPE__PULL_MARKED;
    return session->agent->limits.bulk_waits ? HOPNHAT__PULL_SCOPE__PULL_NO_BULK
                                             : HOPNHAT__PULL_SCOPE__PULL_ALL;
}

void agent_session_crossed(struct agent_session *session, size_t up_bytes, size_t down_bytes)
{
    allowance_use(&session->may_send, up_bytes);
    allowance_use(&session->may_take, down_bytes);
    if (up_bytes)
        session->sent_bytes = up_bytes;
    if (down_bytes)
        session->came_bytes = down_bytes;
}

void session_progress(struct agent_session *session)
{
    session->hello_gap_ms = 0;
}

void session_hello(struct agent_session *session, uint64_t wall_ms)
{
    end_session(session);
    if (session_is_due(session, session->hello_after_ms)) {
        session_say_hello(session, wall_ms);
        return;
    }
    session->wake_ms = session->hello_after_ms;
    session_move(session, SESSION_WAITING);
}

static void stop(struct agent_session *session)
{
    end_session(session);
    uint64_t jitter = entropy_number(&session->agent->entropy) % STOPPED_MS;
    session->wake_ms = session->now_ms + STOPPED_MS + jitter;
    session_move(session, SESSION_STOPPED);
}

/* Does what is to be done in the present state. */
static void pump(struct agent_session *session, uint64_t wall_ms)
{
    const struct link_limits *limits = &session->agent->limits;
    allowance_is_left(&session->may_send, limits->up_bytes_per_second, session->now_ms);
    allowance_is_left(&session->may_take, limits->down_bytes_per_second, session->now_ms);
    switch (session->state) {
    case SESSION_WAITING:
    case SESSION_STOPPED:
        if (session_is_due(session, session->wake_ms))
            session_say_hello(session, wall_ms);
        break;
    case SESSION_COMPARING:
        session_compare(session, wall_ms);
        break;
    case SESSION_OPEN:
    case SESSION_RECONCILING:
        if (session->replicas[0] != agent_present_log(session->agent)->replica) {
            session_hello(session, wall_ms); /* a log was begun that the hub has not heard of */
            break;
        }
        session_custody(session, wall_ms);
        if (session_custody_first(session))
            break;
        session_rotate(session, wall_ms);
        session_push(session, wall_ms);
        if (session->state == SESSION_OPEN && session_all_pushed(session) && session_left_out(session)) {
            session_hello(session, wall_ms);
            break;
        }
        if (session->state == SESSION_OPEN && (!feed_needs_reconcile(session->agent, NULL) ||
                                               session_scope(session) != HOPNHAT__PULL_SCOPE__PULL_ALL))
            session_pull(session, wall_ms);
        else if (session->state == SESSION_RECONCILING ||
                 (session->state == SESSION_OPEN && session_all_pushed(session)))
            session_reconcile(session, wall_ms);
        break;
    default:
        break;
    }
}

void agent_session_link_up(struct agent_session *session, uint64_t wall_ms)
{
    pass_time(session, wall_ms);
    end_session(session);
    rate_renew(&session->up);
    rate_renew(&session->down);
    session->heard_ms = session->hello_after_ms = session->now_ms;
    session->hello_gap_ms = 0;
    session_say_hello(session, wall_ms);
}

void agent_session_link_down(struct agent_session *session, uint64_t wall_ms)
{
    pass_time(session, wall_ms);
    link_lost(session);
}

void agent_session_bye(struct agent_session *session, uint64_t wall_ms)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Bye bye = HOPNHAT__BYE__INIT;
    pass_time(session, wall_ms);
    message.body_case = HOPNHAT__MESSAGE__BODY_BYE;
    message.bye = &bye;
    if (is_online(session->state))
        session->outlet.send(session->outlet.context,
                             &message); /* where it fails, the hub finds out itself */
    end_session(session);
    session_move(session, SESSION_DOWN);
}

static void take_busy(struct agent_session *session, const struct request *request, const Hopnhat__Busy *busy)
{
    uint64_t jitter = entropy_number(&session->agent->entropy) % (busy->retry_ms / 2 + 100);
    uint64_t retry_ms = busy->retry_ms + jitter;
    if (busy->reason)
        session_trouble(session, "%.400s", busy->reason);
    if (request->kind == REQUEST_PUSH) {
        session_push_again(session, request->log, request->first - 1, retry_ms);
    } else if (request->kind == REQUEST_HISTORY) {
        session_take_history(session, request, NULL, "the hub is busy");
    } else if (request->kind == REQUEST_HELLO) {
        session->wake_ms = session->now_ms + retry_ms;
        session_move(session, SESSION_WAITING);
    } else {
        session->custody_due = session->custody_due || request->kind == REQUEST_CUSTODY;
        session->ask_after_ms = session->now_ms + retry_ms;
    }
}

static void take_error(struct agent_session *session, const struct request *request,
                       const Hopnhat__Error *error, uint64_t wall_ms)
{
    const char *text = error->text ? error->text : "";
    if (request->kind == REQUEST_HISTORY) {
        session_take_history(session, request, NULL, text);
        return;
    }
    if (request->kind == REQUEST_ROTATE && error->code != HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO) {
        session_take_rotated(session, NULL, text);
        return;
    }
    if (request->kind == REQUEST_CUSTODY && error->code == HOPNHAT__ERROR_CODE__ERROR_MALFORMED) {
        session_trouble(session, "the hub did not take what was held in custody: %.400s", text);
        session_take_custody(session, request, NULL);
        return;
    }
    if (request->kind == REQUEST_RECONCILE && error->code != HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO) {
        session_group_refused(session, wall_ms);
        return;
    }
    if (request->kind == REQUEST_PUSH)
        session->whole_until = request->last;
    switch (error->code) {
    case HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO:
        session_hello(session, wall_ms);
        break;
    case HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED:
    case HOPNHAT__ERROR_CODE__ERROR_PROTOCOL:
        session_trouble(session, "the hub refuses us: %.400s", text);
        stop(session);
        break;
    default:
        session_trouble(session, "the hub could not use a message of ours: %.400s", text);
        session_hello(session, wall_ms);
    }
}

static void take_answer(struct agent_session *session, const struct request *request,
                        const Hopnhat__Message *message, uint64_t wall_ms)
{
    switch (message->body_case) {
    case HOPNHAT__MESSAGE__BODY_BUSY:
        take_busy(session, request, message->busy);
        break;
    case HOPNHAT__MESSAGE__BODY_ERROR:
        take_error(session, request, message->error, wall_ms);
        break;
    case HOPNHAT__MESSAGE__BODY_WELCOME:
        session_take_welcome(session, request, message->welcome, wall_ms);
        break;
    case HOPNHAT__MESSAGE__BODY_COMPARED:
        session_take_compared(session, message->compared, wall_ms);
        break;
    case HOPNHAT__MESSAGE__BODY_ACK:
        session_take_ack(session, request, message->ack, wall_ms);
        break;
    case HOPNHAT__MESSAGE__BODY_FEED:
        session_take_feed(session, request, message->feed, wall_ms);
        break;
    case HOPNHAT__MESSAGE__BODY_RECONCILED:
        session_take_reconciled(session, message->reconciled, wall_ms);
        break;
    case HOPNHAT__MESSAGE__BODY_CUSTODY:
        session_take_custody(session, request, message->custody);
        break;
    case HOPNHAT__MESSAGE__BODY_ROTATED:
        session_take_rotated(session, message->rotated, NULL);
        break;
    case HOPNHAT__MESSAGE__BODY_HISTORY_ANSWER:
        session_take_history(session, request, message->history_answer, NULL);
        break;
    default:
        break;
    }
}

/* The hub answers from where the agent stood before a file was taken in. */
static void begin_anew_if_carried(struct agent_session *session, uint64_t wall_ms)
{
    bool carried = session->carried != session->agent->carried;
    session->carried = session->agent->carried;
    if (carried && (is_online(session->state) || session->state == SESSION_GREETING))
        session_hello(session, wall_ms);
}

void agent_session_receive(struct agent_session *session, const Hopnhat__Message *message, uint64_t wall_ms)
{
    struct request request;
    pass_time(session, wall_ms);
    if (session->state == SESSION_DOWN)
        return;
    session->heard_ms = session->now_ms;
    session->agent->last_contact_ms = wall_ms;
    begin_anew_if_carried(session, wall_ms);
    if (message->body_case == HOPNHAT__MESSAGE__BODY_FEED && message->feed->custody)
        session->custody_due = true; /* said once, perhaps in answer to a Pull that was given up since */
    if (message->body_case == HOPNHAT__MESSAGE__BODY_BYE) {
        end_session(session);
        session->wake_ms = session->now_ms + BYE_MS + entropy_number(&session->agent->entropy) % BYE_MS;
        session_move(session, SESSION_WAITING);
    } else if (session_answered(session, message, &request)) {
        take_answer(session, &request, message, wall_ms);
    }
    pump(session, wall_ms);
}

uint64_t agent_session_patience_ms(const struct agent_session *session)
{
    if (session->up.round_trip_ms == 0)
        return MOST_PATIENCE_MS;
    uint64_t patience_ms = LEAST_PATIENCE_MS + 30 * session->up.round_trip_ms;
    return patience_ms < MOST_PATIENCE_MS ? patience_ms : MOST_PATIENCE_MS;
}

/* When the request's answer is overdue: counted from the last sign of the hub. As little is under way, any
 * link that works brings one much sooner, however thin it is. */
static uint64_t deadline(const struct agent_session *session, const struct request *request)
{
    if (request->kind == REQUEST_HISTORY)
        return request->sent_ms + HISTORY_MS;
    uint64_t from_ms = request->sent_ms > session->heard_ms ? request->sent_ms : session->heard_ms;
    return from_ms + request->wait_ms + agent_session_patience_ms(session);
}

void agent_session_tick(struct agent_session *session, uint64_t wall_ms)
{
    pass_time(session, wall_ms);
    begin_anew_if_carried(session, wall_ms);
    session_give_up_histories(session, false);
    for (size_t i = 0; i < SESSION_REQUESTS; i++) {
        const struct request *request = &session->requests[i];
        if (request->number && session_is_due(session, deadline(session, request))) {
            session_trouble(session, "the hub does not answer");
            session_lose_link(session, "the hub does not answer");
            return;
        }
    }
    pump(session, wall_ms);
    struct error error;
    if (session->state == SESSION_OPEN && !agent_trim(session->agent, &error))
        session_trouble(session, "%s", error.text);
}

void agent_session_poke(struct agent_session *session, uint64_t wall_ms)
{
    pass_time(session, wall_ms);
    if (session->state == SESSION_WAITING || session->state == SESSION_STOPPED) {
        session_hello(session, wall_ms);
    } else if (session->state == SESSION_OPEN) {
        if (session->agent->at_head)
            session_forget(session, REQUEST_PULL); /* it may be held */
        session->urgent = true;
        session->poked = session->last_request;
    }
    pump(session, wall_ms);
}

/* How long the limits of the link hold up what is to be sent or asked for; 0: not at all. */
static uint64_t limit_wait_ms(const struct agent_session *session)
{
    const struct link_limits *limits = &session->agent->limits;
    uint64_t up_ms = allowance_wait_ms(&session->may_send, limits->up_bytes_per_second);
    uint64_t down_ms = allowance_wait_ms(&session->may_take, limits->down_bytes_per_second);
    return !down_ms || (up_ms && up_ms < down_ms) ? up_ms : down_ms;
}

int64_t agent_session_wait_ms(const struct agent_session *session, uint64_t wall_ms)
{
    uint64_t next_ms = UINT64_MAX;
    uint64_t passed_ms = wall_ms > session->last_wall_ms ? wall_ms - session->last_wall_ms : 0;
    for (size_t i = 0; i < SESSION_REQUESTS; i++)
        if (session->requests[i].number && deadline(session, &session->requests[i]) < next_ms)
            next_ms = deadline(session, &session->requests[i]);
    if ((session->state == SESSION_WAITING || session->state == SESSION_STOPPED) &&
        session->wake_ms < next_ms)
        next_ms = session->wake_ms;
    if (is_online(session->state) && session->ask_after_ms > session->now_ms &&
        session->ask_after_ms < next_ms)
        next_ms = session->ask_after_ms;
    if (is_online(session->state) && session->push_after_ms < next_ms)
        next_ms = session->push_after_ms;
    if (session->state == SESSION_OPEN && session->pull_after_ms < next_ms)
        next_ms = session->pull_after_ms;
    uint64_t limited_ms = limit_wait_ms(session);
    if (is_online(session->state) && limited_ms && session->now_ms + limited_ms < next_ms)
        next_ms = session->now_ms + limited_ms;
    for (size_t i = 0; is_online(session->state) && i < session->log_count; i++)
        if (session->logs[i].paused_until_ms > session->now_ms && session->logs[i].paused_until_ms < next_ms)
            next_ms = session->logs[i].paused_until_ms;
    if (next_ms == UINT64_MAX)
        return -1;
    uint64_t now_ms = session->now_ms + passed_ms;
    return next_ms > now_ms ? (int64_t)(next_ms - now_ms) : 0;
}
