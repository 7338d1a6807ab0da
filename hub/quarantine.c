#include "hub/quarantine.h"

#include "base/log.h"
#include "base/text.h"
#include "hub/admission.h"
#include "hub/headquarters.h"
#include "model/edit.h"
#include "store/key.h"
#include "store/rows.h"

#include <inttypes.h>
#include <stdio.h>

static void fail_memory(struct transaction *transaction)
{
    struct error error;
    out_of_memory(&error);
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

enum decision_field { DECISION_CHANGE = 16, DECISION_STATE, DECISION_BY, DECISION_NOTE };

static const char DECISIONS_GROUP[] = "headquarters:decisions";
static const char *const STATES[] = {
    [HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING] = "",
    [HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED] = "released",
    [HOPNHAT__QUARANTINE_STATE__QUARANTINE_DROPPED] = "dropped",
};

/* The id of the record that tells the decision on a change is the change's name. */
static void decision_id(struct dot dot, uint8_t id[RECORD_ID_BYTES])
{
    put_u64_be(id, dot.replica);
    put_u64_be(id + 8, dot.seq);
}

static Hopnhat__Record *decision_record(struct transaction *transaction, struct dot dot, struct arena *arena)
{
    uint8_t id[RECORD_ID_BYTES];
    decision_id(dot, id);
    return hub_record(transaction, HOPNHAT__BUILT_IN_TYPE__TYPE_QUARANTINE_DECISION, id, arena);
}

static char *decision_text(const Hopnhat__Record *record, uint32_t number, struct arena *arena)
{
    const Hopnhat__Field *field = record_field(record, number);
    const Hopnhat__Entry *entry = field ? fold_latest(field) : NULL;
    return entry ? arena_string(arena, entry->value.data, entry->value.len) : NULL;
}

static Hopnhat__QuarantineState state_of(const Hopnhat__Record *record, struct arena *arena)
{
    const char *text = record ? decision_text(record, DECISION_STATE, arena) : NULL;
    for (int state = HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED;
         text && state <= HOPNHAT__QUARANTINE_STATE__QUARANTINE_DROPPED; state++)
        if (strcmp(text, STATES[state]) == 0)
            return (Hopnhat__QuarantineState)state;
    return HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING;
}

Hopnhat__QuarantineState quarantine_decided(struct transaction *transaction, struct dot dot,
                                            struct arena *arena)
{
    return state_of(decision_record(transaction, dot, arena), arena);
}

void quarantine_recall(struct transaction *transaction, Hopnhat__Quarantined *row, struct arena *arena)
{
    struct dot dot = {row->refusal->replica, row->refusal->seq};
    const Hopnhat__Record *record = decision_record(transaction, dot, arena);
    const Hopnhat__Field *field = record ? record_field(record, DECISION_STATE) : NULL;
    const Hopnhat__Entry *entry = field ? fold_latest(field) : NULL;
    if (!entry)
        return;
    row->has_state = row->has_decided_ms = true;
    row->state = state_of(record, arena);
    row->decided_ms = time_ms(entry->time);
    row->decided_by = decision_text(record, DECISION_BY, arena);
    row->note = decision_text(record, DECISION_NOTE, arena);
}

/* One register of the decision's record. */
static bool assign(struct assignment *to, const struct catalog_type *type, uint32_t field, const char *text,
                   struct arena *arena, struct error *error)
{
    struct bytes *value = arena_alloc(arena, sizeof *value);
    if (!value)
        return out_of_memory(error);
    *value = bytes_of_string(text ? text : "");
    *to = (struct assignment){
        .definition = type_field(type, field), .kind = ASSIGN_SET, .values = value, .count = text && *text};
    return true;
}

/* Writes the decision down as a change of headquarters' own. */
static bool write_decision(struct admission *admission, struct dot dot, Hopnhat__QuarantineState state,
                           const struct decision *decision, struct arena *arena, struct error *error)
{
    const struct catalog_type *type =
        catalog_type(admission->hub->catalog, HOPNHAT__BUILT_IN_TYPE__TYPE_QUARANTINE_DECISION);
    Hopnhat__Record *record = decision_record(&admission->transaction, dot, arena);
    bool is_new = !record;
    uint8_t id[RECORD_ID_BYTES];
    char change[40];
    struct assignment list[6];
    struct new_edit edit;
    decision_id(dot, id);
    snprintf(change, sizeof change, "%016" PRIx64 ".%" PRIu64, dot.replica, dot.seq);
    if (is_new)
        record = record_new(arena, HOPNHAT__BUILT_IN_TYPE__TYPE_QUARANTINE_DECISION, id);
    if (!record)
        return out_of_memory(error);
    return assign(&list[0], type, DECISION_STATE, STATES[state], arena, error) &&
           assign(&list[1], type, DECISION_BY, decision->author, arena, error) &&
           assign(&list[2], type, DECISION_NOTE, decision->note, arena, error) &&
           assign(&list[3], type, DECISION_CHANGE, change, arena, error) &&
           assign(&list[4], type, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, DECISIONS_GROUP, arena, error) &&
           assign(&list[5], type, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, HEADQUARTERS_OWNER, arena, error) &&
           edit_make(type, record, list, is_new ? 6 : 3, arena, &edit, error) &&
           headquarters_write_in(admission->hub, admission, &edit, 1, decision->author, NULL, error);
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
    if (!write_decision(admission, dot, state, decision, arena, error) ||
        (state == HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED &&
         !admission_release(admission, dot, false, error)))
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

/* The first change after *dot that waits though it has been decided on. False: there is none. */
static bool next_decided(struct hub *hub, struct dot *dot, struct arena *arena)
{
    struct transaction snapshot;
    struct cursor cursor;
    struct key key;
    struct error error;
    bool found = false;
    if (!transaction_begin(&snapshot, hub->environment, false, &error))
        return false;
    key_dot(&key, dot->replica, dot->seq + 1);
    cursor_open(&cursor, &snapshot, HUB_QUARANTINE);
    for (bool here = cursor_seek(&cursor, key_bytes(&key)); here && !found; here = cursor_next(&cursor)) {
        arena_reset(arena);
        const Hopnhat__Quarantined *row =
            row_unpack(&snapshot, cursor.value, &hopnhat__quarantined__descriptor, arena);
        if (!row || row->state != HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING)
            continue;
        *dot = (struct dot){row->refusal->replica, row->refusal->seq};
        found = quarantine_decided(&snapshot, *dot, arena) != HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING;
    }
    cursor_close(&cursor);
    transaction_abort(&snapshot);
    return found;
}

/* What was decided on the change, in the transaction. */
static bool carry_out(struct admission *admission, struct dot dot, struct arena *arena, struct error *error)
{
    Hopnhat__Quarantined *row = quarantine_row(&admission->transaction, dot, arena);
    struct key key;
    if (!row)
        return error_set(error, ERROR_NOT_FOUND, "it is not in quarantine any more");
    quarantine_recall(&admission->transaction, row, arena);
    if (row->state == HOPNHAT__QUARANTINE_STATE__QUARANTINE_RELEASED &&
        !admission_release(admission, dot, true, error))
        return false;
    key_dot(&key, dot.replica, dot.seq);
    row_put(&admission->transaction, HUB_QUARANTINE, key_bytes(&key), &row->base);
    admission->hub->quarantined -= admission->hub->quarantined > 0;
    return true;
}

void quarantine_catch_up(struct hub *hub, uint64_t wall_ms)
{
    struct admission admission;
    struct dot dot = {0};
    struct arena arena;
    struct error error, reload;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    while (next_decided(hub, &dot, &arena)) {
        bool done = admission_begin(&admission, hub, wall_ms, &error);
        if (done && carry_out(&admission, dot, &arena, &error))
            done = admission_commit(&admission, &error);
        else if (done)
            done = admission_abort(&admission, &reload) && false;
        if (!done)
            log_warning("what was decided on change %016" PRIx64 ".%" PRIu64 " could not be done again: %s",
                        dot.replica, dot.seq, error.text);
    }
    arena_release(&arena);
}
