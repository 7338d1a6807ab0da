#include "api/import.h"
#include "api/token.h"
#include "base/text.h"
#include "lists/cell.h"
#include "model/value.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { MEMO_ENTRIES = 10000, MEMO_TEXT_BYTES = 200 };

/* What texts of countries and choices were found to mean: finding that takes folding all their names. */
struct import_memo {
    struct memo_entry {
        char *key; /* the field's number and the text */
        char value[64];
        UT_hash_handle hh;
    } * entries;
};

void import_memo_free(struct import_memo *memo)
{
    struct memo_entry *entry, *next;
    if (!memo)
        return;
    HASH_ITER(hh, memo->entries, entry, next)
    {
        HASH_DEL(memo->entries, entry);
        free(entry->key);
        free(entry);
    }
    free(memo);
}

/* Remembers; what there is no room for is found anew the next time. */
static void remember(struct import *import, const char *key, struct bytes value)
{
    if (!import->memo)
        import->memo = calloc(1, sizeof *import->memo);
    if (!import->memo || HASH_COUNT(import->memo->entries) >= MEMO_ENTRIES)
        return;
    struct memo_entry *entry = calloc(1, sizeof *entry);
    char *copy = strdup(key);
    if (entry && copy && value.size < sizeof entry->value) {
        entry->key = copy;
        memcpy(entry->value, value.data, value.size);
        HASH_ADD_KEYPTR(hh, import->memo->entries, entry->key, strlen(entry->key), entry);
        if (entry->hh.tbl)
            return;
    }
    free(copy);
    free(entry);
}

bool import_parse(struct import *import, const Hopnhat__FieldDefinition *field, const char *text,
                  struct bytes *value, struct error *error)
{
    bool slow =
        field->kind == HOPNHAT__VALUE_KIND__KIND_COUNTRY || field->kind == HOPNHAT__VALUE_KIND__KIND_ENUM;
    struct memo_entry *entry = NULL;
    const char *key = NULL;
    if (slow && strlen(text) <= MEMO_TEXT_BYTES)
        key = arena_format(&import->row, "%u %s", field->number, text);
    if (key && import->memo)
        HASH_FIND_STR(import->memo->entries, key, entry);
    if (entry) {
        *value = bytes_of_string(entry->value);
        return true;
    }
    struct record_id id;
    if (field->kind == HOPNHAT__VALUE_KIND__KIND_REFERENCE && text_trim(bytes_of_string(text)).size &&
        !record_id_parse(text, &id))
        return import_parse_reference(import, field, text, value, error);
    if (!value_parse_date(&import->edits, field, text, import->present_year, value, error))
        return false;
    if (key && value->size)
        remember(import, key, *value);
    return true;
}

/* No-break spaces come from word processors; what people mean is a blank. */
static const char *plain_blanks(const char *text, struct arena *arena)
{
    char *copy = arena_string(arena, text, strlen(text)), *to = copy;
    for (const char *from = copy; from && *from;) {
        size_t size = strncmp(from, "\xC2\xA0", 2) == 0                                                ? 2
                      : strncmp(from, "\xE2\x80\xAF", 3) == 0 || strncmp(from, "\xE2\x80\x87", 3) == 0 ? 3
                                                                                                       : 0;
        *to++ = size ? ' ' : *from;
        from += size ? size : 1;
    }
    if (to)
        *to = '\0';
    return copy;
}

/* Reads the cell; *count is 0 for a blank one. Problems are noted. False: memory. */
static bool read_cell(struct import *import, const Hopnhat__FieldDefinition *field, struct bytes cell,
                      struct bytes **values, size_t *count, struct import_problem *problem,
                      struct error *error)
{
    const char **parts;
    bool clean = field->kind == HOPNHAT__VALUE_KIND__KIND_TEXT && !import->head.has_ids;
    *count = 0;
    if (!cell_split(field, cell, &import->row, &parts, count, error) ||
        !(*values = arena_alloc(&import->edits, *count * sizeof **values))) {
        if (error->code != ERROR_LIMIT)
            return out_of_memory(error);
        import_problem_add(problem, field->name, error->text);
        return true;
    }
    for (size_t i = 0; i < *count; i++) {
        const char *text = clean ? plain_blanks(parts[i], &import->row) : parts[i];
        if (!text)
            return out_of_memory(error);
        if (import_parse(import, field, text, &(*values)[i], error))
            continue;
        import_problem_add(problem, field->name, error->text);
        return import_is_about_input(error);
    }
    return true;
}

