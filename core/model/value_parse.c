#include "base/limits.h"
#include "base/text.h"
#include "model/country.h"
#include "model/value.h"
#include "model/value_forms.h"

#include <strings.h>

static bool no_memory(struct error *error)
{
    return out_of_memory(error);
}

static bool keep(struct arena *arena, const char *text, struct bytes *value, struct error *error)
{
    size_t length = strlen(text);
    const char *copy = arena_string(arena, text, length);
    *value = bytes_of(copy, length);
    return copy || no_memory(error);
}

/* NFC, with every line end a line feed. */
static bool parse_text(struct arena *arena, struct bytes text, struct bytes *value, struct error *error)
{
    char *composed = text_nfc(arena, text, error);
    if (!composed)
        return false;
    char *to = composed;
    for (const char *from = composed; *from; from++) {
        if (from[0] == '\r' && from[1] == '\n')
            continue;
        *to++ = from[0] == '\r' ? '\n' : from[0];
    }
    *value = bytes_of(composed, (size_t)(to - composed));
    return true;
}

/* The choices of a field as an error lists them, as many as fit. */
static void list_choices(const Hopnhat__FieldDefinition *field, char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < field->n_choices; i++) {
        const char *name = field->choices[i]->name;
        if (field->choices[i]->retired)
            continue;
        if (used + strlen(name) + 6 > size) {
            memcpy(list + used, ", ...", 6);
            return;
        }
        if (used > 0)
            memcpy(list + used, ", ", 2), used += 2;
        memcpy(list + used, name, strlen(name) + 1);
        used += strlen(name);
    }
}

/* Whether name folds to folded. A name that cannot be folded for lack of memory does not match. */
static bool folds_to(struct arena *scratch, const char *name, const char *folded)
{
    struct error ignored;
    const char *other = name ? text_fold(scratch, bytes_of_string(name), &ignored) : NULL;
    return other && strcmp(other, folded) == 0;
}

static bool choice_matches(struct arena *scratch, const Hopnhat__Choice *choice, const char *folded)
{
    if (folds_to(scratch, choice->name, folded))
        return true;
    if (choice->label &&
        (folds_to(scratch, choice->label->vi, folded) || folds_to(scratch, choice->label->en, folded)))
        return true;
    for (size_t i = 0; i < choice->n_aliases; i++)
        if (folds_to(scratch, choice->aliases[i], folded))
            return true;
    return false;
}

static const Hopnhat__Choice *find_choice(const Hopnhat__FieldDefinition *field, struct bytes text)
{
    for (size_t i = 0; i < field->n_choices; i++)
        if (bytes_equal(text, bytes_of_string(field->choices[i]->name)))
            return field->choices[i];
    struct error ignored;
    struct arena scratch;
    arena_init(&scratch, LIMIT_CATALOG_BYTES);
    const char *folded = text_fold(&scratch, text, &ignored);
    const Hopnhat__Choice *found = NULL;
    for (size_t i = 0; folded && !found && i < field->n_choices; i++)
        if (choice_matches(&scratch, field->choices[i], folded))
            found = field->choices[i];
    arena_release(&scratch);
    return found;
}

static bool parse_choice(struct arena *arena, const Hopnhat__FieldDefinition *field, struct bytes text,
                         struct bytes *value, struct error *error)
{
    const Hopnhat__Choice *choice = find_choice(field, text);
    if (choice && !choice->retired)
        return keep(arena, choice->name, value, error);
    char list[256];
    list_choices(field, list, sizeof list);
    return error_set(error, ERROR_INPUT, "\"%s\" is %s: write one of %s", value_quote(text).text,
                     choice ? "no longer used" : "not one of the choices", list);
}

