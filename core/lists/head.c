#include "lists/head.h"

#include "base/text.h"
#include "base/uuid.h"

#include <stdio.h>

enum { LOOKED_AT = 30 /* rows in which the headings are looked for */, LONGEST_HEADING_BYTES = 1000 };

static const char SEPARATORS[] = ",;\t|";

/* What the search knows. */
struct search {
    const struct catalog_type *type;
    const struct list_map *maps;
    size_t map_count;
    struct arena *arena;
    struct error *error;
};

/* One place where the headings may stand. */
struct place {
    char separator;
    struct list_reader below; /* the row after it */
    struct list_row row;
    size_t named, uneven;
};

static bool folds_alike(const char *a, const char *b, struct arena *arena)
{
    struct error ignored;
    const char *folded_a = text_fold(arena, bytes_of_string(a), &ignored);
    const char *folded_b = text_fold(arena, bytes_of_string(b), &ignored);
    return folded_a && folded_b && *folded_a && strcmp(folded_a, folded_b) == 0;
}

static const Hopnhat__FieldDefinition *mapped(const struct search *search, const char *heading)
{
    for (size_t i = 0; i < search->map_count; i++)
        if (folds_alike(search->maps[i].heading, heading, search->arena))
            return search->maps[i].field;
    return NULL;
}

static bool is_mapped_elsewhere(const struct search *search, const Hopnhat__FieldDefinition *field)
{
    for (size_t i = 0; i < search->map_count; i++)
        if (search->maps[i].field == field)
            return true;
    return false;
}

/* The cell as a heading, NUL-ended; "" for what can be none. NULL: out of memory. */
static const char *heading_of(struct bytes cell, struct arena *arena)
{
    cell = text_trim(cell);
    if (cell.size > LONGEST_HEADING_BYTES)
        return "";
    return arena_string(arena, cell.data, cell.size);
}

/* The field that the heading names by itself: one of the type's own that is in use. */
static const Hopnhat__FieldDefinition *named(const struct search *search, const char *heading)
{
    if (!*heading)
        return NULL;
    const Hopnhat__FieldDefinition *field = mapped(search, heading);
    if (field)
        return field;
    field = type_field_named(search->type, heading);
    if (!field || field->retired || field->number < 16 || is_mapped_elsewhere(search, field))
        return NULL;
    return field;
}

static size_t count_named(const struct search *search, const struct list_row *row)
{
    size_t count = 0;
    for (size_t i = 0; i < row->count; i++) {
        const char *heading = heading_of(row->cells[i], search->arena);
        count += heading && named(search, heading) != NULL;
    }
    return count;
}

/* The next row that is not blank. */
static bool next_row(struct list_reader *reader, const struct search *search, struct list_row *row)
{
    while (list_next(reader, search->arena, row, search->error))
        if (!list_is_blank(row))
            return true;
    return false;
}

static size_t count_uneven(const struct place *place, const struct search *search)
{
    struct list_reader reader = place->below;
    struct list_row row;
    size_t uneven = 0;
    for (int i = 0; i < LOOKED_AT && next_row(&reader, search, &row); i++)
        uneven += row.count != place->row.count;
    return uneven;
}

static size_t count_used(const struct list_row *row)
{
    size_t used = 0;
    for (size_t i = 0; i < row->count; i++)
        used += text_trim(row->cells[i]).size > 0;
    return used;
}

/* The best place for the headings under that separator. A title may read like one of them. */
static struct place best_place(struct bytes text, char separator, const struct search *search)
{
    struct place best = {.separator = separator};
    struct list_reader reader = {.text = text, .separator = separator, .line = 1};
    struct list_row row;
    for (int i = 0; i < LOOKED_AT && next_row(&reader, search, &row); i++) {
        size_t count = count_named(search, &row);
        if (count < best.named || (count == best.named && count_used(&row) <= count_used(&best.row)))
            continue;
        best.named = count;
        best.row = row;
        best.below = reader;
    }
    if (best.named)
        best.uneven = count_uneven(&best, search);
    return best;
}

static bool not_found(const struct search *search)
{
    const Hopnhat__TypeDefinition *type = type_definition(search->type);
    char known[360];
    size_t used = 0;
    for (size_t i = 0; i < type->n_fields && used < sizeof known; i++)
        if (!type->fields[i]->retired)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                                     type->fields[i]->name);
    return error_set(search->error, ERROR_INPUT,
                     "none of the first lines names a field of %s: it has %s (or their labels; --map "
                     "HEADING=FIELD names others)",
                     type->name, known);
}

