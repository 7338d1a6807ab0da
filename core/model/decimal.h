/* Exact decimals of a fixed scale of nine fractional digits. A value that people enter has at most 18 digits
 * before the point; totals may grow to 27. What would pass that is an error, never a wrap. Pure.
 *
 * Canonical text: "-12.5", "0", "0.05": no exponent, no plus, no leading zero but the one before the point,
 * no trailing zero after it, no "-0". Each number has exactly one. */
#ifndef HOPNHAT_MODEL_DECIMAL_H
#define HOPNHAT_MODEL_DECIMAL_H

#include "base/bytes.h"
#include "base/error.h"

enum {
    DECIMAL_FRACTION_DIGITS = 9,
    DECIMAL_VALUE_DIGITS = 18, /* before the point, in a value */
    DECIMAL_TOTAL_DIGITS = 27, /* before the point, in a total */
    DECIMAL_TEXT_BYTES = 40,   /* room for any canonical text and its NUL */
};

__extension__ typedef __int128 decimal_units;

struct decimal {
    decimal_units units; /* the number times 10^9; {0} is zero */
};

/* Reads canonical text of up to DECIMAL_TOTAL_DIGITS before the point. ERROR_INPUT if it is anything else,
 * ERROR_LIMIT if there are too many digits. */
bool decimal_parse(struct bytes text, struct decimal *decimal, struct error *error);

/* Writes the canonical text with its NUL; returns its length. */
size_t decimal_format(struct decimal decimal, char text[DECIMAL_TEXT_BYTES]);

/* *sum = a + b; ERROR_LIMIT past DECIMAL_TOTAL_DIGITS, and *sum is left alone. sum may be &a's own. */
bool decimal_add(struct decimal a, struct decimal b, struct decimal *sum, struct error *error);

/* The number with the other sign. */
struct decimal decimal_negate(struct decimal decimal);

/* Less, equal or greater than 0. */
int decimal_compare(struct decimal a, struct decimal b);

/* Whether it has no fraction. */
bool decimal_is_whole(struct decimal decimal);

/* Whether it has at most DECIMAL_VALUE_DIGITS before the point. */
bool decimal_is_value(struct decimal decimal);

#endif
