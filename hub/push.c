#include "hub/push.h"

#include "base/defect.h"
#include "base/log.h"
#include "hub/admission.h"
#include "hub/batch.h"
#include "hub/brief.h"
#include "hub/hello.h"
#include "hub/intake.h"
#include "hub/registry.h"
#include "hub/reply.h"
#include "store/follow.h"
#include "store/key.h"
#include "store/pieces.h"
#include "store/rows.h"

#include <stdlib.h>

enum { RETRY_SOON_MS = 200, RETRY_FULL_MS = 5000 };

/* An answer that waits for the commit. */
struct pending_ack {
    struct pending_ack *next;
    struct link_peer peer;
    uint32_t request;
    size_t log;        /* its place in the session */
    size_t size_bytes; /* of what was stored */
    bool silent;       /* the rest of its Push is answered with it, later */
    Hopnhat__Ack ack;
    Hopnhat__PieceHeld held;
};

struct push_turn {
    struct admission admission;
    struct arena answers;
    struct pending_ack *first, **last;
    size_t size_bytes; /* of the changes in it */
    uint64_t wall_ms;  /* when it began */
};

/* Where a replica's next change is collected. */
static struct key piece_key(uint64_t replica)
{
    struct key key;
    key_number(&key, replica);
    return key;
}

static void end_turn(struct hub *hub)
{
    arena_release(&hub->turn->answers);
    free(hub->turn);
    hub->turn = NULL;
}

static bool open_turn(struct hub *hub, uint64_t wall_ms, struct error *error)
{
    if (hub->turn)
        return true;
    struct push_turn *turn = calloc(1, sizeof *turn);
    if (!turn)
        return out_of_memory(error);
    if (!admission_begin(&turn->admission, hub, wall_ms, error)) {
        free(turn);
        return false;
    }
    arena_init(&turn->answers, LIMIT_MESSAGE_ARENA_BYTES);
    turn->last = &turn->first;
    turn->wall_ms = wall_ms;
    hub->turn = turn;
    return true;
}

/* Tells everybody whose push was in the turn to come again, and begins anew. */
static void abandon_turn(struct hub *hub, uint32_t retry_ms, const struct hub_outlet *outlet)
{
    struct error error;
    if (!admission_abort(&hub->turn->admission, &error))
        log_error("the store cannot be read: %s", error.text);
    for (struct pending_ack *pending = hub->turn->first; pending; pending = pending->next)
        reply_busy(outlet, &pending->peer, pending->request, retry_ms);
    end_turn(hub);
}

void push_drop(struct hub *hub)
{
    struct error error;
    if (!hub->turn)
        return;
    admission_abort(&hub->turn->admission, &error);
    end_turn(hub);
}

static uint32_t retry_for(const struct error *error)
{
    return error->code == ERROR_FULL || error->code == ERROR_STORE ? RETRY_FULL_MS : RETRY_SOON_MS;
}

/* Opens a turn for a batch; where that fails, its agent is told to come again. */
static bool open_turn_for(struct hub *hub, const struct batch *batch, uint32_t request, uint64_t wall_ms,
                          const struct hub_outlet *outlet)
{
    struct error error;
    if (open_turn(hub, wall_ms, &error))
        return true;
    log_error("cannot take changes in: %s", error.text);
    reply_busy(outlet, &batch->session->peer, request, retry_for(&error));
    return false;
}

static bool add_refusal(struct push_turn *turn, Hopnhat__Ack *ack, const Hopnhat__Refusal *refusal)
{
    if (ack->n_refusals >= LIMIT_REFUSALS_PER_MESSAGE)
        return true; /* the feed tells the rest */
    Hopnhat__Refusal *copy = arena_copy(&turn->answers, refusal, sizeof *refusal);
    if (!copy)
        return false;
    if (refusal->text)
        copy->text = arena_string(&turn->answers, refusal->text, strlen(refusal->text));
    ack->refusals[ack->n_refusals++] = copy;
    return true;
}

