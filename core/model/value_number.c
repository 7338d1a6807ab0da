#include "base/text.h"
#include "model/value_forms.h"

#include <strings.h>

enum { MOST_CHARACTERS = 64 };

/* A number taken apart: digits and marks alone, every blank as ' '. */
struct number {
    bool negative;
    bool dollar; /* "$" or "USD" stood with it: nobody writes thousandths of a dollar */
    char text[MOST_CHARACTERS + 1];
    size_t length;
};

static bool not_a_number(struct bytes text, bool whole, struct error *error)
{
    return error_set(error, ERROR_INPUT, "\"%s\" is not a %s (such as %s)", value_quote(text).text,
                     whole ? "whole number" : "number", whole ? "1200 or 1.200" : "1234567.5 or 1.234.567,5");
}

static bool take_prefix(struct bytes *text, const char *prefix)
{
    size_t length = strlen(prefix);
    if (text->size < length || strncasecmp((const char *)text->data, prefix, length) != 0)
        return false;
    *text = text_trim(bytes_of(text->data + length, text->size - length));
    return true;
}

static bool take_suffix(struct bytes *text, const char *suffix)
{
    size_t length = strlen(suffix);
    if (text->size < length ||
        strncasecmp((const char *)text->data + text->size - length, suffix, length) != 0)
        return false;
    *text = text_trim(bytes_of(text->data, text->size - length));
    return true;
}

/* The sign may stand before or after the currency: -$5, $-5. */
static void take_sign(struct bytes *text, struct number *number)
{
    if (take_prefix(text, "-") || take_prefix(text, "\xE2\x88\x92"))
        number->negative = true;
    else
        take_prefix(text, "+");
}

/* Takes sign and currency away and copies what must be digits and marks. */
static bool take_apart(struct bytes text, struct number *number)
{
    size_t before = text.size;
    take_sign(&text, number);
    bool signed_already = text.size != before;
    number->dollar = take_prefix(&text, "US$") || take_prefix(&text, "$") || take_prefix(&text, "USD") ||
                     take_suffix(&text, "USD") || take_suffix(&text, "US$") || take_suffix(&text, "$");
    if (!signed_already)
        take_sign(&text, number);
    while (text.size > 0) {
        static const char *const blanks[] = {" ", "\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x89"};
        char character = (char)text.data[0];
        size_t width = 1;
        for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
            size_t length = strlen(blanks[i]);
            if (text.size >= length && memcmp(text.data, blanks[i], length) == 0)
                character = ' ', width = length;
        }
        if (!memchr("0123456789., ", character, 13) || number->length == MOST_CHARACTERS)
            return false;
        number->text[number->length++] = character;
        text = bytes_of(text.data + width, text.size - width);
    }
    return number->length > 0;
}

static size_t count_of(const struct number *number, char mark)
{
    size_t count = 0;
    for (size_t i = 0; i < number->length; i++)
        count += number->text[i] == mark;
    return count;
}

/* Which mark is the decimal mark: '.', ',' or 0 for none; -1 where it may be either. The header has the rule.
 */
static int decimal_mark(const struct number *number, bool whole)
{
    size_t points = count_of(number, '.'), commas = count_of(number, ',');
    if (points > 0 && commas > 0)
        return strrchr(number->text, '.') > strrchr(number->text, ',') ? '.' : ',';
    if (points + commas != 1)
        return 0;
    char mark = points ? '.' : ',';
    size_t before = strcspn(number->text, ".,");
    bool groups = number->length - before == 4 && before >= 1 && before <= 3 && number->text[0] != '0' &&
                  count_of(number, ' ') == 0;
    if (!groups)
        return mark;
    if (mark == '.' || whole || number->dollar)
        return 0;
    return -1;
}

/* Copies the digits of the part before the decimal mark, whose groups must be of three and all by one mark.
 */
static bool join_groups(const char *part, size_t length, char *digits, size_t *count)
{
    char grouping = 0;
    size_t run = 0;
    *count = 0;
    for (size_t i = 0; i < length; i++) {
        if (part[i] >= '0' && part[i] <= '9') {
            digits[(*count)++] = part[i];
            run++;
            continue;
        }
        if ((grouping ? run != 3 : run < 1 || run > 3) || (grouping && part[i] != grouping))
            return false;
        grouping = part[i];
        run = 0;
    }
    return !grouping || run == 3;
}

static bool write_canonical(const struct number *number, const char *digits, size_t count,
                            const char *fraction, size_t fraction_count, char *canonical, struct error *error)
{
    while (count > 0 && *digits == '0')
        digits++, count--;
    while (fraction_count > 0 && fraction[fraction_count - 1] == '0')
        fraction_count--;
    if (count > DECIMAL_VALUE_DIGITS || fraction_count > DECIMAL_FRACTION_DIGITS)
        return error_set(
            error, ERROR_LIMIT,
            "\"%s\" has too many digits: %d before the decimal mark and %d after it are the most",
            number->text, DECIMAL_VALUE_DIGITS, DECIMAL_FRACTION_DIGITS);
    if (number->negative && count + fraction_count > 0)
        *canonical++ = '-';
    if (count == 0)
        *canonical++ = '0';
    memcpy(canonical, digits, count);
    canonical += count;
    if (fraction_count > 0)
        *canonical++ = '.';
    memcpy(canonical, fraction, fraction_count);
    canonical[fraction_count] = '\0';
    return true;
}

bool number_read(struct bytes text, bool whole, char canonical[DECIMAL_TEXT_BYTES], struct error *error)
{
    struct number number = {0};
    if (!take_apart(text, &number))
        return not_a_number(text, whole, error);
    int mark = decimal_mark(&number, whole);
    if (mark < 0)
        return error_set(error, ERROR_INPUT,
                         "\"%s\" may mean thousands or a decimal comma: write it without the comma, or with "
                         "another digit after it",
                         value_quote(text).text);
    const char *at = mark ? strrchr(number.text, mark) : NULL;
    if (mark && count_of(&number, (char)mark) != 1)
        return not_a_number(text, whole, error);
    size_t length = at ? (size_t)(at - number.text) : number.length;
    char digits[MOST_CHARACTERS];
    size_t count;
    if (!join_groups(number.text, length, digits, &count))
        return not_a_number(text, whole, error);
    const char *fraction = at ? at + 1 : number.text + length;
    size_t fraction_count = strlen(fraction);
    if ((at && fraction_count == 0) || strspn(fraction, "0123456789") != fraction_count)
        return not_a_number(text, whole, error);
    if (whole && strspn(fraction, "0") != fraction_count)
        return not_a_number(text, whole, error);
    return write_canonical(&number, digits, count, fraction, fraction_count, canonical, error);
}
