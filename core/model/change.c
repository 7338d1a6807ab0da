#include "model/change.h"

#include "base/limits.h"
#include "base/text.h"

static bool malformed(struct error *error, struct dot dot, const char *what)
{
    return error_set(error, ERROR_CORRUPT, "change %016llx:%llu: %s", (unsigned long long)dot.replica,
                     (unsigned long long)dot.seq, what);
}

size_t op_superseded_count(const Hopnhat__Op *op)
{
    return op->n_supersedes / 3;
}

struct entry_id op_superseded(const struct change *change, const Hopnhat__Op *op, size_t place)
{
    const uint64_t *triple = op->supersedes + 3 * place;
    uint64_t replica = triple[0] == 0 ? change->dot.replica : change->body->replicas[triple[0] - 1];
    return (struct entry_id){{replica, triple[1]}, (uint32_t)triple[2]};
}

bool change_is_erased(const struct change *change, size_t op)
{
    const Hopnhat__LoggedChange *logged = change->logged;
    size_t low = 0, high = logged->n_erased;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (logged->erased[middle] == op)
            return true;
        if (logged->erased[middle] < op)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

struct bytes change_value(const struct change *change, size_t op)
{
    const ProtobufCBinaryData *value = &change->logged->values[op];
    return change_is_erased(change, op) ? bytes_of(NULL, 0) : bytes_of(value->data, value->len);
}

static bool op_is_sound(const struct change *change, const Hopnhat__Op *op, size_t number)
{
    if (op->field == 0 || op->field > LIMIT_FIELD_NUMBER || op->n_supersedes % 3 != 0)
        return false;
    if (op->kind != HOPNHAT__OP_KIND__PUT && op->kind != HOPNHAT__OP_KIND__DROP &&
        op->kind != HOPNHAT__OP_KIND__ADD)
        return false;
    for (size_t i = 0; i < op->n_supersedes; i += 3) {
        uint64_t replica = op->supersedes[i], seq = op->supersedes[i + 1], index = op->supersedes[i + 2];
        if (replica > change->body->n_replicas || seq == 0 || index >= LIMIT_OPS_PER_CHANGE)
            return false;
        bool own = replica == 0 || change->body->replicas[replica - 1] == change->dot.replica;
        if (own && (seq > change->dot.seq || (seq == change->dot.seq && index >= number)))
            return false; /* the future of one's own log cannot have been seen */
    }
    return true;
}

static bool edits_are_sound(struct change *change, struct error *error)
{
    const Hopnhat__Change *body = change->body;
    size_t count = 0;
    for (size_t i = 0; i < body->n_edits; i++) {
        const Hopnhat__Edit *edit = body->edits[i];
        if (edit->type == 0 || edit->type > LIMIT_TYPE_NUMBER || edit->record.len != RECORD_ID_BYTES ||
            edit->n_ops == 0)
            return malformed(error, change->dot, "an edit without type, record or operation");
        if (edit->note &&
            (strlen(edit->note) > LIMIT_NOTE_BYTES || !text_is_utf8(bytes_of_string(edit->note))))
            return malformed(error, change->dot, "a note that is too long, or not UTF-8");
        for (size_t j = 0; j < i; j++)
            if (body->edits[j]->type == edit->type &&
                memcmp(body->edits[j]->record.data, edit->record.data, RECORD_ID_BYTES) == 0)
                return malformed(error, change->dot, "two edits of one record");
        change->first_op[i] = count;
        for (size_t j = 0; j < edit->n_ops; j++, count++)
            if (!op_is_sound(change, edit->ops[j], count))
                return malformed(error, change->dot, "an operation that is not well formed");
    }
    change->op_count = count;
    return true;
}

static bool salts_are_sound(const Hopnhat__LoggedChange *logged)
{
    size_t erased = 0;
    for (size_t i = 0; i < logged->n_salts; i++) {
        bool gone = erased < logged->n_erased && logged->erased[erased] == i;
        if (logged->salts[i].len != (gone ? 0 : SEED_BYTES))
            return false;
        erased += gone;
    }
    return true;
}

/* The shape that chain_next rests on. */
static bool logged_is_sound(const struct change *change, struct error *error)
{
    const Hopnhat__LoggedChange *logged = change->logged;
    bool salted = logged->has_seed ? logged->seed.len == SEED_BYTES && logged->n_salts == 0
                                   : logged->n_salts == logged->n_values;
    if (!salted)
        return malformed(error, change->dot, "no seed, and not a salt for each value");
    if (logged->has_seed && logged->n_erased)
        return malformed(error, change->dot, "a value is erased but its salt is not");
    for (size_t i = 0; i < logged->n_erased; i++)
        if (logged->erased[i] >= logged->n_values || logged->values[logged->erased[i]].len != LINK_BYTES ||
            (i && logged->erased[i] <= logged->erased[i - 1]))
            return malformed(error, change->dot, "an erased value without its hash");
    return salts_are_sound(logged) ||
           malformed(error, change->dot, "a salt that is missing, or that an erasure has left behind");
}

static bool body_is_bounded(const struct change *change, struct error *error)
{
    const Hopnhat__Change *body = change->body;
    if (body->n_edits == 0)
        return malformed(error, change->dot, "no edit in it");
    if (body->n_edits > LIMIT_EDITS_PER_CHANGE || change->logged->n_values > LIMIT_OPS_PER_CHANGE ||
        body->n_replicas > LIMIT_REPLICAS_PER_CHANGE ||
        (body->author && strlen(body->author) > LIMIT_AUTHOR_BYTES))
        return error_set(error, ERROR_LIMIT, "change %016llx:%llu: too many edits, operations or replicas",
                         (unsigned long long)change->dot.replica, (unsigned long long)change->dot.seq);
    return !body->author || text_is_utf8(bytes_of_string(body->author)) ||
           malformed(error, change->dot, "an author that is not UTF-8");
}

/* Nothing came out of unpacking: it is not a change, or the arena does not hold it. */
static bool not_unpacked(struct error *error, struct dot dot, const struct arena *arena)
{
    if (arena->failure != ERROR_NONE)
        return error_set(error, arena->failure, "change %016llx:%llu: no room to unpack it",
                         (unsigned long long)dot.replica, (unsigned long long)dot.seq);
    return malformed(error, dot, "not a change");
}

static bool too_large(struct error *error, struct bytes stored)
{
    return error_set(error, ERROR_LIMIT, "a change of %zu bytes; the most is %d", stored.size,
                     LIMIT_CHANGE_BYTES);
}

bool change_unpack(struct change *change, struct dot dot, struct bytes stored, struct arena *arena,
                   struct error *error)
{
    *change = (struct change){.dot = dot};
    if (stored.size > LIMIT_ERASED_CHANGE_BYTES)
        return too_large(error, stored);
    change->logged = hopnhat__logged_change__unpack(&arena->protobuf, stored.size, stored.data);
    if (stored.size > LIMIT_CHANGE_BYTES && !(change->logged && change->logged->n_erased))
        return too_large(error, stored);
    if (!change->logged)
        return not_unpacked(error, dot, arena);
    change->chainable = logged_is_sound(change, error);
    if (!change->chainable)
        return false;
    change->body =
        hopnhat__change__unpack(&arena->protobuf, change->logged->change.len, change->logged->change.data);
    if (!change->body)
        return not_unpacked(error, dot, arena);
    if (!body_is_bounded(change, error))
        return false;
    change->first_op = arena_alloc(arena, change->body->n_edits * sizeof *change->first_op);
    if (!change->first_op)
        return out_of_memory(error);
    if (!edits_are_sound(change, error))
        return false;
    if (change->logged->n_values != change->op_count)
        return malformed(error, dot, "not as many values as operations");
    return true;
}
