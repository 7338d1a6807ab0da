/* Headquarters' log in custody: telling the hub what is held here, giving back what it has lost, taking more.
 */
#include "agent/custody.h"
#include "agent/feed.h"
#include "agent/session_state.h"

void session_custody_begin(struct agent_session *session)
{
    struct transaction transaction;
    struct error error;
    session->custody_due = true;
    session->custody_settled = true;
    session->want_replica = 0;
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

void session_custody(struct agent_session *session, uint64_t wall_ms)
{
    struct transaction transaction;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    if (session_asked(session, REQUEST_CUSTODY) || !session_is_due(session, session->ask_after_ms))
        return;
    arena_reset(&session->message);
    bool read = agent_read(session->agent, &transaction, &error);
    if (read) {
        custody_list(&transaction, &custody, &session->message);
        if (session->want_replica)
            custody_give(&transaction, session->want_replica, session->want_from, &custody,
                         &session->message);
        read = !transaction.failed;
        error = transaction.error;
        transaction_abort(&transaction);
    }
    if (!read) {
        session_trouble(session, "%s", error.text);
        session_lose_link(session, "the store failed");
        return;
    }
    session->custody_due = false;
    message.body_case = HOPNHAT__MESSAGE__BODY_CUSTODY;
    message.custody = &custody;
    session_ask(session, &message, REQUEST_CUSTODY, wall_ms);
}

void session_take_custody(struct agent_session *session, const Hopnhat__Custody *custody)
{
    struct error error;
    uint64_t replica = session->want_replica, from = session->want_from;
    session->want_replica = 0;
    if (!custody) {
        session->custody_settled = true;
        return;
    }
    if (!custody_take(session->agent, custody, &error)) {
        session_trouble(session, "%s", error.text);
        session_lose_link(session, "the store failed");
        return;
    }
    for (size_t i = 0; i + 1 < custody->n_want && !session->want_replica; i += 2) {
        if (custody->want[i] < replica || (custody->want[i] == replica && custody->want[i + 1] <= from))
            continue; /* given already: the hub cannot take it yet */
        session->want_replica = custody->want[i];
        session->want_from = custody->want[i + 1];
    }
    session->custody_settled = !session->want_replica;
    session->custody_due = session->want_replica || custody->n_pieces > 0;
}
