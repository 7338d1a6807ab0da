#include "api/import.h"
#include "lists/cell.h"

#include <stdlib.h>
#include <time.h>

static bool read_map(struct import *import, struct list_map **maps, size_t *count, struct error *error)
{
    json_t *given = json_object_get(import->call->body, "map"), *value;
    const char *heading;
    *count = 0;
    if (given && !json_is_object(given))
        return error_set(error, ERROR_INPUT, "map: give an object of headings and fields");
    *maps = arena_alloc(import->call->arena, json_object_size(given) * sizeof **maps);
    if (!*maps)
        return out_of_memory(error);
    json_object_foreach(given, heading, value)
    {
        const char *name = json_string_value(value);
        const Hopnhat__FieldDefinition *field = field_known(import->type, name ? name : "", error);
        if (!field)
            return error_prefix(error, "map");
        for (size_t i = 0; i < *count; i++)
            if ((*maps)[i].field == field)
                return error_set(error, ERROR_INPUT, "map: two headings are %s", field->name);
        (*maps)[(*count)++] = (struct list_map){heading, field};
    }
    return true;
}

/* Reads the names of the key's fields; *ids: the key is the id. */
static bool read_keys(struct import *import, bool *ids, struct error *error)
{
    json_t *given = json_object_get(import->call->body, "key"), *value;
    size_t i;
    if (given && !json_is_array(given))
        return error_set(error, ERROR_INPUT, "key: give an array of fields");
    json_array_foreach(given, i, value)
    {
        const char *name = json_string_value(value);
        if (name && strcmp(name, "id") == 0 && json_array_size(given) == 1) {
            *ids = true;
            return true;
        }
        const Hopnhat__FieldDefinition *field = field_known(import->type, name ? name : "", error);
        if (!field)
            return error_prefix(error, "key");
        if (cell_has_parts(field) || field->policy == HOPNHAT__MERGE_POLICY__SUM)
            return error_set(error, ERROR_INPUT, "key: %s does not name a record: it holds several values",
                             field->name);
        if (import->key_count == IMPORT_KEY_FIELDS)
            return error_set(error, ERROR_LIMIT, "key: at most %d fields", IMPORT_KEY_FIELDS);
        import->keys[import->key_count++] = field;
    }
    return true;
}

/* A list of new records that has no column for what each of them needs has no row to take. */
static bool has_required(const struct import *import, bool ids, struct error *error)
{
    const Hopnhat__TypeDefinition *type = type_definition(import->type);
    for (size_t i = 0; i < import->head.count; i++)
        ids = ids || import->head.columns[i].kind == COLUMN_ID;
    for (size_t i = 0; i < type->n_fields && import->key_count == 0 && !ids; i++)
        if (type->fields[i]->required && !type->fields[i]->retired &&
            list_column_of(&import->head, type->fields[i]) < 0)
            return error_set(error, ERROR_INPUT,
                             "the list has no column for %s, which every %s needs: --map HEADING=%s names it",
                             type->fields[i]->name, type->name, type->fields[i]->name);
    return true;
}

static bool read_head(struct import *import, struct error *error)
{
    struct list_map *maps = NULL;
    size_t map_count;
    bool ids = false;
    const char *text = api_body_string(import->call, "text", error);
    if (!text)
        return error_set(error, ERROR_INPUT, "text: give the list as a string");
    if (strlen(text) > LIMIT_IMPORT_BYTES)
        return error_set(error, ERROR_LIMIT, "the list has more than %d bytes: import it in parts",
                         LIMIT_IMPORT_BYTES);
    if (!read_map(import, &maps, &map_count, error) || !read_keys(import, &ids, error) ||
        !list_find_head(bytes_of_string(text), import->type, maps, map_count, ids, import->call->arena,
                        &import->reader, &import->head, error))
        return false;
    for (size_t i = 0; i < import->key_count; i++)
        if (list_column_of(&import->head, import->keys[i]) < 0)
            return error_set(error, ERROR_INPUT, "key: the list has no column for %s", import->keys[i]->name);
    return has_required(import, ids, error);
}

static bool read_request(struct import *import, struct error *error)
{
    static const char *const keys[] = {"text", "file", "author", "map", "key", "dry_run", NULL};
    struct api_call *call = import->call;
    time_t seconds = (time_t)(call->wall_ms / 1000);
    struct tm now;
    if (!api_body_keys(call, keys, error))
        return false;
    if (!api_author(call, &import->author, error))
        return false;
    error->code = ERROR_NONE;
    import->file = api_body_string(call, "file", error);
    if (error->code != ERROR_NONE)
        return false;
    import->dry_run = json_is_true(json_object_get(call->body, "dry_run"));
    import->present_year = gmtime_r(&seconds, &now) ? now.tm_year + 1900 : 0;
    return read_head(import, error);
}

/* The next row. A row over several lines that has not the list's shape is most likely a quote that was never
 * meant: its first line is marked, and the others are read anew. */
