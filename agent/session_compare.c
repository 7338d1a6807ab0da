/* Finding where the chain of an own log parts from the hub's. */
#include "agent/log.h"
#include "agent/session_state.h"

/* Which seqs to ask about: at first close to the end and farther and farther back, since chains mostly part
 * near the end; later evenly over what is left. */
static void choose_queries(struct agent_session *session, const struct session_log *log)
{
    uint64_t span = log->parted - log->equal - 1, step = 1;
    session->query_count = 0;
    if (span > LIMIT_CHAIN_QUERIES && log->rounds == 0) {
        for (uint64_t back = 1; back <= span && session->query_count < LIMIT_CHAIN_QUERIES;
             back += step, step *= 2)
            session->queries[session->query_count++] = log->parted - back;
        return;
    }
    step = span / LIMIT_CHAIN_QUERIES + 1;
    for (uint64_t seq = log->equal + step; seq < log->parted; seq += step)
        session->queries[session->query_count++] = seq;
}

/* Nothing is left between the two: `equal` is the last seq that both sides have in common. */
static void conclude(struct agent_session *session, size_t place)
{
    struct session_log *log = &session->logs[place];
    const struct own_log *own = agent_log(session->agent, log->replica);
    if (log->equal + 1 < log->parted)
        return;
    log->decided = true;
    /* a former log of which the hub has more is good: that was written after the backup that we came from */
    log->forked = place == 0 || log->equal < own->head;
}

static void ask(struct agent_session *session, uint64_t wall_ms)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Compare compare = HOPNHAT__COMPARE__INIT;
    struct session_log *log = &session->logs[session->query_log];
    choose_queries(session, log);
    compare.replica = log->replica;
    compare.n_seqs = session->query_count;
    compare.seqs = session->queries;
    message.body_case = HOPNHAT__MESSAGE__BODY_COMPARE;
    message.compare = &compare;
    session_ask(session, &message, REQUEST_COMPARE, wall_ms);
}

void session_compare(struct agent_session *session, uint64_t wall_ms)
{
    if (session_asked(session, REQUEST_COMPARE) || !session_is_due(session, session->ask_after_ms))
        return;
    for (size_t i = 0; i < session->log_count; i++) {
        if (session->logs[i].decided)
            continue;
        conclude(session, i);
        if (session->logs[i].decided)
            continue;
        session->query_log = i;
        ask(session, wall_ms);
        return;
    }
    session_go_on(session, wall_ms);
}

/* Narrows what is not known. */
static bool take_links(struct agent_session *session, const Hopnhat__Compared *compared, struct error *error)
{
    struct transaction transaction;
    struct session_log *log = &session->logs[session->query_log];
    const struct own_log *own = agent_log(session->agent, log->replica);
    uint8_t link[LINK_BYTES];
    if (!agent_read(session->agent, &transaction, error))
        return false;
    for (size_t i = 0; i < compared->n_links; i++) {
        uint64_t seq = session->queries[i];
        const ProtobufCBinaryData *theirs = &compared->links[i];
        arena_reset(&session->message);
        if (!log_link(&transaction, own, seq, link, &session->message))
            break;
        bool same = theirs->len == LINK_BYTES && memcmp(theirs->data, link, LINK_BYTES) == 0;
        if (same && seq > log->equal)
            log->equal = seq;
        if (!same && seq < log->parted)
            log->parted = seq;
    }
    log->rounds++;
    bool sound = transaction_is_sound(&transaction, error);
    transaction_abort(&transaction);
    return sound;
}

void session_take_compared(struct agent_session *session, const Hopnhat__Compared *compared, uint64_t wall_ms)
{
    struct error error;
    const struct session_log *log = &session->logs[session->query_log];
    if (compared->replica != log->replica || compared->n_links != session->query_count) {
        session_trouble(session, "the hub compared another log than was asked");
        session_hello(session, wall_ms);
    } else if (!take_links(session, compared, &error)) {
        session_store_failed(session, &error);
    } else if (log->equal >= log->parted) {
        session_trouble(session, "the hub's answers about a log contradict each other");
        session_hello(session, wall_ms);
    } else {
        session_compare(session, wall_ms);
    }
}
