#include "model/merge.h"

#include "base/defect.h"
#include "base/limits.h"
#include "model/decimal.h"

/* A field holds no more, present and absent, that could be superseded. */
enum { MOST_WORK = LIMIT_ENTRIES_PER_FIELD + LIMIT_ABSENT_PER_FIELD };

/* Ids still to be dropped; those before `next` are done. */
struct work {
    struct entry_id *ids;
    size_t next, count, capacity;
};

static bool work_add(struct work *work, struct entry_id id, struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < work->count; i++)
        if (entry_id_compare(work->ids[i], id) == 0)
            return true;
    if (work->count == MOST_WORK)
        return error_set(error, ERROR_LIMIT, "more than %d values superseded at once", MOST_WORK);
    if (work->count == work->capacity) {
        size_t capacity = work->capacity ? 2 * work->capacity : 16;
        struct entry_id *grown = arena_alloc(arena, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        if (work->count)
            memcpy(grown, work->ids, work->count * sizeof *grown);
        work->ids = grown;
        work->capacity = capacity;
    }
    work->ids[work->count++] = id;
    return true;
}

static bool work_add_all(struct work *work, const struct entry_list *list, struct arena *arena,
                         struct error *error)
{
    for (size_t i = 0; i < list->count; i++)
        if (!work_add(work, list->ids[i], arena, error))
            return false;
    return true;
}

/* Drops one id, and through refused operations what they superseded. What was refused may be released one
 * day, so it is remembered as absent. `work` is empty but for its memory. */
static bool drop(Hopnhat__Field *field, struct entry_id id, const struct merge_source *source,
                 struct arena *arena, struct work *work, struct error *error)
{
    if (bag_take(field, id)) /* the usual case: it is there */
        return true;
    work->next = work->count = 0;
    if (!work_add(work, id, arena, error))
        return false;
    while (work->next < work->count) {
        struct entry_id one = work->ids[work->next++];
        struct entry_list older = {0};
        if (bag_take(field, one))
            continue;
        if (source->refused && !DEFECT(REFUSED_NOT_EXPANDED) &&
            source->refused(source->context, one, arena, &older)) {
            if (!absent_put(arena, field, one, error) || !work_add_all(work, &older, arena, error))
                return false;
        } else if (source->seen && !DEFECT(ABSENT_SKIPPED) && !source->seen(source->context, one)) {
            if (!absent_put(arena, field, one, error))
                return false;
        }
    }
    return true;
}

static bool drop_superseded(Hopnhat__Field *field, const struct change *change, const Hopnhat__Op *op,
                            const struct merge_source *source, struct arena *arena, struct error *error)
{
    struct work work = {0};
    for (size_t i = 0; i < op_superseded_count(op); i++)
        if (!drop(field, op_superseded(change, op, i), source, arena, &work, error))
            return false;
    return true;
}

static Hopnhat__Entry *new_entry(struct entry_id id, const struct merge_stamp *stamp, struct bytes value,
                                 struct arena *arena)
{
    Hopnhat__Entry *entry = arena_alloc(arena, sizeof *entry);
    uint8_t *data = arena_copy(arena, value.data, value.size);
    if (!entry || !data)
        return NULL;
    hopnhat__entry__init(entry);
    entry->replica = id.dot.replica;
    entry->seq = id.dot.seq;
    entry->has_index = id.index != 0;
    entry->index = id.index;
    entry->time = stamp->time;
    entry->has_rank = stamp->rank != 0;
    entry->rank = stamp->rank;
    entry->has_rev = stamp->rev != 0;
    entry->rev = stamp->rev;
    entry->has_value = value.size != 0;
    entry->value = (ProtobufCBinaryData){value.size, data};
    return entry;
}

static bool parse_number(const Hopnhat__Field *field, struct bytes value, struct decimal *number,
                         struct error *error)
{
    struct error why;
    return decimal_parse(value, number, &why) ||
           error_set(error, ERROR_CORRUPT, "field %u: %s", field->number, why.text);
}

static bool is_named(const struct change *change, const Hopnhat__Op *op, struct entry_id id)
{
    for (size_t i = 0; i < op_superseded_count(op); i++)
        if (entry_id_compare(op_superseded(change, op, i), id) == 0)
            return true;
    return false;
}

/* The totals that the author was shown, and the replica's own one, leave the bag; what they come to goes into
 * *total with the increment. So no more totals stand there than were added side by side, and the sum of all
 * is the same in whatever order ops come: what is named and not there (it has gone into another total, or was
 * refused) is no matter. */
