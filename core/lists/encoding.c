#include "lists/encoding.h"

#include "base/text.h"
#include "lists/guess.h"
#include "lists/legacy.h"

#include <stdlib.h>
#include <strings.h>
#include <utf8proc.h>

enum {
    CHUNK_BYTES = 64 * 1024,            /* composed at a time; cut before an ASCII byte */
    MOST_CHUNK_BYTES = 4 * 1024 * 1024, /* without an ASCII byte in it */
    ARENA_BYTES = 256 * 1024 * 1024,
};

static const char *const names[LIST_ENCODINGS] = {"utf-8",        "utf-16le", "utf-16be",
                                                  "windows-1258", "tcvn3",    "vni"};

static legacy_reader *const readers[LIST_ENCODINGS] = {
    [LIST_WINDOWS_1258] = legacy_windows_1258, [LIST_TCVN3] = legacy_tcvn3, [LIST_VNI] = legacy_vni};

const char *encoding_name(enum list_encoding encoding)
{
    return names[encoding];
}

bool encoding_named(const char *name, enum list_encoding *encoding)
{
    static const struct {
        const char *name;
        enum list_encoding encoding;
    } others[] = {
        {"utf8", LIST_UTF8},         {"utf-16", LIST_UTF16LE},           {"utf16", LIST_UTF16LE},
        {"utf16le", LIST_UTF16LE},   {"utf16be", LIST_UTF16BE},          {"cp1258", LIST_WINDOWS_1258},
        {"1258", LIST_WINDOWS_1258}, {"windows1258", LIST_WINDOWS_1258}, {"tcvn", LIST_TCVN3},
        {"abc", LIST_TCVN3},         {"vni-windows", LIST_VNI}};
    for (int i = 0; i < LIST_ENCODINGS; i++)
        if (strcasecmp(name, names[i]) == 0) {
            *encoding = (enum list_encoding)i;
            return true;
        }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcasecmp(name, others[i].name) == 0) {
            *encoding = others[i].encoding;
            return true;
        }
    return false;
}

/* Text that grows. */
struct output {
    char *text;
    size_t size, capacity;
};

static bool append(struct output *output, const void *data, size_t size, struct error *error)
{
    if (output->size + size + 1 > output->capacity) {
        size_t capacity = 2 * (output->size + size) + 4096;
        char *grown = realloc(output->text, capacity);
        if (!grown)
            return error_set(error, ERROR_MEMORY, "out of memory for the list's text");
        output->text = grown;
        output->capacity = capacity;
    }
    if (size)
        memcpy(output->text + output->size, data, size);
    output->size += size;
    output->text[output->size] = '\0';
    return true;
}

static bool append_point(struct output *output, uint32_t point, struct error *error)
{
    uint8_t bytes[4];
    utf8proc_ssize_t size = utf8proc_encode_char((utf8proc_int32_t)point, bytes);
    return append(output, bytes, (size_t)size, error);
}

static size_t line_at(struct bytes text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text.data[i] == '\n';
    return line;
}

/* The first byte at which the text is no UTF-8, or a NUL; its size where all of it is sound. */
static size_t first_wrong(struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        utf8proc_int32_t point;
        if (text.data[at] && text.data[at] < 0x80) {
            at++;
            continue;
        }
        utf8proc_ssize_t size = utf8proc_iterate(text.data + at, (utf8proc_ssize_t)(text.size - at), &point);
        if (size <= 0 || point == 0)
            return at;
        at += (size_t)size;
    }
    return at;
}

static struct bytes without(struct bytes raw, const char *mark)
{
    size_t size = strlen(mark);
    if (raw.size < size || memcmp(raw.data, mark, size) != 0)
        return raw;
    return bytes_of(raw.data + size, raw.size - size);
}

static bool begins_with(struct bytes raw, const char *mark)
{
    return without(raw, mark).size != raw.size;
}

bool encoding_detect(struct bytes raw, enum list_encoding *encoding, bool *assumed, struct error *error)
{
    *assumed = false;
    *encoding = LIST_UTF8;
    if (begins_with(raw, "\xFF\xFE"))
        *encoding = LIST_UTF16LE;
    else if (begins_with(raw, "\xFE\xFF"))
        *encoding = LIST_UTF16BE;
    if (*encoding != LIST_UTF8 || begins_with(raw, "\xEF\xBB\xBF"))
        return true;
    if (begins_with(raw, "PK\x03\x04") || begins_with(raw, "\xD0\xCF\x11\xE0"))
        return error_set(error, ERROR_INPUT,
                         "this is a workbook: open it and save the sheet as CSV (UTF-8) or Unicode text");
    size_t wrong = first_wrong(raw);
    if (wrong == raw.size)
        return true;
    if (raw.data[wrong] == 0)
        return error_set(
            error, ERROR_INPUT,
            "line %zu: a NUL byte: this is no list kept as text, or it is UTF-16 without its mark: then "
            "say --encoding utf-16",
            line_at(raw, wrong));
    *assumed = true;
    if (guess_encoding(raw, readers, LIST_ENCODINGS, encoding))
        return true;
    return error_set(
        error, ERROR_INPUT,
        "line %zu: no UTF-8, and it is not safe to tell the encoding from the letters: name it by "
        "--encoding (windows-1258, tcvn3 or vni), or save the list as UTF-8",
        line_at(raw, wrong));
}

