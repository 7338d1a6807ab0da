/* A `struct records` that keeps a handful of records in memory, for the tests of core/api. */
#ifndef HOPNHAT_TESTS_UNIT_API_FAKE_RECORDS_H
#define HOPNHAT_TESTS_UNIT_API_FAKE_RECORDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/router.h"
#include "model/catalog_yaml.h"
#include "model/merge.h"
#include "net/keys.h"

enum { FAKE_RECORDS = 64, FAKE_REPLICA = 0x11 };

struct fake {
    struct records records;
    struct api_service service;
    struct arena arena;
    struct catalog *catalog;
    Hopnhat__Record *stored[FAKE_RECORDS]; /* ascending by id */
    size_t count;
    uint64_t rev;
    char author[64]; /* of the last change */
    bool in_snapshot;
    char directory[40];
    struct record_source source;
    struct querier *querier;
};

static const char FAKE_CATALOG[] =
    "version: 1\n"
    "name: test\n"
    "types:\n"
    "  - number: 16\n"
    "    name: partner\n"
    "    vi: Đối tác\n"
    "    title: name\n"
    "    fields:\n"
    "      - {number: 16, name: name, required: true, vi: Tên}\n"
    "      - {number: 17, name: status, kind: enum, policy: review, choices: [{name: active}, {name: "
    "ended}]}\n"
    "      - {number: 18, name: sectors, policy: union}\n"
    "      - {number: 19, name: amount, kind: decimal, policy: review}\n"
    "      - {number: 20, name: members, kind: integer}\n"
    "      - {number: 21, name: notes, policy: thread}\n"
    "      - {number: 22, name: local, kind: boolean}\n"
    "      - {number: 23, name: starts, kind: date, policy: review, unit: period}\n"
    "      - {number: 24, name: ends, kind: date, policy: review, unit: period}\n";

static const struct catalog *fake_catalog(void *context)
{
    struct fake *fake = context;
    return fake->catalog;
}

static bool fake_begin(void *context, struct error *error)
{
    struct fake *fake = context;
    (void)error;
    assert_false(fake->in_snapshot);
    fake->in_snapshot = true;
    return true;
}

static void fake_end(void *context)
{
    struct fake *fake = context;
    assert_true(fake->in_snapshot);
    fake->in_snapshot = false;
}

static Hopnhat__Record *fake_find(struct fake *fake, uint32_t type, const uint8_t *id)
{
    for (size_t i = 0; i < fake->count; i++)
        if (fake->stored[i]->type == type && memcmp(fake->stored[i]->id.data, id, RECORD_ID_BYTES) == 0)
            return fake->stored[i];
    return NULL;
}

static const Hopnhat__Record *fake_get(void *context, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                                       struct arena *arena, struct error *error)
{
    struct fake *fake = context;
    (void)arena;
    assert_true(fake->in_snapshot);
    const Hopnhat__Record *record = fake_find(fake, type, id);
    if (!record)
        error_set(error, ERROR_NOT_FOUND, "there is no such record");
    return record;
}

/* The source of lists: snapshots are of an empty environment, records come from memory. */
static struct fake *fake_of_source;

static inline void fake_head(struct transaction *snapshot, struct source_head *head)
{
    (void)snapshot;
    *head = (struct source_head){.identity = 1, .rev = fake_of_source->rev};
}

static inline bool fake_read(struct transaction *snapshot, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                             struct arena *arena, const Hopnhat__Record **record, struct error *error)
{
    (void)snapshot, (void)arena, (void)error;
    *record = fake_find(fake_of_source, type, id);
    return true;
}

static inline bool fake_scan(struct transaction *snapshot, uint32_t type, const uint8_t *after,
                             source_visit *visit, void *user, struct error *error)
{
    struct fake *fake = fake_of_source;
    (void)snapshot, (void)error;
    for (size_t i = 0; i < fake->count; i++)
        if (fake->stored[i]->type == type &&
            (!after || memcmp(fake->stored[i]->id.data, after, RECORD_ID_BYTES) > 0) &&
            !visit(user, fake->stored[i]))
            break;
    return true;
}

static const struct querier *fake_querier(void *context, struct error *error)
{
    struct fake *fake = context;
    static const char *const names[] = {"nothing"};
    if (!fake->querier) {
        snprintf(fake->directory, sizeof fake->directory, "/tmp/hopnhat-api-XXXXXX");
        assert_non_null(mkdtemp(fake->directory));
        fake->source = (struct record_source){.head = fake_head, .read = fake_read, .scan = fake_scan};
        fake->source.environment = environment_open(fake->directory, names, 1, 1 << 20, error);
        assert_non_null(fake->source.environment);
        fake->querier = querier_new(&fake->source, NULL, error);
    }
    fake_of_source = fake;
    return fake->querier;
}

