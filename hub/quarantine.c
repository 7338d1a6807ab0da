#include "hub/quarantine.h"

#include "base/text.h"
#include "hub/admission.h"
#include "store/key.h"
#include "store/rows.h"

#include <inttypes.h>

static void fail_memory(struct transaction *transaction)
{
    struct error error;
    error_set(&error, ERROR_MEMORY, "out of memory");
    transaction_fail(transaction, &error);
}

Hopnhat__Quarantined *quarantine_row(struct transaction *transaction, struct dot dot, struct arena *arena)
{
    struct key key;
    key_dot(&key, dot.replica, dot.seq);
    return row_get(transaction, HUB_QUARANTINE, key_bytes(&key), &hopnhat__quarantined__descriptor, arena);
}

bool quarantine_holds(struct transaction *transaction, struct dot dot, struct arena *arena)
{
    const Hopnhat__Quarantined *row = quarantine_row(transaction, dot, arena);
    return row && row->state != HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED;
}

/* The change of a log row, unpacked into the arena. */
static bool logged_change(struct transaction *transaction, struct dot dot, struct arena *arena,
                          struct change *change)
{
    struct key key;
    struct error error;
    key_dot(&key, dot.replica, dot.seq);
    const Hopnhat__LogRow *row =
        row_get(transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
    if (!row)
        return false;
    if (change_unpack(change, dot, bytes_of(row->logged.data, row->logged.len), arena, &error))
        return true;
    if (error.code == ERROR_MEMORY || arena->failure != ERROR_NONE)
        fail_memory(transaction);
    return false; /* it was refused for not being well formed: it supersedes nothing */
}

struct entry_list quarantine_superseded(struct transaction *transaction, struct entry_id id,
                                        struct arena *arena)
{
    struct entry_list list = {0};
    struct change change;
    if (!logged_change(transaction, id.dot, arena, &change) || id.index >= change.op_count)
        return list;
    size_t edit = change.body->n_edits - 1;
    while (change.first_op[edit] > id.index)
        edit--;
    const Hopnhat__Op *op = change.body->edits[edit]->ops[id.index - change.first_op[edit]];
    list.ids = arena_alloc(arena, op_superseded_count(op) * sizeof *list.ids);
    if (!list.ids)
        fail_memory(transaction);
    for (size_t i = 0; list.ids && i < op_superseded_count(op); i++)
        list.ids[list.count++] = op_superseded(&change, op, i);
    return list;
}

/* The row while nobody has decided. */
static Hopnhat__Quarantined *waiting_row(struct transaction *transaction, struct dot dot, struct arena *arena,
                                         struct error *error)
{
    Hopnhat__Quarantined *row = quarantine_row(transaction, dot, arena);
    if (row && row->state != HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED)
        return row;
    if (transaction->failed)
        *error = transaction->error;
    else if (row)
        error_set(error, ERROR_INPUT, "%016" PRIx64 ".%" PRIu64 " has been released already", dot.replica,
                  dot.seq);
    else
        error_set(error, ERROR_NOT_FOUND, "%016" PRIx64 ".%" PRIu64 " is not in quarantine", dot.replica,
                  dot.seq);
    return NULL;
}

static bool check_decision(const struct decision *decision, struct error *error)
{
    const char *texts[] = {decision->author, decision->note};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] && (strlen(texts[i]) > LIMIT_VALUE_BYTES || !text_is_utf8(bytes_of_string(texts[i]))))
            return error_set(error, ERROR_INPUT, "author and note are no texts of at most %d bytes",
                             LIMIT_VALUE_BYTES);
    return true;
}

static void put_decision(struct admission *admission, Hopnhat__Quarantined *row,
                         Hopnhat__QuarantineState state, const struct decision *decision)
{
    struct key key;
    if (row->state == HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING && admission->hub->quarantined)
        admission->hub->quarantined--;
    row->has_state = row->has_decided_ms = true;
    row->state = state;
    row->decided_ms = decision->wall_ms;
    row->decided_by = (char *)(uintptr_t)decision->author;
    row->note = (char *)(uintptr_t)decision->note;
    key_dot(&key, row->refusal->replica, row->refusal->seq);
    row_put(&admission->transaction, HUB_QUARANTINE, key_bytes(&key), &row->base);
}

static bool decide(struct admission *admission, struct dot dot, Hopnhat__QuarantineState state,
                   const struct decision *decision, struct arena *arena, struct error *error)
{
    Hopnhat__Quarantined *row = waiting_row(&admission->transaction, dot, arena, error);
    if (!row)
        return false;
    if (state == HOPNHAT__QUARANTINE_STATE__QUARANTINE_DROPPED && row->state == state)
        return error_set(error, ERROR_INPUT, "%016" PRIx64 ".%" PRIu64 " has been dropped already",
                         dot.replica, dot.seq);
    if (state == HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED && !admission_release(admission, dot, error))
        return false;
    put_decision(admission, row, state, decision);
    return true;
}

static bool decide_alone(struct hub *hub, struct dot dot, Hopnhat__QuarantineState state,
                         const struct decision *decision, struct error *error)
{
    struct admission admission;
    struct arena arena;
    struct error reload;
    if (!check_decision(decision, error) || !admission_begin(&admission, hub, decision->wall_ms, error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool done = decide(&admission, dot, state, decision, &arena, error);
    if (done)
        done = admission_commit(&admission, error);
    else if (!admission_abort(&admission, &reload))
        error_prefix(error, "%s; and before that", reload.text);
    arena_release(&arena);
    return done;
}

bool quarantine_release(struct hub *hub, struct dot dot, const struct decision *decision, struct error *error)
{
    return decide_alone(hub, dot, HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED, decision, error);
}

bool quarantine_drop(struct hub *hub, struct dot dot, const struct decision *decision, struct error *error)
{
    return decide_alone(hub, dot, HOPNHAT__QUARANTINE_STATE__QUARANTINE_DROPPED, decision, error);
}
