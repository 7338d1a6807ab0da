#include "model/value.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t drawn;

static void draw_seed(uint32_t seed)
{
    drawn = seed;
}

/* The generator of numerical recipes' "quick and dirty" kind: enough for inputs, and the same everywhere. */
static int draw(void)
{
    drawn = drawn * 1664525 + 1013904223;
    return (int)(drawn >> 8);
}

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 16 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static char field_name[] = "amount";

static Hopnhat__FieldDefinition field_of(Hopnhat__ValueKind kind)
{
    Hopnhat__FieldDefinition field = HOPNHAT__FIELD_DEFINITION__INIT;
    field.number = 16;
    field.name = field_name;
    field.kind = kind;
    return field;
}

/* What is read is stored form, and what is shown of it reads back as the same. */
static void reads(const Hopnhat__FieldDefinition *field, const char *text, const char *stored)
{
    struct error error = {0};
    struct bytes value, again;
    if (!value_parse(&arena, field, text, &value, &error))
        fail_msg("\"%s\" was refused: %s", text, error.text);
    if (!bytes_equal(value, bytes_of_string(stored)))
        fail_msg("\"%s\" gave %.*s, not %s", text, (int)value.size, (const char *)value.data, stored);
    if (!value_check(field, value, &error))
        fail_msg("%s: %s", stored, error.text);
    char *shown = value_show(&arena, field, value, &error);
    assert_non_null(shown);
    assert_true(value_parse(&arena, field, shown, &again, &error));
    assert_true(bytes_equal(value, again));
}

static void refuses(const Hopnhat__FieldDefinition *field, const char *text)
{
    struct error error = {0};
    struct bytes value;
    if (value_parse(&arena, field, text, &value, &error))
        fail_msg("\"%s\" gave %.*s", text, (int)value.size, (const char *)value.data);
    assert_true(error.code == ERROR_INPUT || error.code == ERROR_LIMIT);
    assert_int_equal(strncmp(error.text, "amount: ", 8), 0);
}

static void is_not_stored_form(const Hopnhat__FieldDefinition *field, const char *text)
{
    struct error error = {0};
    if (value_check(field, bytes_of_string(text), &error))
        fail_msg("\"%s\" passed as stored form", text);
    assert_int_equal(strncmp(error.text, "amount: ", 8), 0);
}

