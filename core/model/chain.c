/* The hash chain of a log; change.h says how it is made. */
#include "model/change.h"

#include <sodium.h>

enum { SALTS_PER_BLOCK = 4, SALT_BYTES = crypto_generichash_blake2b_SALTBYTES };

static const uint8_t NO_SALT[SALT_BYTES];
static const uint8_t LOG[16] = "hopnhat.log", LINK[16] = "hopnhat.link", VALUE[16] = "hopnhat.value",
                     SALT[16] = "hopnhat.salt";

void chain_start(uint64_t replica, uint8_t link[LINK_BYTES])
{
    uint8_t number[8];
    put_u64_le(number, replica);
    crypto_generichash_blake2b_salt_personal(link, LINK_BYTES, number, sizeof number, NULL, 0, NO_SALT, LOG);
}

/* Four salts at a time. */
static void derive_salts(const uint8_t *seed, size_t block, uint8_t salts[SALTS_PER_BLOCK * SALT_BYTES])
{
    uint8_t number[4];
    put_u32_le(number, (uint32_t)block);
    crypto_generichash_blake2b_salt_personal(salts, SALTS_PER_BLOCK * SALT_BYTES, number, sizeof number, NULL,
                                             0, seed, SALT);
}

static void leaf_of(const ProtobufCBinaryData *value, const uint8_t *salt, uint8_t leaf[LINK_BYTES])
{
    crypto_generichash_blake2b_salt_personal(leaf, LINK_BYTES, value->data, value->len, NULL, 0, salt, VALUE);
}

static bool add_values(crypto_generichash_blake2b_state *state, const Hopnhat__LoggedChange *logged,
                       struct error *error)
{
    uint8_t salts[SALTS_PER_BLOCK * SALT_BYTES], leaf[LINK_BYTES];
    size_t erased = 0;
    for (size_t i = 0; i < logged->n_values; i++) {
        const ProtobufCBinaryData *value = &logged->values[i];
        if (logged->has_seed && i % SALTS_PER_BLOCK == 0)
            derive_salts(logged->seed.data, i / SALTS_PER_BLOCK, salts);
        if (erased < logged->n_erased && logged->erased[erased] == i) {
            erased++;
            crypto_generichash_blake2b_update(state, value->data, value->len);
            continue;
        }
        const uint8_t *salt = salts + SALT_BYTES * (i % SALTS_PER_BLOCK);
        if (!logged->has_seed) {
            if (logged->salts[i].len != SALT_BYTES)
                return error_set(error, ERROR_CORRUPT,
                                 "a change has lost the salt of a value that is not erased");
            salt = logged->salts[i].data;
        }
        leaf_of(value, salt, leaf);
        crypto_generichash_blake2b_update(state, leaf, sizeof leaf);
    }
    return true;
}

/* Takes value number i out where `takes` says so or it is out already; else keeps it, with its salt. */
static bool erase_value(const struct change *change, size_t i, bool takes, const uint8_t *salt,
                        Hopnhat__LoggedChange *to, struct arena *arena)
{
    const ProtobufCBinaryData *value = &change->logged->values[i];
    bool gone = change_is_erased(change, i);
    uint8_t leaf[LINK_BYTES];
    to->values[i] = *value;
    to->salts[i] = (ProtobufCBinaryData){0, NULL};
    if (gone || takes)
        to->erased[to->n_erased++] = (uint32_t)i;
    if (gone)
        return true;
    if (takes)
        leaf_of(value, salt, leaf);
    ProtobufCBinaryData *made = takes ? &to->values[i] : &to->salts[i];
    made->len = takes ? LINK_BYTES : SALT_BYTES;
    made->data = arena_copy(arena, takes ? leaf : salt, made->len);
    return made->data != NULL;
}

bool change_erase(const struct change *change, const bool *takes, struct arena *arena, struct bytes *stored,
                  struct error *error)
{
    const Hopnhat__LoggedChange *from = change->logged;
    Hopnhat__LoggedChange to = *from;
    uint8_t salts[SALTS_PER_BLOCK * SALT_BYTES];
    size_t count = from->n_values;
    bool done;
    to.has_seed = false;
    to.n_erased = 0;
    to.n_salts = count;
    to.values = arena_alloc(arena, count * sizeof *to.values);
    to.salts = arena_alloc(arena, count * sizeof *to.salts);
    to.erased = arena_alloc(arena, count * sizeof *to.erased);
    done = to.values && to.salts && to.erased;
    for (size_t i = 0; i < count && done; i++) {
        if (from->has_seed && i % SALTS_PER_BLOCK == 0)
            derive_salts(from->seed.data, i / SALTS_PER_BLOCK, salts);
        done = erase_value(change, i, takes[i],
                           from->has_seed ? salts + SALT_BYTES * (i % SALTS_PER_BLOCK) : from->salts[i].data,
                           &to, arena);
    }
    uint8_t *packed = done ? arena_alloc(arena, hopnhat__logged_change__get_packed_size(&to)) : NULL;
    if (!packed)
        return out_of_memory(error);
    *stored = bytes_of(packed, hopnhat__logged_change__pack(&to, packed));
    return true;
}

bool chain_next(const uint8_t previous[LINK_BYTES], const Hopnhat__LoggedChange *logged,
                uint8_t link[LINK_BYTES], struct error *error)
{
    crypto_generichash_blake2b_state state;
    uint8_t size[4];
    put_u32_le(size, (uint32_t)logged->change.len);
    crypto_generichash_blake2b_init_salt_personal(&state, NULL, 0, LINK_BYTES, NO_SALT, LINK);
    crypto_generichash_blake2b_update(&state, previous, LINK_BYTES);
    crypto_generichash_blake2b_update(&state, size, sizeof size);
    crypto_generichash_blake2b_update(&state, logged->change.data, logged->change.len);
    if (!add_values(&state, logged, error))
        return false;
    crypto_generichash_blake2b_final(&state, link, LINK_BYTES);
    return true;
}

void chain_signed_text(uint64_t replica, uint64_t seq, const uint8_t link[LINK_BYTES],
                       uint8_t text[SIGNED_LINK_BYTES])
{
    memcpy(text, "hopnhat log 1", 13);
    put_u64_le(text + 13, replica);
    put_u64_le(text + 21, seq);
    memcpy(text + 29, link, LINK_BYTES);
}
