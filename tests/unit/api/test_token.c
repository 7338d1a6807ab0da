#include "api/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_token_reads_back(void **state)
{
    (void)state;
    const struct shown all[] = {{0, 1}, {17, 0xabcdef}, {UINT64_MAX, UINT64_MAX}, {1, 0x8000000000000000}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char text[TOKEN_TEXT_BYTES];
        struct shown read;
        struct error error;
        token_format(&all[i], text);
        assert_true(token_parse(text, &read, &error));
        assert_int_equal(read.rev, all[i].rev);
        assert_int_equal(read.replica, all[i].replica);
    }
}

static void all_else_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        ".",
        "1.",
        ".2",
        "-1.2",
        "+1.2",
        " 1.2",
        "1.2 ",
        "1.g",
        "1.2.3",
        "a.2",
        "18446744073709551616.1",
        "1.11111111111111111",
        "1,2",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct shown read = {7, 7};
        struct error error = {0};
        assert_false(token_parse(wrong[i], &read, &error));
        assert_int_equal(error.code, ERROR_INPUT);
        assert_int_equal(read.rev, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_reads_back),
        cmocka_unit_test(all_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
