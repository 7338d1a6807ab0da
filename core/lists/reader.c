#include "lists/reader.h"

#include "base/text.h"

/* A row under construction. */
struct rower {
    struct list_reader *reader;
    struct arena *arena;
    struct list_row *row;
    size_t capacity;
};

static bool at_end(const struct list_reader *reader)
{
    return reader->text.size == 0;
}

static uint8_t peek(const struct list_reader *reader)
{
    return reader->text.data[0];
}

static void skip(struct list_reader *reader, size_t size)
{
    reader->text = bytes_of(reader->text.data + size, reader->text.size - size);
}

static bool is_line_end(uint8_t byte)
{
    return byte == '\n' || byte == '\r';
}

static void skip_line_end(struct list_reader *reader)
{
    if (at_end(reader))
        return;
    bool both = reader->text.size > 1 && peek(reader) == '\r' && reader->text.data[1] == '\n';
    skip(reader, both ? 2 : 1);
    reader->line++;
}

static bool add_cell(struct rower *rower, struct bytes cell)
{
    struct list_row *row = rower->row;
    if (row->count == LIST_COLUMNS) {
        row->too_wide = true;
        return true;
    }
    if (row->count == rower->capacity) {
        size_t capacity = rower->capacity ? 4 * rower->capacity : 32;
        struct bytes *grown = arena_alloc(rower->arena, capacity * sizeof *grown);
        if (!grown)
            return false;
        if (row->count)
            memcpy(grown, row->cells, row->count * sizeof *grown);
        row->cells = grown;
        rower->capacity = capacity;
    }
    row->cells[row->count++] = cell;
    return true;
}

/* Finds the closing quote of a cell whose opening quote has been passed: its place, or the text's size. */
static size_t find_close(struct bytes text, size_t *doubled, size_t *lines)
{
    size_t at = 0;
    *doubled = *lines = 0;
    for (; at < text.size; at++) {
        bool pair = text.data[at] == '\r' && at + 1 < text.size && text.data[at + 1] == '\n';
        *lines += is_line_end(text.data[at]) && !pair;
        if (text.data[at] != '"')
            continue;
        if (at + 1 >= text.size || text.data[at + 1] != '"')
            return at;
        ++*doubled;
        at++;
    }
    return at;
}

/* Copies without the second of each two quotes. */
static bool undouble(struct rower *rower, struct bytes quoted, struct bytes *cell)
{
    uint8_t *copy = arena_alloc(rower->arena, quoted.size + 1);
    size_t size = 0;
    if (!copy)
        return false;
    for (size_t i = 0; i < quoted.size; i++) {
        copy[size++] = quoted.data[i];
        i += quoted.data[i] == '"';
    }
    *cell = bytes_of(copy, size);
    return true;
}

/* What stands between a closing quote and the separator belongs to the cell. */
static bool join(struct rower *rower, struct bytes tail, struct bytes *cell)
{
    if (text_trim(tail).size == 0)
        return true;
    uint8_t *both = arena_alloc(rower->arena, cell->size + tail.size + 1);
    if (!both)
        return false;
    if (cell->size)
        memcpy(both, cell->data, cell->size);
    memcpy(both + cell->size, tail.data, tail.size);
    *cell = bytes_of(both, cell->size + tail.size);
    return true;
}

static struct bytes take_plain(struct list_reader *reader)
{
    const uint8_t *start = reader->text.data;
    size_t size = 0;
    while (size < reader->text.size && start[size] != (uint8_t)reader->separator && !is_line_end(start[size]))
        size++;
    skip(reader, size);
    return bytes_of(start, size);
}

/* Whether letters stand between the closing quote at `close` and the separator or line end behind it. */
static bool has_tail(const struct list_reader *reader, struct bytes text, size_t close)
{
    size_t end = close + 1;
    while (end < text.size && text.data[end] != (uint8_t)reader->separator && !is_line_end(text.data[end]))
        end++;
    return text_trim(bytes_of(text.data + close + 1, end - close - 1)).size > 0;
}

/* False: out of memory. *open: the quote is never closed, or what would close it, some lines on, is another
 * quote's beginning or a letter of another row; then nothing was taken. */
static bool take_quoted(struct rower *rower, struct bytes *cell, bool *open)
{
    struct list_reader *reader = rower->reader;
    size_t doubled, lines;
    struct bytes rest = bytes_of(reader->text.data + 1, reader->text.size - 1);
    size_t size = find_close(rest, &doubled, &lines);
    *open = size == rest.size || (lines > 0 && has_tail(reader, rest, size));
    if (*open)
        return true;
    *cell = bytes_of(rest.data, size);
    if (doubled && !undouble(rower, *cell, cell))
        return false;
    skip(reader, size + 2);
    reader->line += lines;
    return join(rower, take_plain(reader), cell);
}

static bool take_cell(struct rower *rower, struct bytes *cell)
{
    struct list_reader *reader = rower->reader;
    bool open = false;
    if (!at_end(reader) && peek(reader) == '"' && !rower->row->unclosed) {
        if (!take_quoted(rower, cell, &open))
            return false;
        if (!open)
            return true;
        rower->row->unclosed = true;
    }
    *cell = take_plain(reader);
    return true;
}

bool list_next(struct list_reader *reader, struct arena *arena, struct list_row *row, struct error *error)
{
    struct rower rower = {.reader = reader, .arena = arena, .row = row};
    struct bytes cell;
    if (at_end(reader))
        return false;
    *row = (struct list_row){.line = reader->line};
    for (;;) {
        if (!take_cell(&rower, &cell) || !add_cell(&rower, cell))
            return error_set(error, ERROR_MEMORY, "line %zu: out of memory", row->line);
        if (at_end(reader) || peek(reader) != (uint8_t)reader->separator)
            break;
        skip(reader, 1);
    }
    skip_line_end(reader);
    return true;
}

void list_skip_line(struct list_reader *reader)
{
    while (!at_end(reader) && !is_line_end(peek(reader)))
        skip(reader, 1);
    skip_line_end(reader);
}

bool list_is_blank(const struct list_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (text_trim(row->cells[i]).size)
            return false;
    return true;
}
