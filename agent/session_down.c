/* Down: asking for the feed, and mending groups that are not what the hub has. */
#include "agent/feed.h"
#include "agent/feed_groups.h"
#include "agent/session_state.h"
#include "model/echo.h"
#include "store/pieces.h"

bool session_held(struct agent_session *session, struct bytes transfer, Hopnhat__PieceHeld *to)
{
    struct transaction transaction;
    struct error error;
    hopnhat__piece_held__init(to);
    if (!agent_read(session->agent, &transaction, &error))
        return false;
    const struct pieces_held held = pieces_held(&transaction, AGENT_PIECE, transfer);
    transaction_abort(&transaction);
    to->id = held.id;
    to->size = held.held_bytes;
    to->has_total = true;
    to->total = held.total_bytes;
    return held.held_bytes > 0;
}

/* What is held of items in part, told in a session's first Pull. */
static void tell_held(struct agent_session *session, Hopnhat__Pull *pull, Hopnhat__PieceHeld *held,
                      Hopnhat__PieceHeld **told)
{
    pull->held = told;
    for (size_t place = 0; place < PIECES_AT_ONCE; place++)
        if (session_held(session, PIECES_OF_FEED(place), &held[place]))
            told[pull->n_held++] = &held[place];
}

/* Asks once. The first of several Pulls may be held by the hub; the others are answered at once. */
static bool pull(struct agent_session *session, size_t under_way, uint64_t wall_ms)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Pull pull = HOPNHAT__PULL__INIT;
    Hopnhat__PieceHeld held[PIECES_AT_ONCE], *told[PIECES_AT_ONCE];
    const Hopnhat__PullScope scope = session_scope(session);
    bool ahead = under_way > 0,
         catching_up = !session->agent->at_head && scope == HOPNHAT__PULL_SCOPE__PULL_ALL;
    size_t credit = limit_chunk_bytes(session->agent->limits.down_bytes_per_second,
                                      rate_chunk_bytes(&session->down) -
                                          FEED_BYTES); /* so that a whole number fits the window */
    if (credit > session->feed_bytes)
        credit = session->feed_bytes;
    pull.has_applied = session->applied != 0;
    pull.applied = session->last_request + 1 - session->applied;
    pull.has_credit_bytes = session->credit_told != credit;
    pull.credit_bytes = session->credit_told = (uint32_t)credit;
    pull.has_scope = scope != HOPNHAT__PULL_SCOPE__PULL_ALL;
    pull.scope = session->scope = scope;
    pull.wait_ms = session->urgent || ahead                    ? 0
                   : scope == HOPNHAT__PULL_SCOPE__PULL_MARKED ? METERED_WAIT_MS
                                                               : PULL_WAIT_MS;
    pull.has_wait_ms = pull.wait_ms != PULL_WAIT_MS;
    pull.has_ahead = pull.ahead = ahead;
    if (session->applied == 0)
        tell_held(session, &pull, held, told);
    if (session->urgent || session_is_due(session, session->head_due_ms)) {
        pull.has_head = true;
        pull.head = agent_present_log(session->agent)->head;
        session->head_due_ms = session->now_ms + HEAD_TOLD_MS;
    }
    message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
    message.pull = &pull;
    struct request *request = session_ask(session, &message, REQUEST_PULL, wall_ms);
    if (!request)
        return false;
    request->wait_ms = pull.wait_ms;
    request->catching_up = catching_up;
    request->mark = rate_sent(&session->down, credit + FEED_BYTES, under_way, session->now_ms);
    session->urgent = false;
    return true;
}

void session_pull(struct agent_session *session, uint64_t wall_ms)
{
    const size_t most = session->protocol >= PULLS_PROTOCOL ? PULLS_IN_FLIGHT : FORMER_PULLS_IN_FLIGHT;
    const uint64_t limit = session->agent->limits.down_bytes_per_second;
    if (session->scope != session_scope(session)) {
        session_forget(session, REQUEST_PULL); /* it may be held for what is not wanted now */
        if (session_scope(session) == HOPNHAT__PULL_SCOPE__PULL_MARKED)
            session->agent->at_head = false; /* nobody knows from now on */
    }
    session->pull_after_ms = UINT64_MAX;
    while (session_is_due(session, session->ask_after_ms) &&
           allowance_is_left(&session->may_take, limit, session->now_ms)) {
        size_t asked = session_asked(session, REQUEST_PULL);
        size_t used = session_under_way(session, REQUEST_PULL);
        bool more = !session->agent->at_head && session_scope(session) == HOPNHAT__PULL_SCOPE__PULL_ALL &&
                    session->applied != 0 && asked < most;
        session->pull_after_ms = asked && more ? session_room_ms(session, REQUEST_PULL, &session->down,
                                                                 rate_chunk_bytes(&session->down))
                                               : UINT64_MAX;
        if ((asked && !session_is_due(session, session->pull_after_ms)) || !pull(session, used, wall_ms))
            return;
    }
}

