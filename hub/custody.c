#include "hub/custody.h"

#include "base/log.h"
#include "hub/audience.h"
#include "hub/custody_piece.h"
#include "hub/push.h"
#include "hub/quarantine.h"
#include "hub/registry.h"
#include "hub/reply.h"
#include "store/meta.h"
#include "store/pieces.h"

enum { RETRY_MS = 1000 };

static bool is_own(const struct replica *replica)
{
    return replica->office[0] == 0;
}

/* What is lost need not be held: the last change before which nothing is missing. */
static uint64_t past_gap(const struct replica *replica, uint64_t last)
{
    const struct gap *gap = gaps_at(&replica->gaps, last + 1);
    return gap ? gap->to : last;
}

/* The last change up to which the agent, together with the kept backups, holds the log. */
static uint64_t covered(const struct replica *replica, const Hopnhat__Custody *custody)
{
    uint64_t last = past_gap(replica, replica->safe);
    for (size_t i = 0; i + 2 < custody->n_have; i += 3)
        if (custody->have[i] == replica->number && custody->have[i + 1] <= last + 1 &&
            custody->have[i + 2] > last)
            last = past_gap(replica, custody->have[i + 2]);
    return last < replica->watermark ? last : replica->watermark;
}

/* --- who keeps it --- */

/* Who lacks some and takes none now (its link is metered, or waits for its hours) comes last. Who holds more
 * comes first; of equals, the lower key. So the choice stays as it is while it can. */
static bool precedes(const struct hub *hub, const struct hub_session *a, const struct hub_session *b)
{
    const bool a_lags = !a->custody_takes && a->custody_held < hub->custody.total,
               b_lags = !b->custody_takes && b->custody_held < hub->custody.total;
    if (a_lags != b_lags)
        return b_lags;
    if (a->custody_held != b->custody_held)
        return a->custody_held > b->custody_held;
    return memcmp(a->key, b->key, LINK_KEY_BYTES) < 0;
}

static void choose(struct hub *hub)
{
    struct hub_session *chosen[CUSTODIANS] = {0};
    for (struct hub_session *session = hub->sessions; session; session = session->hh.next) {
        struct hub_session *candidate = session;
        session->custodian = false;
        for (size_t i = 0; i < CUSTODIANS && candidate && session->custody_known; i++)
            if (!chosen[i] || precedes(hub, candidate, chosen[i])) {
                struct hub_session *other = chosen[i];
                chosen[i] = candidate;
                candidate = other;
            }
    }
    for (size_t i = 0; i < CUSTODIANS; i++)
        if (chosen[i]) {
            chosen[i]->custodian = true;
            audience_look(hub, chosen[i], LOOK_NEWS);
        }
    hub->custody.held = chosen[CUSTODIANS - 1] ? chosen[CUSTODIANS - 1]->custody_held : 0;
}

static uint64_t own_watermark(const struct hub *hub)
{
    const struct replica *own = registry_replica(hub, hub->own_replica);
    return own ? own->watermark : 0;
}

void custody_turn(struct hub *hub)
{
    struct hub_custody *custody = &hub->custody;
    uint64_t safe = 0;
    if (!custody->stale && custody->seen == own_watermark(hub))
        return;
    custody->stale = false;
    custody->seen = own_watermark(hub);
    custody->total = 0;
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next)
        if (is_own(replica)) {
            custody->total += replica->watermark;
            safe += replica->safe;
        }
    choose(hub);
    if (custody->held < safe)
        custody->held = safe;
}

bool custody_waits(const struct hub *hub, const struct hub_session *session)
{
    return session->custodian && session->custody_takes && !session->custody_flagged &&
           session->custody_held < hub->custody.total;
}

/* --- a restored hub waits --- */

/* Whether as many agents as keep the log have come since the wait began, and have given back all that they
 * held. A reload of the registry forgets who did: the wait then is longer, never shorter. */
struct returns {
    bool enough_came, enough_gave_back;
};

static struct returns count_returns(const struct hub *hub)
{
    size_t active = 0, came = 0, gave_back = 0;
    for (const struct installation *one = hub->installations; one; one = one->hh.next) {
        active += !one->revoked;
        came += !one->revoked && one->came;
        gave_back += !one->revoked && one->gave_back;
    }
    const size_t enough = active < CUSTODIANS ? active : CUSTODIANS;
    return (struct returns){came >= enough, gave_back >= enough};
}

static void end_wait(struct hub *hub, const char *why)
{
    struct transaction transaction;
    struct error error;
    hub->custody.awaited = false;
    log_info("the restored hub serves again: %s", why);
    if (!transaction_begin(&transaction, hub->environment, true, &error))
        return; /* it waits once more after the next start */
    meta_put_number(&transaction, HUB_META, "custody_awaited", 0);
    if (!transaction_commit(&transaction, &error))
        log_warning("%s", error.text);
}

