#include "model/value.h"

#include "base/limits.h"
#include "base/text.h"
#include "model/value_forms.h"

#include <regex.h>

struct quote value_quote(struct bytes text)
{
    struct quote quote = {{0}};
    size_t size = text.size;
    if (size >= sizeof quote.text - 3) {
        size = sizeof quote.text - 4;
        while (size > 0 && (text.data[size] & 0xC0) == 0x80) /* not in the middle of a character */
            size--;
    }
    if (size > 0)
        memcpy(quote.text, text.data, size);
    if (size < text.size)
        memcpy(quote.text + size, "...", 4);
    return quote;
}

static bool unsuitable(struct bytes value, const char *form, struct error *error)
{
    if (!text_is_utf8(value))
        return error_set(error, ERROR_INPUT, "holds bytes that are not %s", form);
    return error_set(error, ERROR_INPUT, "\"%s\" is not %s", value_quote(value).text, form);
}

static bool check_text(const Hopnhat__FieldDefinition *field, struct bytes value, struct error *error)
{
    if (field->has_most_bytes && value.size > field->most_bytes)
        return error_set(error, ERROR_LIMIT, "has %zu bytes, more than %u", value.size, field->most_bytes);
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        if ((byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7F)
            return error_set(error, ERROR_INPUT, "holds the control character 0x%02X", byte);
    }
    return text_check_nfc(value, error);
}

static bool check_number(struct bytes value, bool whole, struct error *error)
{
    struct decimal decimal;
    if (!decimal_parse(value, &decimal, error))
        return false;
    if (whole && !decimal_is_whole(decimal))
        return unsuitable(value, "a whole number", error);
    if (!decimal_is_value(decimal))
        return error_set(error, ERROR_LIMIT, "\"%s\" has more than %d digits before the point",
                         value_quote(value).text, DECIMAL_VALUE_DIGITS);
    return true;
}

static int choice_position(const Hopnhat__FieldDefinition *field, struct bytes value)
{
    for (size_t i = 0; i < field->n_choices; i++)
        if (bytes_equal(value, bytes_of_string(field->choices[i]->name)))
            return (int)i;
    return -1;
}

