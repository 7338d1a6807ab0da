/* A small store of records for tests of followers and queries: what a daemon's store is to them. */
#ifndef HOPNHAT_TESTS_UNIT_STORE_FAKE_SOURCE_H
#define HOPNHAT_TESTS_UNIT_STORE_FAKE_SOURCE_H

#include "model/bag.h"
#include "model/catalog.h"
#include "model/fold.h"
#include "model/office.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/rows.h"
#include "store/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { FAKE_META, FAKE_RECORD, FAKE_CHANGED, FAKE_PLACE, FAKE_DATABASES };

/* Types and fields of the tests' catalog. */
enum {
    PARTNER = 16,
    NAME = 16,      /* text, indexed */
    COUNTRY = 17,   /* country, indexed */
    SECTORS = 18,   /* set of text, indexed */
    COMMITTED = 19, /* decimal, indexed */
    STATUS = 20,    /* enum, indexed */
    SINCE = 21,     /* date */
    NOTES = 22,     /* thread of text */
    PROJECT = 17,
    TITLE = 16,   /* text */
    LED_BY = 17,  /* reference to partner */
    BUDGET = 18,  /* decimal */
    STARTED = 19, /* date, indexed */
};

struct fake {
    char directory[64];
    struct environment *environment;
    struct catalog *catalog;
    struct arena arena;
    uint64_t rev, seq;
};

static inline Hopnhat__FieldDefinition *fake_field(struct arena *arena, uint32_t number, const char *name,
                                                   Hopnhat__ValueKind kind, Hopnhat__MergePolicy policy,
                                                   bool indexed)
{
    Hopnhat__FieldDefinition *field = arena_alloc(arena, sizeof *field);
    hopnhat__field_definition__init(field);
    field->number = number;
    field->name = arena_string(arena, name, strlen(name));
    field->has_kind = field->has_policy = field->has_indexed = true;
    field->kind = kind;
    field->policy = policy;
    field->indexed = indexed;
    return field;
}

static inline void fake_choices(struct arena *arena, Hopnhat__FieldDefinition *field,
                                const char *const *names, size_t count)
{
    field->choices = arena_alloc(arena, count * sizeof *field->choices);
    field->n_choices = count;
    for (size_t i = 0; i < count; i++) {
        field->choices[i] = arena_alloc(arena, sizeof **field->choices);
        hopnhat__choice__init(field->choices[i]);
        field->choices[i]->name = arena_string(arena, names[i], strlen(names[i]));
    }
}

static inline Hopnhat__TypeDefinition *fake_type(struct arena *arena, uint32_t number, const char *name,
                                                 Hopnhat__FieldDefinition **fields, size_t count)
{
    Hopnhat__TypeDefinition *type = arena_alloc(arena, sizeof *type);
    hopnhat__type_definition__init(type);
    type->number = number;
    type->name = arena_string(arena, name, strlen(name));
    type->fields = arena_copy(arena, fields, count * sizeof *fields);
    type->n_fields = count;
    return type;
}

