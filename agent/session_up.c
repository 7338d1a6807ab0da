/* Up: offering own changes, and what the hub says to them. */
#include "agent/log.h"
#include "agent/session_state.h"
#include "model/brief.h"
#include "store/key.h"
#include "store/rows.h"

enum {
    CATALOG_PAUSE_MS = 10 * 1000,
    SHORT_ACK_PAUSE_MS = 1000,
    SAME_SHIFT_MS = 1000, /* changes of one Push are moved in time together: by what they differ at most */
};

/* A Push under construction. */
struct batch {
    struct own_log *log;
    Hopnhat__Push push;
    size_t size_bytes;
    bool admitted_known;
    bool whole; /* up to the end of its last change */
    bool waits; /* nothing is in it: its next change has to come after one of another log */
    uint64_t last;
    uint64_t wall_ms;
    int64_t shift_ms; /* by how much the claimed times are to be moved (core/model/clock.h) */
    uint64_t reading; /* of the clock now, less that */
};

/* Up to where the log may go now: all of it, or as the limits of the link say. Outside the hours for bulk
 * what was imported stays, which is what former logs are of. */
static uint64_t may_go(const struct agent_session *session, size_t place, const struct own_log *log)
{
    const Hopnhat__PullScope scope = session_scope(session);
    bool all = session->in_order || scope == HOPNHAT__PULL_SCOPE__PULL_ALL ||
               (scope == HOPNHAT__PULL_SCOPE__PULL_NO_BULK && place == 0);
    return all ? log->head : log->urgent;
}

/* The present log, which is the first in the list, before former ones: these end with what was written in
 * bulk, or belong to a store that came back from a copy. */
static bool next_log(const struct agent_session *session, size_t *place)
{
    for (size_t i = 0; i < session->log_count; i++) {
        size_t candidate = session->in_order ? (i + 1) % session->log_count : i;
        const struct session_log *log = &session->logs[candidate];
        const struct own_log *own = agent_log(session->agent, log->replica);
        if (own && log->sent < may_go(session, candidate, own) && !log->waits &&
            session_is_due(session, log->paused_until_ms)) {
            *place = candidate;
            return true;
        }
    }
    return false;
}

bool session_all_pushed(const struct agent_session *session)
{
    bool catalog = false;
    if (session_asked(session, REQUEST_PUSH))
        return false;
    for (size_t i = 0; i < session->log_count; i++)
        catalog = catalog || session->logs[i].waits_catalog;
    for (size_t i = 0; i < session->log_count; i++) {
        const struct session_log *log = &session->logs[i];
        const struct own_log *own = agent_log(session->agent, log->replica);
        if (own && log->sent < own->head && !log->waits_catalog && !(catalog && log->waits))
            return false;
    }
    return true;
}

static bool is_acknowledged(const struct agent_session *session, struct dot dot)
{
    const struct own_log *log = agent_log(session->agent, dot.replica);
    return !log || dot.seq <= log->acknowledged;
}

/* Whether the draft lists, before that change, one of another log that the hub does not have: without it the
 * hub may not know the record, or not the right to write it. */
static bool follows_pending(const struct agent_session *session, const Hopnhat__Draft *draft, struct dot dot)
{
    bool follows = false;
    for (size_t i = 0; i < draft->n_pending; i++) {
        const struct dot before = {draft->pending[i]->replica, draft->pending[i]->seq};
        if (dot_compare(before, dot) == 0)
            return follows;
        if (before.replica == dot.replica || is_acknowledged(session, before))
            continue;
        follows = true;
        struct own_log *log = agent_log(session->agent, before.replica);
        if (log->urgent < before.seq) /* so is what something rests on that may go now */
            log->urgent = before.seq;
    }
    return false;
}

