#include "hub/source.h"

#include "hub/follow.h"
#include "hub/headquarters.h"
#include "model/edit.h"
#include "model/fold.h"
#include "model/value.h"
#include "store/query_list.h"
#include "store/query_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { THING = 16, NAME = 16 };

static struct hub *hub;
static struct follow *follow;
static struct arena arena;
static char directory[64];

/* A catalog with one type, whose records have a name. */
static struct bytes pack_catalog(uint32_t version)
{
    Hopnhat__FieldDefinition name = HOPNHAT__FIELD_DEFINITION__INIT, *fields[] = {&name};
    Hopnhat__TypeDefinition thing = HOPNHAT__TYPE_DEFINITION__INIT, *types[] = {&thing};
    Hopnhat__Catalog catalog = HOPNHAT__CATALOG__INIT;
    char name_text[] = "name", thing_text[] = "thing";
    name.number = NAME;
    name.name = name_text;
    name.has_indexed = true;
    name.indexed = version == 1;
    thing.number = THING;
    thing.name = thing_text;
    thing.fields = fields;
    thing.n_fields = 1;
    catalog.version = version;
    catalog.types = types;
    catalog.n_types = 1;
    uint8_t *packed = arena_alloc(&arena, hopnhat__catalog__get_packed_size(&catalog));
    return bytes_of(packed, hopnhat__catalog__pack(&catalog, packed));
}

static int setup(void **state)
{
    (void)state;
    struct error error;
    struct hub_options options = {.map_bytes = 1 << 28, .entropy = entropy_system()};
    snprintf(directory, sizeof directory, "/dev/shm/hopnhat-hub-XXXXXX");
    if (!mkdtemp(directory)) {
        snprintf(directory, sizeof directory, "/tmp/hopnhat-hub-XXXXXX");
        if (!mkdtemp(directory))
            return -1;
    }
    arena_init(&arena, 64 * 1024 * 1024);
    if (!keys_start(&error) || !hub_init(directory, &options, pack_catalog(1), 1000, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return -1;
    }
    hub = hub_open(directory, &options, &error);
    follow = hub ? hub_follow(hub, true, &error) : NULL;
    return follow ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const files[] = {"store/data.mdb", "store/lock.mdb", "store", "views/data.mdb",
                                        "views/lock.mdb", "views",          ""};
    (void)state;
    follow_close(follow);
    hub_close(hub);
    arena_release(&arena);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[120];
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        remove(path);
    }
    return 0;
}

static const Hopnhat__Record *read_thing(uint32_t number)
{
    const struct record_source source = hub_source(hub->environment);
    struct transaction snapshot;
    struct error error;
    const Hopnhat__Record *record;
    uint8_t id[RECORD_ID_BYTES] = {0};
    put_u32_be(id, number);
    assert_true(transaction_begin(&snapshot, hub->environment, false, &error));
    assert_true(source.read(&snapshot, THING, id, &arena, &record, &error));
    transaction_abort(&snapshot);
    return record;
}

/* Headquarters writes name and group of a thing. */
static void write_thing(uint32_t number, const char *name, const char *group)
{
    const struct catalog_type *type = catalog_type(hub->catalog, THING);
    struct bytes values[] = {bytes_of_string(name), bytes_of_string(group), bytes_of_string("headquarters")};
    struct assignment assignments[] = {
        {.definition = type_field(type, NAME), .values = &values[0], .count = 1},
        {.definition = type_field(type, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP),
         .values = &values[1],
         .count = 1},
        {.definition = type_field(type, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER),
         .values = &values[2],
         .count = 1},
    };
    struct new_edit edit;
    struct error error;
    uint8_t id[RECORD_ID_BYTES] = {0};
    put_u32_be(id, number);
    const Hopnhat__Record *before = read_thing(number);
    if (!before)
        before = record_new(&arena, THING, id);
    if (!edit_make(type, before, assignments, 3, &arena, &edit, &error) ||
        !headquarters_write(hub, &edit, 1, NULL, 2000 + hub->rev, &error))
        fail_msg("%s", error.text);
    follow_wake(follow);
}

static bool count(void *user, const Hopnhat__Record *record, struct error *error)
{
    (void)record;
    (void)error;
    ++*(size_t *)user;
    return true;
}