static void text_is_normalised_and_bounded(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_TEXT);
    reads(&field, " CCFD-Terre Solidaire \xC2\xA0", "CCFD-Terre Solidaire");
    reads(&field, "Vie\xCC\xA3\xCC\x82t", "Việt");
    reads(&field, "a\r\nb\rc\td", "a\nb\nc\td");
    reads(&field, "", "");
    reads(&field, " \t ", "");
    reads(&field, "=cmd|x", "=cmd|x");
    refuses(&field, "bell \a");
    refuses(&field, "\xFF\xFE");
    is_not_stored_form(&field, "Vie\xCC\xA3\xCC\x82t");
    is_not_stored_form(&field, "a\r\n");
    is_not_stored_form(&field, "a\x7F");
    struct error error;
    assert_false(value_check(&field, bytes_of("a\0b", 3), &error));

    char *large = malloc(LIMIT_VALUE_BYTES + 2);
    assert_non_null(large);
    memset(large, 'x', LIMIT_VALUE_BYTES + 1);
    large[LIMIT_VALUE_BYTES + 1] = '\0';
    refuses(&field, large);
    assert_false(value_check(&field, bytes_of_string(large), &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    large[LIMIT_VALUE_BYTES] = '\0';
    reads(&field, large, large);
    free(large);

    field.has_most_bytes = true;
    field.most_bytes = 6;
    reads(&field, "Vie\xCC\xA3\xCC\x82t", "Việt");
    refuses(&field, "Việt x");
}

static void numbers_are_read_as_people_write_them(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_DECIMAL);
    static const char *const good[][2] = {
        {"1234567.5", "1234567.5"},
        {"1.234.567,5", "1234567.5"},
        {"1,234,567.00", "1234567"},
        {"$1,234,567.00", "1234567"},
        {"$35,000.00", "35000"},
        {"$35,000", "35000"},
        {"35,000 USD", "35000"},
        {"1.234.567", "1234567"},
        {"1,234,567", "1234567"},
        {"1.234", "1234"},
        {"26.000", "26000"},
        {"0.125", "0.125"},
        {"0,125", "0.125"},
        {"1234.567", "1234.567"},
        {"12,5", "12.5"},
        {"12.50", "12.5"},
        {"1 234 567,25", "1234567.25"},
        {"1\xC2\xA0"
         "234\xE2\x80\xAF"
         "567",
         "1234567"},
        {"1.234,567", "1234.567"},
        {"6602992", "6602992"},
        {"-12.5", "-12.5"},
        {"\xE2\x88\x92"
         "5",
         "-5"},
        {"-$5", "-5"},
        {"$-5", "-5"},
        {"+5", "5"},
        {"US$ 7", "7"},
        {"007", "7"},
        {".5", "0.5"},
        {"-0", "0"},
        {"-0,00", "0"},
        {"999999999999999999.999999999", "999999999999999999.999999999"},
        {"0.0000000010", "0.000000001"},
        {" 5 ", "5"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        reads(&field, good[i][0], good[i][1]);
    static const char *const bad[] = {
        "1,234",
        "một triệu",
        "1.2.3",
        "1,2,3",
        "12.34.567",
        "1.234.56",
        "1,234.567.890",
        "1.234 567",
        "5,",
        "5.",
        "--5",
        "- -5",
        "$",
        "-",
        "1e6",
        "0x10",
        "5 %",
        "1000 VND",
        "€5",
        "1234567890123456789",
        "0.1234567891",
        "1 23",
        "1234,567,890",
        ".",
        ",",
        "1/2",
        "NaN",
        "1234567890123456789012345678901234567890123456789012345678901234567890",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(&field, bad[i]);
    static const char *const not_stored[] = {"1.0", "01", "+1", "1,5", "1000000000000000000", "-0", " 1"};
    for (size_t i = 0; i < sizeof not_stored / sizeof *not_stored; i++)
        is_not_stored_form(&field, not_stored[i]);
    struct error error;
    assert_true(value_check(&field, bytes_of_string("1.234"), &error));
    assert_string_equal(value_show(&arena, &field, bytes_of_string("1.234"), &error), "1.2340");
    assert_string_equal(value_show(&arena, &field, bytes_of_string("1.2345"), &error), "1.2345");

    field = field_of(HOPNHAT__VALUE_KIND__KIND_INTEGER);
    reads(&field, "1,234", "1234");
    reads(&field, "1.234", "1234");
    reads(&field, "12,00", "12");
    reads(&field, "-7", "-7");
    refuses(&field, "12,5");
    refuses(&field, "0.125");
    refuses(&field, "1234567890123456789");
    is_not_stored_form(&field, "1.5");
}

static void every_decimal_shown_reads_back(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_DECIMAL);
    draw_seed(7);
    for (int round = 0; round < 20000; round++) {
        char text[64];
        int whole = draw() % (round % 2 ? 1000 : 2000000), digits = 1 + draw() % 5;
        snprintf(text, sizeof text, "%s%d.%0*d", draw() % 2 ? "-" : "", whole, digits, draw() % 9 + 1);
        struct error error;
        struct bytes value = bytes_of_string(text), again;
        if (!value_check(&field, value, &error))
            continue; /* not a stored form */
        const char *shown = value_show(&arena, &field, value, &error);
        assert_true(value_parse(&arena, &field, shown, &again, &error));
        assert_true(bytes_equal(value, again));
        arena_reset(&arena);
    }
}

static void dates_are_days_of_the_calendar(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_DATE);
    static const char *const good[][2] = {
        {"2002-03-18", "2002-03-18"},
        {"2002-03", "2002-03"},
        {"2002", "2002"},
        {"16/09/2020", "2020-09-16"},
        {"1/7/2025", "2025-07-01"},
        {"1-7-2025", "2025-07-01"},
        {"01.07.2025", "2025-07-01"},
        {"29/02/2024", "2024-02-29"},
        {"29/02/2000", "2000-02-29"},
        {"9/2020", "2020-09"},
        {"2020/9/5", "2020-09-05"},
        {" 2020 ", "2020"},
        {"31/12/2020 0:00", "2020-12-31"},
        {"2020-12-31 00:00:00", "2020-12-31"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        reads(&field, good[i][0], good[i][1]);
    static const char *const bad[] = {
        "31/02/2019", "29/02/2023",    "29/02/1900", "2019-02-31",   "31/04/2020",
        "13/13/2020", "0/1/2020",      "1/0/2020",   "0000",         "2020-00",
        "2020-01-00", "20224",         "10/01/94",   "1/2",          "--08-20",
        "1/2-2020",   "2020-1-1x",     "today",      "1/2/3/4",      "2020-01-01T08:30",
        "12",         "/1/2020",       "1//2020",    "1/2/20201",    "2020-001-01",
        "-5",         "1/1/2020 8:30", "1/1/2020 x", "1/1/20200:00", "1/1/2020 0:00x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(&field, bad[i]);
    static const char *const not_stored[] = {"16/09/2020", "2020-9-16", "2020-02-30", "--08-20",
                                             "2020-",      "2020-01-",  "202",        "20200101"};
    for (size_t i = 0; i < sizeof not_stored / sizeof *not_stored; i++)
        is_not_stored_form(&field, not_stored[i]);
    field.yearly = true;
    reads(&field, "--08-20", "--08-20");
    reads(&field, "20/8", "--08-20");
    reads(&field, "29/2", "--02-29");
    reads(&field, "1977-07-18", "1977-07-18");
    refuses(&field, "30/2");
    refuses(&field, "--13-01");
    is_not_stored_form(&field, "--8-20");
}

static void two_digit_years_need_a_present_year(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_DATE);
    static const struct {
        int present;
        const char *text, *stored;
    } good[] = {
        {2026, "10/01/94", "1994-01-10"}, {2026, "12/02/00", "2000-02-12"}, {2026, "1/1/36", "2036-01-01"},
        {2026, "1/1/37", "1937-01-01"},   {2095, "1/1/03", "2103-01-01"},   {2026, "1/1/2050", "2050-01-01"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct bytes value;
        struct error error;
        assert_true(value_parse_date(&arena, &field, good[i].text, good[i].present, &value, &error));
        assert_true(bytes_equal(value, bytes_of_string(good[i].stored)));
    }
    struct bytes value;
    struct error error;
    assert_false(value_parse_date(&arena, &field, "29/02/01", 2026, &value, &error));
    assert_false(value_parse_date(&arena, &field, "1/1/123", 2026, &value, &error));
}

static void times_are_read(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_TIME);
    reads(&field, "2024-01-05T08:30", "2024-01-05T08:30");
    reads(&field, "2024-01-05 8:30:00", "2024-01-05T08:30");
    reads(&field, "5/1/2024 08:30:15", "2024-01-05T08:30:15");
    reads(&field, "5/1/2024  8h30", "2024-01-05T08:30");
    reads(&field, "5/1/2024 8h", "2024-01-05T08:00");
    reads(&field, "2024-01-05", "2024-01-05T00:00"); /* a day alone is its beginning */
    reads(&field, "5/1/2024", "2024-01-05T00:00");
    static const char *const bad[] = {"2024-01-05T",
                                      "2024-01-05x",
                                      "2024-01",
                                      "1/2024",
                                      "2024",
                                      "31/2/2024",
                                      "2024-01 08:30",
                                      "5/1/2024 24:00",
                                      "5/1/2024 8:60",
                                      "08:30",
                                      "5/1/2024 8:30:60",
                                      "5/1/2024 8:3",
                                      "5/1/20248:30",
                                      "2024-01-05T08:30Z",
                                      "5/1/2024 8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(&field, bad[i]);
    is_not_stored_form(&field, "2024-01-05T08:30:00");
    is_not_stored_form(&field, "2024-01-05 08:30");
    is_not_stored_form(&field, "2024-01-05T8:30");
}

static void booleans_references_and_countries(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_BOOLEAN);
    static const char *const yes[] = {"true", "TRUE", "Yes", "có", "CÓ", "1", " Đúng "};
    static const char *const no[] = {"false", "no", "không", "Khong", "0", "sai"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        reads(&field, yes[i], "true");
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        reads(&field, no[i], "false");
    refuses(&field, "maybe");
    refuses(&field, "2");
    is_not_stored_form(&field, "TRUE");

    field = field_of(HOPNHAT__VALUE_KIND__KIND_REFERENCE);
    reads(&field, "0F8FAD5B-d9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-70867728950e");
    refuses(&field, "0f8fad5bd9cb469fa16570867728950e");
    refuses(&field, "0f8fad5b-d9cb-469f-a165-70867728950g");
    is_not_stored_form(&field, "0F8FAD5B-d9cb-469f-a165-70867728950e");

    field = field_of(HOPNHAT__VALUE_KIND__KIND_COUNTRY);
    reads(&field, "fr", "FR");
    reads(&field, "FRA", "FR");
    reads(&field, "Pháp", "FR");
    refuses(&field, "F1");
    refuses(&field, "QQ");
    is_not_stored_form(&field, "fr");

    field = field_of(HOPNHAT__VALUE_KIND__KIND_BYTES);
    refuses(&field, "anything");
    struct error error;
    assert_true(value_check(&field, bytes_of("\0\xFF", 2), &error));
}

static void choices_match_by_any_of_their_names(void **state)
{
    (void)state;
    char dormant[] = "dormant", active[] = "active", old[] = "old", vi[] = "Đang hoạt động", en[] = "Active",
         alias[] = "HĐ";
    char *aliases[] = {alias};
    Hopnhat__Label label = HOPNHAT__LABEL__INIT;
    label.vi = vi;
    label.en = en;
    Hopnhat__Choice choices[3] = {HOPNHAT__CHOICE__INIT, HOPNHAT__CHOICE__INIT, HOPNHAT__CHOICE__INIT};
    choices[0].name = dormant;
    choices[1].name = active;
    choices[1].label = &label;
    choices[1].n_aliases = 1;
    choices[1].aliases = aliases;
    choices[2].name = old;
    choices[2].retired = true;
    Hopnhat__Choice *list[] = {&choices[0], &choices[1], &choices[2]};
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_ENUM);
    field.n_choices = 3;
    field.choices = list;
    static const char *const good[] = {"active", "ACTIVE", "Đang hoạt động", "dang  hoat dong", "hd"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        reads(&field, good[i], "active");
    refuses(&field, "asleep");
    refuses(&field, "old");
    struct error error;
    struct bytes value;
    assert_true(value_check(&field, bytes_of_string("old"), &error));
    is_not_stored_form(&field, "Active");
    assert_false(value_parse(&arena, &field, "asleep", &value, &error));
    assert_non_null(strstr(error.text, "dormant, active"));
    assert_true(value_compare(&field, bytes_of_string("dormant"), bytes_of_string("active")) < 0);
    assert_true(value_compare(&field, bytes_of_string(""), bytes_of_string("dormant")) < 0);
}

static void ranges_and_patterns_hold(void **state)
{
    (void)state;
    char least[] = "0", most[] = "100.5", day[] = "1950-06-15", form[] = "[0-9]{4}-(H[12]|Q[1-4])";
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_DECIMAL);
    field.least = least;
    field.most = most;
    reads(&field, "0", "0");
    reads(&field, "100,5", "100.5");
    reads(&field, "", "");
    refuses(&field, "-1");
    refuses(&field, "100.500000001");
    is_not_stored_form(&field, "101");

    field = field_of(HOPNHAT__VALUE_KIND__KIND_DATE);
    field.least = day;
    reads(&field, "1950", "1950");
    reads(&field, "1950-06-15", "1950-06-15");
    refuses(&field, "1950-06-14");
    refuses(&field, "1950-05");

    field = field_of(HOPNHAT__VALUE_KIND__KIND_TEXT);
    field.pattern = form;
    reads(&field, "2025-H1", "2025-H1");
    refuses(&field, "2025-H3");
    refuses(&field, "x2025-H1");
    refuses(&field, "2025-H1\nx");
}

static void order_is_by_meaning(void **state)
{
    (void)state;
    Hopnhat__FieldDefinition field = field_of(HOPNHAT__VALUE_KIND__KIND_DECIMAL);
    static const char *const rising[] = {
        "", "x", "-10", "-9.5", "0", "0.05", "9", "10", "1000000000000000000000"};
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++)
        for (size_t j = 0; j < sizeof rising / sizeof *rising; j++) {
            int order = value_compare(&field, bytes_of_string(rising[i]), bytes_of_string(rising[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    field = field_of(HOPNHAT__VALUE_KIND__KIND_DATE);
    assert_true(value_compare(&field, bytes_of_string("2019"), bytes_of_string("2019-01-01")) < 0);
    assert_true(value_compare(&field, bytes_of_string("2019-12-31"), bytes_of_string("2020")) < 0);
}

/* Random bytes never pass for what they are not, and never harm. */
static void noise_is_harmless(void **state)
{
    (void)state;
    draw_seed(11);
    static const char alphabet[] = "0123456789.,-/ :hT$\xC3\xA0\xE2\x88\x92USDxfa";
    for (int round = 0; round < 50000; round++) {
        char text[24];
        size_t length = (size_t)draw() % (sizeof text - 1);
        for (size_t i = 0; i < length; i++)
            text[i] = alphabet[(size_t)draw() % (sizeof alphabet - 1)];
        text[length] = '\0';
        for (int kind = HOPNHAT__VALUE_KIND__KIND_TEXT; kind <= HOPNHAT__VALUE_KIND__KIND_COUNTRY; kind++) {
            Hopnhat__FieldDefinition field = field_of((Hopnhat__ValueKind)kind);
            field.yearly = round % 2;
            struct error error = {0};
            struct bytes value, again;
            if (!value_parse_date(&arena, &field, text, 2026, &value, &error))
                continue;
            assert_true(value_check(&field, value, &error));
            const char *shown = value_show(&arena, &field, value, &error);
            assert_true(value_parse(&arena, &field, shown, &again, &error));
            assert_true(bytes_equal(value, again));
        }
        arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_is_normalised_and_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_read_as_people_write_them, setup, teardown),
        cmocka_unit_test_setup_teardown(every_decimal_shown_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(dates_are_days_of_the_calendar, setup, teardown),
        cmocka_unit_test_setup_teardown(two_digit_years_need_a_present_year, setup, teardown),
        cmocka_unit_test_setup_teardown(times_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(booleans_references_and_countries, setup, teardown),
        cmocka_unit_test_setup_teardown(choices_match_by_any_of_their_names, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_and_patterns_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(order_is_by_meaning, setup, teardown),
        cmocka_unit_test_setup_teardown(noise_is_harmless, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