static bool must_wait(const struct agent_session *session, struct transaction *transaction, struct dot dot,
                      struct arena *arena)
{
    struct change change;
    bool others = false, waits = false;
    for (size_t i = 0; i < session->agent->log_count; i++) {
        const struct own_log *log = &session->agent->logs[i];
        others = others || (log->replica != dot.replica && log->acknowledged < log->head);
    }
    if (!others || session->in_order || !log_change(transaction, dot, arena, &change))
        return false;
    for (size_t i = 0; i < change.body->n_edits && !waits; i++) {
        const Hopnhat__Edit *edit = change.body->edits[i];
        struct key key;
        key_record(&key, edit->type, edit->record.data);
        const Hopnhat__Draft *draft =
            row_get(transaction, AGENT_DRAFT, key_bytes(&key), &hopnhat__draft__descriptor, arena);
        waits = draft && follows_pending(session, draft, dot);
    }
    return waits;
}

/* The next piece of a change that is too large for one Push. */
static bool cut_piece(struct session_log *log, struct batch *batch, const Hopnhat__LogRow *row, uint64_t seq,
                      size_t most, struct transaction *transaction, struct arena *arena)
{
    struct bytes whole = bytes_of(row->logged.data, row->logged.len);
    uint64_t id = pieces_id(whole);
    if (log->piece_seq != seq || log->piece.id != id)
        log->piece_sent = log->piece.held_bytes = 0;
    log->piece_seq = seq;
    log->piece.id = id;
    const struct pieces_held sent = {.id = id, .held_bytes = log->piece_sent};
    batch->push.piece = pieces_cut(whole, &sent, most, arena);
    if (!batch->push.piece) {
        agent_fail_memory(transaction);
        return false;
    }
    batch->size_bytes = batch->push.piece->data.len;
    batch->whole = batch->push.piece->offset + batch->push.piece->data.len == whole.size;
    batch->admitted_known = row->has_admitted;
    return true;
}

static int64_t shift_of(const struct agent_session *session, const Hopnhat__LogRow *row, uint64_t wall_ms)
{
    if (!row->has_written_ms)
        return 0;
    return clock_shift_ms(&session->agent->clock, row->written_ms + (uint64_t)row->ahead_ms, row->written_ms,
                          wall_ms);
}

/* Whether the change goes into the same Push: there is room, and its clock was as wrong as the others'. */
static bool belongs(const struct batch *batch, const Hopnhat__LogRow *row, int64_t shift_ms, size_t most)
{
    int64_t more_ms = shift_ms - batch->shift_ms;
    return batch->push.n_changes == 0 || (batch->size_bytes + row->logged.len <= most &&
                                          more_ms <= SAME_SHIFT_MS && more_ms >= -SAME_SHIFT_MS);
}

/* Takes changes from `first` on, as many as fit `most` bytes, one at least, or a piece of one. */
static bool collect(const struct agent_session *session, struct session_log *log, struct batch *batch,
                    struct transaction *transaction, size_t most, struct arena *arena)
{
    const uint64_t first = log->sent + 1;
    const size_t slice = most > LEAST_PIECE_BYTES ? most : LEAST_PIECE_BYTES;
    Hopnhat__Push *push = &batch->push;
    push->changes = arena_alloc(arena, LIMIT_PUSH_CHANGES * sizeof *push->changes);
    push->admitted = arena_alloc(arena, LIMIT_PUSH_CHANGES * sizeof *push->admitted);
    if (!push->changes || !push->admitted) {
        agent_fail_memory(transaction);
        return false;
    }
    const uint64_t end = may_go(session, (size_t)(log - session->logs), batch->log);
    for (uint64_t seq = first; seq <= end && push->n_changes < LIMIT_PUSH_CHANGES; seq++) {
        const struct dot dot = {batch->log->replica, seq};
        const bool waits = must_wait(session, transaction, dot, arena);
        const Hopnhat__LogRow *row = waits ? NULL : log_row(transaction, dot, arena);
        int64_t shift_ms = row ? shift_of(session, row, batch->wall_ms) : 0;
        batch->waits = waits && push->n_changes == 0;
        if (!row || !belongs(batch, row, shift_ms, most))
            break;
        if (push->n_changes == 0)
            batch->shift_ms = shift_ms;
        if (row->logged.len > 2 * slice) {
            push->admitted[0] = row->has_admitted ? row->admitted : 0;
            push->n_admitted = row->has_admitted;
            return cut_piece(log, batch, row, seq, slice, transaction, arena);
        }
        push->admitted[push->n_changes] = row->has_admitted ? row->admitted : 0;
        batch->admitted_known = batch->admitted_known || row->has_admitted;
        push->changes[push->n_changes++] = row->logged;
        batch->size_bytes += row->logged.len;
    }
    push->n_admitted = batch->admitted_known ? push->n_changes : 0;
    batch->whole = true;
    return push->n_changes > 0;
}

