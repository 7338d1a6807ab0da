#include "model/digest.h"

#include "unit/lib/model.h"
#include "unit/lib/test_arena.h"

#include <xxhash.h>

__extension__ typedef unsigned __int128 wide;

static wide wide_of(struct digest digest)
{
    return (wide)digest.high << 64 | digest.low;
}

static uint8_t *put_number(uint8_t *to, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *to++ = (uint8_t)(number >> 8 * i);
    return to;
}

/* One entry's hash by the description in the header, in one call. */
static wide hash_of(const Hopnhat__Record *record, uint32_t field, const Hopnhat__Entry *entry)
{
    struct bytes value = entry_value(entry);
    uint8_t *bytes = arena_alloc(&arena, 64 + value.size), *at = put_number(bytes, record->type, 4);
    memcpy(at, record->id.data, LENGTH_OF_ID);
    at = put_number(at + LENGTH_OF_ID, field, 4);
    at = put_number(at, entry->replica, 8);
    at = put_number(at, entry->seq, 8);
    at = put_number(at, entry->index, 4);
    at = put_number(at, entry->time, 8);
    at = put_number(at, entry->rank, 4);
    if (value.size)
        memcpy(at, value.data, value.size);
    XXH128_hash_t hash = XXH3_128bits(bytes, (size_t)(at - bytes) + value.size);
    return (wide)hash.high64 << 64 | hash.low64;
}

static Hopnhat__Record *random_record(struct dice *dice, wide *sum)
{
    static char letters[3000];
    Hopnhat__Record *record = record_new(&arena, dice_below(dice, 70000), TEST_ID);
    memset(letters, 'x', sizeof letters - 1);
    *sum = 0;
    for (unsigned i = dice_below(dice, 20); i > 0; i--) {
        /* around the sizes where the way of hashing changes */
        static const unsigned sizes[] = {0, 1, 3, 130, 180, 184, 240, 455, 456, 457, 2000};
        unsigned size = sizes[dice_below(dice, LENGTH(sizes))];
        const struct row row = {
            1 + dice_below(dice, 3000), dice_next(dice), i, dice_next(dice), letters + 2999 - size,
            dice_below(dice, 3),        dice_next(dice)};
        Hopnhat__Entry *entry = put_row(&arena, record, &row);
        entry->has_value = size > 0;
        entry->index = dice_below(dice, 5);
        *sum += hash_of(record, row.field, entry);
    }
    return record;
}

static void a_digest_is_the_sum_of_its_entries_hashes(void **state)
{
    (void)state;
    struct dice dice = {41};
    for (int round = 0; round < 2000; round++) {
        wide sum;
        Hopnhat__Record *record = random_record(&dice, &sum);
        assert_true(wide_of(digest_record(record)) == sum);
        arena_reset(&arena);
    }
}

static void every_part_of_an_entry_counts(void **state)
{
    (void)state;
    const struct row row = {NAME, 1, 2, 3, "a", 1, 4};
    wide seen[9];
    for (size_t i = 0; i < LENGTH(seen); i++) {
        Hopnhat__Record *record = record_of(&arena, THING, &row, 1);
        Hopnhat__Entry *entry = record->fields[0]->entries[0];
        record->type += i == 1;
        record->id.data[15] += i == 2;
        record->fields[0]->number += i == 3;
        entry->replica += i == 4;
        entry->seq += i == 5;
        entry->index += i == 6;
        entry->time += i == 7;
        entry->rank += i == 8;
        seen[i] = wide_of(digest_record(record));
        for (size_t j = 0; j < i; j++)
            assert_false(seen[i] == seen[j]);
        entry->rev++; /* the hub's own count does not */
        record->has_rev = true;
        record->rev = 9;
        assert_true(wide_of(digest_record(record)) == seen[i]);
        entry->value.data[0]++;
        assert_false(wide_of(digest_record(record)) == seen[i]);
    }
}

static void sums_carry_and_borrow(void **state)
{
    (void)state;
    struct dice dice = {42};
    for (int round = 0; round < 100000; round++) {
        struct digest a = {dice_next(&dice), dice_next(&dice)}, b = {dice_next(&dice), dice_next(&dice)};
        a.low |= dice_percent(&dice, 30) ? UINT64_MAX << 3 : 0;
        wide left = wide_of(a), right = wide_of(b);
        struct digest sum = a;
        digest_add(&sum, &b);
        assert_true(wide_of(sum) == left + right);
        digest_subtract(&sum, &b);
        assert_true(digest_equal(&sum, &a));
        digest_subtract(&sum, &b);
        assert_true(wide_of(sum) == left - right);
    }
}

static void both_halves_count(void **state)
{
    (void)state;
    const struct digest one = {1, 1}, low = {2, 1}, high = {1, 2};
    assert_false(digest_equal(&one, &low));
    assert_false(digest_equal(&one, &high));
}

static void stored_bytes_are_little_endian(void **state)
{
    (void)state;
    static const uint8_t expected[DIGEST_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const struct digest digest = {UINT64_C(0x0807060504030201), UINT64_C(0x100f0e0d0c0b0a09)};
    struct digest back;
    uint8_t bytes[DIGEST_BYTES];
    digest_store(&digest, bytes);
    assert_memory_equal(bytes, expected, sizeof bytes);
    digest_load(&back, bytes);
    assert_true(digest_equal(&digest, &back));
}

static void buckets_are_by_the_ids_hash(void **state)
{
    (void)state;
    struct dice dice = {43};
    unsigned filled[16] = {0};
    for (int round = 0; round < 16000; round++) {
        uint8_t id[LENGTH_OF_ID];
        XXH64_canonical_t canonical;
        put_u64_be(id, dice_next(&dice));
        put_u64_be(id + 8, 0);
        XXH64_canonicalFromHash(&canonical, XXH3_64bits(id, sizeof id));
        uint32_t first = get_u32_be(canonical.digest), buckets = 1 + dice_below(&dice, 5000);
        assert_int_equal(digest_bucket(id, buckets), first % buckets);
        filled[digest_bucket(id, 16)]++;
    }
    for (size_t i = 0; i < LENGTH(filled); i++)
        assert_true(filled[i] > 800 && filled[i] < 1200);
}

/* By the description in the header, in one call. */
static void a_check_is_the_hash_of_rev_and_digests(void **state)
{
    (void)state;
    const struct digest digests[] = {{1, 2}, {3, 4}, {1, 2}};
    for (size_t count = 0; count <= LENGTH(digests); count++) {
        uint8_t bytes[8 + LENGTH(digests) * DIGEST_BYTES], *at = put_number(bytes, 9, 8);
        for (size_t i = 0; i < count; i++, at += DIGEST_BYTES)
            digest_store(&digests[i], at);
        uint32_t expected = (uint32_t)XXH3_64bits(bytes, (size_t)(at - bytes));
        assert_int_equal(digest_check(digests, count, 9), expected);
        assert_int_not_equal(digest_check(digests, count, 8), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_the_sum_of_its_entries_hashes),
        cmocka_unit_test(every_part_of_an_entry_counts),
        cmocka_unit_test(sums_carry_and_borrow),
        cmocka_unit_test(both_halves_count),
        cmocka_unit_test(stored_bytes_are_little_endian),
        cmocka_unit_test(buckets_are_by_the_ids_hash),
        cmocka_unit_test(a_check_is_the_hash_of_rev_and_digests),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
