#include "net/keys.h"

#include <sodium.h>

_Static_assert(LINK_KEY_BYTES == crypto_box_PUBLICKEYBYTES && LINK_KEY_BYTES == crypto_box_SECRETKEYBYTES,
               "a CURVE key is a key of crypto_box");
_Static_assert(SIGNING_KEY_BYTES == crypto_sign_PUBLICKEYBYTES && SIGNATURE_BYTES == crypto_sign_BYTES &&
                   SIGNING_SECRET_BYTES == crypto_sign_SECRETKEYBYTES &&
                   SIGNING_SEED_BYTES == crypto_sign_SEEDBYTES,
               "sizes of Ed25519");
_Static_assert(SEAL_BYTES == crypto_box_SEALBYTES && LINK_KEY_BYTES == crypto_box_SEEDBYTES,
               "sizes of a sealed box");

bool keys_start(struct error *error)
{
    if (sodium_init() < 0)
        return error_set(error, ERROR_INTERNAL, "libsodium does not start");
    return true;
}

void keys_random(void *to, size_t size)
{
    randombytes_buf(to, size);
}

void link_keys_generate(struct link_keys *keys)
{
    crypto_box_keypair(keys->public_key, keys->secret_key);
}

bool link_keys_from_secret(struct link_keys *keys, struct error *error)
{
    if (crypto_scalarmult_base(keys->public_key, keys->secret_key) != 0)
        return error_set(error, ERROR_INPUT, "not a usable secret link key");
    return true;
}

bool link_keys_from_seed(struct link_keys *keys, const uint8_t seed[CODE_SEED_BYTES], struct error *error)
{
    static const uint8_t person[crypto_generichash_blake2b_PERSONALBYTES] = "hopnhat join 1";
    static const uint8_t salt[crypto_generichash_blake2b_SALTBYTES] = {0};
    if (crypto_generichash_blake2b_salt_personal(keys->secret_key, sizeof keys->secret_key, seed,
                                                 CODE_SEED_BYTES, NULL, 0, salt, person) != 0)
        return error_set(error, ERROR_INTERNAL, "cannot derive a key from the code");
    return link_keys_from_secret(keys, error);
}

void signing_keys_generate(struct signing_keys *keys)
{
    crypto_sign_keypair(keys->public_key, keys->secret_key);
}

void signing_keys_from_seed(struct signing_keys *keys, const uint8_t seed[SIGNING_SEED_BYTES])
{
    crypto_sign_seed_keypair(keys->public_key, keys->secret_key, seed);
}

void keys_sign(const struct signing_keys *keys, struct bytes message, uint8_t signature[SIGNATURE_BYTES])
{
    crypto_sign_detached(signature, NULL, message.data, message.size, keys->secret_key);
}

bool keys_verify(const uint8_t public_key[SIGNING_KEY_BYTES], struct bytes message, struct bytes signature)
{
    return signature.size == SIGNATURE_BYTES &&
           crypto_sign_verify_detached(signature.data, message.data, message.size, public_key) == 0;
}

void keys_wipe(void *secret, size_t size)
{
    sodium_memzero(secret, size);
}

void keys_rotation_text(const uint8_t present[LINK_KEY_BYTES], const uint8_t link_key[LINK_KEY_BYTES],
                        const uint8_t signing_key[SIGNING_KEY_BYTES], uint8_t text[ROTATION_TEXT_BYTES])
{
    memcpy(text, "hopnhat keys 1", 14);
    memcpy(text + 14, present, LINK_KEY_BYTES);
    memcpy(text + 14 + LINK_KEY_BYTES, link_key, LINK_KEY_BYTES);
    memcpy(text + 14 + 2 * LINK_KEY_BYTES, signing_key, SIGNING_KEY_BYTES);
}

bool keys_seal(const uint8_t public_key[LINK_KEY_BYTES], const uint8_t seed[LINK_KEY_BYTES],
               struct bytes message, uint8_t *sealed, struct error *error)
{
    uint8_t once_public[crypto_box_PUBLICKEYBYTES], once_secret[crypto_box_SECRETKEYBYTES];
    uint8_t nonce[crypto_box_NONCEBYTES];
    crypto_generichash_state state;
    crypto_box_seed_keypair(once_public, once_secret, seed);
    crypto_generichash_init(&state, NULL, 0, sizeof nonce);
    crypto_generichash_update(&state, once_public, sizeof once_public);
    crypto_generichash_update(&state, public_key, LINK_KEY_BYTES);
    crypto_generichash_final(&state, nonce, sizeof nonce);
    memcpy(sealed, once_public, sizeof once_public);
    bool done = crypto_box_easy(sealed + sizeof once_public, message.data, message.size, nonce, public_key,
                                once_secret) == 0;
    sodium_memzero(once_secret, sizeof once_secret);
    return done || error_set(error, ERROR_INPUT, "not a usable public key");
}

void keys_seed(const struct link_keys *keys, struct bytes message, uint8_t seed[LINK_KEY_BYTES])
{
    crypto_generichash(seed, LINK_KEY_BYTES, message.data, message.size, keys->secret_key, LINK_KEY_BYTES);
}

bool keys_open(const struct link_keys *keys, struct bytes sealed, uint8_t *message)
{
    return sealed.size >= SEAL_BYTES &&
           crypto_box_seal_open(message, sealed.data, sealed.size, keys->public_key, keys->secret_key) == 0;
}
