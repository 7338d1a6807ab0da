#include "model/office.h"

#include "base/limits.h"
#include "unit/lib/model.h"

#include <stdio.h>

static struct arena arena;
static struct catalog *catalog;
static struct error error;

enum { OFFICE = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE };

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TEST_ARENA_BYTES);
    catalog = catalog_empty(&error);
    return catalog ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    catalog_free(catalog);
    arena_release(&arena);
    return 0;
}

static void codes_and_groups_have_a_form(void **state)
{
    (void)state;
    static const char *const codes[] = {"a", "da-nang", "c3", "hue-"};
    static const char *const no_codes[] = {"", "3c", "-a", "Hue", "a b", "a:b", "a_b", "huế"};
    static const char *const groups[] = {"everyone", "cluster:3", "network:laos", "office:da-nang"};
    static const char *const no_groups[] = {"",  "everyone ", "cluster", "cluster:", ":3",
                                            ":", "a:b:c",     "a:B",     "a/b"};
    for (size_t i = 0; i < LENGTH(codes); i++)
        assert_true(office_code_is_sound(bytes_of_string(codes[i])));
    for (size_t i = 0; i < LENGTH(no_codes); i++)
        assert_false(office_code_is_sound(bytes_of_string(no_codes[i])));
    for (size_t i = 0; i < LENGTH(groups); i++)
        assert_true(group_is_sound(text(groups[i])));
    for (size_t i = 0; i < LENGTH(no_groups); i++)
        assert_false(group_is_sound(text(no_groups[i])));
    char long_name[LIMIT_GROUP_NAME_BYTES + 2];
    memset(long_name, 'a', sizeof long_name);
    long_name[LIMIT_OFFICE_CODE_BYTES] = 0;
    assert_true(office_code_is_sound(bytes_of_string(long_name)));
    long_name[LIMIT_OFFICE_CODE_BYTES] = 'a';
    long_name[LIMIT_OFFICE_CODE_BYTES + 1] = 0;
    assert_false(office_code_is_sound(bytes_of_string(long_name)));
    memset(long_name, 'a', sizeof long_name);
    long_name[5] = ':';
    assert_true(group_is_sound(bytes_of(long_name, LIMIT_GROUP_NAME_BYTES)));
    assert_false(group_is_sound(bytes_of(long_name, LIMIT_GROUP_NAME_BYTES + 1)));
}

static void a_code_has_one_record(void **state)
{
    (void)state;
    /* BLAKE2b-256 with the person "hopnhat.office" of "hue", by Python's hashlib */
    static const uint8_t hue[LENGTH_OF_ID] = {0xac, 0x2f, 0x38, 0x23, 0x12, 0xf7, 0x8e, 0x27,
                                              0x85, 0xfc, 0x16, 0x2a, 0xf0, 0x9c, 0xcd, 0x3f};
    uint8_t id[LENGTH_OF_ID], other[LENGTH_OF_ID];
    office_record_id("hue", id);
    assert_memory_equal(id, hue, sizeof id);
    office_record_id("hue2", other);
    assert_memory_not_equal(id, other, sizeof id);
}

