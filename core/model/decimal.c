#include "model/decimal.h"

enum { UNITS_PER_ONE = 1000 * 1000 * 1000 };

static decimal_units power_of_ten(int exponent)
{
    decimal_units power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Adds up to `most` digits at *at to *units; the number of digits there, which may be more. */
static size_t take_digits(struct bytes text, size_t *at, size_t most, decimal_units *units)
{
    size_t count = 0;
    for (; *at < text.size && is_digit(text.data[*at]); ++*at, count++)
        if (count < most)
            *units = *units * 10 + (text.data[*at] - '0');
    return count;
}

static bool not_canonical(struct bytes text, struct error *error)
{
    return error_set(error, ERROR_INPUT, "\"%.*s\" is not a number in its stored form",
                     (int)(text.size < 60 ? text.size : 60), (const char *)text.data);
}

bool decimal_parse(struct bytes text, struct decimal *decimal, struct error *error)
{
    size_t at = 0;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative)
        at++;
    size_t first = at;
    decimal_units units = 0;
    size_t whole = take_digits(text, &at, DECIMAL_TOTAL_DIGITS, &units);
    if (whole == 0 || (whole > 1 && text.data[first] == '0'))
        return not_canonical(text, error);
    size_t fraction = 0;
    if (at < text.size && text.data[at] == '.') {
        at++;
        fraction = take_digits(text, &at, DECIMAL_FRACTION_DIGITS, &units);
        if (fraction == 0 || text.data[at - 1] == '0')
            return not_canonical(text, error);
    }
    if (at != text.size)
        return not_canonical(text, error);
    if (whole > DECIMAL_TOTAL_DIGITS || fraction > DECIMAL_FRACTION_DIGITS)
        return error_set(error, ERROR_LIMIT, "a number may have %d digits before the point and %d after it",
                         DECIMAL_TOTAL_DIGITS, DECIMAL_FRACTION_DIGITS);
    units *= power_of_ten(DECIMAL_FRACTION_DIGITS - (int)fraction);
    if (negative && units == 0)
        return not_canonical(text, error);
    decimal->units = negative ? -units : units;
    return true;
}

size_t decimal_format(struct decimal decimal, char text[DECIMAL_TEXT_BYTES])
{
    char reversed[DECIMAL_TEXT_BYTES];
    size_t count = 0, length = 0;
    bool negative = decimal.units < 0;
    decimal_units rest = negative ? -decimal.units : decimal.units;
    bool seen = false;
    for (int place = 0; rest > 0 || place <= DECIMAL_FRACTION_DIGITS; place++, rest /= 10) {
        if (place == DECIMAL_FRACTION_DIGITS && seen)
            reversed[count++] = '.';
        seen = seen || rest % 10 != 0 || place >= DECIMAL_FRACTION_DIGITS;
        if (seen)
            reversed[count++] = (char)('0' + (int)(rest % 10));
    }
    if (negative)
        text[length++] = '-';
    while (count > 0)
        text[length++] = reversed[--count];
    text[length] = '\0';
    return length;
}

bool decimal_add(struct decimal a, struct decimal b, struct decimal *sum, struct error *error)
{
    decimal_units limit = power_of_ten(DECIMAL_TOTAL_DIGITS + DECIMAL_FRACTION_DIGITS);
    decimal_units units = a.units + b.units; /* each below 10^36: no wrap in 127 bits */
    if (units >= limit || units <= -limit)
        return error_set(error, ERROR_LIMIT, "a total would have more than %d digits before the point",
                         DECIMAL_TOTAL_DIGITS);
    sum->units = units;
    return true;
}

struct decimal decimal_negate(struct decimal decimal)
{
    return (struct decimal){.units = -decimal.units};
}

int decimal_compare(struct decimal a, struct decimal b)
{
    return (a.units > b.units) - (a.units < b.units);
}

bool decimal_is_whole(struct decimal decimal)
{
    return decimal.units % UNITS_PER_ONE == 0;
}

bool decimal_is_value(struct decimal decimal)
{
    decimal_units limit = power_of_ten(DECIMAL_VALUE_DIGITS + DECIMAL_FRACTION_DIGITS);
    return decimal.units < limit && decimal.units > -limit;
}