/* The tests' catalog of that version; notes are indexed from version 2 on. */
static inline struct catalog *fake_catalog(uint32_t version)
{
    const Hopnhat__ValueKind text = HOPNHAT__VALUE_KIND__KIND_TEXT;
    const Hopnhat__MergePolicy latest = HOPNHAT__MERGE_POLICY__LATEST;
    static const char *const states[] = {"prospect", "active", "dormant", "ended"};
    struct arena arena;
    struct error error;
    arena_init(&arena, 1024 * 1024);
    Hopnhat__FieldDefinition *partner[] = {
        fake_field(&arena, NAME, "name", text, latest, true),
        fake_field(&arena, COUNTRY, "country", HOPNHAT__VALUE_KIND__KIND_COUNTRY, latest, true),
        fake_field(&arena, SECTORS, "sectors", text, HOPNHAT__MERGE_POLICY__UNION, true),
        fake_field(&arena, COMMITTED, "committed", HOPNHAT__VALUE_KIND__KIND_DECIMAL, latest, true),
        fake_field(&arena, STATUS, "status", HOPNHAT__VALUE_KIND__KIND_ENUM, latest, true),
        fake_field(&arena, SINCE, "since", HOPNHAT__VALUE_KIND__KIND_DATE, latest, false),
        fake_field(&arena, NOTES, "notes", text, HOPNHAT__MERGE_POLICY__THREAD, version > 1),
    };
    fake_choices(&arena, partner[4], states, 4);
    Hopnhat__FieldDefinition *project[] = {
        fake_field(&arena, TITLE, "title", text, latest, false),
        fake_field(&arena, LED_BY, "led_by", HOPNHAT__VALUE_KIND__KIND_REFERENCE, latest, false),
        fake_field(&arena, BUDGET, "budget", HOPNHAT__VALUE_KIND__KIND_DECIMAL, latest, false),
        fake_field(&arena, STARTED, "started", HOPNHAT__VALUE_KIND__KIND_DATE, latest, true),
    };
    char partner_name[] = "partner";
    project[1]->reference = partner_name;
    Hopnhat__TypeDefinition *types[] = {fake_type(&arena, PARTNER, "partner", partner, 7),
                                        fake_type(&arena, PROJECT, "project", project, 4)};
    Hopnhat__Catalog catalog = HOPNHAT__CATALOG__INIT;
    catalog.version = version;
    catalog.types = types;
    catalog.n_types = 2;
    uint8_t *packed = arena_alloc(&arena, hopnhat__catalog__get_packed_size(&catalog));
    struct catalog *loaded = catalog_load(bytes_of(packed, hopnhat__catalog__pack(&catalog, packed)), &error);
    assert_non_null(loaded);
    arena_release(&arena);
    return loaded;
}

static inline void fake_head(struct transaction *snapshot, struct source_head *head)
{
    *head = (struct source_head){
        .identity = meta_number(snapshot, FAKE_META, "identity", 1),
        .rev = meta_number(snapshot, FAKE_META, "rev", 0),
        .catalog_tag = (uint32_t)meta_number(snapshot, FAKE_META, "tag", 0),
    };
}

static inline bool fake_catalog_of(struct transaction *snapshot, struct bytes *packed)
{
    return transaction_get(snapshot, FAKE_META, bytes_of_string("catalog"), packed);
}

static inline bool fake_next(struct transaction *snapshot, uint64_t after, struct source_row *rows,
                             size_t most, size_t *count, bool *all, struct error *error)
{
    struct key key;
    struct cursor cursor;
    (void)error;
    key_number(&key, after + 1);
    *count = 0;
    cursor_open(&cursor, snapshot, FAKE_CHANGED);
    bool here = cursor_seek(&cursor, key_bytes(&key));
    for (; here && *count < most; here = cursor_next(&cursor)) {
        struct source_row *row = &rows[(*count)++];
        row->rev = get_u64_be(cursor.key.data);
        row->type = get_u32_be(cursor.value.data);
        memcpy(row->id, cursor.value.data + 4, RECORD_ID_BYTES);
    }
    *all = !here;
    cursor_close(&cursor);
    return true;
}

/* How many reads work until one fails, for tests of failures; negative: all. */
static int fake_reads_left = -1;

static inline bool fake_unpack(struct bytes row, struct arena *arena, const Hopnhat__Record **record,
                               struct error *error)
{
    *record = hopnhat__record__unpack(&arena->protobuf, row.size, row.data);
    return *record || error_set(error, ERROR_CORRUPT, "a record cannot be read");
}

