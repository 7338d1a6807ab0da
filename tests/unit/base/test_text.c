#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void utf8_is_recognised(void **state)
{
    (void)state;
    assert_true(text_is_utf8(bytes_of("", 0)));
    assert_true(text_is_utf8(bytes_of_string("Quảng Trị, 日本, 🙂")));
    assert_false(text_is_utf8(bytes_of("a\0b", 3)));
    assert_false(text_is_utf8(bytes_of_string("\xC0\x80")));
    assert_false(text_is_utf8(bytes_of_string("\xED\xA0\x80")));
    assert_false(text_is_utf8(bytes_of_string("\xF4\x90\x80\x80")));
    assert_false(text_is_utf8(bytes_of_string("abc\xE1\xBB")));
    assert_false(text_is_utf8(bytes_of_string("\x80")));
}

static void nfc_composes(void **state)
{
    (void)state;
    struct error error;
    static const char *const pairs[][2] = {
        {"plain", "plain"},         {"", ""},         {"Vie\xCC\xA3\xCC\x82t", "Việt"},
        {"e\xCC\x82\xCC\xA3", "ệ"}, {"Việt", "Việt"}, {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "한"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *got = text_nfc(&arena, bytes_of_string(pairs[i][0]), &error);
        assert_non_null(got);
        assert_string_equal(got, pairs[i][1]);
        assert_true(text_check_nfc(bytes_of_string(got), &error));
    }
    assert_null(text_nfc(&arena, bytes_of_string("\xFF"), &error));
    assert_int_equal(error.code, ERROR_INPUT);
}

static void nfc_is_checked(void **state)
{
    (void)state;
    struct error error;
    assert_true(text_check_nfc(bytes_of_string("Hội Hữu nghị – “x” ₫"), &error));
    assert_true(text_check_nfc(bytes_of_string("日本 한 q\xCC\x87"), &error));
    assert_false(text_check_nfc(bytes_of_string("Vie\xCC\xA3\xCC\x82t"), &error));
    assert_int_equal(error.code, ERROR_INPUT);
    assert_false(text_check_nfc(bytes_of_string("\xE2\x84\xAB"), &error)); /* the Ångström sign */
    assert_false(text_check_nfc(bytes_of_string("\xE2\x80\x81"), &error)); /* EM QUAD is EM SPACE */
    assert_false(text_check_nfc(bytes_of("a\0b", 3), &error));
    assert_false(text_check_nfc(bytes_of_string("\xE1\xBB"), &error));
}

/* Each code point that the short way lets pass is one that utf8proc leaves alone, alone and after a letter.
 */
static void short_way_agrees_with_the_long_one(void **state)
{
    (void)state;
    struct error error;
    static const int ranges[][2] = {{1, 0x370}, {0x1E00, 0x1F00}, {0x2000, 0x2070}, {0x20A0, 0x20C0}};
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        for (int point = ranges[r][0]; point < ranges[r][1]; point++) {
            char text[8] = "a";
            if (point < 0x80)
                text[1] = (char)point;
            else if (point < 0x800)
                snprintf(text, sizeof text, "a%c%c", 0xC0 | point >> 6, 0x80 | (point & 63));
            else
                snprintf(text, sizeof text, "a%c%c%c", 0xE0 | point >> 12, 0x80 | (point >> 6 & 63),
                         0x80 | (point & 63));
            arena_reset(&arena);
            const char *composed = text_nfc(&arena, bytes_of_string(text), &error);
            assert_non_null(composed);
            assert_int_equal(text_check_nfc(bytes_of_string(text), &error), strcmp(text, composed) == 0);
        }
    }
}

/* Also where a code point is cut short or its bytes are no code point. */
static void what_is_taken_is_utf8(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x01, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xAF, 0xB0, 0xBF, 0xC0, 0xFF};
    struct error error;
    size_t taken = 0;
    for (unsigned pair = 0; pair < 0x10000; pair++)
        for (size_t i = 0; i < sizeof edges; i++) {
            const uint8_t text[] = {(uint8_t)(pair >> 8), (uint8_t)pair, edges[i]};
            for (size_t size = 2; size <= sizeof text; size++)
                if (text_check_nfc(bytes_of(text, size), &error)) {
                    assert_true(text_is_utf8(bytes_of(text, size)));
                    taken++;
                }
        }
    assert_in_range(taken, 100000, 1000000);
}

static void folding_matches_what_people_type(void **state)
{
    (void)state;
    struct error error;
    static const char *const pairs[][2] = {
        {"Quảng  Trị", "quang tri"},
        {"QUANG TRI", "quang tri"},
        {"Qua\xCC\x89ng Tri\xCC\xA3", "quang tri"},
        {"hoà", "hoa"},
        {"hòa", "hoa"},
        {" \xC2\xA0 Đà\xC2\xA0Nẵng \t\r\n", "da nang"},
        {"\xC3\x90\xC3\xA0 N\xE1\xBA\xB5ng", "da nang"},
        {"ưỡn ƯỠN", "uon uon"},
        {"Cam kết (USD)", "cam ket (usd)"},
        {"ＦＵＬＬ", "full"},
        {"Straße", "strasse"},
        {"a\xE2\x80\x8B"
         "b",
         "ab"},
        {" ", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *got = text_fold(&arena, bytes_of_string(pairs[i][0]), &error);
        assert_non_null(got);
        assert_string_equal(got, pairs[i][1]);
    }
    assert_null(text_fold(&arena, bytes_of("a\0", 2), &error));
}

static void trimming_takes_all_white_space(void **state)
{
    (void)state;
    struct bytes got = text_trim(bytes_of_string(" \t\xC2\xA0ôn  tập\xE2\x80\xAF\n"));
    assert_true(bytes_equal(got, bytes_of_string("ôn  tập")));
    assert_int_equal(text_trim(bytes_of_string(" \xC2\xA0 ")).size, 0);
    assert_int_equal(text_trim(bytes_of_string("")).size, 0);
}

static void bounds_hold(void **state)
{
    (void)state;
    struct error error;
    struct arena small;
    arena_init(&small, 8);
    assert_null(text_nfc(&small, bytes_of_string("longer than that"), &error));
    assert_int_equal(error.code, ERROR_MEMORY);
    assert_null(text_fold(&small, bytes_of_string("longer than that"), &error));
    assert_int_equal(error.code, ERROR_MEMORY);
    arena_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(utf8_is_recognised, setup, teardown),
        cmocka_unit_test_setup_teardown(nfc_composes, setup, teardown),
        cmocka_unit_test_setup_teardown(nfc_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(short_way_agrees_with_the_long_one, setup, teardown),
        cmocka_unit_test(what_is_taken_is_utf8),
        cmocka_unit_test_setup_teardown(folding_matches_what_people_type, setup, teardown),
        cmocka_unit_test_setup_teardown(trimming_takes_all_white_space, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_hold, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
