#include "hub/batch.h"

#include "model/clock.h"
#include "store/key.h"
#include "store/rows.h"

/* Unpacks one change. One that is not well formed goes to quarantine if only it can be chained. */
static bool unpack(struct batch *batch, size_t place, struct error *error)
{
    const ProtobufCBinaryData *stored = &batch->push->changes[place];
    struct incoming_change *incoming = &batch->changes[place];
    struct dot dot = {batch->replica->number, batch->push->first + place};
    if (change_unpack(&incoming->change, dot, bytes_of(stored->data, stored->len), &batch->arena, error))
        return true;
    if (!incoming->change.chainable || error->code == ERROR_MEMORY)
        return false;
    incoming->malformed = arena_string(&batch->arena, error->text, strlen(error->text));
    return incoming->malformed || out_of_memory(error);
}

bool batch_unpack(struct batch *batch, struct error *error)
{
    const Hopnhat__Push *push = batch->push;
    const uint8_t *previous = batch->replica->link;
    batch->changes = arena_alloc(&batch->arena, push->n_changes * sizeof *batch->changes);
    if (!batch->changes)
        return out_of_memory(error);
    for (size_t i = batch->skip; i < push->n_changes; i++) {
        struct incoming_change *incoming = &batch->changes[i];
        if (!unpack(batch, i, error) || !chain_next(previous, incoming->change.logged, incoming->link, error))
            return false;
        previous = incoming->link;
    }
    return true;
}

bool batch_signature_holds(const struct batch *batch, const uint8_t link[LINK_BYTES])
{
    uint8_t text[SIGNED_LINK_BYTES];
    chain_signed_text(batch->replica->number, batch->push->first + batch->push->n_changes - 1, link, text);
    return keys_verify(batch->replica->signing_key, bytes_of(text, sizeof text),
                       bytes_of(batch->push->signature.data, batch->push->signature.len));
}

bool batch_is_known(struct batch *batch, struct transaction *transaction)
{
    struct key key;
    key_dot(&key, batch->replica->number, batch->push->first + batch->push->n_changes - 1);
    const Hopnhat__LogRow *row =
        row_get(transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, &batch->arena);
    return !row || row->link.len != LINK_BYTES || batch_signature_holds(batch, row->link.data);
}

void batch_store_signature(const struct batch *batch, struct transaction *transaction)
{
    struct key key;
    key_dot(&key, batch->replica->number, batch->push->first + batch->push->n_changes - 1);
    transaction_put(transaction, HUB_SIGNATURE, key_bytes(&key),
                    bytes_of(batch->push->signature.data, batch->push->signature.len));
}

bool batch_raises(const struct batch *batch, uint64_t floor, uint64_t receipt)
{
    for (size_t i = batch->skip; i < batch->push->n_changes; i++) {
        const struct change *change = &batch->changes[i].change;
        if (change->body && clock_admit(change->body->time, batch->reading, receipt, 0) < floor)
            return true;
    }
    return false;
}

void batch_find_reading(struct batch *batch, uint64_t now)
{
    const Hopnhat__Push *push = batch->push;
    const struct change *last =
        batch->skip < push->n_changes ? &batch->changes[push->n_changes - 1].change : NULL;
    batch->reading = now;
    batch->reading_known = last && last->body && push->has_age_ms; /* else it was carried */
    if (!batch->reading_known)
        return;
    int64_t ms = (int64_t)((uint64_t)push->age_ms + time_ms(last->body->time));
    batch->reading = time_of_ms(ms > 0 ? (uint64_t)ms : 0);
}