static inline bool fake_read(struct transaction *snapshot, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                             struct arena *arena, const Hopnhat__Record **record, struct error *error)
{
    struct key key;
    struct bytes row;
    *record = NULL;
    if (fake_reads_left == 0)
        return error_set(error, ERROR_STORE, "the disk has failed");
    fake_reads_left -= fake_reads_left > 0;
    key_record(&key, type, id);
    return !transaction_get(snapshot, FAKE_RECORD, key_bytes(&key), &row) ||
           fake_unpack(row, arena, record, error);
}

static inline bool fake_scan(struct transaction *snapshot, uint32_t type, const uint8_t *after,
                             source_visit *visit, void *user, struct error *error)
{
    struct key key = {0}, prefix = {0};
    struct cursor cursor;
    struct arena arena;
    bool done = true, on = true;
    key_add_u32(&prefix, type);
    key = prefix;
    if (after) {
        key_add(&key, after, RECORD_ID_BYTES);
        key_add(&key, "", 1);
    }
    arena_init(&arena, 16 * 1024 * 1024);
    cursor_open(&cursor, snapshot, FAKE_RECORD);
    for (bool here = cursor_seek(&cursor, key_bytes(&key));
         here && on && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor)) {
        const Hopnhat__Record *record;
        arena_reset(&arena);
        done = fake_unpack(cursor.value, &arena, &record, error);
        on = done && visit(user, record);
    }
    cursor_close(&cursor);
    arena_release(&arena);
    return done;
}

static inline struct record_source fake_source(struct fake *fake)
{
    return (struct record_source){.environment = fake->environment,
                                  .head = fake_head,
                                  .catalog = fake_catalog_of,
                                  .next = fake_next,
                                  .read = fake_read,
                                  .scan = fake_scan};
}

static inline void fake_set_catalog(struct fake *fake, uint32_t version)
{
    struct transaction transaction;
    struct error error;
    catalog_free(fake->catalog);
    fake->catalog = fake_catalog(version);
    assert_true(transaction_begin(&transaction, fake->environment, true, &error));
    meta_put_number(&transaction, FAKE_META, "tag", catalog_tag(fake->catalog));
    struct bytes packed = catalog_packed(fake->catalog);
    meta_put_bytes(&transaction, FAKE_META, "catalog", packed.data, packed.size);
    assert_true(transaction_commit(&transaction, &error));
}

static inline void fake_set_number(struct fake *fake, const char *name, uint64_t number)
{
    struct transaction transaction;
    struct error error;
    assert_true(transaction_begin(&transaction, fake->environment, true, &error));
    meta_put_number(&transaction, FAKE_META, name, number);
    assert_true(transaction_commit(&transaction, &error));
}

/* Opens the files in its directory, which are closed now. */
static inline void fake_reopen(struct fake *fake)
{
    static const char *const names[FAKE_DATABASES] = {"meta", "record", "changed", "place"};
    struct error error;
    char path[100];
    snprintf(path, sizeof path, "%s/store", fake->directory);
    fake->environment = environment_open(path, names, FAKE_DATABASES, 1 << 28, &error);
    assert_non_null(fake->environment);
}

static inline void fake_open(struct fake *fake)
{
    *fake = (struct fake){0};
    arena_init(&fake->arena, 64 * 1024 * 1024);
    /* in memory where that can be: these tests are about rows, not about disks */
    snprintf(fake->directory, sizeof fake->directory, "/dev/shm/hopnhat-store-XXXXXX");
    if (!mkdtemp(fake->directory)) {
        snprintf(fake->directory, sizeof fake->directory, "/tmp/hopnhat-store-XXXXXX");
        assert_non_null(mkdtemp(fake->directory));
    }
    fake_reopen(fake);
    fake_set_catalog(fake, 1);
}

static inline void fake_remove_directory(const char *directory)
{
    static const char *const files[] = {
        "store/data.mdb", "store/lock.mdb", "store",          "views/data.mdb", "views/lock.mdb",
        "views",          "again/data.mdb", "again/lock.mdb", "again",          ""};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[120];
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        remove(path);
    }
}

