#include "agent/history.h"

#include "agent/erasure.h"
#include "agent/log.h"
#include "agent/records.h"
#include "agent/whose.h"
#include "store/key.h"

#include <stdlib.h>

enum { STEP_ARENA_BYTES = 64 * 1024 * 1024, MOST_ENTRIES = 1000 };

/* An answer under construction. */
struct listing {
    const struct agent *agent;
    struct transaction *snapshot;
    const Hopnhat__Record *record;  /* as people see it */
    const Hopnhat__Record *erasure; /* what was erased of it; NULL: nothing */
    struct whose whose;
    struct arena *arena, scratch; /* scratch: of one row */
    Hopnhat__HistoryAnswer *answer;
    size_t limit, examined;
    struct error *error;
};

/* A copy in the answer's arena; false without memory. */
static bool put_value(struct listing *listing, struct bytes value, protobuf_c_boolean *has,
                      ProtobufCBinaryData *to)
{
    *has = value.size != 0;
    *to = (ProtobufCBinaryData){value.size, arena_copy(listing->arena, value.data, value.size)};
    return to->data || out_of_memory(listing->error);
}

/* What was superseded is known where it is an own value. */
static Hopnhat__HistoryValue *old_value(struct listing *listing, struct entry_id id)
{
    Hopnhat__HistoryValue *old = arena_alloc(listing->arena, sizeof *old);
    struct change change;
    if (!old) {
        out_of_memory(listing->error);
        return NULL;
    }
    hopnhat__history_value__init(old);
    old->replica = id.dot.replica;
    old->seq = id.dot.seq;
    old->has_index = true;
    old->index = id.index;
    old->has_withheld = old->withheld = true;
    if (!agent_log(listing->agent, id.dot.replica)) {
        old->office = (char *)(uintptr_t)whose_office(&listing->whose, id.dot.replica, 0);
        return old;
    }
    old->office = (char *)(uintptr_t)listing->agent->office_code;
    if (!log_change(listing->snapshot, id.dot, &listing->scratch, &change) || id.index >= change.op_count)
        return old;
    old->has_erased = old->erased = change_is_erased(&change, id.index);
    if (old->erased)
        return old;
    old->has_withheld = old->withheld = false;
    return put_value(listing, change_value(&change, id.index), &old->has_value, &old->value) ? old : NULL;
}

static Hopnhat__HistoryOp *op_of(struct listing *listing, const struct change *change,
                                 const Hopnhat__Op *from, size_t number)
{
    size_t count = from->kind == HOPNHAT__OP_KIND__ADD ? 0 : op_superseded_count(from);
    Hopnhat__HistoryOp *op = arena_alloc(listing->arena, sizeof *op);
    Hopnhat__HistoryValue **old = arena_alloc(listing->arena, count * sizeof(Hopnhat__HistoryValue *));
    if (!op || !old) {
        out_of_memory(listing->error);
        return NULL;
    }
    hopnhat__history_op__init(op);
    op->field = from->field;
    op->has_kind = true;
    op->kind = from->kind;
    op->has_merged = op->merged = from->merged;
    op->superseded = old;
    if (from->field == HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED)
        return op;
    op->has_withheld = op->withheld = change_is_erased(change, number);
    if (!put_value(listing, change_value(change, number), &op->has_value, &op->value))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct entry_id id = op_superseded(change, from, i);
        if (erasure_has(listing->erasure, id))
            continue;
        if (!(old[op->n_superseded] = old_value(listing, id)))
            return NULL;
        op->n_superseded++;
    }
    return op;
}

/* The next place in the answer, with room for that many ops. NULL: out of memory, or the answer is full. */
static Hopnhat__HistoryEntry *new_entry(struct listing *listing, struct dot dot, uint64_t time, size_t ops)
{
    Hopnhat__HistoryEntry *entry = arena_alloc(listing->arena, sizeof *entry);
    Hopnhat__HistoryOp **list = arena_alloc(listing->arena, ops * sizeof(Hopnhat__HistoryOp *));
    if (!entry || !list || listing->answer->n_entries == MOST_ENTRIES) {
        out_of_memory(listing->error);
        return NULL;
    }
    hopnhat__history_entry__init(entry);
    entry->replica = dot.replica;
    entry->seq = dot.seq;
    entry->time = time;
    entry->ops = list;
    listing->answer->entries[listing->answer->n_entries++] = entry;
    return entry;
}

static bool add_own(struct listing *listing, const struct own_log *log, const struct change *change,
                    size_t place, const Hopnhat__LogRow *row)
{
    const Hopnhat__Edit *edit = change->body->edits[place];
    uint64_t time = row->has_admitted ? row->admitted : change->body->time;
    Hopnhat__HistoryEntry *entry = new_entry(listing, change->dot, time, edit->n_ops);
    if (!entry)
        return false;
    const char *author = change->body->author ? change->body->author : "";
    entry->office = (char *)(uintptr_t)listing->agent->office_code;
    entry->author = arena_string(listing->arena, author, strlen(author));
    entry->note = edit->note ? arena_string(listing->arena, edit->note, strlen(edit->note)) : NULL;
    entry->has_pending = entry->pending = change->dot.seq > log->acknowledged;
    entry->has_refused = entry->refused = log_is_refused(listing->snapshot, change->dot);
    for (size_t i = 0; i < edit->n_ops; i++) {
        if (!(entry->ops[i] = op_of(listing, change, edit->ops[i], change->first_op[place] + i)))
            return false;
        entry->n_ops++;
    }
    return true;
}