static bool holds(const struct bytes *values, size_t count, struct bytes value)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(values[i], value))
            return true;
    return false;
}

static bool holds_all(const struct bytes *values, size_t count, const struct bytes *wanted,
                      size_t wanted_count)
{
    for (size_t i = 0; i < wanted_count; i++)
        if (!holds(values, count, wanted[i]))
            return false;
    return true;
}

/* Whether the field reads as the assignment says, so that there is nothing to write; of a thread what is
 * there is taken away from the assignment. */
static bool reads_so(const struct import *import, const Hopnhat__Record *before,
                     struct assignment *assignment, struct bytes *values, bool *so, struct error *error)
{
    struct reading reading;
    size_t left = 0;
    if (!fold_field(import->type, before, assignment->definition, (struct arena *)(uintptr_t)&import->edits,
                    &reading, error))
        return false;
    if (assignment->kind == ASSIGN_ADD) {
        for (size_t i = 0; i < assignment->count; i++)
            if (!holds(reading.values, reading.count, values[i]))
                values[left++] = values[i];
        assignment->count = left;
        *so = left == 0;
    } else {
        *so = holds_all(reading.values, reading.count, values, assignment->count) &&
              holds_all(values, assignment->count, reading.values, reading.count);
    }
    return true;
}

/* Whether somebody has written the field since the export that the token is of. */
static bool is_newer(const Hopnhat__Record *before, uint32_t field, const struct shown *shown)
{
    const Hopnhat__Field *bag = record_field(before, field);
    if (bag && bag->has_changed && bag->changed > shown->rev) /* members and posts are taken away, too */
        return true;
    for (size_t i = 0; bag && i < bag->n_entries; i++)
        if (bag->entries[i]->rev > shown->rev)
            return true;
    return false;
}

/* The row's token, if it is one of this store's. */
static bool row_token(const struct import *import, const struct list_row *row, const Hopnhat__Record *before,
                      struct shown *shown)
{
    struct error ignored;
    char text[TOKEN_TEXT_BYTES];
    for (size_t i = 0; i < import->head.count && i < row->count; i++) {
        struct bytes cell = text_trim(row->cells[i]);
        if (import->head.columns[i].kind != COLUMN_TOKEN || cell.size >= sizeof text || cell.size == 0)
            continue;
        memcpy(text, cell.data, cell.size);
        text[cell.size] = '\0';
        return token_parse(text, shown, &ignored) &&
               shown->replica == import->call->records->shown_now(import->context, before).replica;
    }
    return false;
}

bool import_is_key(const struct import *import, const Hopnhat__FieldDefinition *field)
{
    for (size_t i = 0; i < import->key_count; i++)
        if (import->keys[i] == field)
            return true;
    return false;
}

bool import_read_values(struct import *import, const struct list_row *row, const Hopnhat__Record *before,
                        struct assignment_list *list, struct import_problem *problem, struct error *error)
{
    struct shown shown;
    bool has_token = before && row_token(import, row, before, &shown);
    *list = (struct assignment_list){
        .items = arena_alloc(&import->edits, import->head.count * sizeof *list->items)};
    if (!list->items)
        return out_of_memory(error);
    for (size_t i = 0; i < import->head.count && i < row->count; i++) {
        const Hopnhat__FieldDefinition *field = import->head.columns[i].field;
        struct assignment *assignment = &list->items[list->count];
        struct bytes *values = NULL;
        bool so = false;
        if (!field || (before && import_is_key(import, field)))
            continue;
        *assignment = (struct assignment){
            .definition = field,
            .kind = field->policy == HOPNHAT__MERGE_POLICY__THREAD ? ASSIGN_ADD : ASSIGN_SET,
        };
        if (!read_cell(import, field, cell_unguard(text_trim(row->cells[i])), &values, &assignment->count,
                       problem, error))
            return false;
        assignment->values = values;
        if (*problem->reason || assignment->count == 0)
            continue;
        if (before && !reads_so(import, before, assignment, values, &so, error))
            return false;
        if (so)
            continue;
        if (has_token && is_newer(before, field->number, &shown))
            import_problem_add(problem, field->name, "was written anew since this list was exported");
        list->count++;
    }
    return true;
}