static void fake_close_querier(struct fake *fake)
{
    char path[80];
    if (!fake->querier)
        return;
    querier_free(fake->querier);
    environment_close(fake->source.environment);
    snprintf(path, sizeof path, "%s/data.mdb", fake->directory);
    remove(path);
    snprintf(path, sizeof path, "%s/lock.mdb", fake->directory);
    remove(path);
    remove(fake->directory);
}

/* Places are id and field. */
static bool fake_conflicts(void *context, const struct conflict_filter *filter, struct bytes after,
                           struct arena *arena, bool (*visit)(void *user, const struct conflict *conflict),
                           void *user, struct error *error)
{
    (void)filter, (void)arena;
    struct fake *fake = context;
    for (size_t i = 0; i < fake->count; i++) {
        const struct catalog_type *type = catalog_type(fake->catalog, fake->stored[i]->type);
        for (uint32_t number = 16; number < 32; number++) {
            struct conflict conflict = {.type = fake->stored[i]->type, .field = number};
            uint8_t place[RECORD_ID_BYTES + 4];
            const Hopnhat__FieldDefinition *definition = type_field(type, number);
            struct reading reading;
            memcpy(conflict.id, fake->stored[i]->id.data, RECORD_ID_BYTES);
            memcpy(place, conflict.id, RECORD_ID_BYTES);
            put_u32_be(place + RECORD_ID_BYTES, number);
            conflict.place = bytes_of(place, sizeof place);
            if (!definition ||
                !fold_field(type, fake->stored[i], definition, &fake->arena, &reading, error) ||
                !reading.open)
                continue;
            if (bytes_compare(conflict.place, after) > 0 && !visit(user, &conflict))
                return true;
        }
    }
    return true;
}

static void fake_origin(void *context, const Hopnhat__Entry *entry, struct arena *arena,
                        struct entry_origin *from)
{
    (void)context, (void)arena;
    from->office = entry->replica == FAKE_REPLICA ? "here" : "there";
}

static struct shown fake_shown_now(void *context, const Hopnhat__Record *record)
{
    (void)context;
    return (struct shown){.rev = record->rev, .replica = FAKE_REPLICA};
}

static bool fake_defaults(void *context, const Hopnhat__TypeDefinition *type, const char *owner,
                          struct arena *arena, const char **group, const char **own, struct error *error)
{
    (void)context, (void)type, (void)owner, (void)arena, (void)error;
    if (group)
        *group = "everyone";
    if (own)
        *own = "da-nang";
    return true;
}

static int fake_compare(const void *a, const void *b)
{
    const Hopnhat__Record *const *left = a, *const *right = b;
    return memcmp((*left)->id.data, (*right)->id.data, RECORD_ID_BYTES);
}

/* Applies an edit as if the replica had made it. */
static void fake_apply(struct fake *fake, const struct new_edit *edit, uint64_t replica, const char *author)
{
    struct error error = {0};
    struct change change;
    struct bytes stored;
    uint64_t rev = ++fake->rev;
    struct new_change made = {
        .replica = replica, .time = rev << 16, .author = author, .edits = edit, .edit_count = 1};
    struct merge_stamp stamp = {.time = rev << 16, .rev = rev};
    struct merge_source source = {0};
    Hopnhat__Record *record = fake_find(fake, edit->type, edit->record);
    if (!record) {
        assert_true(fake->count < FAKE_RECORDS);
        record = record_new(&fake->arena, edit->type, edit->record);
        fake->stored[fake->count++] = record;
    }
    if (!change_pack(&made, &fake->arena, &stored, &error) ||
        !change_unpack(&change, (struct dot){replica, rev}, stored, &fake->arena, &error) ||
        !merge_edit(record, &change, 0, &stamp, &source, &fake->arena, &error))
        fail_msg("%s", error.text);
    record->has_rev = true;
    record->rev = rev;
    qsort(fake->stored, fake->count, sizeof *fake->stored, fake_compare);
}

static bool fake_write(void *context, const struct new_edit *edits, size_t count, const char *author,
                       uint64_t wall_ms, struct error *error)
{
    struct fake *fake = context;
    (void)error, (void)wall_ms;
    assert_false(fake->in_snapshot);
    assert_int_equal(count, 1);
    snprintf(fake->author, sizeof fake->author, "%s", author ? author : "");
    fake_apply(fake, &edits[0], FAKE_REPLICA, author);
    return true;
}

