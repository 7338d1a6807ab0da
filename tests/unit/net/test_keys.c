#include "net/keys.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_seed_gives_one_pair(void **state)
{
    (void)state;
    uint8_t seed[CODE_SEED_BYTES] = {1, 2, 3};
    struct link_keys one, same, other;
    struct error error;
    assert_true(link_keys_from_seed(&one, seed, &error));
    assert_true(link_keys_from_seed(&same, seed, &error));
    seed[3] ^= 1;
    assert_true(link_keys_from_seed(&other, seed, &error));
    assert_memory_equal(&one, &same, sizeof one);
    assert_memory_not_equal(one.public_key, other.public_key, LINK_KEY_BYTES);
    assert_memory_not_equal(one.secret_key, other.secret_key, LINK_KEY_BYTES);
}

static void a_signing_seed_gives_one_pair(void **state)
{
    (void)state;
    /* the first test of RFC 8032 */
    static const uint8_t seed[SIGNING_SEED_BYTES] = {
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
        0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    static const uint8_t public_start[] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7};
    struct signing_keys keys;
    signing_keys_from_seed(&keys, seed);
    assert_memory_equal(keys.public_key, public_start, sizeof public_start);
}

static void signatures_hold_for_their_message_only(void **state)
{
    (void)state;
    struct signing_keys keys, other;
    uint8_t signature[SIGNATURE_BYTES];
    struct bytes message = bytes_of_string("a head of a log");
    signing_keys_generate(&keys);
    signing_keys_generate(&other);
    keys_sign(&keys, message, signature);
    struct bytes good = bytes_of(signature, sizeof signature);
    assert_true(keys_verify(keys.public_key, message, good));
    assert_false(keys_verify(other.public_key, message, good));
    assert_false(keys_verify(keys.public_key, bytes_of_string("another head"), good));
    assert_false(keys_verify(keys.public_key, message, bytes_of(signature, sizeof signature - 1)));
    signature[10] ^= 1;
    assert_false(keys_verify(keys.public_key, message, good));
}

static void a_public_key_follows_from_its_secret(void **state)
{
    (void)state;
    struct link_keys keys, again;
    struct error error;
    link_keys_generate(&keys);
    memcpy(again.secret_key, keys.secret_key, LINK_KEY_BYTES);
    assert_true(link_keys_from_secret(&again, &error));
    assert_memory_equal(&again, &keys, sizeof keys);
}

int main(void)
{
    struct error error;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_one_pair),
        cmocka_unit_test(a_signing_seed_gives_one_pair),
        cmocka_unit_test(signatures_hold_for_their_message_only),
        cmocka_unit_test(a_public_key_follows_from_its_secret),
    };
    return keys_start(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
