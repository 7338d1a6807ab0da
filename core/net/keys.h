/* Keys: CURVE (Curve25519) pairs for the link, Ed25519 pairs for logs and certificates, and randomness from
 * the system. Secrets stand in plain structs; whoever holds one ends it with keys_wipe. */
#ifndef HOPNHAT_NET_KEYS_H
#define HOPNHAT_NET_KEYS_H

#include "base/bytes.h"
#include "base/error.h"

enum {
    LINK_KEY_BYTES = 32,
    SIGNING_KEY_BYTES = 32,
    SIGNING_SECRET_BYTES = 64,
    SIGNING_SEED_BYTES = 32,
    SIGNATURE_BYTES = 64,
    CODE_SEED_BYTES = 16,
    SEAL_BYTES = 48,
};

/* What stands before the body in what the hub's key signs of a certificate. */
#define CERTIFICATE_CONTEXT "hopnhat certificate 1"

/* What stands before the key in what the hub's key signs of its next link key. */
#define HUB_KEY_CONTEXT "hopnhat hub 1"

struct link_keys {
    uint8_t public_key[LINK_KEY_BYTES];
    uint8_t secret_key[LINK_KEY_BYTES];
};

struct signing_keys {
    uint8_t public_key[SIGNING_KEY_BYTES];
    uint8_t secret_key[SIGNING_SECRET_BYTES]; /* libsodium's form: seed and public key */
};

/* To be called once before the other functions and before threads. ERROR_INTERNAL. */
bool keys_start(struct error *error);

/* size bytes of the system's randomness. Blocks only on a machine that has just booted. */
void keys_random(void *to, size_t size);

/* A new pair of random keys. */
void link_keys_generate(struct link_keys *keys);

/* Fills in the public key that belongs to keys->secret_key. ERROR_INPUT if that is no usable secret. */
bool link_keys_from_secret(struct link_keys *keys, struct error *error);

/* The one-time pair that an enrolment code's seed stands for; both sides derive the same. */
bool link_keys_from_seed(struct link_keys *keys, const uint8_t seed[CODE_SEED_BYTES], struct error *error);

/* A new pair of random keys. */
void signing_keys_generate(struct signing_keys *keys);

/* The pair that a secret seed stands for; the same each time. */
void signing_keys_from_seed(struct signing_keys *keys, const uint8_t seed[SIGNING_SEED_BYTES]);

/* Signs the message as it stands; deterministic. */
void keys_sign(const struct signing_keys *keys, struct bytes message, uint8_t signature[SIGNATURE_BYTES]);

/* Whether the signature (any size is borne with) is this key's over the message. */
bool keys_verify(const uint8_t public_key[SIGNING_KEY_BYTES], struct bytes message, struct bytes signature);

/* Seals the message (message.size + SEAL_BYTES bytes to `sealed`) so that only the holder of the secret key
 * can open it: libsodium's sealed box, with an ephemeral key from the seed, which is random or keys_seed's.
 * ERROR_INPUT: no usable key. */
bool keys_seal(const uint8_t public_key[LINK_KEY_BYTES], const uint8_t seed[LINK_KEY_BYTES],
               struct bytes message, uint8_t *sealed, struct error *error);

/* A seed for sealing that only the holder of the keys can make, of this message alone: the same message is
 * sealed to the same bytes. */
void keys_seed(const struct link_keys *keys, struct bytes message, uint8_t seed[LINK_KEY_BYTES]);

/* Opens it (sealed.size - SEAL_BYTES bytes to `message`). False: it is not sealed to this key, or altered. */
bool keys_open(const struct link_keys *keys, struct bytes sealed, uint8_t *message);

enum { ROTATION_TEXT_BYTES = 14 + 2 * LINK_KEY_BYTES + SIGNING_KEY_BYTES };

/* What an installation signs with its present key to announce new ones: "hopnhat keys 1", the present link
 * key, the new link key, the new signing key. */
void keys_rotation_text(const uint8_t present[LINK_KEY_BYTES], const uint8_t link_key[LINK_KEY_BYTES],
                        const uint8_t signing_key[SIGNING_KEY_BYTES], uint8_t text[ROTATION_TEXT_BYTES]);

/* Overwrites a secret in a way that the compiler keeps. */
void keys_wipe(void *secret, size_t size);

#endif