static bool parse_boolean(struct arena *arena, struct bytes text, struct bytes *value, struct error *error)
{
    static const char *const words[][2] = {
        {"true", "true"},   {"yes", "true"},    {"co", "true"},  {"dung", "true"}, {"1", "true"},
        {"false", "false"}, {"khong", "false"}, {"no", "false"}, {"sai", "false"}, {"0", "false"},
    };
    struct error ignored;
    const char *folded = text.size <= 32 ? text_fold(arena, text, &ignored) : NULL;
    for (size_t i = 0; folded && i < sizeof words / sizeof *words; i++)
        if (strcmp(folded, words[i][0]) == 0)
            return keep(arena, words[i][1], value, error);
    return error_set(error, ERROR_INPUT, "\"%s\" is not a yes or a no: write true or false (có, không)",
                     value_quote(text).text);
}

/* Ids are compared without case; value_check says whether it is one. */
static bool parse_reference(struct arena *arena, struct bytes text, struct bytes *value, struct error *error)
{
    char *copy = arena_string(arena, text.data, text.size);
    if (!copy)
        return no_memory(error);
    for (char *at = copy; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    *value = bytes_of(copy, text.size);
    return true;
}

static bool parse_country(struct arena *arena, struct bytes text, struct bytes *value, struct error *error)
{
    char code[COUNTRY_CODE_BYTES];
    if (!country_find(text, code))
        return error_set(error, ERROR_INPUT,
                         "\"%s\" is no country: write its name in Vietnamese or English, or its code (FR)",
                         value_quote(text).text);
    return keep(arena, code, value, error);
}

static bool parse_kind(struct arena *arena, const Hopnhat__FieldDefinition *field, struct bytes text,
                       int present_year, struct bytes *value, struct error *error)
{
    char number[DECIMAL_TEXT_BYTES], date[DATE_TEXT_BYTES], time[TIME_TEXT_BYTES];
    switch (field->kind) {
    case HOPNHAT__VALUE_KIND__KIND_TEXT:
        return parse_text(arena, text, value, error);
    case HOPNHAT__VALUE_KIND__KIND_INTEGER:
        return number_read(text, true, number, error) && keep(arena, number, value, error);
    case HOPNHAT__VALUE_KIND__KIND_DECIMAL:
        return number_read(text, false, number, error) && keep(arena, number, value, error);
    case HOPNHAT__VALUE_KIND__KIND_DATE:
        return date_read(text, field->yearly, present_year, date, error) && keep(arena, date, value, error);
    case HOPNHAT__VALUE_KIND__KIND_TIME:
        return time_read(text, present_year, time, error) && keep(arena, time, value, error);
    case HOPNHAT__VALUE_KIND__KIND_BOOLEAN:
        return parse_boolean(arena, text, value, error);
    case HOPNHAT__VALUE_KIND__KIND_ENUM:
        return parse_choice(arena, field, text, value, error);
    case HOPNHAT__VALUE_KIND__KIND_REFERENCE:
        return parse_reference(arena, text, value, error);
    case HOPNHAT__VALUE_KIND__KIND_COUNTRY:
        return parse_country(arena, text, value, error);
    default:
        return error_set(error, ERROR_INPUT, "cannot be typed in this version");
    }
}

bool value_parse_date(struct arena *arena, const Hopnhat__FieldDefinition *field, const char *text,
                      int present_year, struct bytes *value, struct error *error)
{
    struct bytes whole = bytes_of_string(text);
    if (whole.size > LIMIT_VALUE_BYTES)
        return error_set(error, ERROR_LIMIT, "%s: has %zu bytes, more than %d", field->name, whole.size,
                         LIMIT_VALUE_BYTES);
    if (!text_is_utf8(whole))
        return error_set(error, ERROR_INPUT, "%s: is not valid UTF-8 text", field->name);
    struct bytes trimmed = text_trim(whole);
    if (trimmed.size == 0) {
        *value = bytes_of("", 0);
        return true;
    }
    struct bytes parsed;
    if (!parse_kind(arena, field, trimmed, present_year, &parsed, error))
        return error_prefix(error, "%s", field->name);
    if (!value_check(field, parsed, error))
        return false;
    *value = parsed;
    return true;
}

bool value_parse(struct arena *arena, const Hopnhat__FieldDefinition *field, const char *text,
                 struct bytes *value, struct error *error)
{
    return value_parse_date(arena, field, text, 0, value, error);
}
