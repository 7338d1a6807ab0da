#include "api/import.h"
#include "base/text.h"
#include "lists/cell.h"
#include "net/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* A record by its key, or in an export of our own by its id. */
struct import_entry {
    uint8_t key[IMPORT_HASH_BYTES];
    uint8_t id[RECORD_ID_BYTES];
    bool there, several;             /* in the store */
    size_t line;                     /* of the row about it that was taken; 0: none */
    uint8_t said[IMPORT_HASH_BYTES]; /* by that row */
    UT_hash_handle hh;
};

struct import_targets {
    struct import_entry *entries;
    struct arena scratch;
    uint64_t made; /* new records */
    struct error *error;
    bool failed;
};

static struct import_entry *find(const struct import_targets *targets, const uint8_t key[IMPORT_HASH_BYTES])
{
    struct import_entry *entry;
    HASH_FIND(hh, targets->entries, key, IMPORT_HASH_BYTES, entry);
    return entry;
}

static struct import_entry *add(struct import_targets *targets, const uint8_t key[IMPORT_HASH_BYTES])
{
    struct import_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    memcpy(entry->key, key, IMPORT_HASH_BYTES);
    HASH_ADD(hh, targets->entries, key, IMPORT_HASH_BYTES, entry);
    if (entry->hh.tbl)
        return entry;
    free(entry);
    return NULL;
}

static void hash_part(crypto_generichash_state *state, struct bytes part)
{
    uint8_t size[8];
    put_u64_le(size, part.size);
    crypto_generichash_update(state, size, sizeof size);
    crypto_generichash_update(state, part.data, part.size);
}

/* A key field's value as it is compared: texts folded. */
static bool comparable(const Hopnhat__FieldDefinition *field, struct bytes value, struct arena *arena,
                       struct bytes *compared, struct error *error)
{
    *compared = value;
    if (field->kind != HOPNHAT__VALUE_KIND__KIND_TEXT || value.size == 0)
        return true;
    const char *folded = text_fold(arena, value, error);
    if (folded)
        *compared = bytes_of_string(folded);
    return folded != NULL;
}

/* The key of a record that is there; *blank where all of it is. */
static bool record_key(const struct import *import, const Hopnhat__Record *record, struct arena *arena,
                       uint8_t key[IMPORT_HASH_BYTES], bool *blank, struct error *error)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, IMPORT_HASH_BYTES);
    *blank = true;
    for (size_t i = 0; i < import->key_count; i++) {
        struct reading reading;
        struct bytes part;
        if (!fold_field(import->type, record, import->keys[i], arena, &reading, error) ||
            !comparable(import->keys[i], reading.count ? reading.values[0] : bytes_of(NULL, 0), arena, &part,
                        error))
            return false;
        *blank = *blank && part.size == 0;
        hash_part(&state, part);
    }
    crypto_generichash_final(&state, key, IMPORT_HASH_BYTES);
    return true;
}

static bool take_record(struct import *import, const Hopnhat__Record *record, struct error *error)
{
    struct import_targets *targets = import->targets;
    uint8_t key[IMPORT_HASH_BYTES];
    bool deleted, blank;
    arena_reset(&targets->scratch);
    if (!fold_deleted(import->type, record, &targets->scratch, &deleted, NULL, error) ||
        !record_key(import, record, &targets->scratch, key, &blank, error))
        return false;
    if (deleted || blank)
        return true;
    struct import_entry *entry = find(targets, key);
    if (entry) {
        entry->several = true;
        return true;
    }
    if (!(entry = add(targets, key)))
        return out_of_memory(error);
    memcpy(entry->id, record->id.data, RECORD_ID_BYTES);
    entry->there = true;
    return true;
}

static bool visit(void *user, const Hopnhat__Record *record)
{
    struct import *import = user;
    import->targets->failed = !take_record(import, record, import->targets->error);
    return !import->targets->failed;
}

bool import_targets_start(struct import *import, struct error *error)
{
    struct import_targets *targets = calloc(1, sizeof *targets);
    import->targets = targets;
    if (!targets)
        return out_of_memory(error);
    arena_init(&targets->scratch, LIMIT_MESSAGE_ARENA_BYTES);
    targets->error = error;
    if (import->key_count == 0)
        return true;
    return import->bulk->scan(import->context, type_definition(import->type)->number, visit, import, error) &&
           !targets->failed;
}

void import_targets_free(struct import_targets *targets)
{
    struct import_entry *entry, *next;
    if (!targets)
        return;
    HASH_ITER(hh, targets->entries, entry, next)
    {
        HASH_DEL(targets->entries, entry);
        free(entry);
    }
    arena_release(&targets->scratch);
    free(targets);
}

static struct bytes cell_of(const struct import *import, const struct list_row *row, size_t column)
{
    (void)import;
    return column < row->count ? cell_unguard(text_trim(row->cells[column])) : bytes_of(NULL, 0);
}

