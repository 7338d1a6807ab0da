#include "hub/custody.h"

#include "base/log.h"
#include "hub/audience.h"
#include "hub/custody_piece.h"
#include "hub/push.h"
#include "hub/quarantine.h"
#include "hub/registry.h"
#include "hub/reply.h"
#include "store/meta.h"

enum { RETRY_MS = 1000 };

static bool is_own(const struct replica *replica)
{
    return replica->office[0] == 0;
}

/* The last change up to which the agent, together with the kept backups, holds the log. */
static uint64_t covered(const struct replica *replica, const Hopnhat__Custody *custody)
{
    uint64_t last = replica->safe;
    for (size_t i = 0; i + 2 < custody->n_have; i += 3)
        if (custody->have[i] == replica->number && custody->have[i + 1] <= replica->safe + 1 &&
            custody->have[i + 2] > last)
            last = custody->have[i + 2];
    return last < replica->watermark ? last : replica->watermark;
}

/* --- who keeps it --- */

/* Who holds more comes first; of equals, the lower key. So the choice stays as it is while it can. */
static bool precedes(const struct hub_session *a, const struct hub_session *b)
{
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
            if (!chosen[i] || precedes(candidate, chosen[i])) {
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
    return session->custodian && !session->custody_flagged && session->custody_held < hub->custody.total;
}

/* --- a restored hub waits --- */

static size_t enough(const struct hub *hub)
{
    size_t count = 0;
    for (const struct installation *one = hub->installations; one; one = one->hh.next)
        count += !one->revoked;
    return count < CUSTODIANS ? count : CUSTODIANS;
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

bool custody_is_awaited(struct hub *hub, uint64_t wall_ms)
{
    struct hub_custody *custody = &hub->custody;
    if (!custody->awaited)
        return false;
    if (custody->awaited_until_ms == 0)
        custody->awaited_until_ms =
            wall_ms + (custody->most_wait_ms ? custody->most_wait_ms : CUSTODY_MOST_WAIT_MS);
    if (custody->returned >= enough(hub))
        end_wait(hub, "agents have given back what they held of headquarters' log");
    else if (wall_ms >= custody->awaited_until_ms)
        end_wait(hub, "the time to wait for headquarters' log has passed");
    return custody->awaited;
}

/* --- the exchange --- */

/* What the agent holds and the hub has lost. */
static bool want(struct hub *hub, const Hopnhat__Custody *custody, Hopnhat__Custody *answer,
                 struct arena *arena)
{
    answer->want = arena_alloc(arena, (custody->n_have + 1) * sizeof *answer->want);
    if (!answer->want)
        return false;
    for (size_t i = 0; i + 2 < custody->n_have; i += 3) {
        const struct replica *replica = registry_replica(hub, custody->have[i]);
        uint64_t watermark = replica ? replica->watermark : 0;
        if (custody->have[i + 2] <= watermark || (replica && !is_own(replica)))
            continue;
        if (custody->have[i] == hub->own_replica) {
            log_error("an agent holds changes of headquarters that this store does not have: it was put back "
                      "from a copy; use restore instead");
        } else if (custody->have[i + 1] > watermark + 1) {
            log_warning(
                "an agent holds changes %llu to %llu of headquarters' log %016llx, and those before are lost",
                (unsigned long long)custody->have[i + 1], (unsigned long long)custody->have[i + 2],
                (unsigned long long)custody->have[i]);
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
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next) {
        if (!session->custodian || !is_own(replica) || covered(replica, custody) >= replica->watermark)
            continue;
        answer->pieces = arena_alloc(arena, sizeof *answer->pieces);
        if (!answer->pieces)
            return error_set(error, ERROR_MEMORY, "out of memory");
        answer->pieces[0] = custody_piece_make(hub, replica, covered(replica, custody) + 1, arena, error);
        answer->n_pieces = answer->pieces[0] != NULL;
        return answer->n_pieces;
    }
    return true;
}

static void take_note(struct hub *hub, struct hub_session *session, const Hopnhat__Custody *custody,
                      bool complete)
{
    uint64_t held = 0;
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next)
        if (is_own(replica))
            held += covered(replica, custody);
    struct installation *installation = registry_installation(hub, session->key);
    if (complete && installation && !installation->gave_back) {
        installation->gave_back = true;
        hub->custody.returned++;
    }
    if (complete && (!session->custody_known || session->custody_held != held))
        hub->custody.stale = true;
    session->custody_known = session->custody_known || complete;
    session->custody_held = held;
    session->custody_flagged = false;
    audience_look(hub, session, LOOK_NEWS);
}

static bool make_answer(struct hub *hub, struct hub_session *session, const Hopnhat__Custody *custody,
                        Hopnhat__Custody *answer, struct arena *arena, struct error *error)
{
    if (!want(hub, custody, answer, arena) || !drop(hub, custody, answer, arena))
        return error_set(error, ERROR_MEMORY, "out of memory");
    take_note(hub, session, custody, answer->n_want == 0);
    custody_turn(hub);
    return answer->n_want || add_piece(hub, session, custody, answer, arena, error);
}

void custody_receive(struct hub *hub, struct hub_session *session, uint32_t request,
                     const Hopnhat__Custody *custody, uint64_t wall_ms, const struct hub_outlet *outlet)
{
    struct arena arena;
    struct error error;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Custody answer = HOPNHAT__CUSTODY__INIT;
    push_commit(hub, outlet); /* what is given back is a transaction of its own */
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    message.body_case = HOPNHAT__MESSAGE__BODY_CUSTODY;
    message.custody = &answer;
    bool taken = !custody->n_pieces || custody_pieces_take(hub, custody, wall_ms, &error);
    if (taken && custody->n_pieces)
        quarantine_catch_up(hub, wall_ms);
    if (!taken) {
        log_warning("what an agent gave back of headquarters' log was not taken: %s", error.text);
        if (error.code == ERROR_CORRUPT || error.code == ERROR_REFUSED)
            reply_error(outlet, &session->peer, request, HOPNHAT__ERROR_CODE__ERROR_MALFORMED, error.text);
        else
            reply_busy(outlet, &session->peer, request, RETRY_MS);
    } else if (make_answer(hub, session, custody, &answer, &arena, &error)) {
        reply(outlet, &session->peer, request, &message);
    } else {
        log_error("custody: %s", error.text);
        reply_busy(outlet, &session->peer, request, RETRY_MS);
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