static bool is_reference(struct bytes value)
{
    if (value.size != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        uint8_t byte = value.data[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? byte != '-' : !((byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f')))
            return false;
    }
    return true;
}

static bool is_country(struct bytes value)
{
    return value.size == 2 && value.data[0] >= 'A' && value.data[0] <= 'Z' && value.data[1] >= 'A' &&
           value.data[1] <= 'Z';
}

static bool check_form(const Hopnhat__FieldDefinition *field, struct bytes value, struct error *error)
{
    switch (field->kind) {
    case HOPNHAT__VALUE_KIND__KIND_TEXT:
        return check_text(field, value, error);
    case HOPNHAT__VALUE_KIND__KIND_INTEGER:
        return check_number(value, true, error);
    case HOPNHAT__VALUE_KIND__KIND_DECIMAL:
        return check_number(value, false, error);
    case HOPNHAT__VALUE_KIND__KIND_DATE:
        return date_is_stored(value, field->yearly) || unsuitable(value, "a date", error);
    case HOPNHAT__VALUE_KIND__KIND_TIME:
        return time_is_stored(value) || unsuitable(value, "a time", error);
    case HOPNHAT__VALUE_KIND__KIND_BOOLEAN:
        return bytes_equal(value, bytes_of_string("true")) || bytes_equal(value, bytes_of_string("false")) ||
               unsuitable(value, "true or false", error);
    case HOPNHAT__VALUE_KIND__KIND_ENUM:
        return choice_position(field, value) >= 0 || unsuitable(value, "one of the choices", error);
    case HOPNHAT__VALUE_KIND__KIND_REFERENCE:
        return is_reference(value) || unsuitable(value, "the id of a record", error);
    case HOPNHAT__VALUE_KIND__KIND_COUNTRY:
        return is_country(value) || unsuitable(value, "a country code of two capital letters", error);
    default: /* bytes, and kinds of a newer catalog */
        return true;
    }
}

/* Order of a value against a bound of the same kind. A partial date is compared as far as both are given. */
static int order_to_bound(const Hopnhat__FieldDefinition *field, struct bytes value, struct bytes bound)
{
    if (field->kind == HOPNHAT__VALUE_KIND__KIND_DATE) {
        size_t shared = value.size < bound.size ? value.size : bound.size;
        return bytes_compare(bytes_of(value.data, shared), bytes_of(bound.data, shared));
    }
    return value_compare(field, value, bound);
}

static bool check_range(const Hopnhat__FieldDefinition *field, struct bytes value, struct error *error)
{
    if (field->least && order_to_bound(field, value, bytes_of_string(field->least)) < 0)
        return error_set(error, ERROR_INPUT, "\"%s\" is below %s", value_quote(value).text, field->least);
    if (field->most && order_to_bound(field, value, bytes_of_string(field->most)) > 0)
        return error_set(error, ERROR_INPUT, "\"%s\" is above %s", value_quote(value).text, field->most);
    return true;
}

static bool check_pattern(const Hopnhat__FieldDefinition *field, struct bytes value, struct error *error)
{
    regex_t pattern;
    if (regcomp(&pattern, field->pattern, REG_EXTENDED) != 0)
        return error_set(error, ERROR_INPUT, "cannot be checked: its pattern in the catalog is wrong");
    regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)value.size};
    /* The leftmost longest match is the whole value if the whole value matches at all. */
    bool good = regexec(&pattern, (const char *)value.data, 1, &whole, REG_STARTEND) == 0 &&
                whole.rm_so == 0 && (size_t)whole.rm_eo == value.size;
    regfree(&pattern);
    return good || error_set(error, ERROR_INPUT, "\"%s\" does not have the form %s", value_quote(value).text,
                             field->pattern);
}

bool value_check(const Hopnhat__FieldDefinition *field, struct bytes value, struct error *error)
{
    if (value.size == 0)
        return true;
    size_t most = field->kind == HOPNHAT__VALUE_KIND__KIND_BYTES ? LIMIT_CATALOG_BYTES : LIMIT_VALUE_BYTES;
    bool good =
        value.size <= most || error_set(error, ERROR_LIMIT, "has %zu bytes, more than %zu", value.size, most);
    good = good && check_form(field, value, error) && check_range(field, value, error);
    if (good && field->pattern)
        good = check_pattern(field, value, error);
    return good || error_prefix(error, "%s", field->name);
}

bool value_check_order(const Hopnhat__FieldDefinition *field, struct bytes value,
                       const Hopnhat__FieldDefinition *other, struct bytes earlier, struct error *error)
{
    if (value.size == 0 || earlier.size == 0 || order_to_bound(field, value, earlier) >= 0)
        return true;
    return error_set(error, ERROR_INPUT, "%s: \"%s\" is before %s, which is \"%s\"", field->name,
                     value_quote(value).text, other->name, value_quote(earlier).text);
}

int value_compare(const Hopnhat__FieldDefinition *field, struct bytes a, struct bytes b)
{
    struct error ignored;
    if (field->kind == HOPNHAT__VALUE_KIND__KIND_INTEGER ||
        field->kind == HOPNHAT__VALUE_KIND__KIND_DECIMAL) {
        struct decimal number_a, number_b;
        bool good_a = decimal_parse(a, &number_a, &ignored), good_b = decimal_parse(b, &number_b, &ignored);
        if (good_a && good_b)
            return decimal_compare(number_a, number_b);
        if (good_a != good_b)
            return good_a ? 1 : -1;
    }
    if (field->kind == HOPNHAT__VALUE_KIND__KIND_ENUM) {
        int position_a = choice_position(field, a), position_b = choice_position(field, b);
        if (position_a != position_b)
            return position_a < position_b ? -1 : 1;
    }
    return bytes_compare(a, b);
}

char *value_show(struct arena *arena, const Hopnhat__FieldDefinition *field, struct bytes value,
                 struct error *error)
{
    char *text = arena_alloc(arena, value.size + 2);
    if (!text) {
        error_set(error, ERROR_MEMORY, "no memory for a value of %zu bytes", value.size);
        return NULL;
    }
    if (value.size > 0)
        memcpy(text, value.data, value.size);
    const char *point = field->kind == HOPNHAT__VALUE_KIND__KIND_DECIMAL ? strchr(text, '.') : NULL;
    if (point && strlen(point) == 4)
        text[value.size] = '0';
    return text;
}
