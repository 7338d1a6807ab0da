#include "agent/log.h"

#include "agent/draft.h"
#include "agent/mirror.h"
#include "store/key.h"
#include "store/rows.h"

#include <inttypes.h>

Hopnhat__LogRow *log_row(struct transaction *transaction, struct dot dot, struct arena *arena)
{
    struct key key;
    key_dot(&key, dot.replica, dot.seq);
    return row_get(transaction, AGENT_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
}

bool log_change(struct transaction *transaction, struct dot dot, struct arena *arena, struct change *change)
{
    struct error error;
    const Hopnhat__LogRow *row = log_row(transaction, dot, arena);
    if (!row)
        return false;
    if (change_unpack(change, dot, bytes_of(row->logged.data, row->logged.len), arena, &error))
        return true;
    transaction_fail(transaction, &error);
    return false;
}

bool log_link(struct transaction *transaction, const struct own_log *log, uint64_t seq,
              uint8_t link[LINK_BYTES], struct arena *arena)
{
    struct error error;
    if (seq == 0) {
        chain_start(log->replica, link);
        return true;
    }
    if (seq == log->head || seq == log->trimmed) {
        memcpy(link, seq == log->head ? log->link : log->trimmed_link, LINK_BYTES);
        return true;
    }
    const Hopnhat__LogRow *row = log_row(transaction, (struct dot){log->replica, seq}, arena);
    if (row && row->link.len == LINK_BYTES) {
        memcpy(link, row->link.data, LINK_BYTES);
        return true;
    }
    error_set(&error, ERROR_CORRUPT, "the own log has lost its change %" PRIu64 ": restore the newest backup",
              seq);
    transaction_fail(transaction, &error);
    return false;
}

/* Of the design's invariants: no dot names two changes, no counter lives outside the transaction. */
static bool is_next(struct transaction *transaction, const struct own_log *log, struct dot dot)
{
    struct key key;
    struct bytes there;
    struct error error;
    key_dot(&key, dot.replica, dot.seq);
    if (dot.replica == log->replica && dot.seq == log->head + 1 &&
        !transaction_get(transaction, AGENT_LOG, key_bytes(&key), &there))
        return true;
    error_set(&error, ERROR_INTERNAL, "the change %016" PRIx64 ":%" PRIu64 " is not the next of its log",
              dot.replica, dot.seq);
    transaction_fail(transaction, &error);
    return false;
}

void log_append(struct transaction *transaction, struct own_log *log, const struct change *change,
                struct bytes stored, const Hopnhat__LogRow *times)
{
    Hopnhat__LogRow row = *times;
    struct error error;
    struct key key;
    if (!is_next(transaction, log, change->dot))
        return;
    if (!chain_next(log->link, change->logged, log->link, &error)) {
        transaction_fail(transaction, &error);
        return;
    }
    log->head = change->dot.seq;
    log->dirty = true;
    row.link = (ProtobufCBinaryData){LINK_BYTES, log->link};
    row.logged = (ProtobufCBinaryData){stored.size, (uint8_t *)(uintptr_t)stored.data};
    key_dot(&key, change->dot.replica, change->dot.seq);
    row_put(transaction, AGENT_LOG, key_bytes(&key), &row.base);
}

void log_admitted(struct transaction *transaction, struct dot dot, uint64_t admitted, struct arena *arena)
{
    Hopnhat__LogRow *row = log_row(transaction, dot, arena);
    struct key key;
    if (!row || (row->has_admitted && row->admitted <= admitted))
        return;
    row->has_admitted = true;
    row->admitted = admitted;
    key_dot(&key, dot.replica, dot.seq);
    row_put(transaction, AGENT_LOG, key_bytes(&key), &row->base);
}

void log_cut(struct transaction *transaction, struct own_log *log, uint64_t seq, struct arena *arena)
{
    uint8_t link[LINK_BYTES];
    struct key key;
    if (!log_link(transaction, log, seq, link, arena))
        return;
    for (uint64_t gone = seq + 1; gone <= log->head; gone++) {
        key_dot(&key, log->replica, gone);
        transaction_delete(transaction, AGENT_LOG, key_bytes(&key));
        transaction_delete(transaction, AGENT_REFUSED, key_bytes(&key));
    }
    memcpy(log->link, link, LINK_BYTES);
    log->head = log->acknowledged = seq;
    if (log->urgent > seq)
        log->urgent = seq;
    log->dirty = true;
}

static bool log_is_kept(struct transaction *transaction, struct dot dot)
{
    struct key key;
    struct bytes row;
    key_dot(&key, dot.replica, dot.seq);
    return transaction_get(transaction, AGENT_LOG, key_bytes(&key), &row);
}

bool log_is_refused(struct transaction *transaction, struct dot dot)
{
    struct key key;
    struct bytes row;
    key_dot(&key, dot.replica, dot.seq);
    return transaction_get(transaction, AGENT_REFUSED, key_bytes(&key), &row);
}

bool log_refused(struct transaction *transaction, struct entry_id id, struct arena *arena,
                 struct entry_list *superseded)
{
    struct change change;
    if (!log_is_refused(transaction, id.dot) || !log_change(transaction, id.dot, arena, &change) ||
        id.index >= change.op_count)
        return false;
    size_t edit = change.body->n_edits - 1;
    while (change.first_op[edit] > id.index)
        edit--;
    const Hopnhat__Op *op = change.body->edits[edit]->ops[id.index - change.first_op[edit]];
    superseded->count = op_superseded_count(op);
    superseded->ids = arena_alloc(arena, superseded->count * sizeof *superseded->ids);
    if (!superseded->ids) {
        agent_fail_memory(transaction);
        return false;
    }
    for (size_t i = 0; i < superseded->count; i++)
        superseded->ids[i] = op_superseded(&change, op, i);
    return true;
}

/* The records that the change touched fall back to what they are without it. */
static void fall_back(struct agent *agent, struct transaction *transaction, struct dot dot)
{
    struct arena arena;
    struct change change;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (log_change(transaction, dot, &arena, &change))
        for (size_t i = 0; i < change.body->n_edits; i++) {
            const Hopnhat__Edit *edit = change.body->edits[i];
            arena_reset(&agent->scratch);
            draft_refresh(agent, transaction, edit->type, edit->record.data, NULL, &agent->scratch);
        }
    arena_release(&arena);
}

void log_refuse(struct agent *agent, struct transaction *transaction, Hopnhat__Refusal *const *refusals,
                size_t count, bool in_order)
{
    struct key key;
    for (size_t i = 0; i < count; i++) {
        struct dot dot = {refusals[i]->replica, refusals[i]->seq};
        struct own_log *log = agent_log(agent, dot.replica);
        if (!log)
            continue;
        if (in_order && dot.seq > log->refusal_heard) {
            log->refusal_heard = dot.seq;
            log->dirty = true;
        }
        if (dot.seq > log->head || log_is_refused(transaction, dot) ||
            (dot.seq <= log->trimmed && !log_is_kept(transaction, dot)))
            continue;
        key_dot(&key, dot.replica, dot.seq);
        row_put(transaction, AGENT_REFUSED, key_bytes(&key), &refusals[i]->base);
        fall_back(agent, transaction, dot);
    }
}

void log_release(const struct agent *agent, struct transaction *transaction, const Hopnhat__Record *record)
{
    struct key key;
    for (size_t i = 0; i < record->n_fields; i++)
        for (size_t j = 0; j < record->fields[i]->n_entries; j++) {
            struct dot dot = entry_id_of(record->fields[i]->entries[j]).dot;
            if (!agent_log(agent, dot.replica) || !log_is_refused(transaction, dot))
                continue;
            key_dot(&key, dot.replica, dot.seq);
            transaction_delete(transaction, AGENT_REFUSED, key_bytes(&key));
        }
}
