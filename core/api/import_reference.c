/* References that a list gives by the name of the record they point to. */
#include "api/import.h"
#include "base/text.h"

#include <sodium.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* What the records of one type are called: by the folded title. */
struct named {
    uint8_t title[IMPORT_HASH_BYTES];
    uint8_t id[RECORD_ID_BYTES];
    bool several;
    UT_hash_handle hh;
};

struct import_names {
    struct import_names *next;
    const struct catalog_type *type;
    struct named *named;
    struct arena scratch;
    struct error *error;
    bool failed;
};

static bool hash_title(struct bytes text, struct arena *arena, uint8_t hash[IMPORT_HASH_BYTES],
                       struct error *error)
{
    const char *folded = text_fold(arena, text_trim(text), error);
    if (folded)
        crypto_generichash(hash, IMPORT_HASH_BYTES, (const uint8_t *)folded, strlen(folded), NULL, 0);
    return folded != NULL;
}

static bool take_record(struct import_names *names, const Hopnhat__Record *record)
{
    uint8_t title[IMPORT_HASH_BYTES];
    struct reading reading;
    struct named *one;
    bool deleted;
    arena_reset(&names->scratch);
    if (!fold_deleted(names->type, record, &names->scratch, &deleted, NULL, names->error) ||
        !fold_field(names->type, record, type_title(names->type), &names->scratch, &reading, names->error))
        return false;
    if (deleted || reading.count == 0)
        return true;
    if (!hash_title(reading.values[0], &names->scratch, title, names->error))
        return false;
    HASH_FIND(hh, names->named, title, IMPORT_HASH_BYTES, one);
    if (one) {
        one->several = true;
        return true;
    }
    if (!(one = calloc(1, sizeof *one)))
        return out_of_memory(names->error);
    memcpy(one->title, title, sizeof title);
    memcpy(one->id, record->id.data, RECORD_ID_BYTES);
    HASH_ADD(hh, names->named, title, IMPORT_HASH_BYTES, one);
    if (one->hh.tbl)
        return true;
    free(one);
    return out_of_memory(names->error);
}

static bool visit(void *user, const Hopnhat__Record *record)
{
    struct import_names *names = user;
    names->failed = !take_record(names, record);
    return !names->failed;
}

/* The names of that type's records, read when they are first asked for. */
static struct import_names *names_of(struct import *import, const struct catalog_type *type,
                                     struct error *error)
{
    struct import_names *names = import->names;
    while (names && names->type != type)
        names = names->next;
    if (names)
        return names;
    names = calloc(1, sizeof *names);
    if (!names) {
        out_of_memory(error);
        return NULL;
    }
    names->type = type;
    names->next = import->names;
    names->error = error;
    arena_init(&names->scratch, LIMIT_MESSAGE_ARENA_BYTES);
    import->names = names;
    if (import->bulk->scan(import->context, type_definition(type)->number, visit, names, error) &&
        !names->failed)
        return names;
    return NULL;
}

void import_names_free(struct import_names *names)
{
    while (names) {
        struct import_names *next = names->next;
        struct named *one, *next_one;
        HASH_ITER(hh, names->named, one, next_one)
        {
            HASH_DEL(names->named, one);
            free(one);
        }
        arena_release(&names->scratch);
        free(names);
        names = next;
    }
}

bool import_names_start(struct import *import, struct error *error)
{
    const char *own = type_definition(import->type)->name;
    for (size_t i = 0; i < import->head.count; i++) {
        const Hopnhat__FieldDefinition *field = import->head.columns[i].field;
        if (field && field->reference && strcmp(field->reference, own) == 0)
            return names_of(import, import->type, error) != NULL;
    }
    return true;
}

bool import_parse_reference(struct import *import, const Hopnhat__FieldDefinition *field, const char *text,
                            struct bytes *value, struct error *error)
{
    const struct catalog *catalog = import->call->records->catalog(import->call->records->context);
    const struct catalog_type *type = field->reference ? catalog_type_named(catalog, field->reference) : NULL;
    uint8_t title[IMPORT_HASH_BYTES];
    struct named *one;
    char id_text[RECORD_ID_TEXT_BYTES];
    struct record_id id;
    if (!type || !type_title(type))
        return error_set(error, ERROR_INPUT, "%s: \"%.80s\" is not a record's id (36 characters)",
                         field->name, text);
    struct import_names *names = names_of(import, type, error);
    if (!names || !hash_title(bytes_of_string(text), &import->row, title, error))
        return false;
    HASH_FIND(hh, names->named, title, IMPORT_HASH_BYTES, one);
    if (!one)
        return error_set(error, ERROR_INPUT,
                         "%s: no %s here is called \"%.80s\"; import those first, or give its id",
                         field->name, type_definition(type)->name, text);
    if (one->several)
        return error_set(error, ERROR_INPUT, "%s: several %s here are called \"%.80s\": give the id of one",
                         field->name, type_definition(type)->name, text);
    memcpy(id.bytes, one->id, RECORD_ID_BYTES);
    record_id_format(&id, id_text);
    const char *copy = arena_string(&import->edits, id_text, strlen(id_text));
    if (!copy)
        return out_of_memory(error);
    *value = bytes_of_string(copy);
    return true;
}
