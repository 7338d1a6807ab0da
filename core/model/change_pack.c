/* Making a change. */
#include "model/change.h"

#include "base/limits.h"

struct replica_table {
    uint64_t own;
    uint64_t *numbers;
    size_t count;
};

static uint64_t table_position(struct replica_table *table, uint64_t replica)
{
    if (replica == table->own)
        return 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->numbers[i] == replica)
            return i + 1;
    table->numbers[table->count++] = replica;
    return table->count;
}

static size_t op_total(const struct new_change *change)
{
    size_t total = 0;
    for (size_t i = 0; i < change->edit_count; i++)
        total += change->edits[i].op_count;
    return total;
}

static size_t superseded_total(const struct new_change *change)
{
    size_t total = 0;
    for (size_t i = 0; i < change->edit_count; i++)
        for (size_t j = 0; j < change->edits[i].op_count; j++)
            total += change->edits[i].ops[j].superseded.count;
    return total;
}

static Hopnhat__Op *pack_op(const struct new_op *from, struct replica_table *table, struct arena *arena)
{
    Hopnhat__Op *op = arena_alloc(arena, sizeof *op);
    uint64_t *numbers = arena_alloc(arena, 3 * from->superseded.count * sizeof *numbers);
    if (!op || !numbers)
        return NULL;
    hopnhat__op__init(op);
    op->field = from->field;
    op->has_kind = from->kind != HOPNHAT__OP_KIND__PUT;
    op->kind = from->kind;
    op->has_merged = op->merged = from->merged;
    op->supersedes = numbers;
    op->n_supersedes = 3 * from->superseded.count;
    for (size_t i = 0; i < from->superseded.count; i++) {
        const struct entry_id *id = &from->superseded.ids[i];
        *numbers++ = table_position(table, id->dot.replica);
        *numbers++ = id->dot.seq;
        *numbers++ = id->index;
    }
    return op;
}

static Hopnhat__Edit *pack_edit(const struct new_edit *from, struct replica_table *table, struct arena *arena)
{
    Hopnhat__Edit *edit = arena_alloc(arena, sizeof *edit);
    Hopnhat__Op **ops = arena_alloc(arena, from->op_count * sizeof(Hopnhat__Op *));
    uint8_t *record = arena_copy(arena, from->record, RECORD_ID_BYTES);
    if (!edit || !ops || !record)
        return NULL;
    hopnhat__edit__init(edit);
    edit->type = from->type;
    edit->record.len = RECORD_ID_BYTES;
    edit->record.data = record;
    edit->ops = ops;
    edit->n_ops = from->op_count;
    for (size_t i = 0; i < from->op_count; i++)
        if (!(ops[i] = pack_op(&from->ops[i], table, arena)))
            return NULL;
    edit->note = from->note ? arena_string(arena, from->note, strlen(from->note)) : NULL;
    return edit->note || !from->note ? edit : NULL;
}

static bool pack_values(const struct new_change *change, Hopnhat__LoggedChange *logged, struct arena *arena)
{
    logged->values = arena_alloc(arena, op_total(change) * sizeof *logged->values);
    if (!logged->values)
        return false;
    for (size_t i = 0; i < change->edit_count; i++)
        for (size_t j = 0; j < change->edits[i].op_count; j++) {
            struct bytes value = change->edits[i].ops[j].value;
            ProtobufCBinaryData *to = &logged->values[logged->n_values++];
            to->len = value.size;
            to->data = arena_copy(arena, value.data, value.size);
            if (!to->data)
                return false;
        }
    return true;
}

/* *replicas: how many others it names. */
static bool pack_body(const struct new_change *change, struct arena *arena, ProtobufCBinaryData *packed,
                      size_t *replicas)
{
    Hopnhat__Change body = HOPNHAT__CHANGE__INIT;
    struct replica_table table = {.own = change->replica};
    table.numbers = arena_alloc(arena, superseded_total(change) * sizeof *table.numbers);
    body.edits = arena_alloc(arena, change->edit_count * sizeof *body.edits);
    if (!table.numbers || !body.edits)
        return false;
    for (size_t i = 0; i < change->edit_count; i++)
        if (!(body.edits[body.n_edits++] = pack_edit(&change->edits[i], &table, arena)))
            return false;
    body.time = change->time;
    body.catalog = change->catalog_tag;
    body.author = change->author ? arena_string(arena, change->author, strlen(change->author)) : NULL;
    if (change->author && !body.author)
        return false;
    body.replicas = table.numbers;
    body.n_replicas = *replicas = table.count;
    packed->data = arena_alloc(arena, hopnhat__change__get_packed_size(&body));
    if (!packed->data)
        return false;
    packed->len = hopnhat__change__pack(&body, packed->data);
    return true;
}

static bool notes_fit(const struct new_change *change)
{
    for (size_t i = 0; i < change->edit_count; i++)
        if (change->edits[i].note && strlen(change->edits[i].note) > LIMIT_NOTE_BYTES)
            return false;
    return true;
}

static bool too_large(struct error *error, const char *what, int most)
{
    return error_set(error, ERROR_LIMIT, "a change of more than %d %s: save it in smaller parts", most, what);
}

bool change_pack(const struct new_change *change, struct arena *arena, struct bytes *stored,
                 struct error *error)
{
    Hopnhat__LoggedChange logged = HOPNHAT__LOGGED_CHANGE__INIT;
    size_t replicas;
    if (change->edit_count > LIMIT_EDITS_PER_CHANGE)
        return too_large(error, "records", LIMIT_EDITS_PER_CHANGE);
    if (op_total(change) > LIMIT_OPS_PER_CHANGE)
        return too_large(error, "values", LIMIT_OPS_PER_CHANGE);
    if (change->author && strlen(change->author) > LIMIT_AUTHOR_BYTES)
        return error_set(error, ERROR_LIMIT, "the author's name has more than %d bytes", LIMIT_AUTHOR_BYTES);
    if (!notes_fit(change))
        return error_set(error, ERROR_LIMIT, "the note has more than %d bytes", LIMIT_NOTE_BYTES);
    logged.has_seed = true;
    logged.seed.len = SEED_BYTES;
    logged.seed.data = arena_copy(arena, change->seed, SEED_BYTES);
    if (!logged.seed.data || !pack_body(change, arena, &logged.change, &replicas) ||
        !pack_values(change, &logged, arena))
        return out_of_memory(error);
    if (replicas > LIMIT_REPLICAS_PER_CHANGE)
        return too_large(error, "replicas superseded", LIMIT_REPLICAS_PER_CHANGE);
    size_t size = hopnhat__logged_change__get_packed_size(&logged);
    if (size > LIMIT_CHANGE_BYTES)
        return error_set(error, ERROR_LIMIT,
                         "a change of %zu bytes; the most is %d: save it in smaller parts", size,
                         LIMIT_CHANGE_BYTES);
    uint8_t *data = arena_alloc(arena, size);
    if (!data)
        return out_of_memory(error);
    *stored = bytes_of(data, hopnhat__logged_change__pack(&logged, data));
    return true;
}