/* Whether the column holds ids of records in the first row below. */
static bool holds_ids(const struct place *place, const struct search *search, size_t column)
{
    struct list_reader reader = place->below;
    struct list_row row;
    struct record_id id;
    if (!next_row(&reader, search, &row) || column >= row.count)
        return false;
    struct bytes cell = text_trim(row.cells[column]);
    const char *text = cell.size < 64 ? arena_string(search->arena, cell.data, cell.size) : NULL;
    return text && record_id_parse(text, &id);
}

static bool find_ids(const struct place *place, const struct search *search, struct list_head *head,
                     bool wants_ids)
{
    for (size_t i = 0; i < head->count; i++) {
        struct list_column *column = &head->columns[i];
        if (strcmp(column->heading, "id") != 0 || mapped(search, column->heading))
            continue;
        if (!wants_ids && !holds_ids(place, search, i))
            continue;
        column->kind = COLUMN_ID;
        head->has_ids = true;
        return true;
    }
    return !wants_ids || error_set(search->error, ERROR_INPUT, "the list has no column \"id\"");
}

static bool is_taken(const struct list_head *head, const Hopnhat__FieldDefinition *field)
{
    return list_column_of(head, field) >= 0;
}

/* Says what the column is, where it is not known yet. */
static void name_column(const struct search *search, struct list_head *head, struct list_column *column)
{
    const Hopnhat__FieldDefinition *field = named(search, column->heading);
    if (column->kind != COLUMN_UNKNOWN)
        return;
    if (!field && head->has_ids &&
        (strcmp(column->heading, "owner") == 0 || strcmp(column->heading, "group") == 0))
        field = type_field_named(search->type, column->heading);
    if (field && !is_taken(head, field)) {
        column->kind = COLUMN_FIELD;
        column->field = field;
    } else if (head->has_ids && strcmp(column->heading, "token") == 0) {
        column->kind = COLUMN_TOKEN;
    }
}

static bool check_maps(const struct search *search, const struct list_head *head)
{
    for (size_t i = 0; i < search->map_count; i++)
        if (!is_taken(head, search->maps[i].field))
            return error_set(search->error, ERROR_INPUT, "line %zu: there is no column \"%.80s\"", head->line,
                             search->maps[i].heading);
    return true;
}

static bool fill_head(const struct place *place, const struct search *search, bool wants_ids,
                      struct list_head *head)
{
    if (place->row.too_wide)
        return error_set(search->error, ERROR_LIMIT, "line %zu: more than %d columns", place->row.line,
                         LIST_COLUMNS);
    *head =
        (struct list_head){.separator = place->separator, .line = place->row.line, .count = place->row.count};
    head->columns = arena_alloc(search->arena, head->count * sizeof *head->columns);
    if (!head->columns)
        return out_of_memory(search->error);
    for (size_t i = 0; i < head->count; i++) {
        head->columns[i].heading = heading_of(place->row.cells[i], search->arena);
        if (!head->columns[i].heading)
            return out_of_memory(search->error);
    }
    if (!find_ids(place, search, head, wants_ids))
        return false;
    for (size_t i = 0; i < head->count; i++)
        name_column(search, head, &head->columns[i]);
    return check_maps(search, head);
}

/* Whether the cell is a column's number, alone or with what the column is reckoned from: "(4)", "4",
 * "(4)=(2)x(3)", "(4=2x3)". */
static bool says_number(struct bytes cell, size_t number, bool bracketed)
{
    static const char reckoning[] = "0123456789()[]+-*/xX\xC3\x97:=., ";
    char text[24];
    size_t size = (size_t)snprintf(text, sizeof text, bracketed ? "(%zu" : "%zu", number);
    if (cell.size < size || memcmp(cell.data, text, size) != 0)
        return false;
    struct bytes rest = text_trim(bytes_of(cell.data + size, cell.size - size));
    if (rest.size == 0 ? bracketed : rest.data[0] != '=' && !(bracketed && rest.data[0] == ')'))
        return false;
    for (size_t i = 0; i < rest.size; i++)
        if (!memchr(reckoning, rest.data[i], sizeof reckoning - 1))
            return false;
    return true;
}