bool custody_is_awaited(struct hub *hub)
{
    const uint64_t now_ms = steady_ms(&hub->steady);
    struct hub_custody *custody = &hub->custody;
    if (!custody->awaited)
        return false;
    if (custody->awaited_until_ms == 0)
        custody->awaited_until_ms =
            now_ms + (custody->most_wait_ms ? custody->most_wait_ms : CUSTODY_MOST_WAIT_MS);
    if (count_returns(hub).enough_gave_back)
        end_wait(hub, "agents have given back what they held of headquarters' log");
    else if (now_ms >= custody->awaited_until_ms)
        end_wait(hub, "the time to wait for headquarters' log has passed");
    return custody->awaited;
}

/* --- the exchange --- */

bool custody_gap_counts(const struct hub *hub, const struct replica *replica, uint64_t first)
{
    return !hub->custody.awaited || (count_returns(hub).enough_came &&
                                     (!replica || !replica->offered_from || first <= replica->offered_from));
}

/* Whether the changes from `first` on come too early: what is before them may yet come from another agent. */
static bool is_early(const struct hub *hub, struct replica *replica, uint64_t first)
{
    const uint64_t next = replica ? replica->watermark + 1 : 1, from = first > next ? first : next;
    if (replica && (!replica->offered_from || from < replica->offered_from))
        replica->offered_from = from;
    return first > next && !custody_gap_counts(hub, replica, first);
}

/* What the agent holds and the hub has lost. */
static bool want(struct hub *hub, const Hopnhat__Custody *custody, Hopnhat__Custody *answer, bool *early,
                 struct arena *arena)
{
    answer->want = arena_alloc(arena, (custody->n_have + 1) * sizeof *answer->want);
    if (!answer->want)
        return false;
    for (size_t i = 0; i + 2 < custody->n_have; i += 3) {
        struct replica *replica = registry_replica(hub, custody->have[i]);
        uint64_t watermark = replica ? replica->watermark : 0;
        if (custody->have[i + 2] <= watermark || (replica && !is_own(replica)))
            continue;
        if (custody->have[i] == hub->own_replica) {
            log_error("an agent holds changes of headquarters that this store does not have: it was put back "
                      "from a copy; use restore instead");
        } else if (is_early(hub, replica, custody->have[i + 1])) {
            *early = true;
        } else {
            answer->want[answer->n_want++] = custody->have[i];
            answer->want[answer->n_want++] = watermark + 1;
        }
    }
    return true;
}

static bool drop(const struct hub *hub, const Hopnhat__Custody *custody, Hopnhat__Custody *answer,
                 struct arena *arena)
{
    answer->drop = arena_alloc(arena, (custody->n_have + 1) * sizeof *answer->drop);
    for (size_t i = 0; answer->drop && i + 2 < custody->n_have; i += 3) {
        const struct replica *replica = registry_replica(hub, custody->have[i]);
        if (!replica || !is_own(replica) || custody->have[i + 1] > replica->safe)
            continue;
        answer->drop[answer->n_drop++] = replica->number;
        answer->drop[answer->n_drop++] = replica->safe;
    }
    return answer->drop != NULL;
}

/* The next piece that the agent lacks, if it is one of those that keep the log. */
static bool add_piece(struct hub *hub, const struct hub_session *session, const Hopnhat__Custody *custody,
                      Hopnhat__Custody *answer, struct arena *arena, struct error *error)
{
    size_t most_bytes = CUSTODY_PIECE_BYTES;
    if (custody->has_credit_bytes && custody->credit_bytes < most_bytes)
        most_bytes = custody->credit_bytes > LEAST_PIECE_BYTES ? custody->credit_bytes : LEAST_PIECE_BYTES;
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next) {
        if (!session->custodian || !is_own(replica) || covered(replica, custody) >= replica->watermark)
            continue;
        answer->pieces = arena_alloc(arena, sizeof *answer->pieces);
        if (!answer->pieces)
            return out_of_memory(error);
        Hopnhat__CustodyPiece *piece =
            custody_piece_make(hub, replica, covered(replica, custody) + 1, most_bytes, arena, error);
        if (piece && custody->has_credit_bytes && piece->sealed.len > 2 * most_bytes) {
            const struct pieces_held held = pieces_told(custody->held);
            answer->piece = pieces_cut_message(&piece->base, &held, most_bytes, arena);
            return answer->piece || out_of_memory(error);
        }
        answer->pieces[0] = piece;
        answer->n_pieces = piece != NULL;
        return piece;
    }
    return true;
}

/* An agent that takes no pieces now says so by a credit of 0. */
static bool takes(const Hopnhat__Custody *custody)
{
    return !custody->has_credit_bytes || custody->credit_bytes;
}

static void take_note(struct hub *hub, struct hub_session *session, const Hopnhat__Custody *custody,
                      bool complete)
{
    uint64_t held = 0;
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next)
        if (is_own(replica))
            held += covered(replica, custody);
    struct installation *installation = registry_installation(hub, session->key);
    if (complete && installation)
        installation->gave_back = true;
    if (session->custody_takes != takes(custody) ||
        (complete && (!session->custody_known || session->custody_held != held)))
        hub->custody.stale = true;
    session->custody_takes = takes(custody);
    session->custody_known = session->custody_known || complete;
    session->custody_held = held;
    session->custody_flagged = false;
    audience_look(hub, session, LOOK_NEWS);
}