/* What came in answer to a Pull while more was known to be there says how fast the link is. */
static void measure(struct agent_session *session, const struct request *request, const Hopnhat__Feed *feed)
{
    struct rate_mark mark = request->mark;
    size_t size = hopnhat__feed__get_packed_size(feed) + FEED_BYTES;
    mark.filled = mark.filled && 2 * size >= mark.size_bytes;
    mark.size_bytes = size;
    if (request->catching_up)
        rate_answered(&session->down, &mark, session->now_ms);
    session->bytes_come += size;
    packing_note(&session->agent->pace.down, size, session->came_bytes);
    session->records_come += feed->n_items + feed->n_own / ECHO_NUMBERS;
    session->agent->pace.records_to_come = feed->left;
    session->agent->pace.down_bytes_per_second = rate_bytes_per_second(&session->down);
    if (session->records_come)
        session->agent->pace.record_bytes = session->bytes_come / session->records_come;
}

void session_take_feed(struct agent_session *session, const struct request *request,
                       const Hopnhat__Feed *feed, uint64_t wall_ms)
{
    struct error error;
    struct agent *agent = session->agent;
    uint64_t took_ms = session->now_ms - request->sent_ms;
    switch (feed_apply(agent, feed, session->replicas, session->log_count, &error)) {
    case FEED_APPLIED:
        session->applied = request->number;
        session_progress(session);
        measure(session, request, feed);
        if (agent->at_head && request->number <= session->poked)
            agent->heads--; /* it was asked for before, and may have been read before */
        if (feed->has_time && took_ms < CONTACT_MS)
            clock_contact(&agent->clock, request->sent_wall_ms, wall_ms, feed->time);
        if (agent->at_head && !agent->digests_equal && !feed_needs_reconcile(agent, NULL)) {
            session_hello(session, wall_ms); /* the next session's digests tell where they differ */
        } else if (agent->at_head && agent->digests_equal) {
            session->mended = 0;
            if (!session_pushes_wait(session) &&
                memcmp(agent->hub_catalog, catalog_hash(agent->catalog), CATALOG_HASH_BYTES) == 0)
                agent->trouble[0] = '\0';
        }
        break;
    case FEED_LATE:
        session_hello(session, wall_ms);
        break;
    case FEED_MALFORMED:
        session_trouble(session, "%s", error.text);
        session_hello(session, wall_ms);
        break;
    default:
        session_store_failed(session, &error);
    }
}

static bool begin_round(struct agent_session *session, struct error *error)
{
    struct agent_group *group;
    if (session->round.group[0])
        return true;
    if (!feed_needs_reconcile(session->agent, &group))
        return true;
    return reconcile_begin(session->agent, &session->round, group->name, error);
}

/* All are done: the hub learns the new cursors by a Hello. Where that did not help, it is tried less often.
 */
static void end_rounds(struct agent_session *session, uint64_t wall_ms)
{
    if (session->mended++ > 0) {
        uint64_t pause_ms = UINT64_C(1000) << (session->mended < 8 ? session->mended : 8);
        session_trouble(session, "the mirror is still not what the hub has after it was reconciled");
        session->hello_after_ms = session->now_ms + pause_ms;
    }
    session_hello(session, wall_ms);
}

void session_reconcile(struct agent_session *session, uint64_t wall_ms)
{
    struct error error;
    Hopnhat__PieceHeld held;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    if (session->state == SESSION_OPEN) {
        session_forget(session, REQUEST_PULL);
        session_move(session, SESSION_RECONCILING);
    }
    if (session_asked(session, REQUEST_RECONCILE) || !session_is_due(session, session->ask_after_ms) ||
        !allowance_is_left(&session->may_take, session->agent->limits.down_bytes_per_second, session->now_ms))
        return;
    if (!begin_round(session, &error)) {
        session_store_failed(session, &error);
        return;
    }
    if (!session->round.group[0]) {
        end_rounds(session, wall_ms);
        return;
    }
    arena_reset(&session->message);
    message.body_case = HOPNHAT__MESSAGE__BODY_RECONCILE;
    size_t credit =
        session->down.window_bytes < session->feed_bytes ? session->down.window_bytes : session->feed_bytes;
    message.reconcile = reconcile_ask(session->agent, &session->round, session->up.window_bytes, credit,
                                      &session->message, &error);
    if (message.reconcile && session_held(session, PIECES_OF_RECONCILE, &held))
        message.reconcile->held = &held;
    if (message.reconcile)
        session_ask(session, &message, REQUEST_RECONCILE, wall_ms);
    else
        session_store_failed(session, &error);
}

void session_take_reconciled(struct agent_session *session, const Hopnhat__Reconciled *reconciled,
                             uint64_t wall_ms)
{
    struct error error;
    if (reconcile_take(session->agent, &session->round, reconciled, session->replicas, session->log_count,
                       &error)) {
        session_progress(session);
    } else if (error.code == ERROR_CORRUPT) {
        session_trouble(session, "%s", error.text);
        session_hello(session, wall_ms);
    } else {
        session_store_failed(session, &error);
    }
}

void session_group_refused(struct agent_session *session, uint64_t wall_ms)
{
    struct error error;
    (void)wall_ms;
    if (session->round.group[0] && !reconcile_give_up(session->agent, &session->round, &error))
        session_store_failed(session, &error);
}