static bool sign(const struct agent_session *session, struct batch *batch, struct transaction *transaction,
                 uint64_t last, struct arena *arena)
{
    uint8_t link[LINK_BYTES], text[SIGNED_LINK_BYTES];
    if (!log_link(transaction, batch->log, last, link, arena))
        return false;
    chain_signed_text(batch->log->replica, last, link, text);
    batch->push.signature.len = SIGNATURE_BYTES;
    batch->push.signature.data = arena_alloc(arena, SIGNATURE_BYTES);
    if (!batch->push.signature.data) {
        agent_fail_memory(transaction);
        return false;
    }
    keys_sign(&session->agent->signing_keys, bytes_of(text, sizeof text), batch->push.signature.data);
    return true;
}

/* Says by the time of the last change what the clock reads now. */
static bool tell_age(struct batch *batch, struct transaction *transaction, struct arena *arena)
{
    struct change change;
    if (!log_change(transaction, (struct dot){batch->log->replica, batch->last}, arena, &change))
        return false;
    batch->push.has_age_ms = true;
    batch->push.age_ms = (int64_t)(time_ms(batch->reading) - time_ms(change.body->time));
    return true;
}

/* One change alone goes in its brief form, where it has one, and the hub has not failed on it before. */
static bool make_brief(const struct agent_session *session, struct batch *batch,
                       struct transaction *transaction, struct arena *arena)
{
    Hopnhat__Push *push = &batch->push;
    const uint8_t *seed_key = session->agent->has_seed_key ? session->agent->seed_key : NULL;
    struct change change, before;
    if (session->protocol < BRIEF_PROTOCOL || push->n_changes != 1 || push->n_admitted ||
        batch->last <= session->whole_until || batch->last - 1 <= batch->log->trimmed)
        return true;
    if (!log_change(transaction, (struct dot){batch->log->replica, batch->last}, arena, &change) ||
        !log_change(transaction, (struct dot){batch->log->replica, batch->last - 1}, arena, &before))
        return false;
    push->brief = brief_make(&change, bytes_of(push->changes[0].data, push->changes[0].len), before.body,
                             seed_key, arena);
    if (push->brief)
        push->n_changes = 0;
    return true;
}

/* The next batch of the log at `place`, in session->message. False: the link is down now. */
static bool make_batch(struct agent_session *session, size_t place, size_t most, uint64_t wall_ms,
                       struct batch *batch)
{
    struct session_log *log = &session->logs[place];
    struct arena *arena = &session->message;
    struct transaction transaction;
    struct error error;
    arena_reset(arena);
    *batch = (struct batch){.log = agent_log(session->agent, log->replica), .wall_ms = wall_ms};
    hopnhat__push__init(&batch->push);
    bool made = agent_read(session->agent, &transaction, &error), failed = !made;
    if (made) {
        made = collect(session, log, batch, &transaction, most, arena);
        batch->reading =
            time_of_ms(time_ms(clock_reading(&session->agent->clock, wall_ms)) - (uint64_t)batch->shift_ms);
        batch->last = log->sent + (batch->push.piece ? 1 : batch->push.n_changes);
        made = made && (!batch->whole || (sign(session, batch, &transaction, batch->last, arena) &&
                                          tell_age(batch, &transaction, arena) &&
                                          make_brief(session, batch, &transaction, arena)));
        failed = transaction.failed;
        error = transaction.error;
        transaction_abort(&transaction);
    }
    if (made || (batch->waits && !failed))
        return true;
    session_trouble(session, "%s", failed ? error.text : "the own log has a gap: restore the newest backup");
    session_lose_link(session, "the store failed");
    return false;
}

