#include "base/text.h"

#include <stdlib.h>
#include <utf8proc.h>

static bool is_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] >= 0x80 || text.data[i] == 0)
            return false;
    return true;
}

/* Reads the code point at *at and moves past it; -1 where the bytes are no valid text. */
static int32_t next_point(struct bytes text, size_t *at)
{
    int32_t point = text.data[*at];
    if (point < 0x80) {
        *at += 1;
        return point ? point : -1;
    }
    utf8proc_ssize_t length = utf8proc_iterate(text.data + *at, (utf8proc_ssize_t)(text.size - *at), &point);
    if (length <= 0)
        return -1;
    *at += (size_t)length;
    return point;
}

bool text_is_utf8(struct bytes text)
{
    for (size_t at = 0; at < text.size;)
        if (next_point(text, &at) < 0)
            return false;
    return true;
}

static bool is_tail(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* How many bytes the code point at the beginning takes, if it is one that NFC leaves alone whatever stands
 * before it: Latin, the composed Vietnamese letters, and punctuation and currency signs. Else 0, and
 * everything else goes the long way. */
static size_t plain_size(const uint8_t *at, size_t left)
{
    if (at[0] < 0x80)
        return at[0] != 0;
    if (at[0] >= 0xC2 && at[0] <= 0xCB && left > 1 && is_tail(at[1])) /* below U+0300 */
        return 2;
    if (left < 3 || !is_tail(at[2]))
        return 0;
    bool letter = at[0] == 0xE1 && at[1] >= 0xB8 && at[1] <= 0xBB,                   /* U+1E00 to U+1EFF */
        sign = at[0] == 0xE2 && ((at[1] == 0x80 && at[2] >= 0x90 && at[2] < 0xB0) || /* U+2010 to U+202F */
                                 (at[1] == 0x82 && at[2] >= 0xA0));                  /* U+20A0 to U+20BF */
    return letter || sign ? 3 : 0;
}

static bool is_plain_text(struct bytes text)
{
    for (size_t at = 0, size; at < text.size; at += size)
        if (!(size = plain_size(text.data + at, text.size - at)))
            return false;
    return true;
}

/* Whether the code points are what text says, one by one. */
static bool points_equal(struct bytes text, const int32_t *points, size_t count)
{
    size_t at = 0, i = 0;
    while (at < text.size && i < count && next_point(text, &at) == points[i])
        i++;
    return at == text.size && i == count;
}

bool text_check_nfc(struct bytes text, struct error *error)
{
    if (is_plain_text(text))
        return true;
    if (!text_is_utf8(text))
        return error_set(error, ERROR_INPUT, "is not valid UTF-8 text");
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t size = (utf8proc_ssize_t)text.size;
    utf8proc_ssize_t needed = utf8proc_decompose(text.data, size, NULL, 0, options);
    if (needed < 0)
        return error_set(error, ERROR_INPUT, "cannot be normalised: %s", utf8proc_errmsg(needed));
    int32_t *points = malloc(((size_t)needed + 1) * sizeof *points);
    if (!points)
        return out_of_memory(error);
    utf8proc_ssize_t count = utf8proc_decompose(text.data, size, points, needed, options);
    if (count >= 0)
        count = utf8proc_normalize_utf32(points, count, options);
    bool same = count >= 0 && points_equal(text, points, (size_t)count);
    free(points);
    return same || error_set(error, ERROR_INPUT, "is not in the normal form NFC");
}

/* Decomposes text into *points with room for one more than *count; custom may be NULL. */
static bool decompose(struct arena *arena, struct bytes text, utf8proc_option_t options,
                      utf8proc_custom_func custom, int32_t **points, size_t *count, struct error *error)
{
    if (!text_is_utf8(text))
        return error_set(error, ERROR_INPUT, "not valid UTF-8 text");
    utf8proc_ssize_t size = (utf8proc_ssize_t)text.size;
    utf8proc_ssize_t needed = utf8proc_decompose_custom(text.data, size, NULL, 0, options, custom, NULL);
    if (needed < 0)
        return error_set(error, ERROR_INPUT, "text cannot be normalised: %s", utf8proc_errmsg(needed));
    *points = arena_alloc(arena, ((size_t)needed + 1) * sizeof **points);
    if (!*points)
        return error_set(error, ERROR_MEMORY, "no memory to normalise %zu bytes of text", text.size);
    needed = utf8proc_decompose_custom(text.data, size, *points, needed, options, custom, NULL);
    if (needed < 0)
        return error_set(error, ERROR_INTERNAL, "text cannot be normalised: %s", utf8proc_errmsg(needed));
    *count = (size_t)needed;
    return true;
}

/* Encodes count code points in place, as UTF-8 with a NUL. */
static char *encode(int32_t *points, size_t count, utf8proc_option_t options, struct error *error)
{
    utf8proc_ssize_t length = utf8proc_reencode(points, (utf8proc_ssize_t)count, options);
    if (length < 0) {
        error_set(error, ERROR_INTERNAL, "text cannot be encoded: %s", utf8proc_errmsg(length));
        return NULL;
    }
    return (char *)points;
}

char *text_nfc(struct arena *arena, struct bytes text, struct error *error)
{
    if (is_ascii(text)) {
        char *copy = arena_string(arena, text.data, text.size);
        if (!copy)
            error_set(error, ERROR_MEMORY, "no memory for %zu bytes of text", text.size);
        return copy;
    }
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    int32_t *points;
    size_t count;
    if (!decompose(arena, text, options, NULL, &points, &count, error))
        return NULL;
    return encode(points, count, options, error);
}

/* đ does not decompose. Files from old encodings hold the Icelandic eth in its place, which looks the same.
 */
static utf8proc_int32_t plain_d(utf8proc_int32_t point, void *unused)
{
    (void)unused;
    return point == 0x110 || point == 0x111 || point == 0xD0 || point == 0xF0 ? 'd' : point;
}

static bool is_space(int32_t point)
{
    if (point < 0x80)
        return point == ' ' || (point >= '\t' && point <= '\r');
    if (point == 0x85)
        return true;
    utf8proc_category_t category = utf8proc_category(point);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP;
}

static size_t squeeze(int32_t *points, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_space(points[i]))
            points[kept++] = points[i];
        else if (kept && points[kept - 1] != ' ')
            points[kept++] = ' ';
    }
    return kept && points[kept - 1] == ' ' ? kept - 1 : kept;
}

char *text_fold(struct arena *arena, struct bytes text, struct error *error)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                      UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE;
    int32_t *points;
    size_t count;
    if (!decompose(arena, text, options, plain_d, &points, &count, error))
        return NULL;
    return encode(points, squeeze(points, count), UTF8PROC_STABLE, error);
}

struct bytes text_trim(struct bytes text)
{
    size_t at = 0, first = text.size, last = text.size;
    while (at < text.size) {
        size_t start = at;
        int32_t point = next_point(text, &at);
        if (point < 0)
            return text;
        if (is_space(point))
            continue;
        if (first == text.size)
            first = start;
        last = at;
    }
    return bytes_of(text.data + first, last - first);
}
