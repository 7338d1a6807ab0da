#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void what_is_handed_out_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    uint8_t *given[500];
    arena_init(&arena, 64 * 1024 * 1024);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 500; i++) {
            size_t size = i * 37 % 5000;
            given[i] = arena_alloc(&arena, size);
            assert_non_null(given[i]);
            assert_int_equal((uintptr_t)given[i] % alignof(max_align_t), 0);
            for (size_t j = 0; j < size; j++)
                assert_int_equal(given[i][j], 0);
            memset(given[i], (int)i, size);
        }
        for (size_t i = 0; i < 500; i++)
            for (size_t j = 0; j < i * 37 % 5000; j++)
                assert_int_equal(given[i][j], (uint8_t)i);
        arena_reset(&arena);
    }
    arena_release(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(arena_alloc(&arena, 1)); /* may be used again */
    arena_release(&arena);
}

static void nothing_is_handed_out_past_the_bound(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    assert_null(arena_alloc(&arena, 1001));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_int_equal(arena.used_bytes, 0);
    assert_int_equal(arena.failure, ERROR_LIMIT);
    size_t count = 0;
    while (arena_alloc(&arena, 1))
        count++;
    assert_true(count > 0 && count <= 1000 / alignof(max_align_t)); /* what is really taken counts */
    arena_reset(&arena);
    assert_int_equal(arena.failure, ERROR_NONE);
    count = 0;
    while (arena_alloc(&arena, 0)) /* nothing is not without end */
        count++;
    assert_true(count <= 1000 / alignof(max_align_t));
    arena_release(&arena);
}

static void a_bound_of_everything_does_not_wrap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 7));
    assert_int_equal(arena.used_bytes, 0);
    arena_release(&arena);
}

static void copies_and_strings(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024);
    assert_memory_equal(arena_copy(&arena, "abc", 3), "abc", 3);
    assert_non_null(arena_copy(&arena, NULL, 0));
    assert_string_equal(arena_string(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_string(&arena, NULL, 0), "");
    assert_string_equal(arena_format(&arena, "%d-%s", 7, "x"), "7-x");
    assert_null(arena_format(&arena, "%2000d", 7));
    assert_null(arena_string(&arena, "", SIZE_MAX - 1));
    arena_release(&arena);
}

static void protobuf_unpacks_into_it(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024);
    uint8_t *given = arena.protobuf.alloc(arena.protobuf.allocator_data, 10);
    assert_non_null(given);
    arena.protobuf.free(arena.protobuf.allocator_data, given);
    assert_ptr_not_equal(arena.protobuf.alloc(arena.protobuf.allocator_data, 10), given);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_handed_out_is_zeroed_aligned_and_apart),
        cmocka_unit_test(nothing_is_handed_out_past_the_bound),
        cmocka_unit_test(a_bound_of_everything_does_not_wrap),
        cmocka_unit_test(copies_and_strings),
        cmocka_unit_test(protobuf_unpacks_into_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
