#include "hub/history.h"

#include "hub/admission.h"
#include "hub/headquarters.h"
#include "hub/registry.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

enum {
    ANSWER_BYTES = 1024 * 1024,          /* an answer ends past it */
    OLD_BYTES = 1024 * 1024,             /* superseded values of one change; further ones are withheld */
    MOST_ARENA_BYTES = 64 * 1024 * 1024, /* so that it also ends where much had to be read for little */
};

/* An answer under construction. */
struct listing {
    const struct hub *hub;
    struct transaction *snapshot;
    const Hopnhat__Record *record;
    uint64_t from;                /* the rev from which on the reader may know; 0: all */
    const Hopnhat__Record *found; /* the record as it came to the reader's group (NULL: cannot be told), */
    bool looked;                  /* once that was asked for */
    struct arena *arena;
    Hopnhat__HistoryAnswer *answer;
    size_t most_bytes;  /* of the answer */
    size_t whole_bytes; /* of what cannot be divided: the values of one change and those that it superseded,
                         * a record */
    size_t size_bytes, old_bytes, new_bytes;
    struct error *error;
};

static const Hopnhat__LogRow *log_row(struct transaction *snapshot, struct dot dot, struct arena *arena)
{
    struct key key;
    key_dot(&key, dot.replica, dot.seq);
    return row_get(snapshot, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
}

bool history_step(struct transaction *snapshot, const Hopnhat__Record *record, struct dot dot,
                  struct arena *arena, struct history_step *step, struct error *error)
{
    const Hopnhat__LogRow *row = log_row(snapshot, dot, arena);
    if (!row && !transaction_is_sound(snapshot, error))
        return false;
    if (!row)
        return error_set(error, ERROR_INPUT, "there is no such change in the record's history");
    if (!change_unpack(&step->change, dot, bytes_of(row->logged.data, row->logged.len), arena, error))
        return false;
    const Hopnhat__Change *body = step->change.body;
    step->edit = 0;
    while (step->edit < body->n_edits &&
           (body->edits[step->edit]->type != record->type ||
            memcmp(body->edits[step->edit]->record.data, record->id.data, RECORD_ID_BYTES) != 0))
        step->edit++;
    if (step->edit == body->n_edits || row->n_touched < TOUCHED_NUMBERS * (step->edit + 1))
        return error_set(error, ERROR_INPUT, "that change is not in the record's history");
    const uint64_t *touched = row->touched + TOUCHED_NUMBERS * step->edit;
    step->dot = dot;
    step->time = row->admitted;
    step->rev = touched[TOUCHED_REV];
    step->rank = (uint32_t)touched[TOUCHED_RANK];
    step->previous = (struct dot){touched[TOUCHED_REPLICA], touched[TOUCHED_SEQ]};
    return true;
}

static bool fits(const struct listing *listing, struct bytes value)
{
    return listing->new_bytes + listing->old_bytes + value.size <= listing->whole_bytes;
}

static char *office_of(const struct listing *listing, uint64_t number)
{
    const struct replica *replica = registry_replica(listing->hub, number);
    if (!replica)
        return NULL;
    const char *office = *replica->office ? replica->office : HEADQUARTERS_OWNER;
    return arena_string(listing->arena, office, strlen(office));
}

static void put_value(struct bytes value, protobuf_c_boolean *has, ProtobufCBinaryData *to)
{
    *has = value.size != 0;
    *to = (ProtobufCBinaryData){value.size, (uint8_t *)(uintptr_t)value.data};
}

/* Whether the value ever stood where the reader could see it: when the record came to the reader's group, or
 * since. What was superseded before by one may be named later by another, who had not seen that. */
static bool was_visible(struct listing *listing, uint32_t field, struct entry_id id)
{
    const struct history_span until_from = {.as_of_ms = UINT64_MAX, .until_rev = listing->from};
    struct history_step written;
    struct error unreadable; /* refused, or not known any more: nobody could see it */
    if (!history_step(listing->snapshot, listing->record, id.dot, listing->arena, &written, &unreadable))
        return false;
    if (written.rev >= listing->from)
        return true;
    if (!listing->looked)
        listing->found =
            history_replay(listing->snapshot, listing->record, &until_from, listing->arena, &unreadable);
    listing->looked = true;
    const Hopnhat__Field *bag = listing->found ? record_field(listing->found, field) : NULL;
    return bag && bag_find(bag, id);
}

/* Whether the op is one of an erasure, which is named in another record by who had been told of it. */
static bool is_of_erasure(const struct listing *listing, const struct change *change, uint32_t number)
{
    size_t edit = change->body->n_edits - 1;
    while (change->first_op[edit] > number)
        edit--;
    return change->body->edits[edit]->type == HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE &&
           listing->record->type != HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE;
}

/* A value that the step's op superseded. */
static bool add_old_value(struct listing *listing, const struct history_step *step, struct entry_id id,
                          Hopnhat__HistoryOp *op)
{
    struct change change;
    struct error unreadable;
    const Hopnhat__LogRow *row = log_row(listing->snapshot, id.dot, listing->arena);
    bool known = row &&
                 change_unpack(&change, id.dot, bytes_of(row->logged.data, row->logged.len), listing->arena,
                               &unreadable) &&
                 id.index < change.op_count;
    if (known && is_of_erasure(listing, &change, id.index))
        return true;
    Hopnhat__HistoryValue *old = arena_alloc(listing->arena, sizeof *old);
    if (!old)
        return out_of_memory(listing->error);
    hopnhat__history_value__init(old);
    old->replica = id.dot.replica;
    old->seq = id.dot.seq;
    old->has_index = true;
    old->index = id.index;
    old->office = office_of(listing, id.dot.replica);
    old->has_withheld = old->withheld = true;
    op->superseded[op->n_superseded++] = old;
    if (!known || (listing->from && (step->rev <= listing->from || !was_visible(listing, op->field, id))))
        return true; /* not known, or only before the record came to the reader's group */
    old->has_erased = old->erased = change_is_erased(&change, id.index);
    struct bytes value = change_value(&change, id.index);
    if (old->erased || listing->old_bytes + value.size > OLD_BYTES || !fits(listing, value))
        return true;
    listing->old_bytes += value.size;
    old->has_withheld = old->withheld = false;
    put_value(value, &old->has_value, &old->value);
    return true;
}

/* The value that was written, where it fits. */
static void add_value(struct listing *listing, struct bytes value, Hopnhat__HistoryOp *op)
{
    op->has_too_large = op->too_large = !fits(listing, value);
    if (op->too_large)
        return;
    listing->new_bytes += value.size;
    put_value(value, &op->has_value, &op->value);
}

static Hopnhat__HistoryOp *op_of(struct listing *listing, const struct history_step *step, size_t place)
{
    const Hopnhat__Op *from = step->change.body->edits[step->edit]->ops[place];
    size_t number = step->change.first_op[step->edit] + place;
    /* what an increment takes over goes on counting */
    size_t count = from->kind == HOPNHAT__OP_KIND__ADD ? 0 : op_superseded_count(from);
    Hopnhat__HistoryOp *op = arena_alloc(listing->arena, sizeof *op);
    Hopnhat__HistoryValue **superseded = arena_alloc(listing->arena, count * sizeof(Hopnhat__HistoryValue *));
    if (!op || !superseded) {
        out_of_memory(listing->error);
        return NULL;
    }
    hopnhat__history_op__init(op);
    op->field = from->field;
    op->has_kind = true;
    op->kind = from->kind;
    op->has_merged = op->merged = from->merged;
    op->has_withheld = op->withheld = change_is_erased(&step->change, number);
    if (from->field != HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED && !op->withheld)
        add_value(listing, change_value(&step->change, number), op);
    op->superseded = superseded;
    for (size_t i = 0; i < count && from->field != HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED; i++)
        if (!add_old_value(listing, step, op_superseded(&step->change, from, i), op))
            return NULL;
    return op;
}

static bool add_entry(struct listing *listing, const struct history_step *step)
{
    Hopnhat__HistoryEntry *entry = arena_alloc(listing->arena, sizeof *entry);
    const Hopnhat__Edit *edit = step->change.body->edits[step->edit];
    if (!entry || !(entry->ops = arena_alloc(listing->arena, edit->n_ops * sizeof(Hopnhat__HistoryOp *))))
        return out_of_memory(listing->error);
    Hopnhat__HistoryOp **ops = entry->ops;
    hopnhat__history_entry__init(entry);
    entry->ops = ops;
    entry->replica = step->dot.replica;
    entry->seq = step->dot.seq;
    entry->time = step->time;
    entry->has_rev = true;
    entry->rev = step->rev;
    entry->office = office_of(listing, step->dot.replica);
    entry->author = step->change.body->author;
    entry->note = edit->note;
    listing->old_bytes = listing->new_bytes = 0;
    for (size_t i = 0; i < edit->n_ops; i++) {
        if (!(ops[i] = op_of(listing, step, i)))
            return false;
        entry->n_ops++;
    }
    listing->size_bytes += hopnhat__history_entry__get_packed_size(entry);
    listing->answer->entries[listing->answer->n_entries++] = entry;
    return true;
}

/* Lists from `dot` on backwards. */
static bool list_changes(struct listing *listing, struct dot dot, size_t limit)
{
    Hopnhat__HistoryAnswer *answer = listing->answer;
    answer->entries = arena_alloc(listing->arena, limit * sizeof(Hopnhat__HistoryEntry *));
    if (!answer->entries)
        return out_of_memory(listing->error);
    while (dot.seq) {
        struct history_step step;
        if (!history_step(listing->snapshot, listing->record, dot, listing->arena, &step, listing->error))
            return false;
        if (step.rev < listing->from) { /* the one that moved it here has been told */
            answer->has_cut = answer->cut = true;
            return true;
        }
        if (answer->n_entries == limit || listing->size_bytes > listing->most_bytes ||
            listing->arena->used_bytes > MOST_ARENA_BYTES) {
            answer->has_more = answer->more = true;
            return true;
        }
        if (!add_entry(listing, &step))
            return false;
        dot = step.previous;
    }
    return true;
}

/* The rev from which on the reader may know; 0: all. ERROR_NOT_FOUND where the record is none of its. */
static bool judge_reader(const struct office *reader, const Hopnhat__Record *record, uint64_t *from,
                         struct error *error)
{
    *from = 0;
    if (!reader)
        return true;
    if (!record->group || !office_is_in(reader, bytes_of_string(record->group)))
        return error_set(error, ERROR_NOT_FOUND, "there is no such record for the office %s", reader->code);
    struct bytes owner = fold_owner(record);
    if (!reader->headquarters && !bytes_equal(owner, bytes_of_string(reader->code)))
        *from = record->joined;
    return true;
}

/* The record as it was. */
static bool answer_as_of(const struct listing *listing, uint64_t as_of_ms)
{
    Hopnhat__HistoryAnswer *answer = listing->answer;
    const struct history_span span = {.as_of_ms = as_of_ms, .until_rev = UINT64_MAX, .from = listing->from};
    answer->record =
        history_replay(listing->snapshot, listing->record, &span, listing->arena, listing->error);
    if (answer->record && hopnhat__record__get_packed_size(answer->record) > listing->whole_bytes) {
        answer->record = NULL;
        return error_set(listing->error, ERROR_LIMIT,
                         "the record is too large for this link: ask at headquarters");
    }
    return answer->record;
}

bool history_answer(const struct hub *hub, struct transaction *snapshot, const struct office *reader,
                    const Hopnhat__History *request, struct arena *arena, Hopnhat__HistoryAnswer *answer,
                    struct error *error)
{
    struct listing listing = {.hub = hub,
                              .snapshot = snapshot,
                              .arena = arena,
                              .answer = answer,
                              .error = error,
                              .most_bytes = ANSWER_BYTES,
                              .whole_bytes = SIZE_MAX};
    if (request->has_credit_bytes && request->credit_bytes < ANSWER_BYTES) {
        listing.most_bytes = request->credit_bytes;
        listing.whole_bytes = 2 * listing.most_bytes;
    }
    size_t limit = request->has_limit && request->limit < HISTORY_CHANGES ? request->limit : HISTORY_CHANGES;
    hopnhat__history_answer__init(answer);
    if (request->record.len == RECORD_ID_BYTES)
        listing.record = hub_record(snapshot, request->type, request->record.data, arena);
    if (!listing.record)
        return transaction_is_sound(snapshot, error) &&
               error_set(error, ERROR_NOT_FOUND, "there is no such record");
    if (!judge_reader(reader, listing.record, &listing.from, error))
        return false;
    if (request->has_as_of_ms)
        return answer_as_of(&listing, request->as_of_ms);
    struct dot dot = {listing.record->last_replica, listing.record->last_seq};
    if (request->before_seq) {
        struct history_step step;
        if (!history_step(snapshot, listing.record,
                          (struct dot){request->before_replica, request->before_seq}, arena, &step, error))
            return false;
        dot = step.previous;
    }
    return list_changes(&listing, dot, limit ? limit : 1);
}
