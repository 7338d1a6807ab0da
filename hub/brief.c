#include "hub/brief.h"

#include "store/key.h"
#include "store/rows.h"

/* The body of a change in a log of the hub; NULL where there is none. It was checked when it came: to read it
 * in full would take long where it is a large list. */
static const Hopnhat__Change *read_body(struct transaction *transaction, struct dot dot, struct arena *arena)
{
    struct key key;
    key_dot(&key, dot.replica, dot.seq);
    const Hopnhat__LogRow *row =
        row_get(transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
    const Hopnhat__LoggedChange *logged =
        row ? hopnhat__logged_change__unpack(&arena->protobuf, row->logged.len, row->logged.data) : NULL;
    return logged ? hopnhat__change__unpack(&arena->protobuf, logged->change.len, logged->change.data) : NULL;
}

/* The edit that op number `op` is of; NULL where there is none. */
static const Hopnhat__Edit *edit_of(const Hopnhat__Change *body, size_t op)
{
    for (size_t i = 0; body && i < body->n_edits; op -= body->edits[i++]->n_ops)
        if (op < body->edits[i]->n_ops)
            return body->edits[i]->record.len == RECORD_ID_BYTES ? body->edits[i] : NULL;
    return NULL;
}

bool brief_read(struct transaction *transaction, const struct hub_session *session, uint64_t replica,
                const Hopnhat__Push *push, struct arena *arena, struct bytes *stored, struct error *error)
{
    const struct dot dot = {replica, push->first};
    struct entry_id entry;
    if (!brief_names(push->brief, dot, &entry))
        return error_set(error, ERROR_CORRUPT, "a change in brief form that supersedes nothing");
    const Hopnhat__Change *before = read_body(transaction, (struct dot){replica, dot.seq - 1}, arena);
    const Hopnhat__Edit *edit = edit_of(read_body(transaction, entry.dot, arena), entry.index);
    if (!before || !edit)
        return error_set(error, ERROR_NOT_FOUND, "what a change in brief form rests on is not here");
    const struct brief brief = {.message = push->brief,
                                .dot = dot,
                                .before = before,
                                .type = edit->type,
                                .record = edit->record.data,
                                .seed_key = session->has_seed_key ? session->seed_key : NULL};
    return brief_expand(&brief, arena, stored, error);
}
