#include "api/import_file.h"

#include "api/export.h"
#include "base/limits.h"
#include "lists/encoding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 64 * 1024 };

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "out of memory for the list");
}

/* All of the stream, malloc'd. */
static bool read_all(FILE *from, const char *path, uint8_t **data, size_t *size, struct error *error)
{
    size_t capacity = 0, got;
    *data = NULL;
    *size = 0;
    do {
        if (capacity - *size < READ_BYTES) {
            capacity = 2 * capacity + READ_BYTES;
            uint8_t *grown = realloc(*data, capacity);
            if (!grown)
                return no_memory(error);
            *data = grown;
        }
        got = fread(*data + *size, 1, READ_BYTES, from);
        *size += got;
    } while (got > 0 && *size <= LIMIT_IMPORT_BYTES);
    if (ferror(from))
        return error_set(error, ERROR_STORE, "%s: %s", path, strerror(errno));
    return *size <= LIMIT_IMPORT_BYTES ||
           error_set(error, ERROR_LIMIT, "%s: more than %d bytes: import it in parts", path,
                     LIMIT_IMPORT_BYTES);
}

static bool decode(struct bytes raw, const char *wanted, struct import_file *file, struct error *error)
{
    enum list_encoding encoding = LIST_UTF8;
    if (wanted && !encoding_named(wanted, &encoding))
        return error_set(error, ERROR_USAGE,
                         "--encoding: \"%.40s\" is none of utf-8, utf-16, utf-16be, windows-1258, tcvn3, vni",
                         wanted);
    if (!wanted && !encoding_detect(raw, &encoding, &file->assumed, error))
        return false;
    if (encoding == LIST_UTF16LE && raw.size > 1 && memcmp(raw.data, "\xFE\xFF", 2) == 0)
        encoding = LIST_UTF16BE; /* "utf-16" says nothing of the order: its mark does */
    file->encoding = encoding_name(encoding);
    file->text = encoding_read(raw, encoding, &file->size, error);
    return file->text != NULL;
}

/* Where JSON lines become a list. */
struct conversion {
    struct import_file *file;
    json_t *catalog;
    struct export_columns columns;
    struct arena arena;
    FILE *to;
    char *made;
    size_t made_size, counted, line; /* counted: bytes of `made` in which lines have been counted */
};

static bool note_start(struct conversion *conversion, struct error *error)
{
    struct import_file *file = conversion->file;
    if ((file->start_count & (file->start_count - 1)) == 0) {
        size_t capacity = file->start_count ? 2 * file->start_count : 1;
        size_t *grown = realloc(file->starts, capacity * sizeof *grown);
        if (!grown)
            return no_memory(error);
        file->starts = grown;
    }
    if (fflush(conversion->to) != 0)
        return no_memory(error);
    for (; conversion->counted < conversion->made_size; conversion->counted++)
        conversion->line += conversion->made[conversion->counted] == '\n';
    file->starts[file->start_count++] = conversion->line;
    return true;
}

static bool convert_line(struct conversion *conversion, const char *line, size_t size, size_t number,
                         struct error *error)
{
    json_error_t wrong;
    bool blank = strspn(line, " \t\r\n") >= size;
    json_t *record = blank ? NULL : json_loadb(line, size, 0, &wrong);
    arena_reset(&conversion->arena);
    if (!blank && (!json_is_object(record) || !json_is_string(json_object_get(record, "id")))) {
        json_decref(record);
        return error_set(error, ERROR_INPUT, "line %zu: no record as export writes it", number);
    }
    bool done =
        note_start(conversion, error) &&
        (blank || export_csv_row(&conversion->columns, record, conversion->to, &conversion->arena, error));
    json_decref(record);
    return done;
}

static bool convert_lines(struct conversion *conversion, struct error *error)
{
    const char *at = conversion->file->text, *end = at + conversion->file->size;
    for (size_t number = 1; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = stop ? (size_t)(stop - at) : (size_t)(end - at);
        if (!convert_line(conversion, at, size, number, error))
            return false;
        at += size + (stop != NULL);
    }
    return true;
}

static bool convert(struct cli *cli, const char *type, struct import_file *file, struct error *error)
{
    struct conversion conversion = {.file = file, .line = 1};
    bool done = cli_call(cli, "GET", NULL, &conversion.catalog, error, "/v1/catalog") &&
                export_columns(conversion.catalog, type, &conversion.columns, &cli->arena, error);
    arena_init(&conversion.arena, LIMIT_MESSAGE_ARENA_BYTES);
    conversion.to = done ? open_memstream(&conversion.made, &conversion.made_size) : NULL;
    if (done && !conversion.to)
        done = no_memory(error);
    done = done && export_csv_head(&conversion.columns, conversion.to, error) &&
           convert_lines(&conversion, error);
    if (conversion.to && fclose(conversion.to) != 0)
        done = done && no_memory(error);
    arena_release(&conversion.arena);
    json_decref(conversion.catalog);
    if (!done) {
        free(conversion.made);
        return false;
    }
    free(file->text);
    file->text = conversion.made;
    file->size = conversion.made_size;
    return true;
}

static bool is_json(const struct import_file *file)
{
    return file->text[strspn(file->text, " \t\r\n")] == '{';
}

bool import_file_read(struct cli *cli, const char *type, const char *path, const char *encoding,
                      struct import_file *file, struct error *error)
{
    uint8_t *data = NULL;
    size_t size;
    const char *slash = strrchr(path, '/');
    *file = (struct import_file){.name = slash ? slash + 1 : path};
    FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (!from)
        return error_set(error, ERROR_NOT_FOUND, "%s: %s", path, strerror(errno));
    bool done = read_all(from, path, &data, &size, error);
    if (from != stdin)
        fclose(from);
    if (done && !decode(bytes_of(data, size), encoding, file, error))
        done = error->code == ERROR_USAGE ? false : error_prefix(error, "%s", file->name);
    free(data);
    if (done && !file->text[strspn(file->text, " \t\r\n")])
        done = error_set(error, ERROR_INPUT, "%s: the file is empty", path);
    for (size_t i = 0; done && i < file->size; i++)
        file->lines += file->text[i] == '\n';
    if (done && is_json(file))
        done = convert(cli, type, file, error);
    return done;
}

void import_file_release(struct import_file *file)
{
    free(file->text);
    free(file->starts);
}

void import_file_lines(const struct import_file *file, json_t *answer)
{
    json_t *rejected = json_object_get(answer, "rejected");
    if (file->starts) { /* which have neither headings nor cells */
        json_object_del(answer, "line");
        json_object_del(answer, "numbers_line");
        json_object_del(answer, "separator");
    }
    for (size_t i = 0; file->starts && i < json_array_size(rejected); i++) {
        json_t *line = json_object_get(json_array_get(rejected, i), "line");
        size_t number = file->start_count;
        while (number > 1 && file->starts[number - 1] > (size_t)json_integer_value(line))
            number--;
        json_integer_set(line, (json_int_t)number);
    }
}
