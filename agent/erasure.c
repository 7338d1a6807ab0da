#include "agent/erasure.h"

#include "agent/draft.h"
#include "agent/feed_pieces.h"
#include "agent/log.h"
#include "agent/outvoted.h"
#include "api/import.h"
#include "base/defect.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/rewrite.h"
#include "store/rows.h"

enum { STEP_ARENA_BYTES = 256 * 1024 * 1024 };

static const char COME[] = "erased"; /* in META: erasures have come since the head was reached */

Hopnhat__Record *agent_erasure(struct transaction *transaction, uint32_t type,
                               const uint8_t id[RECORD_ID_BYTES], struct arena *arena)
{
    uint8_t erasure[RECORD_ID_BYTES];
    struct key key;
    erasure_record_id(type, id, erasure);
    key_record(&key, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, erasure);
    return row_get(transaction, AGENT_MIRROR, key_bytes(&key), &hopnhat__record__descriptor, arena);
}

static bool covers(void *context, uint32_t field)
{
    return erasure_covers(context, field);
}

void erasure_come(struct agent *agent, struct transaction *transaction, const Hopnhat__Record *erasure)
{
    uint32_t type;
    uint8_t id[RECORD_ID_BYTES];
    if (!erasure_target(erasure, &type, id))
        return;
    agent->erasures_came = true;
    feed_pieces_forget(transaction); /* of a record as it was before, perhaps */
    meta_put_number(transaction, AGENT_META, COME, 1);
    import_log_forget(transaction, AGENT_IMPORT, id, covers, (void *)(uintptr_t)erasure);
}

/* A change of an own log without what was erased. */
static void put_clean(struct transaction *transaction, struct dot dot, Hopnhat__LogRow *row,
                      struct bytes stored, struct arena *arena)
{
    static char gone[] = "refused; the reason is not kept, since it may quote what has been erased";
    struct key key;
    key_dot(&key, dot.replica, dot.seq);
    row->logged = (ProtobufCBinaryData){stored.size, (uint8_t *)(uintptr_t)stored.data};
    row_put(transaction, AGENT_LOG, key_bytes(&key), &row->base);
    Hopnhat__Refusal *refusal =
        row_get(transaction, AGENT_REFUSED, key_bytes(&key), &hopnhat__refusal__descriptor, arena);
    if (!refusal)
        return;
    refusal->text = gone;
    row_put(transaction, AGENT_REFUSED, key_bytes(&key), &refusal->base);
}

/* What was made of the change before: drafts, and what is kept of outvoted values. */
static void redo_drafts(struct agent *agent, struct transaction *transaction, const struct change *change)
{
    for (size_t i = 0; i < change->body->n_edits; i++) {
        const Hopnhat__Edit *edit = change->body->edits[i];
        arena_reset(&agent->scratch);
        outvoted_drop_erased_of(transaction, edit->type, edit->record.data, &agent->scratch);
        draft_redo(agent, transaction, edit->type, edit->record.data, &agent->scratch);
    }
}

static void clean_change(struct agent *agent, struct transaction *transaction, struct dot dot,
                         struct arena *arena)
{
    Hopnhat__LogRow *row = log_row(transaction, dot, arena);
    struct change change;
    struct error error;
    struct bytes stored;
    bool any = false;
    if (!row || !change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), arena, &error))
        return;
    bool *takes = arena_alloc(arena, change.op_count * sizeof *takes);
    for (size_t i = 0; takes && i < change.body->n_edits; i++) {
        const Hopnhat__Edit *edit = change.body->edits[i];
        any = erasure_mark(agent_erasure(transaction, edit->type, edit->record.data, arena), &change, i,
                           takes) ||
              any;
    }
    if (!takes || (any && !change_erase(&change, takes, arena, &stored, &error))) {
        agent_fail_memory(transaction);
    } else if (any) {
        put_clean(transaction, dot, row, stored, arena);
        redo_drafts(agent, transaction, &change);
    }
}

void erasure_clean_logs(struct agent *agent, struct transaction *transaction)
{
    struct arena arena;
    arena_init(&arena, STEP_ARENA_BYTES);
    for (size_t i = 0; i < agent->log_count && !DEFECT(ERASED_LEFT_IN_COPY); i++)
        for (uint64_t seq = 1; seq <= agent->logs[i].head && !transaction->failed; seq++) {
            arena_reset(&arena);
            clean_change(agent, transaction, (struct dot){agent->logs[i].replica, seq}, &arena);
        }
    arena_release(&arena);
}

void erasure_at_head(struct agent *agent, struct transaction *transaction)
{
    if (!meta_number(transaction, AGENT_META, COME, 0))
        return;
    transaction_delete(transaction, AGENT_META, bytes_of_string(COME));
    outvoted_drop_erased(transaction, &agent->scratch); /* the mirror held them until now */
    rewrite_plan(transaction, AGENT_META);
    agent->rewrite_due = true;
}