static void an_office_is_read_with_all_its_groups(void **state)
{
    (void)state;
    const struct row rows[] = {
        {OFFICE_CODE, 1, 1, 1, "da-nang", 2, 1},        {OFFICE_NAME, 1, 1, 1, "Đà Nẵng", 2, 1},
        {OFFICE_GROUPS, 1, 2, 9, "network:laos", 2, 1}, {OFFICE_GROUPS, 1, 3, 2, "cluster:3", 2, 1},
        {OFFICE_GROUPS, 1, 4, 3, "everyone", 2, 1},     {OFFICE_GROUPS, 1, 5, 4, "office:da-nang", 2, 1},
        {OFFICE_HEADQUARTERS, 1, 1, 1, "true", 2, 1}};
    static const char *const expected[] = {"everyone", "office:da-nang", "cluster:3", "network:laos"};
    struct office office;
    if (!office_read(catalog, record_of(&arena, OFFICE, rows, LENGTH(rows)), &arena, &office, &error))
        fail_msg("%s", error.text);
    assert_string_equal(office.code, "da-nang");
    assert_string_equal(office.name, "Đà Nẵng");
    assert_true(office.headquarters);
    assert_false(office.revoked);
    assert_int_equal(office.group_count, LENGTH(expected)); /* each once */
    for (size_t i = 0; i < LENGTH(expected); i++) {
        assert_string_equal(office.groups[i], expected[i]);
        assert_true(office_is_in(&office, text(expected[i])));
    }
    assert_false(office_is_in(&office, text("cluster:33")));
    assert_false(office_is_in(&office, text("cluster:")));
    assert_string_equal(office_audience(&office, HOPNHAT__AUDIENCE__AUDIENCE_EVERYONE), "everyone");
    assert_string_equal(office_audience(&office, HOPNHAT__AUDIENCE__AUDIENCE_OFFICE), "office:da-nang");
    assert_string_equal(office_audience(&office, HOPNHAT__AUDIENCE__AUDIENCE_CLUSTER), "cluster:3");
}

static void an_office_without_a_cluster_has_no_such_audience(void **state)
{
    (void)state;
    const struct row rows[] = {{OFFICE_CODE, 1, 1, 1, "hue", 2, 1}, {OFFICE_REVOKED, 1, 1, 1, "true", 2, 1}};
    struct office office;
    assert_true(office_read(catalog, record_of(&arena, OFFICE, rows, LENGTH(rows)), &arena, &office, &error));
    assert_null(office_audience(&office, HOPNHAT__AUDIENCE__AUDIENCE_CLUSTER));
    assert_string_equal(office.name, "");
    assert_true(office.revoked);
    assert_false(office.headquarters);
    assert_int_equal(office.group_count, 2);
}

static void a_record_without_a_sound_code_is_corrupt(void **state)
{
    (void)state;
    struct office office;
    struct row row = {OFFICE_NAME, 1, 1, 1, "Huế", 2, 1};
    assert_false(office_read(catalog, record_of(&arena, OFFICE, &row, 1), &arena, &office, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    row.field = OFFICE_CODE;
    assert_false(office_read(catalog, record_of(&arena, OFFICE, &row, 1), &arena, &office, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
}

static void groups_are_bounded(void **state)
{
    (void)state;
    struct office office;
    Hopnhat__Record *record = record_of(&arena, OFFICE, &(struct row){OFFICE_CODE, 1, 1, 1, "hue", 2, 1}, 1);
    for (unsigned i = 0; i < 2 * LIMIT_GROUPS_PER_OFFICE; i++) {
        char name[32];
        snprintf(name, sizeof name, "network:n%u", i);
        put_row(&arena, record, &(struct row){OFFICE_GROUPS, 1, i + 2, i, name, 2, 1});
    }
    assert_true(office_read(catalog, record, &arena, &office, &error));
    assert_int_equal(office.group_count, LIMIT_GROUPS_PER_OFFICE);
}

static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    const struct row rows[] = {{OFFICE_CODE, 1, 1, 1, "hue", 2, 1},
                               {OFFICE_GROUPS, 1, 2, 1, "cluster:3", 2, 1}};
    Hopnhat__Record *record = record_of(&arena, OFFICE, rows, LENGTH(rows));
    bool done = false;
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        struct office office;
        arena_init(&small, limit);
        done = office_read(catalog, record, &small, &office, &error);
        if (!done)
            assert_int_equal(error.code, ERROR_MEMORY);
        arena_release(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_groups_have_a_form),
        cmocka_unit_test(a_code_has_one_record),
        cmocka_unit_test(an_office_is_read_with_all_its_groups),
        cmocka_unit_test(an_office_without_a_cluster_has_no_such_audience),
        cmocka_unit_test(a_record_without_a_sound_code_is_corrupt),
        cmocka_unit_test(groups_are_bounded),
        cmocka_unit_test(memory_that_ends_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