/* Sends the next batch of that log. False where the link or the store is no more. */
static bool send_batch(struct agent_session *session, size_t place, size_t most, uint64_t wall_ms)
{
    struct session_log *log = &session->logs[place];
    size_t used = session_under_way(session, REQUEST_PUSH);
    struct batch batch;
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    if (!make_batch(session, place, most, wall_ms, &batch))
        return false;
    log->waits = batch.waits;
    if (log->waits)
        return true;
    batch.push.has_log = place != 0;
    batch.push.log = (uint32_t)place;
    batch.push.first = log->sent + 1;
    batch.push.has_more = batch.push.more = batch.last < batch.log->head || !batch.whole;
    message.body_case = HOPNHAT__MESSAGE__BODY_PUSH;
    message.push = &batch.push;
    struct request *request = session_ask(session, &message, REQUEST_PUSH, wall_ms);
    if (!request)
        return false;
    request->log = place;
    request->first = log->sent + 1;
    request->last = batch.last;
    request->time = batch.reading;
    request->mark = rate_sent(&session->up, batch.size_bytes + PUSH_BYTES, used, session->now_ms);
    packing_note(&session->agent->pace.up, batch.size_bytes + PUSH_BYTES, session->sent_bytes);
    request->whole = batch.whole;
    if (batch.push.piece) {
        request->piece_id = batch.push.piece->id;
        request->piece_end = log->piece_sent =
            batch.push.piece->offset + (uint32_t)batch.push.piece->data.len;
    }
    if (batch.whole)
        log->sent = batch.last;
    return true;
}

void session_push(struct agent_session *session, uint64_t wall_ms)
{
    size_t place;
    const uint64_t limit = session->agent->limits.up_bytes_per_second;
    for (size_t i = 0; i < session->log_count; i++)
        session->logs[i].waits = false;
    session->push_after_ms = UINT64_MAX;
    while (session_asked(session, REQUEST_PUSH) < PUSHES_IN_FLIGHT && next_log(session, &place) &&
           (session->in_order || allowance_is_left(&session->may_send, limit, session->now_ms))) {
        size_t used = session_under_way(session, REQUEST_PUSH);
        size_t most = limit_chunk_bytes(limit, rate_next_bytes(&session->up, used));
        session->push_after_ms = session_room_ms(session, REQUEST_PUSH, &session->up, most);
        if (!session_is_due(session, session->push_after_ms))
            return;
        if (!send_batch(session, place, most < session->push_bytes ? most : session->push_bytes, wall_ms))
            return;
    }
}

void session_push_again(struct agent_session *session, size_t place, uint64_t from, uint64_t pause_ms)
{
    struct session_log *log = &session->logs[place];
    for (size_t i = 0; i < SESSION_REQUESTS; i++) {
        struct request *request = &session->requests[i];
        if (request->number && request->kind == REQUEST_PUSH && request->log == place && request->last > from)
            request->number = 0;
    }
    log->sent = from;
    log->piece_sent = log->piece.held_bytes;
    log->paused_until_ms = session->now_ms + pause_ms;
}

bool session_pushes_wait(const struct agent_session *session)
{
    for (size_t i = 0; i < session->log_count; i++)
        if (!session_is_due(session, session->logs[i].paused_until_ms))
            return true;
    return false;
}

