#include "model/brief.h"

#include "model/clock.h"

#include <sodium.h>

void brief_seed(const uint8_t key[SEED_KEY_BYTES], struct dot dot, uint8_t seed[SEED_BYTES])
{
    static const uint8_t no_salt[crypto_generichash_blake2b_SALTBYTES], person[16] = "hopnhat.seed";
    uint8_t name[16], hash[32];
    put_u64_le(name, dot.replica);
    put_u64_le(name + 8, dot.seq);
    crypto_generichash_blake2b_salt_personal(hash, sizeof hash, name, sizeof name, key, SEED_KEY_BYTES,
                                             no_salt, person);
    memcpy(seed, hash, SEED_BYTES);
    sodium_memzero(hash, sizeof hash);
}

bool brief_names(const Hopnhat__BriefChange *brief, struct dot dot, struct entry_id *entry)
{
    for (size_t i = 0; i < brief->n_ops; i++) {
        const Hopnhat__Op *op = brief->ops[i];
        if (op->n_supersedes < 3)
            continue;
        uint64_t replica = op->supersedes[0];
        if (replica > brief->n_replicas)
            return false;
        entry->dot.replica = replica ? brief->replicas[replica - 1] : dot.replica;
        entry->dot.seq = op->supersedes[1];
        entry->index = (uint32_t)op->supersedes[2];
        return entry->index == op->supersedes[2];
    }
    return false;
}

/* The part of the change that is hashed as it stands. */
static bool pack_body(const struct brief *brief, struct arena *arena, ProtobufCBinaryData *packed)
{
    const Hopnhat__BriefChange *message = brief->message;
    Hopnhat__Change body = HOPNHAT__CHANGE__INIT;
    Hopnhat__Edit edit = HOPNHAT__EDIT__INIT, *edits[] = {&edit};
    const uint64_t ms = time_ms(brief->before->time) + (uint64_t)message->later_ms;
    edit.type = brief->type;
    edit.record.len = RECORD_ID_BYTES;
    edit.record.data = arena_copy(arena, brief->record, RECORD_ID_BYTES);
    edit.ops = message->ops;
    edit.n_ops = message->n_ops;
    body.time = time_of_ms(ms) | (message->counter & 0xffff);
    body.catalog = brief->before->catalog;
    body.author = message->author ? message->author : brief->before->author;
    body.replicas = message->replicas;
    body.n_replicas = message->n_replicas;
    body.edits = edits;
    body.n_edits = 1;
    packed->data = arena_alloc(arena, hopnhat__change__get_packed_size(&body));
    if (!edit.record.data || !packed->data)
        return false;
    packed->len = hopnhat__change__pack(&body, packed->data);
    return true;
}

bool brief_expand(const struct brief *brief, struct arena *arena, struct bytes *stored, struct error *error)
{
    const Hopnhat__BriefChange *message = brief->message;
    Hopnhat__LoggedChange logged = HOPNHAT__LOGGED_CHANGE__INIT;
    uint8_t seed[SEED_BYTES];
    if (!message->has_seed && !brief->seed_key)
        return error_set(error, ERROR_CORRUPT, "a brief change without seed, and no key to make it of");
    logged.has_seed = true;
    logged.seed = message->seed;
    if (!message->has_seed) {
        brief_seed(brief->seed_key, brief->dot, seed);
        logged.seed = (ProtobufCBinaryData){sizeof seed, seed};
    }
    logged.values = message->values;
    logged.n_values = message->n_values;
    if (!pack_body(brief, arena, &logged.change))
        return out_of_memory(error);
    uint8_t *data = arena_alloc(arena, hopnhat__logged_change__get_packed_size(&logged));
    if (!data)
        return out_of_memory(error);
    *stored = bytes_of(data, hopnhat__logged_change__pack(&logged, data));
    return true;
}

static bool comes_to(const struct brief *brief, struct bytes stored, struct arena *arena)
{
    struct error error;
    struct entry_id entry;
    struct bytes again;
    return brief_names(brief->message, brief->dot, &entry) && brief_expand(brief, arena, &again, &error) &&
           bytes_equal(again, stored);
}

Hopnhat__BriefChange *brief_make(const struct change *change, struct bytes stored,
                                 const Hopnhat__Change *before, const uint8_t *seed_key, struct arena *arena)
{
    const Hopnhat__Change *body = change->body;
    Hopnhat__BriefChange *message = arena_alloc(arena, sizeof *message);
    uint8_t seed[SEED_BYTES];
    if (!message || body->n_edits != 1 || !change->logged->has_seed)
        return NULL;
    hopnhat__brief_change__init(message);
    message->has_later_ms = true;
    message->later_ms = (int64_t)(time_ms(body->time) - time_ms(before->time));
    message->counter = body->time & 0xffff;
    message->has_counter = message->counter != 0;
    if (body->author && (!before->author || strcmp(body->author, before->author) != 0))
        message->author = body->author;
    message->replicas = body->replicas;
    message->n_replicas = body->n_replicas;
    message->ops = body->edits[0]->ops;
    message->n_ops = body->edits[0]->n_ops;
    message->values = change->logged->values;
    message->n_values = change->logged->n_values;
    if (seed_key)
        brief_seed(seed_key, change->dot, seed);
    message->has_seed = !seed_key || memcmp(seed, change->logged->seed.data, SEED_BYTES) != 0;
    if (message->has_seed)
        message->seed = change->logged->seed;
    const struct brief brief = {
        message, change->dot, before, body->edits[0]->type, body->edits[0]->record.data, seed_key};
    return comes_to(&brief, stored, arena) ? message : NULL;
}