static inline void fake_close(struct fake *fake)
{
    environment_close(fake->environment);
    catalog_free(fake->catalog);
    arena_release(&fake->arena);
    fake_remove_directory(fake->directory);
}

/* An id from a number, ascending with it. */
static inline void fake_id(uint32_t number, uint8_t id[RECORD_ID_BYTES])
{
    memset(id, 0, RECORD_ID_BYTES);
    put_u32_be(id, number);
    id[8] = 0x80;
}

/* Adds an entry with the value, beside those that are there. */
static inline void fake_add(struct fake *fake, Hopnhat__Record *record, uint32_t field, const char *value)
{
    struct error error;
    Hopnhat__Entry *entry = arena_alloc(&fake->arena, sizeof *entry);
    hopnhat__entry__init(entry);
    entry->replica = 7;
    entry->seq = entry->time = ++fake->seq;
    entry->has_value = true;
    entry->value.len = strlen(value);
    entry->value.data = arena_copy(&fake->arena, value, strlen(value));
    assert_true(bag_put(&fake->arena, record_field_make(&fake->arena, record, field), entry, &error));
}

/* Puts one entry with the value in place of all. */
static inline void fake_set(struct fake *fake, Hopnhat__Record *record, uint32_t field, const char *value)
{
    record_field_make(&fake->arena, record, field)->n_entries = 0;
    fake_add(fake, record, field, value);
}

static inline Hopnhat__Record *fake_record(struct fake *fake, uint32_t type, uint32_t number,
                                           const char *owner)
{
    uint8_t id[RECORD_ID_BYTES];
    fake_id(number, id);
    Hopnhat__Record *record = record_new(&fake->arena, type, id);
    fake_set(fake, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, "everyone");
    fake_set(fake, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, owner);
    return record;
}

/* Deletes it as everybody saw it. */
static inline void fake_delete(struct fake *fake, Hopnhat__Record *record)
{
    struct bytes value;
    struct error error;
    assert_true(tombstone_pack(record, &fake->arena, &value, &error));
    fake_set(fake, record, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED, "");
    Hopnhat__Field *field = record_field(record, HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED);
    field->entries[0]->value = (ProtobufCBinaryData){value.size, (uint8_t *)(uintptr_t)value.data};
}

/* Moves the row of the record in the list of changes to a new rev, in the transaction. */
static inline void fake_touch(struct fake *fake, struct transaction *transaction, uint32_t type,
                              const uint8_t *id)
{
    struct key key, rev;
    struct bytes former;
    uint8_t number[8];
    key_record(&key, type, id);
    if (transaction_get(transaction, FAKE_PLACE, key_bytes(&key), &former)) {
        memcpy(number, former.data, sizeof number);
        transaction_delete(transaction, FAKE_CHANGED, bytes_of(number, sizeof number));
    }
    key_number(&rev, ++fake->rev);
    transaction_put(transaction, FAKE_CHANGED, key_bytes(&rev), key_bytes(&key));
    transaction_put(transaction, FAKE_PLACE, key_bytes(&key), key_bytes(&rev));
    meta_put_number(transaction, FAKE_META, "rev", fake->rev);
}

/* Stores it (NULL: removes the record). */
static inline void fake_store(struct fake *fake, uint32_t type, const uint8_t *id,
                              const Hopnhat__Record *record)
{
    struct transaction transaction;
    struct error error;
    struct key key;
    assert_true(transaction_begin(&transaction, fake->environment, true, &error));
    key_record(&key, type, id);
    if (record)
        row_put(&transaction, FAKE_RECORD, key_bytes(&key), &record->base);
    else
        transaction_delete(&transaction, FAKE_RECORD, key_bytes(&key));
    fake_touch(fake, &transaction, type, id);
    assert_true(transaction_commit(&transaction, &error));
}

static inline void fake_put(struct fake *fake, const Hopnhat__Record *record)
{
    fake_store(fake, record->type, record->id.data, record);
}

#endif
