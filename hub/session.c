#include "hub/session.h"

#include "base/log.h"
#include "hub/audience.h"
#include "hub/custody.h"
#include "hub/enrolment.h"
#include "hub/hello.h"
#include "hub/history.h"
#include "hub/office_status.h"
#include "hub/pulls.h"
#include "hub/push.h"
#include "hub/reconcile.h"
#include "hub/registry.h"
#include "hub/reply.h"
#include "hub/rotation.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdlib.h>

enum {
    ONLINE_MS = 5 * 60 * 1000,
    LOOKS_A_TURN = 64,
    LOOKUPS_AT_ONCE = 200,
    LOOKUP_EVERY_MS = 10,
};

static const char NOT_ALLOWED[] = "this installation may not sync";
static const struct throttle_rule by_address = {10, 1000, 5 * 60 * 1000, 3600 * 1000};

bool hub_admits(struct hub *hub, const uint8_t key[LINK_KEY_BYTES], const char *address, uint64_t wall_ms)
{
    const struct installation *installation = registry_installation(hub, key);
    struct bytes from = bytes_of_string(address ? address : "");
    if (!installation)
        installation = registry_announced(hub, key);
    if (installation)
        return !installation->revoked;
    if (throttle_wait_ms(&hub->strangers, &by_address, from, wall_ms) ||
        !budget_take(&hub->lookups, LOOKUPS_AT_ONCE, LOOKUP_EVERY_MS, wall_ms))
        return false;
    if (enrolment_knows(hub, key, wall_ms))
        return true;
    throttle_failed(&hub->strangers, &by_address, from, wall_ms);
    if (hub_was_restored(hub))
        return true;
    log_with(LOG_LEVEL_WARNING, "HOPNHAT_PEER", address,
             "a key that is not known here was turned away, from %s", address ? address : "?");
    return false;
}

struct hub_session *session_find(const struct hub *hub, const uint8_t key[LINK_KEY_BYTES])
{
    struct hub_session *session;
    HASH_FIND(hh, hub->sessions, key, LINK_KEY_BYTES, session);
    return session;
}

void session_end(struct hub *hub, struct hub_session *session)
{
    reading_note(hub, session);
    HASH_DEL(hub->sessions, session);
    audience_leave(hub, session);
    hub->custody.stale = true;
    pulls_forget(session);
    keys_wipe(session->seed_key, sizeof session->seed_key);
    free(session);
}

void session_forget_seed_keys(struct hub *hub)
{
    for (struct hub_session *session = hub->sessions; session; session = session->hh.next) {
        session->has_seed_key = false;
        keys_wipe(session->seed_key, sizeof session->seed_key);
    }
}

void hub_end_sessions(struct hub *hub)
{
    struct hub_session *session, *next;
    push_drop(hub);
    HASH_ITER(hh, hub->sessions, session, next)
    {
        session_end(hub, session);
    }
}

bool session_is_online(const struct hub *hub, const struct hub_session *session)
{
    return session->last_message_ms + ONLINE_MS > steady_ms(&hub->steady);
}

size_t hub_sessions_online(const struct hub *hub)
{
    size_t count = 0;
    for (const struct hub_session *session = hub->sessions; session; session = session->hh.next)
        count += session_is_online(hub, session);
    return count;
}

struct feed_reader session_reader(const struct hub *hub, const struct hub_session *session)
{
    for (size_t i = 0; i < session->log_count; i++) {
        const struct replica *replica = registry_replica(hub, session->logs[i]);
        if (replica && replica->safe > session->trimmed[i])
            session->trimmed[i] = replica->safe; /* the agent need not keep it any longer */
    }
    return (struct feed_reader){
        .office = registry_office(hub, session->office),
        .logs = session->logs,
        .heads = session->heads,
        .trimmed = session->trimmed,
        .log_count = session->log_count,
    };
}

static void receive_join(struct hub *hub, const struct link_peer *peer, uint32_t request,
                         const Hopnhat__Join *join, uint64_t wall_ms, const struct hub_outlet *outlet)
{
    struct arena arena;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    if (join->protocol < PROTOCOL_OLDEST) { /* before the code is used up */
        reply_error(outlet, peer, request, HOPNHAT__ERROR_CODE__ERROR_PROTOCOL,
                    "this agent is too old for the hub: upgrade it");
        return;
    }
    push_commit(hub, outlet); /* joining is a transaction of its own */
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    message.joined = enrolment_join(hub, peer->key, join, wall_ms, &arena, &error);
    message.body_case = HOPNHAT__MESSAGE__BODY_JOINED;
    if (message.joined) {
        log_info("an installation has joined");
        reply(outlet, peer, request, &message);
    } else {
        log_warning("a Join was refused: %s", error.text);
        reply_error(outlet, peer, request, HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED, error.text);
    }
    arena_release(&arena);
}