/* Offers the changes from skip to end one by one, with `forced` (or NULL) as a reason to quarantine them
 * unseen. */
static bool offer_changes(struct hub *hub, const struct batch *batch, const char *forced, Hopnhat__Ack *ack,
                          struct error *error)
{
    const Hopnhat__Push *push = batch->push;
    uint64_t floor = batch->replica->last_contact;
    for (size_t i = batch->skip; i < batch->end; i++) {
        Hopnhat__Refusal *refusal;
        struct offer offer = {
            .replica = batch->replica,
            .seq = push->first + i,
            .stored = bytes_of(push->changes[i].data, push->changes[i].len),
            .change = &batch->changes[i].change,
            .malformed = batch->changes[i].malformed,
            .link = batch->changes[i].link,
            .reading = batch->reading,
            .floor = floor,
            .admitted = i < push->n_admitted ? push->admitted[i] : 0,
            .force_refusal = forced,
        };
        hub->turn->size_bytes += offer.stored.size;
        enum admitted result = admission_offer(&hub->turn->admission, &offer, &refusal, error);
        if (result == ADMITTED_REFUSED && !add_refusal(hub->turn, ack, refusal))
            return out_of_memory(error);
        if (result == ADMITTED_FAILED)
            return false;
        if (result == ADMITTED_WAITS) {
            ack->has_waiting_catalog = true;
            ack->waiting_catalog = offer.change->body->catalog;
            break;
        }
    }
    bool whole = batch->replica->watermark >= push->first + push->n_changes - 1;
    struct key pieces = piece_key(batch->replica->number);
    if (batch->pieced && whole)
        pieces_clear(&hub->turn->admission.transaction, HUB_PIECE, key_bytes(&pieces));
    if (whole && batch->skip < push->n_changes)
        batch_store_signature(batch, &hub->turn->admission.transaction);
    if (whole && !push->more)
        batch->replica->last_contact = hub->turn->admission.receipt;
    registry_touch(hub, batch->replica);
    ack->has_floor = floor != 0 && batch_raises(batch, floor, hub->turn->admission.receipt);
    ack->floor = floor;
    return true;
}

/* Queues the answer for the commit. */
static void answer_later(struct hub *hub, const struct batch *batch, struct pending_ack *pending,
                         const struct hub_outlet *outlet)
{
    struct key pieces = piece_key(batch->replica->number);
    const Hopnhat__Push *push = batch->push;
    pending->ack.watermark = batch->replica->watermark;
    pending->ack.has_safe = batch->replica->safe != 0;
    pending->ack.safe = batch->replica->safe;
    pending->ack.has_watermark =
        push->n_changes == 0 || pending->ack.watermark != push->first + push->n_changes - 1;
    if (batch->push->piece) {
        const struct pieces_held held =
            pieces_held(&hub->turn->admission.transaction, HUB_PIECE, key_bytes(&pieces));
        hopnhat__piece_held__init(&pending->held);
        pending->held.id = held.id;
        pending->held.size = held.held_bytes;
        pending->ack.held = &pending->held;
    }
    if (DEFECT(ACK_BEFORE_COMMIT))
        reply_ack(outlet, &pending->peer, pending->request, &pending->ack);
    *hub->turn->last = pending;
    hub->turn->last = &pending->next;
}

static struct pending_ack *new_answer(struct hub *hub, const struct batch *batch, uint32_t request)
{
    struct arena *arena = &hub->turn->answers;
    struct pending_ack *pending = arena_alloc(arena, sizeof *pending);
    Hopnhat__Refusal **refusals = arena_alloc(arena, LIMIT_REFUSALS_PER_MESSAGE * sizeof(Hopnhat__Refusal *));
    if (!pending || !refusals)
        return NULL;
    *pending =
        (struct pending_ack){.peer = batch->session->peer, .request = request, .log = batch->push->log};
    hopnhat__ack__init(&pending->ack);
    uint64_t receipt = hub->turn->admission.receipt;
    pending->ack.moved_ms = (int64_t)time_ms(receipt) - (int64_t)time_ms(batch->reading);
    pending->ack.has_moved_ms = batch->reading_known;
    pending->ack.counter = receipt & 0xffff;
    pending->ack.has_counter = batch->reading_known && pending->ack.counter != 0;
    pending->ack.refusals = refusals;
    return pending;
}