static bool add_to_total(Hopnhat__Field *field, const struct change *change, const Hopnhat__Op *op,
                         struct bytes increment, struct arena *arena, struct bytes *total,
                         struct error *error)
{
    struct decimal sum, other;
    if (!parse_number(field, increment, &sum, error))
        return false;
    for (size_t i = 0; i < field->n_entries;) {
        if (field->entries[i]->replica != change->dot.replica &&
            !is_named(change, op, entry_id_of(field->entries[i]))) {
            i++;
            continue;
        }
        if (DEFECT(COUNTER_FORGETS)) {
            bag_take(field, entry_id_of(field->entries[i]));
            continue;
        }
        if (!parse_number(field, entry_value(field->entries[i]), &other, error))
            return false;
        if (!decimal_add(sum, other, &sum, error))
            return error_prefix(error, "field %u", field->number);
        bag_take(field, entry_id_of(field->entries[i]));
    }
    char text[DECIMAL_TEXT_BYTES];
    size_t size = decimal_format(sum, text);
    const uint8_t *copy = arena_copy(arena, text, size);
    *total = bytes_of(copy, size);
    return copy || out_of_memory(error);
}

/* Whether the replica's total has come from this change, and from this op or a later one. */
static bool is_counted(const Hopnhat__Field *field, struct entry_id id)
{
    for (size_t i = 0; i < field->n_entries; i++) {
        struct entry_id total = entry_id_of(field->entries[i]);
        if (dot_compare(total.dot, id.dot) == 0 && total.index >= id.index)
            return true;
    }
    return false;
}

static bool apply_op(Hopnhat__Field *field, const struct change *change, const Hopnhat__Op *op, size_t number,
                     const struct merge_stamp *stamp, const struct merge_source *source, struct arena *arena,
                     struct error *error)
{
    struct entry_id id = {change->dot, (uint32_t)number};
    struct bytes value = change_value(change, number);
    bool counts =
        op->kind == HOPNHAT__OP_KIND__ADD; /* takes over what it names, which then is in its total */
    if (!counts && !drop_superseded(field, change, op, source, arena, error))
        return false;
    if (stamp->rev) {
        field->has_changed = true;
        field->changed = stamp->rev;
    }
    if (op->kind == HOPNHAT__OP_KIND__DROP)
        return true;
    if (change_is_erased(change, number)) {
        absent_take(field, id);
        return true; /* what it put has been erased */
    }
    if (counts) {
        if (is_counted(field, id))
            return true;
        if (!add_to_total(field, change, op, value, arena, &value, error))
            return false;
    } else if (absent_take(field, id)) {
        return true; /* somebody who saw it superseded it before it came */
    }
    Hopnhat__Entry *entry = new_entry(id, stamp, value, arena);
    if (entry)
        entry->has_merged = entry->merged = op->merged;
    return entry ? bag_put(arena, field, entry, error) : out_of_memory(error);
}

bool merge_edit(Hopnhat__Record *record, const struct change *change, size_t edit,
                const struct merge_stamp *stamp, const struct merge_source *source, struct arena *arena,
                struct error *error)
{
    const Hopnhat__Edit *ops = change->body->edits[edit];
    for (size_t i = 0; i < ops->n_ops; i++) {
        Hopnhat__Field *field = record_field_make(arena, record, ops->ops[i]->field);
        if (!field)
            return out_of_memory(error);
        if (!apply_op(field, change, ops->ops[i], change->first_op[edit] + i, stamp, source, arena, error))
            return false;
    }
    return true;
}

bool merge_refused_edit(Hopnhat__Record *record, const struct change *change, size_t edit, uint64_t rev,
                        const struct merge_source *source, struct arena *arena, bool *altered,
                        struct error *error)
{
    const Hopnhat__Edit *ops = change->body->edits[edit];
    *altered = false;
    for (size_t i = 0; i < ops->n_ops; i++) {
        struct entry_id id = {change->dot, (uint32_t)(change->first_op[edit] + i)};
        Hopnhat__Field *field = record_field(record, ops->ops[i]->field);
        if (!field || !absent_has(field, id))
            continue;
        if (!drop_superseded(field, change, ops->ops[i], source, arena, error) && error->code != ERROR_LIMIT)
            return false;
        field->has_changed = true;
        field->changed = rev;
        *altered = true;
    }
    return true;
}
