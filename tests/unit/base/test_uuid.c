#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t random_bytes[10] = {0xff, 0xff, 0xff, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};

static void generate_sets_time_version_and_variant(void **state)
{
    (void)state;
    struct record_id id;
    char text[RECORD_ID_TEXT_BYTES];
    record_id_generate(&id, 0x0123456789ab, random_bytes);
    record_id_format(&id, text);
    assert_string_equal(text, "01234567-89ab-7fff-bf01-020304050607");
}

static void ids_sort_by_time(void **state)
{
    (void)state;
    struct record_id early, late;
    const uint8_t zeros[10] = {0};
    record_id_generate(&early, 1700000000000, random_bytes);
    record_id_generate(&late, 1700000000001, zeros);
    assert_true(memcmp(early.bytes, late.bytes, sizeof early.bytes) < 0);
}

static void parse_takes_both_cases(void **state)
{
    (void)state;
    struct record_id lower, upper;
    assert_true(record_id_parse("01234567-89ab-7fff-bf01-020304050607", &lower));
    assert_true(record_id_parse("01234567-89AB-7FFF-BF01-020304050607", &upper));
    assert_memory_equal(&lower, &upper, sizeof lower);
    assert_int_equal(lower.bytes[0], 0x01);
    assert_int_equal(lower.bytes[15], 0x07);
}

static void parse_refuses_all_else(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "01234567-89ab-7fff-bf01-02030405060",
        "01234567-89ab-7fff-bf01-0203040506070",
        "0123456789ab7fffbf01020304050607",
        "01234567-89ab-7fff-bf01-02030405060g",
        "01234567x89ab-7fff-bf01-020304050607",
        "0123456--89ab-7fff-bf01-020304050607",
        "{1234567-89ab-7fff-bf01-02030405060}",
        " 1234567-89ab-7fff-bf01-020304050607",
    };
    struct record_id id, before;
    memset(&before, 0x5a, sizeof before);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        id = before;
        assert_false(record_id_parse(wrong[i], &id));
        assert_memory_equal(&id, &before, sizeof id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generate_sets_time_version_and_variant),
        cmocka_unit_test(ids_sort_by_time),
        cmocka_unit_test(parse_takes_both_cases),
        cmocka_unit_test(parse_refuses_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