static bool take_batch(struct hub *hub, const struct batch *batch, uint32_t request, const char *forced,
                       const struct hub_outlet *outlet, struct error *error)
{
    struct pending_ack *pending = new_answer(hub, batch, request);
    const size_t before_bytes = hub->turn->size_bytes;
    if (!pending)
        return out_of_memory(error);
    if (!offer_changes(hub, batch, forced, &pending->ack, error))
        return false;
    pending->size_bytes = hub->turn->size_bytes - before_bytes;
    answer_later(hub, batch, pending, outlet);
    return true;
}

/* Whether the fault is the change's own and not the machine's. */
static bool is_culprit(const struct hub *hub, const struct error *error)
{
    struct error unsound;
    return environment_is_sound(hub->environment, &unsound) && error->code != ERROR_FULL &&
           error->code != ERROR_STORE && error->code != ERROR_MEMORY;
}

/* Takes one change in a transaction of its own. Where it fails even so, for no fault of the machine, it goes
 * to quarantine: one bad change never holds up a log. */
static bool take_alone(struct hub *hub, struct batch *batch, uint32_t request, uint64_t wall_ms,
                       const struct hub_outlet *outlet, struct error *error)
{
    const uint64_t number = batch->replica->number;
    struct error why;
    if (!open_turn(hub, wall_ms, error))
        return false;
    if (take_batch(hub, batch, request, NULL, outlet, error))
        return true;
    abandon_turn(hub, RETRY_SOON_MS, outlet);
    if (!is_culprit(hub, error) || !(batch->replica = registry_replica(hub, number)))
        return false;
    why = *error;
    log_error("change %016llx:%llu goes to quarantine: %s", (unsigned long long)number,
              (unsigned long long)(batch->push->first + batch->skip), why.text);
    if (open_turn(hub, wall_ms, error) && take_batch(hub, batch, request, why.text, outlet, error))
        return true;
    if (hub->turn)
        abandon_turn(hub, RETRY_SOON_MS, outlet);
    return false;
}

/* The turn failed on a change: the others in it come again, and this batch is taken change by change. */
static void take_singly(struct hub *hub, struct batch *batch, uint32_t request, uint64_t wall_ms,
                        const struct hub_outlet *outlet)
{
    struct error error;
    const uint64_t number = batch->replica->number;
    abandon_turn(hub, RETRY_SOON_MS, outlet);
    for (; batch->skip < batch->push->n_changes; batch->skip++) {
        batch->end = batch->skip + 1;
        batch->replica = registry_replica(hub, number);
        bool last = batch->end == batch->push->n_changes;
        if (!batch->replica || !take_alone(hub, batch, request, wall_ms, outlet, &error)) {
            reply_busy(outlet, &batch->session->peer, request, RETRY_FULL_MS);
            return;
        }
        hub->turn->first->silent = !last; /* one answer for all of them, at the end */
        push_commit(hub, outlet);
    }
}

static void take_checked(struct hub *hub, struct batch *batch, uint32_t request, uint64_t wall_ms,
                         const struct hub_outlet *outlet)
{
    struct error error;
    struct link_peer peer = batch->session->peer;
    batch->end = batch->push->n_changes;
    batch_find_reading(batch, clock_reading(&hub->clock, wall_ms));
    if (!open_turn_for(hub, batch, request, wall_ms, outlet))
        return;
    if (take_batch(hub, batch, request, NULL, outlet, &error)) {
        if (hub->turn->size_bytes >= LIMIT_TURN_BYTES)
            push_commit(hub, outlet);
        return;
    }
    if (is_culprit(hub, &error)) {
        take_singly(hub, batch, request, wall_ms, outlet);
        return;
    }
    log_error("cannot take changes in: %s", error.text);
    abandon_turn(hub, retry_for(&error), outlet);
    reply_busy(outlet, &peer, request, retry_for(&error));
}

