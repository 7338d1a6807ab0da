#include "store/sort_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct collation *collation;

static int setup(void **state)
{
    struct error error;
    (void)state;
    collation = collation_open(&error);
    return collation ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    collation_close(collation);
    return 0;
}

static Hopnhat__FieldDefinition field_of(Hopnhat__ValueKind kind)
{
    Hopnhat__FieldDefinition field = HOPNHAT__FIELD_DEFINITION__INIT;
    field.has_kind = true;
    field.kind = kind;
    return field;
}

static struct sort_key key_of(const Hopnhat__FieldDefinition *field, const char *value)
{
    struct sort_key key, read;
    struct error error;
    uint8_t followed[SORT_KEY_BYTES + 16];
    assert_true(sort_key_make(collation, field, bytes_of_string(value), &key, &error));
    memcpy(followed, key.data, key.size);
    memset(followed + key.size, 0xA5, 16);
    assert_true(sort_key_read(field, bytes_of(followed, key.size + 16u), &read));
    assert_int_equal(read.size, key.size);
    assert_int_equal(read.cut, key.cut);
    assert_memory_equal(read.data, key.data, key.size);
    return key;
}

static void assert_ascending(Hopnhat__ValueKind kind, const char *const *values, size_t count)
{
    Hopnhat__FieldDefinition field = field_of(kind);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            struct sort_key a = key_of(&field, values[i]), b = key_of(&field, values[j]);
            int order = sort_key_compare(&a, &b), expected = (i > j) - (i < j);
            if ((order > 0) - (order < 0) != expected)
                fail_msg("%s against %s", values[i], values[j]);
        }
}

static void text_sorts_as_in_a_dictionary(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",      "An",      "An Giang",   "Ăn",        "Ân",        "Bà Rịa", "Cà Mau",
        "Dương", "Đà Nẵng", "Đắk Lắk",    "Em",        "Hà Nội",    "Huế",    "Nghệ An",
        "Ô Môn", "Ơ",       "Quảng Bình", "Quảng Trị", "Thanh Hóa", "Ư",      "Vĩnh Long"};
    assert_ascending(HOPNHAT__VALUE_KIND__KIND_TEXT, names, sizeof names / sizeof *names);
    static const char *const tones[] = {"ma", "mà", "mả", "mã", "má", "mạ"};
    assert_ascending(HOPNHAT__VALUE_KIND__KIND_TEXT, tones, 6);
}

static void numbers_sort_by_size(void **state)
{
    (void)state;
    static const char *const numbers[] = {"",
                                          "-999999999999999999.999999999",
                                          "-1000",
                                          "-12.5",
                                          "-12.499999999",
                                          "-1",
                                          "0",
                                          "0.000000001",
                                          "0.5",
                                          "1",
                                          "9",
                                          "10",
                                          "255",
                                          "256",
                                          "999999999999999999.999999999"};
    assert_ascending(HOPNHAT__VALUE_KIND__KIND_DECIMAL, numbers, sizeof numbers / sizeof *numbers);
}

static void dates_sort_by_day(void **state)
{
    (void)state;
    static const char *const dates[] = {"", "1975", "1975-04", "1975-04-30", "1999-12-31", "2000-01-01"};
    assert_ascending(HOPNHAT__VALUE_KIND__KIND_DATE, dates, sizeof dates / sizeof *dates);
}

static void choices_sort_as_listed(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_ENUM);
    Hopnhat__Choice choices[3], *list[3];
    char names[3][8] = {"zeta", "alpha", "mid"};
    for (int i = 0; i < 3; i++) {
        hopnhat__choice__init(&choices[i]);
        choices[i].name = names[i];
        list[i] = &choices[i];
    }
    field.choices = list;
    field.n_choices = 3;
    struct sort_key cleared = key_of(&field, ""), unknown = key_of(&field, "gone"),
                    zeta = key_of(&field, "zeta"), alpha = key_of(&field, "alpha"),
                    mid = key_of(&field, "mid");
    assert_true(sort_key_compare(&cleared, &unknown) < 0);
    assert_true(sort_key_compare(&unknown, &zeta) < 0);
    assert_true(sort_key_compare(&zeta, &alpha) < 0);
    assert_true(sort_key_compare(&alpha, &mid) < 0);
}

/* Texts that begin alike for longer than a key have one key, and are ordered by what it leaves out. */
static void long_text_is_cut(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_TEXT);
    char a[3000], b[3000];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    memcpy(a + 2000, "\xC4\x82n", 4); /* Ăn */
    memcpy(b + 2000, "An", 3);
    struct sort_key key_a = key_of(&field, a), key_b = key_of(&field, b), brief = key_of(&field, "xxx");
    assert_true(key_a.cut && key_b.cut && !brief.cut);
    assert_int_equal(sort_key_compare(&key_a, &key_b), 0);
    assert_true(sort_key_compare(&brief, &key_a) < 0);
    assert_true(sort_compare_values(collation, &field, bytes_of_string(a), bytes_of_string(b)) > 0);
}

static void every_length_reads_back(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition text = field_of(HOPNHAT__VALUE_KIND__KIND_TEXT);
    Hopnhat__FieldDefinition raw = field_of(HOPNHAT__VALUE_KIND__KIND_REFERENCE);
    char value[2000] = "";
    struct sort_key before = key_of(&raw, "");
    for (size_t i = 0; i + 4 < 600; i += 3) {
        memcpy(value + i, "ệ", 4);
        key_of(&text, value);
        struct sort_key key = key_of(&raw, value);
        assert_true(sort_key_compare(&before, &key) < 0 || key.cut);
        before = key;
    }
}

static void odd_bytes_do_no_harm(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition raw = field_of(HOPNHAT__VALUE_KIND__KIND_REFERENCE);
    Hopnhat__FieldDefinition text = field_of(HOPNHAT__VALUE_KIND__KIND_TEXT);
    Hopnhat__FieldDefinition number = field_of(HOPNHAT__VALUE_KIND__KIND_DECIMAL);
    struct sort_key key;
    struct error error;
    assert_true(sort_key_make(collation, &raw, bytes_of("a\0b", 3), &key, &error));
    assert_int_equal(key.size, 1);
    assert_true(sort_key_make(collation, &text, bytes_of("\xFF\0\xFE", 3), &key, &error));
    assert_true(sort_key_make(collation, &number, bytes_of_string("many"), &key, &error));
    assert_int_equal(key.size, 1);
    assert_false(sort_key_read(&number, bytes_of("\1abc", 4), &key));
    assert_false(sort_key_read(&text, bytes_of("", 0), &key));
    assert_false(sort_key_read(&text, bytes_of("\2", 1), &key));
    assert_false(sort_key_read(&text, bytes_of("\1abc", 4), &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_sorts_as_in_a_dictionary),
        cmocka_unit_test(numbers_sort_by_size),
        cmocka_unit_test(dates_sort_by_day),
        cmocka_unit_test(choices_sort_as_listed),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(every_length_reads_back),
        cmocka_unit_test(odd_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