/* The row's key. Problems are noted, then the key means nothing. */
static bool row_key(struct import *import, const struct list_row *row, uint8_t key[IMPORT_HASH_BYTES],
                    struct import_problem *problem, struct error *error)
{
    crypto_generichash_state state;
    bool blank = true;
    crypto_generichash_init(&state, NULL, 0, IMPORT_HASH_BYTES);
    for (size_t i = 0; i < import->key_count; i++) {
        struct bytes cell = cell_of(import, row, (size_t)list_column_of(&import->head, import->keys[i]));
        const char *text = arena_string(&import->row, cell.data, cell.size);
        struct bytes value, part;
        if (!text)
            return out_of_memory(error);
        if (!import_parse(import, import->keys[i], text, &value, error)) {
            import_problem_add(problem, import->keys[i]->name, error->text);
            return import_is_about_input(error);
        }
        if (!comparable(import->keys[i], value, &import->row, &part, error))
            return false;
        blank = blank && part.size == 0;
        hash_part(&state, part);
    }
    crypto_generichash_final(&state, key, IMPORT_HASH_BYTES);
    if (blank)
        import_problem_add(problem, import->keys[0]->name, "the key is blank");
    return true;
}

/* Of what the row says about its record: not of columns that are left out, such as its number in the list. */
static void row_hash(const struct import *import, const struct list_row *row, uint8_t hash[IMPORT_HASH_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, IMPORT_HASH_BYTES);
    for (size_t i = 0; i < import->head.count; i++) {
        const struct list_column *column = &import->head.columns[i];
        if (column->kind == COLUMN_FIELD && !import_is_key(import, column->field))
            hash_part(&state, text_trim(row->cells[i]));
    }
    crypto_generichash_final(&state, hash, IMPORT_HASH_BYTES);
}

/* Ids that rise with the rows, so that lists keep the order of the file. */
static void new_id(struct import *import, uint8_t id[RECORD_ID_BYTES])
{
    uint64_t number = import->targets->made++;
    uint8_t random[10];
    struct record_id made;
    keys_random(random, sizeof random);
    random[0] = (uint8_t)(number >> 8 & 0x0f);
    random[1] = (uint8_t)number;
    record_id_generate(&made, import->call->wall_ms + (number >> 12), random);
    memcpy(id, made.bytes, RECORD_ID_BYTES);
}

/* A former row about the same record has to say the same. */
static void compare_rows(const struct import *import, const struct list_row *row,
                         struct import_target *target, struct import_problem *problem)
{
    uint8_t said[IMPORT_HASH_BYTES];
    char reason[120];
    if (!target->entry || target->entry->line == 0)
        return;
    row_hash(import, row, said);
    target->repeats = memcmp(said, target->entry->said, sizeof said) == 0;
    if (target->repeats)
        return;
    snprintf(reason, sizeof reason, "line %zu is about the same record, and says otherwise",
             target->entry->line);
    import_problem_add(problem, NULL, reason);
}

static bool find_by_id(struct import *import, const struct list_row *row, struct import_target *target,
                       struct import_problem *problem, struct error *error)
{
    struct record_id id;
    bool deleted;
    size_t column = 0;
    while (import->head.columns[column].kind != COLUMN_ID)
        column++;
    struct bytes cell = cell_of(import, row, column);
    const char *text = arena_string(&import->row, cell.data, cell.size);
    if (!text)
        return out_of_memory(error);
    if (cell.size == 0) {
        new_id(import, target->id);
        return true;
    }
    if (!record_id_parse(text, &id)) {
        import_problem_add(problem, "id", "this is no id of a record (36 characters)");
        return true;
    }
    memcpy(target->id, id.bytes, RECORD_ID_BYTES);
    target->before =
        import->bulk->get(import->context, type_definition(import->type)->number, target->id, &import->edits);
    if (!target->before) {
        import_problem_add(problem, "id", "there is no such record here");
        return true;
    }
    if (!fold_deleted(import->type, target->before, &import->edits, &deleted, NULL, error))
        return false;
    if (deleted)
        import_problem_add(problem, "id", "the record has been deleted");
    target->entry = find(import->targets, target->id);
    if (!target->entry && !(target->entry = add(import->targets, target->id)))
        return out_of_memory(error);
    return true;
}

static bool find_by_key(struct import *import, const struct list_row *row, struct import_target *target,
                        struct import_problem *problem, struct error *error)
{
    uint8_t key[IMPORT_HASH_BYTES];
    if (!row_key(import, row, key, problem, error))
        return false;
    if (*problem->reason)
        return true;
    struct import_entry *entry = find(import->targets, key);
    if (!entry) {
        if (!(entry = add(import->targets, key)))
            return out_of_memory(error);
        new_id(import, entry->id);
    }
    target->entry = entry;
    memcpy(target->id, entry->id, RECORD_ID_BYTES);
    if (entry->several)
        import_problem_add(problem, import->keys[0]->name, "several records here have this key");
    if (!entry->there || entry->several)
        return true;
    target->before =
        import->bulk->get(import->context, type_definition(import->type)->number, entry->id, &import->edits);
    return target->before || out_of_memory(error);
}

bool import_find_target(struct import *import, const struct list_row *row, struct import_target *target,
                        struct import_problem *problem, struct error *error)
{
    *target = (struct import_target){0};
    if (import->key_count) {
        if (!find_by_key(import, row, target, problem, error))
            return false;
    } else if (import->head.has_ids) {
        if (!find_by_id(import, row, target, problem, error))
            return false;
    } else {
        new_id(import, target->id);
    }
    if (!*problem->reason)
        compare_rows(import, row, target, problem);
    return true;
}

void import_target_taken(struct import *import, const struct list_row *row, struct import_target *target)
{
    if (!target->entry)
        return;
    target->entry->line = row->line;
    row_hash(import, row, target->entry->said);
}
