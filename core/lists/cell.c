#include "lists/cell.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdio.h>

static const char POSTS_APART[] = "---";

static bool is_set(const Hopnhat__FieldDefinition *field)
{
    return field->policy == HOPNHAT__MERGE_POLICY__UNION;
}

bool cell_has_parts(const Hopnhat__FieldDefinition *field)
{
    return is_set(field) || field->policy == HOPNHAT__MERGE_POLICY__THREAD;
}

/* The parts of a cell as they are found. */
struct parts {
    const char **items;
    size_t count, capacity;
    struct arena *arena;
    struct error *error;
};

static bool add_part(struct parts *parts, struct bytes text)
{
    text = text_trim(text);
    if (text.size == 0)
        return true;
    if (parts->count == LIMIT_ENTRIES_PER_FIELD)
        return error_set(parts->error, ERROR_LIMIT, "more than %d values in one cell",
                         LIMIT_ENTRIES_PER_FIELD);
    if (parts->count == parts->capacity) {
        size_t capacity = parts->capacity ? 4 * parts->capacity : 4;
        const char **grown = arena_alloc(parts->arena, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(parts->error);
        if (parts->count)
            memcpy(grown, parts->items, parts->count * sizeof *grown);
        parts->items = grown;
        parts->capacity = capacity;
    }
    parts->items[parts->count] = arena_string(parts->arena, text.data, text.size);
    return parts->items[parts->count++] || out_of_memory(parts->error);
}

static bool is_escaped(uint8_t byte)
{
    return byte == ';' || byte == '\\' || byte == '\n';
}

static bool split_set(struct parts *parts, struct bytes cell)
{
    uint8_t *member = arena_alloc(parts->arena, cell.size + 1);
    size_t size = 0;
    if (!member)
        return out_of_memory(parts->error);
    for (size_t i = 0; i < cell.size; i++) {
        uint8_t byte = cell.data[i];
        if (byte == '\\' && i + 1 < cell.size && is_escaped(cell.data[i + 1])) {
            member[size++] = cell.data[++i];
        } else if (byte == ';' || byte == '\n' || byte == '\r') {
            if (!add_part(parts, bytes_of(member, size)))
                return false;
            size = 0;
        } else {
            member[size++] = byte;
        }
    }
    return add_part(parts, bytes_of(member, size));
}

/* The line at `at`, without blanks at its end; *next is where the next one begins. */
static struct bytes line_of(struct bytes text, size_t at, size_t *next)
{
    const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
    *next = end ? (size_t)(end - text.data) + 1 : text.size;
    struct bytes line = bytes_of(text.data + at, *next - at), trimmed = text_trim(line);
    return trimmed.data == line.data ? trimmed : line;
}

/* Whether the line is what parts posts, with that many backslashes before it at least. */
static bool parts_posts(struct bytes line, size_t backslashes)
{
    size_t count = 0;
    while (count < line.size && line.data[count] == '\\')
        count++;
    return count >= backslashes &&
           bytes_equal(bytes_of(line.data + count, line.size - count), bytes_of_string(POSTS_APART));
}

/* Adds a post, without the backslashes that were put before lines in it. */
static bool add_post(struct parts *parts, struct bytes text)
{
    uint8_t *post = arena_alloc(parts->arena, text.size + 1);
    size_t size = 0;
    if (!post)
        return out_of_memory(parts->error);
    for (size_t at = 0, next; at < text.size; at = next) {
        struct bytes line = line_of(text, at, &next);
        const uint8_t *from = text.data + at;
        if (parts_posts(line, 1))
            from = line.data + 1;
        size_t length = (size_t)(text.data + next - from);
        memcpy(post + size, from, length);
        size += length;
    }
    return add_part(parts, bytes_of(post, size));
}

static bool split_thread(struct parts *parts, struct bytes cell)
{
    size_t start = 0;
    for (size_t at = 0, next; at < cell.size; at = next) {
        struct bytes line = line_of(cell, at, &next);
        if (!parts_posts(line, 0) || line.data[0] == '\\')
            continue;
        if (!add_post(parts, bytes_of(cell.data + start, at - start)))
            return false;
        start = next;
    }
    return add_post(parts, bytes_of(cell.data + start, cell.size - start));
}

bool cell_split(const Hopnhat__FieldDefinition *field, struct bytes cell, struct arena *arena,
                const char ***parts, size_t *count, struct error *error)
{
    struct parts found = {.arena = arena, .error = error};
    bool done = is_set(field)           ? split_set(&found, cell)
                : cell_has_parts(field) ? split_thread(&found, cell)
                                        : add_part(&found, cell);
    *parts = found.items;
    *count = found.count;
    return done;
}

static size_t escape_member(const char *value, char *to)
{
    size_t size = 0;
    for (; *value; value++) {
        if (is_escaped((uint8_t)*value))
            to[size++] = '\\';
        to[size++] = *value;
    }
    return size;
}

static size_t escape_post(const char *value, char *to)
{
    struct bytes text = bytes_of_string(value);
    size_t size = 0;
    for (size_t at = 0, next; at < text.size; at = next) {
        if (parts_posts(line_of(text, at, &next), 0))
            to[size++] = '\\';
        memcpy(to + size, text.data + at, next - at);
        size += next - at;
    }
    return size;
}

char *cell_join(const Hopnhat__FieldDefinition *field, const char *const *values, size_t count,
                struct arena *arena)
{
    size_t size = 1, used = 0;
    const char *between = is_set(field) ? "; " : "\n---\n";
    for (size_t i = 0; i < count; i++)
        size += 2 * strlen(values[i]) + strlen(between);
    char *cell = arena_alloc(arena, size);
    for (size_t i = 0; cell && i < count; i++) {
        if (i > 0)
            used += (size_t)snprintf(cell + used, size - used, "%s", between);
        used += is_set(field) ? escape_member(values[i], cell + used) : escape_post(values[i], cell + used);
    }
    return cell;
}

/* Whether a spreadsheet would run the text, or the apostrophes before it were ours. */
static bool is_dangerous(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size && text[at] == '\'')
        at++;
    return at < size && text[at] && strchr("=+-@\t\r", text[at]);
}

char *cell_guard(const char *text, struct arena *arena)
{
    return arena_format(arena, "%s%s", is_dangerous(text, strlen(text)) ? "'" : "", text);
}

struct bytes cell_unguard(struct bytes cell)
{
    if (cell.size < 2 || cell.data[0] != '\'' || !is_dangerous((const char *)cell.data, cell.size))
        return cell;
    return bytes_of(cell.data + 1, cell.size - 1);
}
