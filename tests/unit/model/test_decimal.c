#include "model/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct decimal parse(const char *text)
{
    struct error error;
    struct decimal decimal = {0};
    if (!decimal_parse(bytes_of_string(text), &decimal, &error))
        fail_msg("%s: %s", text, error.text);
    return decimal;
}

static void canonical_text_survives(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "1",
        "-1",
        "10",
        "0.1",
        "-0.000000001",
        "12.5",
        "1000000",
        "123456789012345678.123456789",
        "-999999999999999999999999999.999999999",
        "100.001",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[DECIMAL_TEXT_BYTES];
        assert_int_equal(decimal_format(parse(texts[i]), text), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
    }
}

static void other_text_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",   "-",   ".",  "1.",  ".5",  "-.5", "-0", "-0.0", "0.0",   "1.0", "1.50", "00",
        "01", "-01", "+1", "1e3", "1,5", " 1",  "1 ", "--1",  "1.2.3", "0x1", "1.a",  "NaN",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error error = {0};
        struct decimal decimal;
        assert_false(decimal_parse(bytes_of_string(texts[i]), &decimal, &error));
        assert_int_equal(error.code, ERROR_INPUT);
    }
    struct error error;
    struct decimal decimal;
    assert_false(decimal_parse(bytes_of("1\0", 2), &decimal, &error));
}

static void bounds_are_errors(void **state)
{
    (void)state;
    struct error error;
    struct decimal decimal;
    assert_false(decimal_parse(bytes_of_string("1000000000000000000000000000"), &decimal, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    assert_false(decimal_parse(bytes_of_string("0.0000000001"), &decimal, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    struct decimal most = parse("999999999999999999999999999.999999999"), sum = parse("7");
    assert_false(decimal_add(most, parse("0.000000001"), &sum, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    assert_false(decimal_add(most, most, &sum, &error));
    assert_false(decimal_add(decimal_negate(most), decimal_negate(most), &sum, &error));
    assert_int_equal(decimal_compare(sum, parse("7")), 0);
    assert_true(decimal_add(most, decimal_negate(most), &sum, &error));
    assert_int_equal(decimal_compare(sum, parse("0")), 0);
    assert_true(decimal_is_value(parse("-999999999999999999.999999999")));
    assert_false(decimal_is_value(parse("1000000000000000000")));
    assert_false(decimal_is_value(parse("-1000000000000000000")));
    assert_false(
        decimal_parse(bytes_of_string("0000000000000000000000000000000000000000000000000000000000000000"),
                      &decimal, &error)); /* longer than what the error shows of it */
    assert_true(decimal_is_whole(parse("-5")));
    assert_false(decimal_is_whole(parse("-5.000000001")));
}

/* The oracle works on strings of digits, units and carry by hand: sign and 27 + 9 digits. */
enum { DIGITS = DECIMAL_TOTAL_DIGITS + DECIMAL_FRACTION_DIGITS };

struct oracle {
    bool negative;
    int digit[DIGITS]; /* least first */
};

static uint64_t seed = 20250701;

static uint32_t random_below(uint32_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % bound;
}

static struct oracle random_oracle(void)
{
    struct oracle o = {.negative = random_below(2)};
    int first = (int)random_below(DECIMAL_FRACTION_DIGITS + 1);
    int last = first + (int)random_below((uint32_t)(DIGITS - 1 - first));
    for (int i = first; i < last; i++)
        o.digit[i] = (int)random_below(random_below(3) ? 10 : 1) % 10;
    return o;
}

static int oracle_order(const struct oracle *a, const struct oracle *b)
{
    for (int i = DIGITS; i-- > 0;)
        if (a->digit[i] != b->digit[i])
            return a->digit[i] < b->digit[i] ? -1 : 1;
    return 0;
}

static struct oracle oracle_add(struct oracle a, struct oracle b)
{
    if (oracle_order(&a, &b) < 0) {
        struct oracle swapped = a;
        a = b;
        b = swapped;
    }
    int sign = a.negative == b.negative ? 1 : -1;
    int carry = 0;
    for (int i = 0; i < DIGITS; i++) {
        int sum = a.digit[i] + sign * b.digit[i] + carry;
        carry = sum > 9 ? 1 : sum < 0 ? -1 : 0;
        a.digit[i] = sum - 10 * carry;
    }
    return a;
}

static void oracle_text(const struct oracle *o, char *text)
{
    int high = DIGITS - 1, low = 0;
    while (high > DECIMAL_FRACTION_DIGITS && o->digit[high] == 0)
        high--;
    while (low < DECIMAL_FRACTION_DIGITS && o->digit[low] == 0)
        low++;
    bool zero = low == DECIMAL_FRACTION_DIGITS && high == low && o->digit[low] == 0;
    if (o->negative && !zero)
        *text++ = '-';
    for (int i = high; i >= low; i--) {
        if (i == DECIMAL_FRACTION_DIGITS - 1)
            *text++ = '.';
        *text++ = (char)('0' + o->digit[i]);
    }
    *text = '\0';
}

static void sums_agree_with_sums_by_hand(void **state)
{
    (void)state;
    for (int round = 0; round < 100000; round++) {
        struct oracle a = random_oracle(), b = random_oracle(), c = oracle_add(a, b);
        char text_a[64], text_b[64], text_c[64], got[DECIMAL_TEXT_BYTES];
        oracle_text(&a, text_a);
        oracle_text(&b, text_b);
        oracle_text(&c, text_c);
        struct error error;
        struct decimal sum;
        assert_true(decimal_add(parse(text_a), parse(text_b), &sum, &error));
        decimal_format(sum, got);
        if (strcmp(got, text_c) != 0)
            fail_msg("%s + %s: %s, by hand %s", text_a, text_b, got, text_c);
        int order = oracle_order(&a, &b);
        if (!a.negative && !b.negative)
            assert_int_equal(decimal_compare(parse(text_a), parse(text_b)), order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_text_survives),
        cmocka_unit_test(other_text_is_refused),
        cmocka_unit_test(bounds_are_errors),
        cmocka_unit_test(sums_agree_with_sums_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
