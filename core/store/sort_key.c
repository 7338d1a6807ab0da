#include "store/sort_key.h"

#include "model/decimal.h"

#include <stdlib.h>
#include <unicode/ucol.h>
#include <unicode/ustring.h>

/* More characters than a key of SORT_KEY_TEXT_BYTES can come from: each has one byte at least. */
enum { TEXT_UNITS = 256, TEXT_CODE_BYTES = 3 * TEXT_UNITS, NUMBER_BYTES = 16, ROOM_BYTES = 4096 };
enum { KEY_CLEARED = 0, KEY_VALUE = 1 };
enum { TEXT_ENDS = 0, TEXT_CUT = 1 };

struct collation {
    UCollator *rules;
};

struct collation *collation_open(struct error *error)
{
    UErrorCode status = U_ZERO_ERROR;
    struct collation *collation = calloc(1, sizeof *collation);
    if (!collation) {
        out_of_memory(error);
        return NULL;
    }
    collation->rules = ucol_open("vi", &status);
    if (U_SUCCESS(status))
        return collation;
    error_set(error, ERROR_INTERNAL, "ICU cannot sort Vietnamese text: %s", u_errorName(status));
    collation_close(collation);
    return NULL;
}

void collation_close(struct collation *collation)
{
    if (collation && collation->rules)
        ucol_close(collation->rules);
    free(collation);
}

uint64_t collation_version(const struct collation *collation)
{
    UVersionInfo rules, unicode;
    ucol_getVersion(collation->rules, rules);
    ucol_getUCAVersion(collation->rules, unicode);
    return (uint64_t)get_u32_be(rules) << 32 | get_u32_be(unicode);
}

static void key_begin(struct sort_key *key, uint8_t first)
{
    key->size = 1;
    key->cut = false;
    key->data[0] = first;
}

/* Bytes without a 0, of which as many as there is room for, and a mark. */
static void put_cut(struct bytes bytes, struct sort_key *key)
{
    size_t size = bytes.size < SORT_KEY_TEXT_BYTES ? bytes.size : SORT_KEY_TEXT_BYTES;
    key->cut = size < bytes.size;
    if (size)
        memcpy(key->data + 1, bytes.data, size);
    key->data[1 + size] = key->cut ? TEXT_CUT : TEXT_ENDS;
    key->size = (uint8_t)(size + 2);
}

/* The first bytes of text, at most `most`, ending with a whole character. */
static size_t whole_characters(struct bytes text, size_t most)
{
    if (text.size <= most)
        return text.size;
    while (most > 0 && (text.data[most] & 0xC0) == 0x80)
        most--;
    return most;
}

static bool put_text(const struct collation *collation, struct bytes value, struct sort_key *key,
                     struct error *error)
{
    UChar units[TEXT_CODE_BYTES];
    uint8_t room[ROOM_BYTES];
    UErrorCode status = U_ZERO_ERROR;
    int32_t count;
    size_t size = whole_characters(value, TEXT_CODE_BYTES);
    u_strFromUTF8WithSub(units, TEXT_CODE_BYTES, &count, (const char *)value.data, (int32_t)size, 0xFFFD,
                         NULL, &status);
    if (U_FAILURE(status))
        return error_set(error, ERROR_INTERNAL, "text cannot be sorted: %s", u_errorName(status));
    if (count > TEXT_UNITS)
        count = U16_IS_LEAD(units[TEXT_UNITS - 1]) ? TEXT_UNITS - 1 : TEXT_UNITS;
    int32_t needed = ucol_getSortKey(collation->rules, units, count, room, sizeof room);
    put_cut(bytes_of(room, needed > 0 ? (size_t)needed - 1 : 0), key); /* without its NUL */
    return true;
}

static void put_raw(struct bytes value, struct sort_key *key)
{
    if (memchr(value.data, 0, value.size)) /* no stored form of any kind that is sorted */
        key_begin(key, KEY_CLEARED);
    else
        put_cut(value, key);
}

