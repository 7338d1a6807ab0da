/* libFuzzer: a list of any bytes, from the file to values of fields. What is read stays within its bounds,
 * and a cell that is joined again is read as the same. */
#include "base/limits.h"
#include "lists/cell.h"
#include "lists/encoding.h"
#include "lists/head.h"
#include "model/catalog_yaml.h"
#include "model/value.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char CATALOG[] =
    "version: 1\nname: test\ntypes:\n  - number: 16\n    name: partner\n    fields:\n"
    "      - {number: 16, name: name, vi: Tên, en: Name}\n"
    "      - {number: 17, name: country, kind: country}\n"
    "      - {number: 18, name: sectors, policy: union}\n"
    "      - {number: 19, name: notes, policy: thread}\n"
    "      - {number: 20, name: since, kind: date}\n"
    "      - {number: 21, name: amount, kind: decimal}\n";

static struct catalog *load(struct arena *arena)
{
    static struct catalog_errors errors;
    struct error error;
    struct bytes packed;
    if (!catalog_from_yaml(bytes_of_string(CATALOG), "test", arena, &packed, &errors))
        abort();
    struct catalog *catalog = catalog_load(packed, &error);
    if (!catalog)
        abort();
    return catalog;
}

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
    if (again_count != count)
        abort();
    for (size_t i = 0; i < count; i++)
        if (strcmp(parts[i], again[i]) != 0)
            abort();
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    static struct catalog *catalog; /* made once */
    if (!catalog)
        catalog = load(&arena);
    for (int i = 0; i < LIST_ENCODINGS; i++) {
        size_t text_size;
        enum list_encoding encoding = (enum list_encoding)i;
        bool assumed;
        if (i == 0 && !encoding_detect(bytes_of(data, size), &encoding, &assumed, &error))
            continue;
        char *text = encoding_read(bytes_of(data, size), encoding, &text_size, &error);
        if (text)
            read_list(text, text_size, catalog_type_named(catalog, "partner"));
        free(text);
    }
    arena_release(&arena);
    return 0;
}
