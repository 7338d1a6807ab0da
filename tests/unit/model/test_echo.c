/* The numbers of Feed.own: what is packed is read again, and what cannot be is refused. */
#include "model/echo.h"

#include "unit/lib/model.h"
#include "unit/lib/test_arena.h"

enum { WATERMARK = 100, HEAD_REV = 5000 };

static struct echo random_echo(struct dice *dice)
{
    struct echo echo = {
        .group = (uint32_t)dice_next(dice),
        .log = (uint32_t)dice_next(dice),
        .seq = 1 + dice_below(dice, 300),
        .rev = 1 + dice_below(dice, 9000),
        .edit = (uint32_t)dice_next(dice),
        .rank = dice_below(dice, 4),
        .moved_ms = (int64_t)dice_next(dice),
    };
    if (dice_percent(dice, 10)) {
        echo.seq = dice_next(dice) | 1;
        echo.rev = dice_next(dice) | 1;
    }
    return echo;
}

static void what_is_packed_is_read_again(void **state)
{
    (void)state;
    struct dice dice = {51};
    for (int round = 0; round < 2000; round++) {
        struct echo echoes[8], before = {0}, read;
        size_t count = dice_below(&dice, LENGTH(echoes) + 1);
        arena_reset(&arena);
        for (size_t i = 0; i < count; i++)
            echoes[i] = random_echo(&dice);
        const uint64_t *numbers = echo_pack(echoes, count, WATERMARK, HEAD_REV, &arena);
        assert_non_null(numbers);
        for (size_t i = 0; i < count; i++, before = read) {
            assert_true(echo_unpack(numbers, i, WATERMARK, HEAD_REV, &before, &read));
            assert_int_equal(read.group, echoes[i].group);
            assert_int_equal(read.log, echoes[i].log);
            assert_int_equal(read.seq, echoes[i].seq);
            assert_int_equal(read.rev, echoes[i].rev);
            assert_int_equal(read.edit, echoes[i].edit);
            assert_int_equal(read.rank, echoes[i].rank);
            assert_int_equal(read.moved_ms, echoes[i].moved_ms);
        }
    }
}

/* Each costs as many bytes as its numbers have groups of seven bits: so the next seq and rev are zeros. */
static void what_follows_is_small(void **state)
{
    (void)state;
    static const uint64_t expected[] = {2 << 2 | 3, 1, 0, 0, 3, 5, 2 << 2 | 3, 1, 0,
                                        0,          0, 6, 0, 0, 3, 1,          1, 0};
    const struct echo echoes[] = {
        {.group = 2, .log = 1, .seq = WATERMARK, .rev = HEAD_REV - 2, .rank = 3, .moved_ms = -3},
        {.group = 2, .log = 1, .seq = WATERMARK + 1, .rev = HEAD_REV - 1, .rank = 3, .moved_ms = 3},
        {.seq = WATERMARK, .rev = HEAD_REV - 1, .edit = 1},
    };
    const uint64_t *numbers = echo_pack(echoes, LENGTH(echoes), WATERMARK, HEAD_REV, &arena);
    assert_non_null(numbers);
    assert_memory_equal(numbers, expected, sizeof expected);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const uint64_t good[ECHO_NUMBERS] = {UINT64_C(0xffffffff) << 2, UINT32_MAX, 0, UINT32_MAX, 0, 0};
    static const uint64_t too_much[] = {UINT64_C(1) << 34, UINT64_C(1) << 32, 0, UINT64_C(1) << 32};
    const struct echo before = {0};
    struct echo echo;
    assert_true(echo_unpack(good, 0, WATERMARK, HEAD_REV, &before, &echo));
    for (size_t i = 0; i < LENGTH(too_much); i++) {
        uint64_t numbers[ECHO_NUMBERS];
        if (!too_much[i])
            continue;
        memcpy(numbers, good, sizeof numbers);
        numbers[i] = too_much[i];
        assert_false(echo_unpack(numbers, 0, WATERMARK, HEAD_REV, &before, &echo));
    }
    assert_false(echo_unpack(good, 0, 0, HEAD_REV, &before, &echo)); /* no change has the seq 0 */
    assert_false(echo_unpack(good, 0, WATERMARK, 0, &before, &echo));
}

static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    const struct echo echo = {.seq = 1, .rev = 1};
    struct arena none;
    arena_init(&none, 0);
    assert_null(echo_pack(&echo, 1, WATERMARK, HEAD_REV, &none));
    arena_release(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_read_again),
        cmocka_unit_test(what_follows_is_small),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(memory_that_ends_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