static void put_number(struct bytes value, struct sort_key *key)
{
    struct decimal decimal;
    struct error unsound;
    if (!decimal_parse(value, &decimal, &unsound)) {
        key_begin(key, KEY_CLEARED);
        return;
    }
    uint64_t high = (uint64_t)(decimal.units >> 64);
    put_u64_be(key->data + 1, high ^ UINT64_C(1) << 63); /* negative ones first */
    put_u64_be(key->data + 9, (uint64_t)decimal.units);
    key->size += NUMBER_BYTES;
}

/* Choices of another catalog come first. */
static void put_choice(const Hopnhat__FieldDefinition *field, struct bytes value, struct sort_key *key)
{
    size_t position = 0;
    for (size_t i = 0; i < field->n_choices && !position; i++)
        if (bytes_equal(value, bytes_of_string(field->choices[i]->name)))
            position = i + 1;
    put_u16_be(key->data + 1, (uint16_t)position);
    key->size += 2;
}

enum form { FORM_TEXT, FORM_RAW, FORM_NUMBER, FORM_CHOICE };

static enum form form_of(const Hopnhat__FieldDefinition *field)
{
    switch (field->kind) {
    case HOPNHAT__VALUE_KIND__KIND_TEXT:
        return FORM_TEXT;
    case HOPNHAT__VALUE_KIND__KIND_INTEGER:
    case HOPNHAT__VALUE_KIND__KIND_DECIMAL:
        return FORM_NUMBER;
    case HOPNHAT__VALUE_KIND__KIND_ENUM:
        return FORM_CHOICE;
    default:
        return FORM_RAW;
    }
}

bool sort_key_make(const struct collation *collation, const Hopnhat__FieldDefinition *field,
                   struct bytes value, struct sort_key *key, struct error *error)
{
    key_begin(key, value.size ? KEY_VALUE : KEY_CLEARED);
    if (value.size == 0)
        return true;
    switch (form_of(field)) {
    case FORM_TEXT:
        return put_text(collation, value, key, error);
    case FORM_NUMBER:
        put_number(value, key);
        return true;
    case FORM_CHOICE:
        put_choice(field, value, key);
        return true;
    default:
        put_raw(value, key);
        return true;
    }
}

bool sort_key_read(const Hopnhat__FieldDefinition *field, struct bytes from, struct sort_key *key)
{
    size_t size = 1, most = from.size < SORT_KEY_BYTES ? from.size : SORT_KEY_BYTES;
    if (from.size == 0 || from.data[0] > KEY_VALUE)
        return false;
    if (from.data[0] == KEY_VALUE) {
        enum form form = form_of(field);
        if (form == FORM_NUMBER || form == FORM_CHOICE) {
            size += form == FORM_NUMBER ? NUMBER_BYTES : 2;
        } else {
            /* the text holds no 0; a cut one has its mark at the only place for it */
            while (size < most && size < SORT_KEY_BYTES - 1 && from.data[size] != TEXT_ENDS)
                size++;
            size++;
        }
    }
    if (size > most)
        return false;
    memcpy(key->data, from.data, size);
    key->size = (uint8_t)size;
    key->cut = from.data[0] == KEY_VALUE && from.data[size - 1] == TEXT_CUT && form_of(field) <= FORM_RAW;
    return true;
}

int sort_compare_values(const struct collation *collation, const Hopnhat__FieldDefinition *field,
                        struct bytes a, struct bytes b)
{
    UErrorCode status = U_ZERO_ERROR;
    if (form_of(field) != FORM_TEXT)
        return bytes_compare(a, b);
    UCollationResult order = ucol_strcollUTF8(collation->rules, (const char *)a.data, (int32_t)a.size,
                                              (const char *)b.data, (int32_t)b.size, &status);
    return U_FAILURE(status) ? bytes_compare(a, b) : (int)order;
}
