#include "api/backup_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t KEY[32] = {0x12, 0x34, 0xab, 0xcd, 0x99};

/* The later the file was written, the earlier its time. */
static const char *const OWN[] = {
    "hub-20260103T000000Z.backup",
    "hub-1234abcd-000001-20260102T000000Z.backup",
    "hub-1234abcd-000002-20260101T000000Z.backup",
    "hub-1234abcd-1000000-20251231T173000Z.backup",
};
static const char *const FOREIGN[] = {
    "hub-1234abce-000009-20260101T000000Z.backup",  "hue-1234abcd-000009-20260101T000000Z.backup",
    "hub-1234abcd-00009-20260101T000000Z.backup",   "hub-1234abcd-000009-20260101T000000.backup",
    "hub-1234abcd-000009-20260101T000000Z.backup2", "hub-1234abcd-000009-20260101T000000Z.part",
};
enum { OWN_COUNT = sizeof OWN / sizeof *OWN, FOREIGN_COUNT = sizeof FOREIGN / sizeof *FOREIGN };

struct fixture {
    struct backup_files files;
    char directory[64];
};

static const char *path_of(const struct fixture *fixture, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    return path;
}

static void make(const struct fixture *fixture, const char *name)
{
    FILE *file = fopen(path_of(fixture, name), "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static bool is_there(const struct fixture *fixture, const char *name)
{
    return access(path_of(fixture, name), F_OK) == 0;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    snprintf(fixture.directory, sizeof fixture.directory, "/tmp/hopnhat-backups-XXXXXX");
    if (!mkdtemp(fixture.directory))
        return -1;
    backup_files_init(&fixture.files, "hub", KEY, true);
    for (size_t i = 0; i < OWN_COUNT; i++)
        make(&fixture, OWN[i]);
    for (size_t i = 0; i < FOREIGN_COUNT; i++)
        make(&fixture, FOREIGN[i]);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    const struct fixture *fixture = *state;
    for (size_t i = 0; i < OWN_COUNT; i++)
        unlink(path_of(fixture, OWN[i]));
    for (size_t i = 0; i < FOREIGN_COUNT; i++)
        if (unlink(path_of(fixture, FOREIGN[i])) != 0)
            return -1; /* it was touched */
    return rmdir(fixture->directory);
}

static void the_highest_number_is_the_newest(void **state)
{
    struct fixture *fixture = *state;
    char path[BACKUP_PATH_BYTES];
    const struct backup_name newest = backup_files_newest(&fixture->files, fixture->directory, false);
    assert_int_equal(newest.number, 1000000);
    assert_int_equal(newest.ms, UINT64_C(1767202200000));
    assert_true(backup_files_path(&fixture->files, fixture->directory, &newest, path));
    assert_string_equal(path, path_of(fixture, OWN[OWN_COUNT - 1]));
    assert_int_equal(backup_files_newest(&fixture->files, "/tmp/hopnhat-not-there", false).number, 0);
}

static void a_path_that_is_too_long_is_none(void **state)
{
    const struct fixture *fixture = *state;
    static char directory[BACKUP_PATH_BYTES];
    char path[BACKUP_PATH_BYTES];
    memset(directory, 'd', sizeof directory - 1);
    assert_false(backup_files_path(&fixture->files, directory, &(struct backup_name){1, 0}, path));
}

static void the_oldest_go_but_for_those_that_count(void **state)
{
    struct fixture *fixture = *state;
    json_t *counting = json_pack("[s]", path_of(fixture, OWN[1]));
    backup_files_remove_old(&fixture->files, fixture->directory, 1, NULL); /* what counts is not known */
    for (size_t i = 0; i < OWN_COUNT; i++)
        assert_true(is_there(fixture, OWN[i]));
    backup_files_remove_old(&fixture->files, fixture->directory, 1, counting);
    assert_false(is_there(fixture, OWN[0]));
    assert_true(is_there(fixture, OWN[1]));
    assert_false(is_there(fixture, OWN[2]));
    assert_true(is_there(fixture, OWN[3]));
    json_decref(counting);
}

/* Those of the former names are nobody's where several may have made them. */
static void former_names_may_be_foreign(void **state)
{
    struct fixture *fixture = *state;
    json_t *counting = json_array();
    backup_files_init(&fixture->files, "hub", KEY, false);
    backup_files_remove_old(&fixture->files, fixture->directory, 1, counting);
    assert_true(is_there(fixture, OWN[0]));
    assert_false(is_there(fixture, OWN[1]));
    json_decref(counting);
}

static void what_was_given_up_is_removed(void **state)
{
    static const char part[] = "hub-1234abcd-000003-20260101T000000Z.backup.part";
    struct fixture *fixture = *state;
    make(fixture, part);
    assert_int_equal(backup_files_newest(&fixture->files, fixture->directory, true).number, 1000000);
    assert_true(is_there(fixture, part));
    backup_files_newest(&fixture->files, fixture->directory, false);
    assert_false(is_there(fixture, part));
}

static void what_counts_and_is_missing_is_counted(void **state)
{
    const struct fixture *fixture = *state;
    json_t *counting = json_pack("[s, s]", "/tmp/elsewhere.backup", "/tmp/hopnhat-not-there/a/b.backup");
    size_t all, missing;
    json_array_append_new(counting, json_string(path_of(fixture, OWN[1])));
    json_array_append_new(counting, json_string(path_of(fixture, "gone.backup")));
    json_array_append_new(counting, json_string(path_of(fixture, "deeper/gone.backup")));
    backup_files_missing(fixture->directory, counting, &all, &missing);
    assert_int_equal(all, 2);
    assert_int_equal(missing, 1);
    backup_files_missing("/tmp/hopnhat-not-there/a", counting, &all, &missing);
    assert_int_equal(all, 1);
    assert_int_equal(missing, 1);
    json_decref(counting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_highest_number_is_the_newest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_go_but_for_those_that_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(former_names_may_be_foreign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_given_up_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_counts_and_is_missing_is_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