static bool read_utf16(struct bytes raw, bool big, struct output *output, struct error *error)
{
    uint32_t high = 0;
    size_t at = 0;
    raw = without(raw, big ? "\xFE\xFF" : "\xFF\xFE");
    for (; at + 1 < raw.size; at += 2) {
        uint32_t unit = (uint32_t)raw.data[at + big] | (uint32_t)raw.data[at + !big] << 8;
        bool low = unit >= 0xDC00 && unit < 0xE000;
        if (low != (high != 0))
            break;
        if (unit >= 0xD800 && unit < 0xDC00) {
            high = unit;
            continue;
        }
        if (!append_point(output, low ? 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00) : unit, error))
            return false;
        high = 0;
    }
    if (at == raw.size && high == 0)
        return append(output, "", 0, error);
    return error_set(error, ERROR_INPUT, "line %zu: not UTF-16",
                     line_at(bytes_of(output->text, output->size), output->size));
}

static bool read_legacy(struct bytes raw, legacy_reader *reader, struct output *output, struct error *error)
{
    uint32_t before = 0;
    for (size_t i = 0; i < raw.size; i++) {
        uint32_t points[LEGACY_POINTS] = {raw.data[i]};
        size_t count = 1;
        if (raw.data[i] >= 0x80 && (count = reader(raw.data[i], before, points)) == 0) {
            points[0] = legacy_windows_1252(raw.data[i]);
            count = 1;
        }
        for (size_t j = 0; j < count; j++)
            if (!append_point(output, points[j], error))
                return false;
        before = points[0] < 0x300 || points[0] > 0x36F ? points[0] : 0;
    }
    return append(output, "", 0, error);
}

/* How much of the rest is composed next. */
static size_t chunk_size(struct bytes rest)
{
    size_t size = CHUNK_BYTES;
    if (rest.size <= size)
        return rest.size;
    while (size < rest.size && rest.data[size] >= 0x80)
        size++;
    return size;
}

/* JSON is composed value by value: here a mark would join the letter of the escape before it. */
static bool is_json(struct bytes text)
{
    size_t at = 0;
    while (at < text.size && strchr(" \t\r\n", text.data[at]) && text.data[at])
        at++;
    return at < text.size && text.data[at] == '{';
}

/* The text in NFC. */
static bool compose(struct bytes text, struct output *output, struct error *error)
{
    struct arena arena;
    bool done = append(output, "", 0, error);
    size_t wrong = first_wrong(text);
    if (wrong < text.size)
        return error_set(error, ERROR_INPUT, "line %zu: %s", line_at(text, wrong),
                         text.data[wrong] ? "no UTF-8" : "a NUL byte: this is no list kept as text");
    if (is_json(text))
        return done && append(output, text.data, text.size, error);
    arena_init(&arena, ARENA_BYTES);
    while (done && text.size) {
        size_t size = chunk_size(text);
        arena_reset(&arena);
        const char *composed =
            size <= MOST_CHUNK_BYTES ? text_nfc(&arena, bytes_of(text.data, size), error) : NULL;
        if (size > MOST_CHUNK_BYTES)
            error_set(error, ERROR_LIMIT, "more than %d bytes without a plain letter: this is no list",
                      MOST_CHUNK_BYTES);
        done = composed && append(output, composed, strlen(composed), error);
        text = bytes_of(text.data + size, text.size - size);
    }
    arena_release(&arena);
    return done;
}

char *encoding_read(struct bytes raw, enum list_encoding encoding, size_t *size, struct error *error)
{
    struct output decoded = {0}, composed = {0};
    struct bytes text = without(raw, "\xEF\xBB\xBF");
    bool done = true;
    if (encoding == LIST_UTF16LE || encoding == LIST_UTF16BE)
        done = read_utf16(raw, encoding == LIST_UTF16BE, &decoded, error);
    else if (encoding != LIST_UTF8)
        done = read_legacy(raw, readers[encoding], &decoded, error);
    if (encoding != LIST_UTF8)
        text = bytes_of(decoded.text, decoded.size);
    done = done && compose(text, &composed, error);
    free(decoded.text);
    if (!done) {
        free(composed.text);
        return NULL;
    }
    *size = composed.size;
    return composed.text;
}