static bool next_row(struct import *import, struct list_row *row, struct error *error)
{
    struct list_reader before = import->reader;
    if (!list_next(&import->reader, &import->row, row, error))
        return false;
    if (import_is_shaped(import, row) || import->reader.line - row->line <= 1)
        return true;
    import->reader = before;
    list_skip_line(&import->reader);
    row->unclosed = true;
    return true;
}

static bool take_rows(struct import *import, struct error *error)
{
    struct list_row row;
    error->code = ERROR_NONE;
    arena_reset(&import->row);
    while (next_row(import, &row, error)) {
        if (!import_may_go_on(error) || !import_row(import, &row, error))
            return false;
        arena_reset(&import->row);
        error->code = ERROR_NONE; /* of rows that were left out */
    }
    return error->code == ERROR_NONE && (import->dry_run || import_batch_flush(import, error));
}

/* What is said of the list itself: which columns were taken for what. A new reference. */
static json_t *describe_columns(const struct import *import, struct error *error)
{
    char separator[2] = {import->head.separator, 0};
    json_t *columns = json_object(), *others = json_array();
    bool done = columns && others;
    for (size_t i = 0; i < import->head.count && done; i++) {
        const struct list_column *column = &import->head.columns[i];
        if (column->kind == COLUMN_UNKNOWN)
            done = !*column->heading || json_array_append_new(others, json_string(column->heading)) == 0;
        else
            done = json_object_set_new(columns, column->heading,
                                       json_string(column->kind == COLUMN_FIELD ? column->field->name
                                                   : column->kind == COLUMN_ID  ? "id"
                                                                                : "token")) == 0;
    }
    if (!done) {
        json_decref(columns);
        json_decref(others);
        out_of_memory(error);
        return NULL;
    }
    return json_pack("{s:I, s:I, s:s, s:o, s:o}", "line", (json_int_t)import->head.line, "numbers_line",
                     (json_int_t)import->head.numbers_line, "separator", separator, "columns", columns,
                     "not_taken", others);
}

static void store_import(struct import *import)
{
    Hopnhat__Import row = HOPNHAT__IMPORT__INIT;
    row.number = import->log.number;
    row.type = type_definition(import->type)->number;
    row.made_ms = import->call->wall_ms;
    row.author = (char *)(uintptr_t)import->author;
    row.file = (char *)(uintptr_t)import->file;
    row.replica = import->first.replica;
    row.first_seq = import->first.seq;
    row.last_seq = import->last.seq;
    row.added = import->added;
    row.changed = import->changed;
    import_log_put(import->log.transaction, import->log.database, &row);
}

/* Reads the rows in one transaction, which is committed where there is something to write. */
static bool run(struct import *import, bool *written, struct error *error)
{
    struct transaction *transaction = import->bulk->begin(import->context, import->call->wall_ms, error);
    if (!transaction)
        return false;
    import_log_start(&import->log, transaction, import->bulk->imports);
    bool done =
        import_targets_start(import, error) && import_names_start(import, error) && take_rows(import, error);
    *written = done && !import->dry_run && import->first.seq;
    if (*written) {
        store_import(import);
        return import->bulk->commit(import->context, error);
    }
    import->bulk->abort(import->context);
    return done;
}

static json_t *answer(struct import *import, json_t *columns, bool written, struct error *error)
{
    json_t *json = json_pack("{s:I, s:I, s:I, s:O, s:O}", "added", (json_int_t)import->added, "changed",
                             (json_int_t)import->changed, "unchanged", (json_int_t)import->unchanged,
                             "rejected", import->rejected, "totals", import->totals);
    bool done =
        json && json_object_update(json, columns) == 0 &&
        (!written || json_object_set_new(json, "import", json_integer((json_int_t)import->log.number)) == 0);
    if (done)
        return json;
    json_decref(json);
    out_of_memory(error);
    return NULL;
}

static void release(struct import *import)
{
    json_decref(import->rejected);
    json_decref(import->totals);
    import_targets_free(import->targets);
    import_memo_free(import->memo);
    import_names_free(import->names);
    arena_release(&import->row);
    arena_release(&import->edits);
    free(import);
}

json_t *handle_import(struct api_call *call, struct error *error)
{
    const struct catalog_type *type = call_writable_type(call, error);
    struct import *import = type ? calloc(1, sizeof *import) : NULL;
    json_t *json = NULL, *columns = NULL;
    bool written = false;
    if (!type)
        return NULL;
    if (!import) {
        out_of_memory(error);
        return NULL;
    }
    import->call = call;
    import->bulk = call->records->bulk;
    import->context = call->records->context;
    import->type = type;
    import->rejected = json_array();
    import->totals = json_array();
    arena_init(&import->row, LIMIT_MESSAGE_ARENA_BYTES);
    arena_init(&import->edits, LIMIT_MESSAGE_ARENA_BYTES);
    if (!import->rejected || !import->totals)
        out_of_memory(error);
    else if (read_request(import, error) && (columns = describe_columns(import, error)) &&
             run(import, &written, error))
        json = answer(import, columns, written, error);
    json_decref(columns);
    release(import);
    return json;
}
