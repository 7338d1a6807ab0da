#include "base/blake2b.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>

enum { LONGEST = 3 * BLAKE2B_BLOCK_BYTES + 1 };

static const uint8_t person[BLAKE2B_SALT_BYTES] = "hopnhat.test";

/* Every length up to three blocks, cut in two at every place, with hashes of every size. */
static void the_same_as_by_another_hand(void **state)
{
    (void)state;
    uint8_t text[LONGEST], salt[BLAKE2B_SALT_BYTES], expected[BLAKE2B_MOST_BYTES], got[BLAKE2B_MOST_BYTES];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 31 + 7);
    for (size_t i = 0; i < sizeof salt; i++)
        salt[i] = (uint8_t)(0xf0 - i);
    for (size_t size = 0; size <= sizeof text; size++) {
        size_t hash_bytes = 16 + size % (BLAKE2B_MOST_BYTES - 15);
        crypto_generichash_blake2b_salt_personal(expected, hash_bytes, text, size, NULL, 0, salt, person);
        for (size_t cut = 0; cut <= size; cut++) {
            struct blake2b hash;
            blake2b_begin(&hash, hash_bytes, salt, person);
            blake2b_add(&hash, text, cut);
            blake2b_add(&hash, text + cut, size - cut);
            blake2b_end(&hash, got);
            assert_memory_equal(got, expected, hash_bytes);
        }
    }
}

static void without_a_salt_it_is_one_of_zeros(void **state)
{
    (void)state;
    static const uint8_t no_salt[BLAKE2B_SALT_BYTES];
    uint8_t expected[32], got[32];
    struct blake2b hash;
    crypto_generichash_blake2b_salt_personal(expected, 32, person, sizeof person, NULL, 0, no_salt, person);
    blake2b_begin(&hash, 32, NULL, person);
    blake2b_add(&hash, person, sizeof person);
    blake2b_end(&hash, got);
    assert_memory_equal(got, expected, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_as_by_another_hand),
        cmocka_unit_test(without_a_salt_it_is_one_of_zeros),
    };
    return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