static void refuse_batch(struct hub *hub, const struct batch *batch, uint32_t request, const char *why,
                         const struct hub_outlet *outlet)
{
    hub->malformed++;
    const char *office = batch->session->office;
    log_with(LOG_LEVEL_WARNING, "HOPNHAT_OFFICE", office, "office %s: a batch of changes was not taken: %s",
             office, why);
    reply_error(outlet, &batch->session->peer, request, HOPNHAT__ERROR_CODE__ERROR_MALFORMED, why);
}

/* Acknowledges again what had come before. */
static void take_known(struct hub *hub, struct batch *batch, uint32_t request, uint64_t wall_ms,
                       const struct hub_outlet *outlet)
{
    if (!open_turn_for(hub, batch, request, wall_ms, outlet))
        return;
    if (batch_is_known(batch, &hub->turn->admission.transaction))
        take_checked(hub, batch, request, wall_ms, outlet);
    else
        reply_error(outlet, &batch->session->peer, request, HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO,
                    "other changes are known here under these numbers");
}

static void take_whole(struct hub *hub, struct batch *batch, uint32_t request, uint64_t wall_ms,
                       const struct hub_outlet *outlet)
{
    struct error error;
    const Hopnhat__Push *push = batch->push;
    uint64_t known = batch->replica->watermark - push->first + 1;
    batch->skip = known < push->n_changes ? (size_t)known : push->n_changes;
    if (push->n_changes && batch->skip == push->n_changes) {
        take_known(hub, batch, request, wall_ms, outlet);
        return;
    }
    if (!batch_unpack(batch, &error) ||
        (push->n_changes && !batch_signature_holds(batch, batch->changes[push->n_changes - 1].link) &&
         !error_set(&error, ERROR_REFUSED, "the signature of the batch is not the installation's")))
        refuse_batch(hub, batch, request, error.text, outlet);
    else
        take_checked(hub, batch, request, wall_ms, outlet);
}

/* Keeps a piece of the next change in the turn's transaction. With the last piece the change is whole, and
 * the batch becomes one of that change. What had come before is acknowledged again. */
static void take_piece(struct hub *hub, struct batch *batch, uint32_t request, uint64_t wall_ms,
                       const struct hub_outlet *outlet)
{
    const Hopnhat__Piece *piece = batch->push->piece;
    Hopnhat__Push all = *batch->push;
    ProtobufCBinaryData change = {0};
    struct key key = piece_key(batch->replica->number);
    bool known = all.first <= batch->replica->watermark;
    all.changes = &change;
    all.n_changes = 1;
    if (!open_turn_for(hub, batch, request, wall_ms, outlet))
        return;
    struct transaction *transaction = &hub->turn->admission.transaction;
    struct bytes whole = bytes_of(NULL, 0);
    hub->turn->size_bytes += piece->data.len;
    if (!known) {
        pieces_add(transaction, HUB_PIECE, key_bytes(&key), piece);
        if (pieces_is_last(piece))
            whole = pieces_whole(transaction, HUB_PIECE, key_bytes(&key), &batch->arena);
    }
    if (known || whole.size) {
        change = (ProtobufCBinaryData){whole.size, (uint8_t *)(uintptr_t)whole.data};
        batch->push = &all;
        batch->pieced = true;
        take_whole(hub, batch, request, wall_ms, outlet);
        return;
    }
    struct pending_ack *pending = new_answer(hub, batch, request);
    if (pending) {
        pending->size_bytes = piece->data.len;
        answer_later(hub, batch, pending, outlet);
    } else {
        reply_busy(outlet, &batch->session->peer, request, RETRY_FULL_MS);
    }
}

/* A change in its brief form: with what this hub has it becomes a batch of that change. Where it does not,
 * the agent sends it whole after its next Hello. */
