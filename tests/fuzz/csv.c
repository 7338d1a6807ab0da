/* libFuzzer: a list of any bytes, from the file to values of fields. What is read stays within its bounds,
 * and a cell that is joined again is read as the same. */
#include "base/limits.h"
#include "fuzz/fuzz.h"
#include "lists/cell.h"
#include "lists/encoding.h"
#include "lists/head.h"
#include "model/value.h"

#include <stdlib.h>
#include <string.h>

static void read_cell(const Hopnhat__FieldDefinition *field, struct bytes cell, struct arena *arena)
{
    const char **parts, **again;
    size_t count, again_count;
    struct bytes value;
    struct error error;
    if (!cell_split(field, cell_unguard(cell), arena, &parts, &count, &error))
        return;
    for (size_t i = 0; i < count; i++)
        value_parse_date(arena, field, parts[i], 2026, &value, &error);
    if (!cell_has_parts(field))
        return;
    const char *joined = cell_join(field, parts, count, arena);
    const char *guarded = joined ? cell_guard(joined, arena) : NULL;
    if (!guarded ||
        !cell_split(field, cell_unguard(bytes_of_string(guarded)), arena, &again, &again_count, &error))
        return;
    fuzz_assert(again_count == count);
    for (size_t i = 0; i < count; i++)
        fuzz_assert(strcmp(parts[i], again[i]) == 0);
}

static void read_list(const char *text, size_t size, const struct catalog_type *type)
{
    struct list_reader reader;
    struct list_head head;
    struct list_row row;
    struct arena arena, cells;
    struct error error = {0};
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    arena_init(&cells, LIMIT_MESSAGE_ARENA_BYTES);
    if (list_find_head(bytes_of(text, size), type, NULL, 0, false, &arena, &reader, &head, &error))
        while (list_next(&reader, &cells, &row, &error)) {
            list_is_total(&row, &cells);
            for (size_t i = 0; i < row.count && i < head.count; i++)
                if (head.columns[i].field)
                    read_cell(head.columns[i].field, row.cells[i], &cells);
            arena_reset(&cells);
        }
    arena_release(&cells);
    arena_release(&arena);
}

/* The first byte names the encoding, or has it told from the letters. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    bool assumed;
    size_t text_size;
    enum list_encoding encoding = size ? (enum list_encoding)(data[0] % (LIST_ENCODINGS + 1)) : LIST_UTF8;
    struct bytes raw = bytes_of(data + (size > 0), size - (size > 0));
    if (encoding == LIST_ENCODINGS && !encoding_detect(raw, &encoding, &assumed, &error))
        return 0;
    char *text = encoding_read(raw, encoding, &text_size, &error);
    if (text)
        read_list(text, text_size, catalog_type(fuzz_catalog(), 16));
    free(text);
    return 0;
}