static void note_admitted(struct transaction *transaction, const struct own_log *log,
                          const struct request *request, uint64_t watermark, uint64_t hub_time,
                          uint64_t floor, struct arena *arena)
{
    uint64_t first = request->first > log->acknowledged ? request->first : log->acknowledged + 1;
    uint64_t last = request->last < watermark ? request->last : watermark;
    struct change change;
    for (uint64_t seq = first; seq <= last; seq++) {
        struct dot dot = {log->replica, seq};
        arena_reset(arena);
        if (!log_change(transaction, dot, arena, &change))
            return;
        uint64_t time = clock_admit(change.body->time, request->time, hub_time, floor);
        log_admitted(transaction, dot, time, arena);
    }
}

/* The hub's clock when it took the Push in; 0 where it does not say. */
static uint64_t hub_time(const struct request *request, const Hopnhat__Ack *ack)
{
    int64_t ms = (int64_t)(time_ms(request->time) + (uint64_t)ack->moved_ms);
    return ack->has_moved_ms && ms > 0 ? time_of_ms((uint64_t)ms) | (ack->counter & 0xffff) : 0;
}

static bool take_over(struct agent_session *session, const struct request *request, const Hopnhat__Ack *ack,
                      uint64_t watermark, uint64_t wall_ms, struct error *error)
{
    struct agent *agent = session->agent;
    struct own_log *log = agent_log(agent, session->replicas[request->log]);
    struct transaction transaction;
    if (!agent_begin(agent, &transaction, error))
        return false;
    uint64_t time = hub_time(request, ack);
    if (time)
        note_admitted(&transaction, log, request, watermark, time, ack->floor, &agent->scratch);
    if (watermark > log->acknowledged)
        log->acknowledged = watermark;
    if (ack->has_safe && ack->safe > log->safe && ack->safe <= log->acknowledged)
        log->safe = ack->safe;
    log->dirty = true;
    log_refuse(agent, &transaction, ack->refusals, ack->n_refusals, false);
    if (time)
        clock_contact(&agent->clock, request->sent_wall_ms, wall_ms, time);
    agent->last_contact_ms = wall_ms;
    return agent_commit(agent, &transaction, error);
}

void session_take_ack(struct agent_session *session, const struct request *request, const Hopnhat__Ack *ack,
                      uint64_t wall_ms)
{
    struct error error;
    const struct own_log *log = agent_log(session->agent, session->replicas[request->log]);
    uint64_t watermark = ack->has_watermark ? ack->watermark : request->last;
    if (!log || watermark > log->head) {
        session_trouble(session, "the hub acknowledged what was never sent");
        session_hello(session, wall_ms);
        return;
    }
    if (!take_over(session, request, ack, watermark, wall_ms, &error)) {
        session_store_failed(session, &error);
        return;
    }
    session_progress(session);
    struct session_log *to = &session->logs[request->log];
    to->waits_catalog = ack->has_waiting_catalog;
    uint32_t held = ack->held && ack->held->id == request->piece_id ? ack->held->size : 0;
    if (request->piece_end && to->piece_seq == request->first)
        to->piece.held_bytes = held; /* else the next change is cut already */
    rate_answered(&session->up, &request->mark, session->now_ms);
    session->agent->pace.up_bytes_per_second = rate_bytes_per_second(&session->up);
    if (watermark >= request->last || (!request->whole && held >= request->piece_end))
        return;
    if (ack->has_waiting_catalog)
        session_trouble(session, "changes wait until headquarters has the catalog that they were made under");
    uint64_t acknowledged = agent_log(session->agent, session->replicas[request->log])->acknowledged;
    session_push_again(session, request->log, acknowledged,
                       ack->has_waiting_catalog ? CATALOG_PAUSE_MS : SHORT_ACK_PAUSE_MS);
}