static void take_brief(struct hub *hub, struct batch *batch, uint32_t request, uint64_t wall_ms,
                       const struct hub_outlet *outlet)
{
    struct error error;
    Hopnhat__Push all = *batch->push;
    ProtobufCBinaryData change = {0};
    struct bytes whole = bytes_of(NULL, 0);
    all.changes = &change;
    all.n_changes = 1;
    if (!open_turn_for(hub, batch, request, wall_ms, outlet))
        return;
    if (all.first > batch->replica->watermark &&
        !brief_read(&hub->turn->admission.transaction, batch->session, batch->replica->number, batch->push,
                    &batch->arena, &whole, &error)) {
        reply_error(outlet, &batch->session->peer, request, HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO, error.text);
        return;
    }
    change = (ProtobufCBinaryData){whole.size, (uint8_t *)(uintptr_t)whole.data};
    batch->push = &all;
    take_whole(hub, batch, request, wall_ms, outlet);
}

static bool is_sound(const Hopnhat__Push *push)
{
    if (push->brief)
        return push->n_changes == 0 && !push->piece && push->first > 1;
    if (push->piece)
        return push->n_changes == 0 && push->first > 0 && pieces_sound(push->piece) &&
               push->piece->total <= LIMIT_CHANGE_BYTES;
    return push->n_changes > 0 && push->n_changes <= LIMIT_PUSH_CHANGES && push->first > 0;
}

void push_receive(struct hub *hub, struct hub_session *session, uint32_t request, const Hopnhat__Push *push,
                  uint64_t wall_ms, const struct hub_outlet *outlet)
{
    struct batch batch = {.session = session, .push = push};
    batch.replica = push->log < session->log_count ? registry_replica(hub, session->logs[push->log]) : NULL;
    if (!batch.replica || !is_sound(push)) {
        hub->malformed++;
        reply_error(outlet, &session->peer, request, HOPNHAT__ERROR_CODE__ERROR_MALFORMED,
                    "a Push that is not well formed");
        return;
    }
    if (push->first > batch.replica->watermark + 1) {
        reply_error(outlet, &session->peer, request, HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO,
                    "changes before these are missing");
        return;
    }
    if (hub->follow && follow_lag(hub->follow, hub->rev) > LIMIT_FOLLOWER_LAG) {
        reply_busy(outlet, &session->peer, request, RETRY_SOON_MS);
        return;
    }
    uint32_t retry_ms;
    const char *why = intake_refuses(hub, session->office, wall_ms, &retry_ms);
    if (why) {
        reply_busy_because(outlet, &session->peer, request, retry_ms, why);
        return;
    }
    uint64_t last = push->first + push->n_changes - (push->n_changes ? 1 : 0);
    if (last > session->heads[push->log])
        session->heads[push->log] = last;
    arena_init(&batch.arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (push->brief)
        take_brief(hub, &batch, request, wall_ms, outlet);
    else if (push->piece)
        take_piece(hub, &batch, request, wall_ms, outlet);
    else
        take_whole(hub, &batch, request, wall_ms, outlet);
    arena_release(&batch.arena);
}

void push_commit(struct hub *hub, const struct hub_outlet *outlet)
{
    struct error error;
    if (!hub->turn)
        return;
    bool committed = admission_commit(&hub->turn->admission, &error);
    if (!committed)
        log_error("what came in was not stored, the agents offer it again: %s", error.text);
    for (struct pending_ack *pending = hub->turn->first; pending; pending = pending->next) {
        const struct installation *from = registry_installation(hub, pending->peer.key);
        if (committed && from)
            intake_stored(hub, from->office, pending->size_bytes, hub->turn->wall_ms);
        if (pending->silent)
            continue;
        if (committed)
            reply_ack(outlet, &pending->peer, pending->request, &pending->ack);
        else
            reply_busy(outlet, &pending->peer, pending->request, retry_for(&error));
    }
    end_turn(hub);
}
