/* What LMDB holds after a large transaction is given back in a pause, and nothing else changes. */
#include "store/environment.h"

#include "store/key.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST, SECOND, DATABASES, ROWS = 20000, VALUE_BYTES = 200 };

static const char *const names[DATABASES] = {"first", "second"};

struct fixture {
    char directory[64], path[96];
    struct environment *environment;
    struct error error;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture)
        return -1;
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hopnhat-test-XXXXXX");
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/store", fixture->directory);
    fixture->environment =
        environment_open(fixture->path, names, DATABASES, 64 * 1024 * 1024, &fixture->error);
    *state = fixture;
    return fixture->environment ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"/store/data.mdb", "/store/lock.mdb", "/store", "/away/data.mdb",
                                        "/away/lock.mdb",  "/away",           ""};
    char path[160];
    environment_close(fixture->environment);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s%s", fixture->directory, files[i]);
        remove(path);
    }
    free(fixture);
    return 0;
}

static void write_rows(struct fixture *fixture, uint64_t first, uint64_t count)
{
    struct transaction transaction;
    static const uint8_t value[VALUE_BYTES];
    assert_true(transaction_begin(&transaction, fixture->environment, true, &fixture->error));
    for (uint64_t number = first; number < first + count; number++) {
        struct key key;
        key_number(&key, number);
        transaction_put(&transaction, SECOND, key_bytes(&key), bytes_of(value, sizeof value));
    }
    assert_true(transaction_commit(&transaction, &fixture->error));
}

static uint64_t count_rows(struct fixture *fixture)
{
    struct transaction transaction;
    assert_true(transaction_begin(&transaction, fixture->environment, false, &fixture->error));
    uint64_t count = transaction_count(&transaction, SECOND);
    transaction_abort(&transaction);
    return count;
}

static void a_small_transaction_leaves_nothing_to_give_back(void **state)
{
    struct fixture *fixture = *state;
    write_rows(fixture, 0, 100);
    assert_int_equal(environment_rest(fixture->environment, 1000), -1);
}

static void what_a_large_one_took_is_given_back_in_a_pause(void **state)
{
    struct fixture *fixture = *state;
    size_t at_first = mallinfo2().uordblks;
    write_rows(fixture, 0, ROWS);
    size_t held = mallinfo2().uordblks;
    int64_t wait_ms = environment_rest(fixture->environment, 1000);
    assert_true(wait_ms > 0);
    write_rows(fixture, ROWS, ROWS); /* the pause begins anew */
    assert_true(environment_rest(fixture->environment, 1000 + (uint64_t)wait_ms) > 0);
    assert_int_equal(environment_rest(fixture->environment, 1000 + 2 * (uint64_t)wait_ms), -1);
    if (held > at_first) { /* a sanitizer's malloc does not say */
        assert_true(held - at_first > ROWS * VALUE_BYTES);
        assert_true(mallinfo2().uordblks < at_first + ROWS * VALUE_BYTES / 4);
    }
    assert_int_equal(count_rows(fixture), 2 * ROWS);
    write_rows(fixture, 2 * ROWS, 1);
    assert_int_equal(count_rows(fixture), 2 * ROWS + 1);
    assert_true(environment_is_sound(fixture->environment, &fixture->error));
}

static void who_reads_is_not_disturbed(void **state)
{
    struct fixture *fixture = *state;
    struct transaction reader;
    struct cursor cursor;
    write_rows(fixture, 0, ROWS);
    assert_true(transaction_begin(&reader, fixture->environment, false, &fixture->error));
    uint64_t later = 1000 + (uint64_t)environment_rest(fixture->environment, 1000);
    assert_true(environment_rest(fixture->environment, later) > 0);
    cursor_open(&cursor, &reader, SECOND);
    assert_true(cursor_seek(&cursor, bytes_of(NULL, 0)));
    assert_int_equal(cursor.value.size, VALUE_BYTES);
    cursor_close(&cursor);
    transaction_abort(&reader);
    assert_int_equal(environment_rest(fixture->environment, later), -1);
    assert_int_equal(count_rows(fixture), ROWS);
}

static void a_store_that_was_moved_stays_open(void **state)
{
    struct fixture *fixture = *state;
    char away[128];
    write_rows(fixture, 0, ROWS);
    uint64_t later = 1000 + (uint64_t)environment_rest(fixture->environment, 1000);
    snprintf(away, sizeof away, "%s/away", fixture->directory);
    assert_int_equal(rename(fixture->path, away), 0);
    assert_int_equal(environment_rest(fixture->environment, later), -1);
    assert_true(environment_is_sound(fixture->environment, &fixture->error));
    write_rows(fixture, ROWS, 1);
    assert_int_equal(count_rows(fixture), ROWS + 1);
    assert_int_not_equal(access(fixture->path, F_OK), 0);
}

static void one_that_cannot_be_opened_again_is_unsound(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction;
    struct rlimit former, none;
    write_rows(fixture, 0, ROWS);
    uint64_t later = 1000 + (uint64_t)environment_rest(fixture->environment, 1000);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &former), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = former.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(environment_rest(fixture->environment, later), -1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &former), 0);
    assert_false(environment_is_sound(fixture->environment, &fixture->error));
    assert_false(transaction_begin(&transaction, fixture->environment, false, &fixture->error));
    assert_false(transaction_begin(&transaction, fixture->environment, true, &fixture->error));
    assert_int_equal(environment_usage(fixture->environment).map_bytes, 0);
    assert_int_equal(environment_rest(fixture->environment, later), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_transaction_leaves_nothing_to_give_back, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_large_one_took_is_given_back_in_a_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(who_reads_is_not_disturbed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_store_that_was_moved_stays_open, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_cannot_be_opened_again_is_unsound, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