static json_t *fake_status(void *context, uint64_t wall_ms, struct error *error)
{
    struct fake *fake = context;
    (void)wall_ms, (void)error;
    return json_pack("{s:i}", "records", (int)fake->count);
}

static int fake_setup(void **state)
{
    struct fake *fake = calloc(1, sizeof *fake);
    struct catalog_errors *errors = calloc(1, sizeof *errors);
    struct error error = {0};
    struct bytes packed;
    if (!fake || !errors || !keys_start(&error))
        return -1;
    arena_init(&fake->arena, 64 * 1024 * 1024);
    if (!catalog_from_yaml(bytes_of_string(FAKE_CATALOG), "test", &fake->arena, &packed, errors))
        fail_msg("%s", errors->list[0].text);
    free(errors);
    fake->catalog = catalog_load(packed, &error);
    fake->records = (struct records){
        .context = fake,
        .catalog = fake_catalog,
        .begin = fake_begin,
        .end = fake_end,
        .get = fake_get,
        .querier = fake_querier,
        .conflicts = fake_conflicts,
        .origin = fake_origin,
        .shown_now = fake_shown_now,
        .defaults = fake_defaults,
        .write = fake_write,
        .status = fake_status,
    };
    fake->service = (struct api_service){.records = &fake->records};
    *state = fake;
    return fake->catalog ? 0 : -1;
}

static int fake_teardown(void **state)
{
    struct fake *fake = *state;
    fake_close_querier(fake);
    catalog_free(fake->catalog);
    arena_release(&fake->arena);
    free(fake);
    return 0;
}

static inline const struct catalog_type *fake_type(const struct fake *fake)
{
    return catalog_type(fake->catalog, 16);
}

/* Sends a request and checks the answer's status; the answer is the caller's. */
static json_t *fake_call(struct fake *fake, int wanted, const char *method, const char *path,
                         const char *body)
{
    struct http_request request;
    struct http_response response = {.status = 200};
    struct error error = {0};
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    if (!http_request_make(&request, method, path, body ? bytes_of_string(body) : bytes_of(NULL, 0), &arena,
                           &error))
        fail_msg("%s", error.text);
    api_handle(&fake->service, &request, 1700000000000, &response);
    assert_non_null(response.body);
    if (response.status != wanted)
        fail_msg("%s %s: status %d, not %d: %s", method, path, response.status, wanted, response.body);
    json_t *json = json_loadb(response.body, response.body_size, 0, NULL);
    assert_non_null(json);
    free(response.body);
    arena_release(&arena);
    return json;
}

/* The same for a call that must fail with this status; `part` must stand in the error's text. */
static inline void fake_refused(struct fake *fake, int status, const char *method, const char *path,
                                const char *body, const char *part)
{
    uint64_t rev = fake->rev;
    json_t *json = fake_call(fake, status, method, path, body);
    const char *text = json_string_value(json_object_get(json_object_get(json, "error"), "text"));
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("%s %s: \"%s\" does not say \"%s\"", method, path, text, part);
    assert_int_equal(fake->rev, rev);
    assert_false(fake->in_snapshot);
    json_decref(json);
}

/* Adds a partner with this JSON object of fields and returns its path, the caller's. */
static inline char *fake_add(struct fake *fake, const char *fields)
{
    static const char prefix[] = "/v1/records/partner/";
    size_t body_size = strlen(fields) + 64, path_size = sizeof prefix + 40;
    char *body = malloc(body_size), *path = malloc(path_size);
    assert_true(body && path);
    snprintf(body, body_size, "{\"set\":%s,\"author\":\"lan\"}", fields);
    json_t *json = fake_call(fake, 200, "POST", "/v1/records/partner", body);
    snprintf(path, path_size, "%s%s", prefix, json_string_value(json_object_get(json, "id")));
    json_decref(json);
    free(body);
    return path;
}

/* Another office writes a field without having seen anything of it. */
static inline void fake_concurrent(struct fake *fake, const char *path, uint32_t field, const char *value)
{
    struct record_id id;
    struct new_op op = {.field = field, .kind = HOPNHAT__OP_KIND__PUT, .value = bytes_of_string(value)};
    struct new_edit edit = {.type = 16, .ops = &op, .op_count = 1};
    assert_true(record_id_parse(strrchr(path, '/') + 1, &id));
    memcpy(edit.record, id.bytes, RECORD_ID_BYTES);
    fake_apply(fake, &edit, 0x22, "minh");
}

#endif
