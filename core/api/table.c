#include "api/table.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct cell {
    char *text;
    size_t width;
};

struct table {
    size_t columns, widest, rows, capacity;
    struct cell *cells; /* row by row; the first row holds the headings */
};

struct table *table_new(const char *const *headings, size_t columns, size_t widest)
{
    struct table *table = calloc(1, sizeof *table);
    struct error ignored;
    if (!table)
        return NULL;
    table->columns = columns < TABLE_COLUMNS ? columns : TABLE_COLUMNS;
    table->widest = widest;
    if (table_add(table, headings, &ignored))
        return table;
    table_free(table);
    return NULL;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
}

static bool is_control(utf8proc_int32_t character)
{
    utf8proc_category_t category = utf8proc_category(character);
    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP;
}

/* One character of the text as it is shown: the bytes to skip, and the width. Controls and what is no UTF-8
 * are shown as a blank. */
struct glyph {
    size_t bytes, width;
    bool plain;
};

static struct glyph next_glyph(const char *text)
{
    utf8proc_int32_t character;
    utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &character);
    if (size <= 0)
        return (struct glyph){.bytes = 1, .width = 1};
    if (is_control(character))
        return (struct glyph){.bytes = (size_t)size, .width = 1};
    return (struct glyph){
        .bytes = (size_t)size, .width = (size_t)utf8proc_charwidth(character), .plain = true};
}

static size_t text_width(const char *text)
{
    size_t width = 0;
    while (*text) {
        struct glyph glyph = next_glyph(text);
        width += glyph.width;
        text += glyph.bytes;
    }
    return width;
}

/* Copies text to `to`, which has room for its size and 4 bytes, cut where it is wider than `widest`; returns
 * its width. */
static size_t lay_out(const char *text, size_t widest, char *to)
{
    bool cut = text_width(text) > widest;
    size_t width = 0;
    while (*text) {
        struct glyph glyph = next_glyph(text);
        if (cut && width + glyph.width > widest - 1) {
            memcpy(to, "…", sizeof "…");
            return width + 1;
        }
        if (glyph.plain)
            memcpy(to, text, glyph.bytes);
        else
            *to = ' ';
        to += glyph.plain ? glyph.bytes : 1;
        text += glyph.bytes;
        width += glyph.width;
    }
    *to = '\0';
    return width;
}

bool table_add(struct table *table, const char *const *cells, struct error *error)
{
    if (table->rows == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 16;
        struct cell *grown = realloc(table->cells, capacity * table->columns * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        table->cells = grown;
        table->capacity = capacity;
    }
    struct cell *row = &table->cells[table->rows * table->columns];
    for (size_t i = 0; i < table->columns; i++) {
        const char *text = cells[i] ? cells[i] : "";
        row[i].text = malloc(strlen(text) + 4);
        if (!row[i].text) {
            while (i > 0)
                free(row[--i].text);
            return out_of_memory(error);
        }
        row[i].width = lay_out(text, i == 0 ? SIZE_MAX : table->widest, row[i].text);
    }
    table->rows++;
    return true;
}

void table_print(const struct table *table, FILE *to)
{
    size_t widths[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < table->rows * table->columns; i++)
        if (table->cells[i].width > widths[i % table->columns])
            widths[i % table->columns] = table->cells[i].width;
    for (size_t row = 0; row < table->rows; row++) {
        size_t pending = 0; /* blanks before the next cell that is not empty */
        for (size_t i = 0; i < table->columns; i++) {
            const struct cell *cell = &table->cells[row * table->columns + i];
            if (cell->width) {
                fprintf(to, "%*s%s", (int)pending, "", cell->text);
                pending = 0;
            }
            pending += widths[i] - cell->width + 2;
        }
        fputc('\n', to);
    }
}

void table_print_text(const char *text, FILE *to)
{
    for (struct glyph glyph; *text; text += glyph.bytes) {
        glyph = next_glyph(text);
        fwrite(glyph.plain ? text : " ", 1, glyph.plain ? glyph.bytes : 1, to);
    }
}

static bool clean_text(json_t *text, struct error *error)
{
    char *copy = strdup(json_string_value(text)), *to = copy;
    struct glyph glyph;
    for (const char *from = copy; from && *from; from += glyph.bytes) {
        glyph = next_glyph(from);
        if (glyph.plain || *from == '\n' || *from == '\t') {
            memmove(to, from, glyph.bytes);
            to += glyph.bytes;
        } else {
            *to++ = ' ';
        }
    }
    if (to)
        *to = '\0';
    bool done = copy && json_string_set(text, copy) == 0;
    free(copy);
    return done || out_of_memory(error);
}

bool table_clean(json_t *value, struct error *error)
{
    const char *name;
    json_t *part;
    bool done = !json_is_string(value) || clean_text(value, error);
    json_object_foreach(value, name, part)
    {
        done = done && table_clean(part, error);
    }
    for (size_t i = 0; done && i < json_array_size(value); i++)
        done = table_clean(json_array_get(value, i), error);
    return done;
}

static char *join(const json_t *array)
{
    char *joined = strdup("");
    for (size_t i = 0; joined && i < json_array_size(array); i++) {
        char *one = table_text(json_array_get(array, i)), *longer = NULL;
        if (one && asprintf(&longer, "%s%s%s", joined, i ? "; " : "", one) < 0)
            longer = NULL;
        free(one);
        free(joined);
        joined = longer;
    }
    return joined;
}

char *table_text(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    if (json_is_array(value))
        return join(value);
    if (!value || json_is_null(value))
        return strdup("");
    return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
}