static size_t count_found(const char *text)
{
    struct search_query search = {.text = text, .limit = 1000};
    struct search_result result;
    struct query query;
    struct error error;
    size_t found = 0;
    assert_true(query_begin(&query, follow_querier(follow), hub->catalog, &error));
    assert_true(query_search(&query, &search, count, &found, &result, &error));
    query_end(&query);
    return found;
}

/* What the feeds say, merged: ascending, each record once, at what the store has as its rev. */
static size_t assert_merged(uint64_t after, size_t most)
{
    const struct record_source source = hub_source(hub->environment);
    struct source_row *rows = calloc(most, sizeof *rows);
    struct transaction snapshot;
    struct error error;
    size_t total = 0, found;
    bool all = false;
    assert_true(transaction_begin(&snapshot, hub->environment, false, &error));
    while (!all) {
        assert_true(source.next(&snapshot, after, rows, most, &found, &all, &error));
        for (size_t i = 0; i < found; i++) {
            assert_true(rows[i].rev > after);
            after = rows[i].rev;
            if (rows[i].type != THING)
                continue;
            const Hopnhat__Record *record;
            assert_true(source.read(&snapshot, THING, rows[i].id, &arena, &record, &error));
            assert_true(record && record->rev >= rows[i].rev);
            total += record->rev == rows[i].rev;
        }
    }
    transaction_abort(&snapshot);
    free(rows);
    return total;
}

static void all_groups_are_followed(void **state)
{
    (void)state;
    struct error error;
    char group[40], name[40];
    for (uint32_t i = 0; i < 60; i++) {
        snprintf(group, sizeof group, i % 7 ? "office:o%u" : "everyone", i % 13);
        snprintf(name, sizeof name, "chữ số %u", i % 10);
        write_thing(i, name, group);
    }
    assert_int_equal(count_found("chu so"), 60);
    assert_true(follow_settle(follow, &error));
    assert_int_equal(count_found("chu so"), 60);
    assert_int_equal(count_found("chu 3"), 6);
    for (size_t most = 1; most < 100; most += 13)
        assert_int_equal(assert_merged(0, most), 60);
    assert_int_equal(follow_lag(follow, hub->rev), 0);
}

static void records_that_move_are_followed(void **state)
{
    (void)state;
    struct error error;
    for (uint32_t i = 0; i < 20; i++)
        write_thing(i, "một", "office:a");
    assert_true(follow_settle(follow, &error));
    for (uint32_t i = 0; i < 10; i++)
        write_thing(i, "hai", i % 2 ? "office:b" : "cluster:1");
    for (uint32_t i = 0; i < 5; i++)
        write_thing(i, "ba", "office:a");
    assert_int_equal(count_found("mot"), 10);
    assert_int_equal(count_found("hai"), 5);
    assert_int_equal(count_found("ba"), 5);
    for (size_t most = 1; most < 40; most += 5)
        assert_int_equal(assert_merged(0, most), 20);
    assert_true(follow_settle(follow, &error));
    assert_int_equal(count_found("mot"), 10);
    assert_int_equal(count_found("hai"), 5);
    assert_int_equal(count_found("ba"), 5);
}

static void a_new_catalog_is_followed(void **state)
{
    (void)state;
    struct error error;
    struct follow_status status;
    for (uint32_t i = 0; i < 20; i++)
        write_thing(i, "một", "office:a");
    assert_true(follow_settle(follow, &error));
    assert_true(headquarters_apply_catalog(hub, pack_catalog(2), NULL, 5000, &error));
    assert_int_equal(count_found("mot"), 20); /* before the follower knows */
    assert_true(follow_settle(follow, &error));
    assert_int_equal(count_found("mot"), 20);
    follow_status(follow, &status);
    assert_int_equal(status.position, hub->rev);
    assert_false(status.building || status.trouble);
    assert_true(hub_mark_restored(hub, NULL, NULL, &error));
    assert_int_equal(count_found("mot"), 20);
    assert_true(follow_settle(follow, &error));
    assert_int_equal(count_found("mot"), 20);
}

static void tools_bring_views_up_to_date(void **state)
{
    (void)state;
    struct error error;
    write_thing(1, "một", "office:a");
    follow_close(follow);
    follow = hub_follow(hub, false, &error);
    assert_non_null(follow);
    write_thing(2, "một", "office:a");
    assert_int_equal(count_found("mot"), 2);
    struct follow_status status;
    follow_status(follow, &status);
    assert_int_equal(status.position, hub->rev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_groups_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(records_that_move_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_catalog_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(tools_bring_views_up_to_date, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