static bool holds_more_than_numbers(const struct list_head *head)
{
    for (size_t i = 0; i < head->count; i++)
        if (head->columns[i].kind == COLUMN_FIELD &&
            head->columns[i].field->kind != HOPNHAT__VALUE_KIND__KIND_INTEGER &&
            head->columns[i].field->kind != HOPNHAT__VALUE_KIND__KIND_DECIMAL)
            return true;
    return false;
}

/* Numbers without brackets may be a record's: they are taken for the columns' only where each heading has its
 * own, and a column is not of numbers. */
static bool numbers_columns(const struct list_row *row, const struct list_head *head)
{
    size_t used = 0, bare = 0;
    bool fits = true;
    for (size_t i = 0; i < row->count || i < head->count; i++) {
        struct bytes cell = i < row->count ? text_trim(row->cells[i]) : bytes_of("", 0);
        bool headed = i < head->count && *head->columns[i].heading;
        bool bracketed = cell.size > 0 && cell.data[0] == '(';
        fits = fits && headed == (cell.size > 0);
        if (cell.size > 0 && !says_number(cell, ++used, bracketed))
            return false;
        bare += cell.size > 0 && !bracketed;
    }
    return bare == 0 ? used >= 2 : used >= 3 && fits && holds_more_than_numbers(head);
}

static bool pass_numbers(const struct search *search, struct list_head *head, struct list_reader *reader)
{
    struct list_reader below = *reader;
    struct list_row row;
    if (next_row(&below, search, &row) && numbers_columns(&row, head)) {
        head->numbers_line = row.line;
        *reader = below;
    }
    return search->error->code == ERROR_NONE;
}

bool list_find_head(struct bytes text, const struct catalog_type *type, const struct list_map *maps,
                    size_t map_count, bool wants_ids, struct arena *arena, struct list_reader *reader,
                    struct list_head *head, struct error *error)
{
    const struct search search = {
        .type = type, .maps = maps, .map_count = map_count, .arena = arena, .error = error};
    struct place best = {0};
    error->code = ERROR_NONE;
    for (const char *separator = SEPARATORS; *separator; separator++) {
        struct place place = best_place(text, *separator, &search);
        if (error->code != ERROR_NONE)
            return false;
        if (place.named > best.named || (place.named == best.named && place.uneven < best.uneven) ||
            (place.named == best.named && place.uneven == best.uneven &&
             count_used(&place.row) > count_used(&best.row)))
            best = place;
    }
    if (best.named == 0)
        return not_found(&search);
    *reader = best.below;
    return fill_head(&best, &search, wants_ids, head) && pass_numbers(&search, head, reader);
}

int list_column_of(const struct list_head *head, const Hopnhat__FieldDefinition *field)
{
    for (size_t i = 0; i < head->count; i++)
        if (head->columns[i].kind == COLUMN_FIELD && head->columns[i].field == field)
            return (int)i;
    return -1;
}

static bool says_total(struct bytes cell, struct arena *arena)
{
    static const char *const words[] = {"tong",  "tong cong", "tong so",     "cong", "cong cong",
                                        "total", "totals",    "grand total", "sum"};
    static const char of_what[] = "tong so "; /* "Tổng số đối tác" */
    struct error ignored;
    size_t size = 0; /* of the words, before ": 40 đối tác" or "(USD)" */
    while (size < cell.size && !strchr(":.(0123456789", cell.data[size]))
        size++;
    const char *folded = size < 64 ? text_fold(arena, bytes_of(cell.data, size), &ignored) : NULL;
    for (size_t i = 0; folded && i < sizeof words / sizeof *words; i++)
        if (strcmp(folded, words[i]) == 0)
            return true;
    return folded && strncmp(folded, of_what, sizeof of_what - 1) == 0;
}

static bool is_number(struct bytes cell)
{
    bool digit = false;
    for (size_t i = 0; i < cell.size; i++) {
        digit = digit || (cell.data[i] >= '0' && cell.data[i] <= '9');
        if (!memchr("0123456789.,-+$USD \xC2\xA0", cell.data[i], 21))
            return false;
    }
    return digit;
}

bool list_is_total(const struct list_row *row, struct arena *arena)
{
    bool said = false;
    for (size_t i = 0; i < row->count; i++) {
        struct bytes cell = text_trim(row->cells[i]);
        if (cell.size == 0)
            continue;
        if (!said && !says_total(cell, arena))
            return false;
        if (said && !is_number(cell))
            return false;
        said = true;
    }
    return said;
}