/* How much has come of the piece that the agent gives back in parts. */
static bool read_held(struct hub *hub, const struct hub_session *session, struct pieces_held *held,
                      struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return false;
    *held = pieces_held(&transaction, HUB_PIECE, bytes_of(session->key, LINK_KEY_BYTES));
    transaction_abort(&transaction);
    return true;
}

/* What is other once something has come of headquarters' log: changes, or bytes of a piece in parts. */
static uint64_t come_so_far(struct hub *hub, const struct hub_session *session)
{
    struct pieces_held held = {0};
    struct error error;
    uint64_t come = read_held(hub, session, &held, &error) ? held.held_bytes : 0;
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next)
        come += is_own(replica) ? replica->watermark : 0;
    return come;
}

/* The agent gives nothing: what has come of a piece of its in parts has come from elsewhere since. */
static bool forget_held(struct hub *hub, const struct hub_session *session, struct error *error)
{
    struct transaction transaction;
    struct pieces_held held;
    if (!read_held(hub, session, &held, error))
        return false;
    if (held.held_bytes == 0)
        return true;
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    pieces_clear(&transaction, HUB_PIECE, bytes_of(session->key, LINK_KEY_BYTES));
    return transaction_commit(&transaction, error);
}

static bool add_held(struct hub *hub, const struct hub_session *session, Hopnhat__Custody *answer,
                     struct arena *arena, struct error *error)
{
    struct pieces_held held;
    answer->held = arena_alloc(arena, sizeof *answer->held);
    if (!answer->held)
        return out_of_memory(error);
    if (!read_held(hub, session, &held, error))
        return false;
    hopnhat__piece_held__init(answer->held);
    answer->held->id = held.id;
    answer->held->size = held.held_bytes;
    return true;
}

/* *early: the agent holds what comes too early, and nothing else is to be said. */
static bool make_answer(struct hub *hub, struct hub_session *session, const Hopnhat__Custody *custody,
                        Hopnhat__Custody *answer, bool *early, struct arena *arena, struct error *error)
{
    struct installation *installation = registry_installation(hub, session->key);
    if (installation)
        installation->came = true;
    if (!want(hub, custody, answer, early, arena) || !drop(hub, custody, answer, arena))
        return out_of_memory(error);
    *early = *early && answer->n_want == 0;
    take_note(hub, session, custody, answer->n_want == 0 && !*early);
    custody_turn(hub);
    if (answer->n_want)
        return add_held(hub, session, answer, arena, error);
    if (!*early && !forget_held(hub, session, error))
        return false;
    return *early || !takes(custody) || add_piece(hub, session, custody, answer, arena, error);
}

void custody_receive(struct hub *hub, struct hub_session *session, uint32_t request,
                     const Hopnhat__Custody *custody, uint64_t wall_ms, const struct hub_outlet *outlet)
{
    const bool gives = custody->n_pieces || custody->piece;
    bool early = false;
    struct arena arena;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Custody answer = HOPNHAT__CUSTODY__INIT;
    push_commit(hub, outlet); /* what is given back is a transaction of its own */
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    message.body_case = HOPNHAT__MESSAGE__BODY_CUSTODY;
    message.custody = &answer;
    const uint64_t before = gives ? come_so_far(hub, session) : 0;
    bool taken = !gives || custody_pieces_take(hub, session->key, custody, wall_ms, &error);
    if (taken && gives) {
        if (come_so_far(hub, session) != before)
            hub->custody.awaited_until_ms = 0; /* counted anew from here */
        quarantine_catch_up(hub, wall_ms);
    }
    if (!taken) {
        log_warning("what an agent gave back of headquarters' log was not taken: %s", error.text);
        if (error.code == ERROR_CORRUPT || error.code == ERROR_REFUSED)
            reply_error(outlet, &session->peer, request, HOPNHAT__ERROR_CODE__ERROR_MALFORMED, error.text);
        else
            reply_busy(outlet, &session->peer, request, RETRY_MS);
    } else if (!make_answer(hub, session, custody, &answer, &early, &arena, &error)) {
        log_error("custody: %s", error.text);
        reply_busy(outlet, &session->peer, request, RETRY_MS);
    } else if (early) {
        reply_busy(outlet, &session->peer, request, RETRY_MS);
    } else {
        reply(outlet, &session->peer, request, &message);
    }
    arena_release(&arena);
}

void custody_status(struct hub *hub, json_t *status)
{
    custody_turn(hub);
    json_object_set_new(status, "not_in_custody",
                        json_integer((json_int_t)(hub->custody.total - hub->custody.held)));
    json_object_set_new(status, "custody_awaited", json_boolean(hub->custody.awaited));
}
