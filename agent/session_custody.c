/* Headquarters' log in custody: telling the hub what is held here, giving back what it has lost, taking more.
 */
#include "agent/custody.h"
#include "agent/feed_groups.h"
#include "agent/session_state.h"

void session_custody_begin(struct agent_session *session)
{
    struct transaction transaction;
    struct error error;
    session->custody_due = true;
    session->custody_settled = true;
    session->custody_waits = session->custody_full = false;
    session->want = (struct custody_want){0};
    if (!agent_read(session->agent, &transaction, &error))
        return;
    session->custody_settled = !custody_holds(&transaction);
    transaction_abort(&transaction);
}

/* While groups are to be reconciled with a restored hub, what it has lost of its own comes before all else.
 */
bool session_custody_first(const struct agent_session *session)
{
    return !session->custody_settled && session->state == SESSION_OPEN &&
           feed_needs_reconcile(session->agent, NULL);
}

/* Whether pieces are taken now. */
static bool takes(const struct agent_session *session)
{
    return !session->agent->limits.metered && !session->agent->limits.bulk_waits && !session->custody_full;
}

/* Asks once. Where none are taken now, the hub is told so by a credit of 0, and of the change. */
static void ask(struct agent_session *session, uint64_t wall_ms)
{
    struct transaction transaction;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    Hopnhat__PieceHeld held;
    const struct link_limits *limits = &session->agent->limits;
    const size_t up_bytes = limit_chunk_bytes(limits->up_bytes_per_second, session->up.window_bytes / 2),
                 down_bytes =
                     limit_chunk_bytes(limits->down_bytes_per_second, session->down.window_bytes / 2);
    size_t given = 0;
    arena_reset(&session->message);
    bool read = agent_read(session->agent, &transaction, &error);
    if (read) {
        custody_list(&transaction, &custody, &session->message);
        if (session->want.replica)
            given = custody_give(&transaction, &session->want, up_bytes, &custody, &session->message);
        read = transaction_is_sound(&transaction, &error);
        transaction_abort(&transaction);
    }
    if (!read) {
        session_store_failed(session, &error);
        return;
    }
    session->custody_due = false;
    session->custody_waits = !takes(session);
    message.body_case = HOPNHAT__MESSAGE__BODY_CUSTODY;
    message.custody = &custody;
    custody.has_credit_bytes = true;
    custody.credit_bytes = takes(session) ? (uint32_t)down_bytes : 0;
    if (session_held(session, PIECES_OF_CUSTODY, &held))
        custody.held = &held;
    struct request *request = session_ask(session, &message, REQUEST_CUSTODY, wall_ms);
    if (request && session->want.replica)
        request->mark =
            rate_sent(&session->up, given, session_under_way(session, REQUEST_PUSH), session->now_ms);
    else if (request && takes(session))
        request->mark =
            rate_sent(&session->down, down_bytes, session_under_way(session, REQUEST_PULL), session->now_ms);
}

void session_custody(struct agent_session *session, uint64_t wall_ms)
{
    const struct link_limits *limits = &session->agent->limits;
    const bool left =
        session->want.replica
            ? allowance_is_left(&session->may_send, limits->up_bytes_per_second, session->now_ms)
            : allowance_is_left(&session->may_take, limits->down_bytes_per_second, session->now_ms);
    if (left && (session->custody_due || (session->custody_waits && takes(session))) &&
        !session_asked(session, REQUEST_CUSTODY) && session_is_due(session, session->ask_after_ms))
        ask(session, wall_ms);
}

/* What came says how fast the link is. */
static void measure(struct agent_session *session, const struct request *request,
                    const Hopnhat__Custody *custody, bool gave)
{
    struct rate_mark mark = request->mark;
    size_t size = custody->piece ? custody->piece->data.len : 0;
    for (size_t i = 0; i < custody->n_pieces; i++)
        size += custody->pieces[i]->sealed.len;
    if (gave) {
        rate_answered(&session->up, &mark, session->now_ms);
    } else if (size) {
        mark.filled = mark.filled && 2 * size >= mark.size_bytes;
        mark.size_bytes = size;
        rate_answered(&session->down, &mark, session->now_ms);
        if (!session->agent->at_head) /* it takes of what the feed may have */
            packing_note(&session->agent->pace.down, 0, session->came_bytes);
    }
}

/* Whether the hub has taken more of what it wants since that was said. */
static bool goes_on(const struct custody_want *want, const struct custody_want *before)
{
    return want->replica > before->replica ||
           (want->replica == before->replica &&
            (want->from > before->from || want->held.id != before->held.id ||
             want->held.held_bytes > before->held.held_bytes));
}

void session_take_custody(struct agent_session *session, const struct request *request,
                          const Hopnhat__Custody *custody)
{
    struct error error;
    const struct custody_want before = session->want;
    session->want = (struct custody_want){0};
    if (!custody) {
        session->custody_settled = true;
        return;
    }
    measure(session, request, custody, before.replica);
    if (!custody_take(session->agent, custody, &session->custody_full, &error)) {
        session_store_failed(session, &error);
        return;
    }
    for (size_t i = 0; i + 1 < custody->n_want && !session->want.replica; i += 2) {
        const struct custody_want want = {.replica = custody->want[i],
                                          .from = custody->want[i + 1],
                                          .takes_parts = custody->held != NULL,
                                          .held = pieces_told(custody->held)};
        if (!before.replica || goes_on(&want, &before)) /* else the hub cannot take yet what was given */
            session->want = want;
    }
    session->custody_settled = !session->want.replica;
    session->custody_due = session->want.replica || custody->n_pieces > 0 || custody->piece;
}