/* A row of an own log: most are told from the others without unpacking. */
static bool take_row(struct listing *listing, const struct own_log *log, uint64_t seq)
{
    const Hopnhat__Record *record = listing->record;
    struct dot dot = {log->replica, seq};
    struct bytes stored;
    struct key key;
    struct change change;
    key_dot(&key, dot.replica, dot.seq);
    listing->examined++;
    if (!transaction_get(listing->snapshot, AGENT_LOG, key_bytes(&key), &stored) ||
        !memmem(stored.data, stored.size, record->id.data, RECORD_ID_BYTES))
        return true;
    arena_reset(&listing->scratch);
    const Hopnhat__LogRow *row = log_row(listing->snapshot, dot, &listing->scratch);
    if (!row || !log_change(listing->snapshot, dot, &listing->scratch, &change))
        return true;
    for (size_t i = 0; i < change.body->n_edits; i++) {
        const Hopnhat__Edit *edit = change.body->edits[i];
        if (edit->type == record->type && memcmp(edit->record.data, record->id.data, RECORD_ID_BYTES) == 0)
            return add_own(listing, log, &change, i, row);
    }
    return true;
}

static bool list_own(struct listing *listing)
{
    for (size_t i = listing->agent->log_count; i-- > 0;) {
        const struct own_log *log = &listing->agent->logs[i];
        for (uint64_t seq = log->head; seq > log->trimmed; seq--) {
            if (listing->answer->n_entries == listing->limit || listing->examined == HISTORY_EXAMINED)
                return true;
            if (!take_row(listing, log, seq))
                return false;
        }
    }
    return true;
}

static Hopnhat__HistoryEntry *entry_named(const Hopnhat__HistoryAnswer *answer, struct dot dot)
{
    for (size_t i = 0; i < answer->n_entries; i++)
        if (answer->entries[i]->replica == dot.replica && answer->entries[i]->seq == dot.seq)
            return answer->entries[i];
    return NULL;
}

/* A value of somebody else that stands in the record. */
static bool add_standing(struct listing *listing, uint32_t field, const Hopnhat__Entry *from)
{
    struct dot dot = entry_id_of(from).dot;
    Hopnhat__HistoryEntry *entry = entry_named(listing->answer, dot);
    Hopnhat__HistoryOp *op = arena_alloc(listing->arena, sizeof *op);
    if (!entry && listing->answer->n_entries == MOST_ENTRIES)
        return true;
    if (!entry && (entry = new_entry(listing, dot, from->time, 0)))
        entry->office = (char *)(uintptr_t)whose_office(&listing->whose, dot.replica, from->rank);
    Hopnhat__HistoryOp **ops =
        entry ? arena_alloc(listing->arena, (entry->n_ops + 1) * sizeof(Hopnhat__HistoryOp *)) : NULL;
    if (!op || !ops)
        return out_of_memory(listing->error);
    if (entry->n_ops)
        memcpy(ops, entry->ops, entry->n_ops * sizeof *ops);
    hopnhat__history_op__init(op);
    op->field = field;
    op->has_merged = op->merged = from->merged;
    if (field != HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED &&
        !put_value(listing, entry_value(from), &op->has_value, &op->value))
        return false;
    ops[entry->n_ops++] = op;
    entry->ops = ops;
    return true;
}

static bool list_standing(struct listing *listing)
{
    for (size_t i = 0; i < listing->record->n_fields; i++) {
        const Hopnhat__Field *field = listing->record->fields[i];
        for (size_t j = 0; j < field->n_entries; j++)
            if (!agent_log(listing->agent, field->entries[j]->replica) &&
                !add_standing(listing, field->number, field->entries[j]))
                return false;
    }
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const Hopnhat__HistoryEntry *const *left = a, *const *right = b;
    if ((*left)->time != (*right)->time)
        return (*left)->time > (*right)->time ? -1 : 1;
    return dot_compare((struct dot){(*right)->replica, (*right)->seq},
                       (struct dot){(*left)->replica, (*left)->seq});
}

bool history_here(const struct agent *agent, struct transaction *snapshot, const Hopnhat__History *request,
                  struct arena *arena, Hopnhat__HistoryAnswer *answer, struct error *error)
{
    struct listing listing = {
        .agent = agent, .snapshot = snapshot, .arena = arena, .answer = answer, .error = error};
    hopnhat__history_answer__init(answer);
    if (request->has_as_of_ms)
        return error_set(error, ERROR_UNAVAILABLE,
                         "how a record was is known at the hub only, and the hub is away");
    listing.limit = request->has_limit && request->limit < MOST_ENTRIES ? request->limit : MOST_ENTRIES;
    listing.record = agent_record(snapshot, request->type, request->record.data, arena);
    listing.erasure = agent_erasure(snapshot, request->type, request->record.data, arena);
    answer->entries = arena_alloc(arena, MOST_ENTRIES * sizeof(Hopnhat__HistoryEntry *));
    if (!listing.record)
        return error_set(error, ERROR_NOT_FOUND, "there is no such record here");
    if (!answer->entries)
        return out_of_memory(error);
    if (!whose_read(snapshot, arena, &listing.whose))
        return out_of_memory(error);
    arena_init(&listing.scratch, STEP_ARENA_BYTES);
    bool done = list_own(&listing) && list_standing(&listing);
    arena_release(&listing.scratch);
    if (done && answer->n_entries)
        qsort(answer->entries, answer->n_entries, sizeof *answer->entries, newest_first);
    if (answer->n_entries > listing.limit)
        answer->n_entries = listing.limit;
    return done;
}