static void receive_reconcile(struct hub *hub, struct hub_session *session, uint32_t request,
                              const Hopnhat__Reconcile *reconcile, const struct hub_outlet *outlet)
{
    struct arena arena;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    const struct feed_reader reader = session_reader(hub, session);
    push_commit(hub, outlet);
    arena_init(&arena, 4 * (size_t)LIMIT_MESSAGE_ARENA_BYTES);
    message.body_case = HOPNHAT__MESSAGE__BODY_RECONCILED;
    if (reconcile_group(hub, &reader, reconcile, &arena, &message.reconciled, &error))
        session->reconciled++, reply(outlet, &session->peer, request, &message);
    else
        reply_error(outlet, &session->peer, request,
                    error.code == ERROR_REFUSED ? HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED
                                                : HOPNHAT__ERROR_CODE__ERROR_MALFORMED,
                    error.text);
    arena_release(&arena);
}

/* The links of a log of the asking office at the given seqs; empty where there is no such change. */
static bool read_links(struct hub *hub, const Hopnhat__Compare *compare, struct arena *arena,
                       Hopnhat__Compared *answer, struct error *error)
{
    struct transaction transaction;
    answer->links = arena_alloc(arena, compare->n_seqs * sizeof *answer->links);
    if (!answer->links)
        return out_of_memory(error);
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    for (size_t i = 0; i < compare->n_seqs; i++) {
        struct key key;
        key_dot(&key, compare->replica, compare->seqs[i]);
        const Hopnhat__LogRow *row =
            row_get(&transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
        answer->links[answer->n_links++] = row ? row->link : (ProtobufCBinaryData){0, NULL};
    }
    bool read = transaction_is_sound(&transaction, error);
    transaction_abort(&transaction);
    return read;
}

static void receive_compare(struct hub *hub, struct hub_session *session, uint32_t request,
                            const Hopnhat__Compare *compare, const struct hub_outlet *outlet)
{
    struct arena arena;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Compared compared = HOPNHAT__COMPARED__INIT;
    const struct replica *replica = registry_replica(hub, compare->replica);
    bool own = !replica || strcmp(replica->office, session->office) == 0;
    push_commit(hub, outlet);
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    compared.replica = compare->replica;
    message.body_case = HOPNHAT__MESSAGE__BODY_COMPARED;
    message.compared = &compared;
    if (own && compare->n_seqs <= LIMIT_CHAIN_QUERIES && read_links(hub, compare, &arena, &compared, &error))
        reply(outlet, &session->peer, request, &message);
    else
        reply_error(outlet, &session->peer, request, HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED,
                    "that log is not this office's");
    arena_release(&arena);
}

static Hopnhat__ErrorCode code_of(enum error_code code)
{
    switch (code) {
    case ERROR_NOT_FOUND:
    case ERROR_REFUSED:
        return HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED;
    case ERROR_INPUT:
        return HOPNHAT__ERROR_CODE__ERROR_MALFORMED;
    default:
        return HOPNHAT__ERROR_CODE__ERROR_UNKNOWN;
    }
}

static void receive_history(struct hub *hub, struct hub_session *session, uint32_t request,
                            const Hopnhat__History *history, const struct hub_outlet *outlet)
{
    struct transaction snapshot;
    struct arena arena;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__HistoryAnswer answer;
    push_commit(hub, outlet);
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool done = transaction_begin(&snapshot, hub->environment, false, &error);
    if (done) {
        done = history_answer(hub, &snapshot, registry_office(hub, session->office), history, &arena, &answer,
                              &error);
        transaction_abort(&snapshot);
    }
    if (done && answer.record)
        feed_strip(answer.record);
    message.body_case = HOPNHAT__MESSAGE__BODY_HISTORY_ANSWER;
    message.history_answer = &answer;
    if (done)
        reply(outlet, &session->peer, request, &message);
    else
        reply_error(outlet, &session->peer, request, code_of(error.code), error.text);
    arena_release(&arena);
}

/* A message within a session. */
static void receive_request(struct hub *hub, struct hub_session *session, const Hopnhat__Message *message,
                            uint64_t wall_ms, const struct hub_outlet *outlet)
{
    bool gives_back = message->body_case == HOPNHAT__MESSAGE__BODY_CUSTODY ||
                      message->body_case == HOPNHAT__MESSAGE__BODY_BYE;
    if (!gives_back && custody_is_awaited(hub)) {
        reply_busy_because(outlet, &session->peer, message->request, CUSTODY_RETRY_MS,
                           "headquarters was restored, and waits a little until offices have given back what "
                           "they keep of its own log");
        return;
    }
    switch (message->body_case) {
    case HOPNHAT__MESSAGE__BODY_PUSH:
        push_receive(hub, session, message->request, message->push, wall_ms, outlet);
        break;
    case HOPNHAT__MESSAGE__BODY_PULL:
        pulls_receive(hub, session, message->request, message->pull, outlet);
        break;
    case HOPNHAT__MESSAGE__BODY_RECONCILE:
        receive_reconcile(hub, session, message->request, message->reconcile, outlet);
        break;
    case HOPNHAT__MESSAGE__BODY_COMPARE:
        receive_compare(hub, session, message->request, message->compare, outlet);
        break;
    case HOPNHAT__MESSAGE__BODY_HISTORY:
        receive_history(hub, session, message->request, message->history, outlet);
        break;
    case HOPNHAT__MESSAGE__BODY_CUSTODY:
        custody_receive(hub, session, message->request, message->custody, wall_ms, outlet);
        break;
    case HOPNHAT__MESSAGE__BODY_ROTATE:
        rotation_receive(hub, session, message->request, message->rotate, outlet);
        break;
    case HOPNHAT__MESSAGE__BODY_BYE:
        session_end(hub, session);
        break;
    default:
        hub->malformed++;
        reply_error(outlet, &session->peer, message->request, HOPNHAT__ERROR_CODE__ERROR_MALFORMED,
                    "not a request that the hub knows");
    }
}

void hub_receive(struct hub *hub, const struct link_peer *peer, const Hopnhat__Message *message,
                 uint64_t wall_ms, const struct hub_outlet *outlet)
{
    const struct installation *installation = registry_installation(hub, peer->key);
    if (message->body_case == HOPNHAT__MESSAGE__BODY_HELLO) {
        hello_receive(hub, peer, message->request, message->hello, wall_ms, outlet);
        return;
    }
    if (message->body_case == HOPNHAT__MESSAGE__BODY_JOIN) {
        receive_join(hub, peer, message->request, message->join, wall_ms, outlet);
        return;
    }
    struct hub_session *session = session_find(hub, peer->key);
    bool may_be_unknown = message->body_case == HOPNHAT__MESSAGE__BODY_CUSTODY || custody_is_awaited(hub);
    if (!installation || installation->revoked ||
        (!may_be_unknown && !registry_office(hub, installation->office))) {
        reply_error(outlet, peer, message->request, HOPNHAT__ERROR_CODE__ERROR_NOT_ALLOWED, NOT_ALLOWED);
        return;
    }
    if (!session || session->peer.connection != peer->connection) {
        reply_error(outlet, peer, message->request, HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO,
                    "the session is not known here");
        return;
    }
    reading_heard(hub, session, wall_ms);
    office_progress(hub, session);
    receive_request(hub, session, message, wall_ms, outlet);
}

/* Of an installation that may not sync any more: whoever waits is told why, and the next message is. */
static void turn_away(struct hub *hub, struct hub_session *session, const struct hub_outlet *outlet)
{
    pulls_refuse(session, NOT_ALLOWED, outlet);
    session_end(hub, session);
}

static void look_at(struct hub *hub, struct hub_session *session, const struct hub_outlet *outlet)
{
    const struct installation *installation = registry_installation(hub, session->key);
    const struct office *office = installation ? registry_office(hub, session->office) : NULL;
    if (!office || installation->revoked)
        turn_away(hub, session, outlet);
    else if (!audience_seat(hub, session, office))
        session_end(hub, session);
    else
        pulls_answer(hub, session, outlet);
}

void hub_turn(struct hub *hub, const struct hub_outlet *outlet)
{
    struct hub_session *session;
    push_commit(hub, outlet);
    custody_turn(hub);
    pulls_end_holds(hub);
    for (size_t i = 0; i < LOOKS_A_TURN && (session = audience_next(hub)); i++)
        if (session->pull_count)
            look_at(hub, session, outlet);
}

int64_t hub_wait_ms(const struct hub *hub)
{
    const uint64_t now_ms = steady_ms(&hub->steady);
    if (hub->turn || audience_waits(hub))
        return 0;
    if (hub->holds_due_ms == UINT64_MAX)
        return -1;
    return hub->holds_due_ms > now_ms ? (int64_t)(hub->holds_due_ms - now_ms) : 0;
}
