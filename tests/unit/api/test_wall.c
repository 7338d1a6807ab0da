#include "api/wall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_moments(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 999},
        {"2025-07-01T08:30:00Z", 1751358600999},
        {"2025-07-01T15:30:00+07:00", 1751358600999},
        {"2025-07-01T03:30:00-05:00", 1751358600999},
        {"2025-07-01T08:30Z", 1751358659999},
        {"2025-07-01", 1751414399999},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t ms = 0;
        assert_true(wall_parse(rows[i].text, &ms));
        assert_int_equal(ms, rows[i].ms);
    }
}

static void test_no_moments(void **state)
{
    static const char *const texts[] = {
        "",
        "yesterday",
        "2025",
        "2025-7-1",
        "2025-13-01",
        "2025-00-01",
        "2025-01-32",
        "1969-12-31",
        "2025-07-01T",
        "2025-07-01 08:30:00Z",
        "2025-07-01T08:30",
        "2025-07-01T08:30:00",
        "2025-07-01T24:00:00Z",
        "2025-07-01T08:60:00Z",
        "2025-07-01T08:30:60Z",
        "2025-07-01T08:30:00Zx",
        "2025-07-01T08:30:00+7",
        "2025-07-01T08:30:00+15:00",
        "2025-07-01T08:30:00+07:00x",
        "2025-07-01T08:30:-1Z",
        "-025-07-01",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t ms;
        if (wall_parse(texts[i], &ms))
            fail_msg("\"%s\" was read as %llu", texts[i], (unsigned long long)ms);
    }
}

static void test_back_and_forth(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 65536);
    for (uint64_t ms = 0; ms < 4000000000000; ms += 97654321987) {
        uint64_t read;
        assert_true(wall_parse(wall_text(ms, &arena), &read));
        assert_int_equal(read, ms / 1000 * 1000 + 999);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_no_moments),
        cmocka_unit_test(test_back_and_forth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
