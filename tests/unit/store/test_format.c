/* Stores of another form: older ones are brought forward step by step, newer ones are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/format.h"
#include "store/meta.h"

#include <stdio.h>
#include <stdlib.h>

enum { META, DATABASES };

static const char *const names[DATABASES] = {"meta"};

struct fixture {
    char directory[64], path[96];
    struct environment *environment;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error = {0};
    if (!fixture)
        return -1;
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hopnhat-format-XXXXXX");
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/store", fixture->directory);
    *state = fixture;
    fixture->environment = environment_open(fixture->path, names, DATABASES, 16 << 20, &error);
    return fixture->environment ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"store/data.mdb", "store/lock.mdb", "store", ""};
    char path[120];
    environment_close(fixture->environment);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", fixture->directory, files[i]);
        remove(path);
    }
    free(fixture);
    return 0;
}

static uint64_t number(struct fixture *fixture, const char *name)
{
    struct transaction snapshot;
    struct error error;
    assert_true(transaction_begin(&snapshot, fixture->environment, false, &error));
    uint64_t found = meta_number(&snapshot, META, name, 0);
    transaction_abort(&snapshot);
    return found;
}

static void put(struct fixture *fixture, const char *name, uint64_t value)
{
    struct transaction transaction;
    struct error error;
    assert_true(transaction_begin(&transaction, fixture->environment, true, &error));
    meta_put_number(&transaction, META, name, value);
    assert_true(transaction_commit(&transaction, &error));
}

/* Form 2 counts in tens what form 1 counts in ones; form 3 has it under another name. */
static bool to_tens(struct transaction *transaction, struct error *error)
{
    (void)error;
    meta_put_number(transaction, META, "count", 10 * meta_number(transaction, META, "count", 0));
    return true;
}

static bool rename_count(struct transaction *transaction, struct error *error)
{
    (void)error;
    meta_put_number(transaction, META, "total", meta_number(transaction, META, "count", 0));
    transaction_delete(transaction, META, bytes_of_string("count"));
    return true;
}

static bool stop_halfway(struct transaction *transaction, struct error *error)
{
    meta_put_number(transaction, META, "total", 99);
    transaction_delete(transaction, META, bytes_of_string("count"));
    return error_set(error, ERROR_CORRUPT, "there is something in the way");
}

static bool fail_quietly(struct transaction *transaction, struct error *error)
{
    struct error why;
    error_set(&why, ERROR_FULL, "no room");
    (void)error;
    meta_put_number(transaction, META, "total", 99);
    transaction_fail(transaction, &why);
    return true;
}

static format_step *const steps[] = {to_tens, rename_count}, *const broken[] = {to_tens, stop_halfway},
                          *const failing[] = {to_tens, fail_quietly};
static const struct format present = {"hopnhat-test", META, steps, 2};

static void an_older_store_is_brought_forward_once(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    put(fixture, "count", 7);
    put(fixture, "format", 1);
    for (int i = 0; i < 2; i++) {
        assert_true(format_bring_forward(fixture->environment, &present, &error));
        assert_int_equal(number(fixture, "format"), 3);
        assert_int_equal(number(fixture, "total"), 70);
        assert_int_equal(number(fixture, "count"), 0);
    }
}

static void a_step_is_whole_or_has_not_been(void **state)
{
    struct fixture *fixture = *state;
    struct format format = {"hopnhat-test", META, broken, 2};
    struct error error;
    put(fixture, "count", 7);
    put(fixture, "format", 1);
    assert_false(format_bring_forward(fixture->environment, &format, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_string_equal(error.text,
                        "the store cannot be brought forward to format 3: there is something in the way");
    format.steps = failing;
    assert_false(format_bring_forward(fixture->environment, &format, &error));
    assert_int_equal(error.code, ERROR_FULL);
    assert_int_equal(number(fixture, "format"), 2); /* the step before counts, and is not done again */
    assert_int_equal(number(fixture, "count"), 70);
    assert_int_equal(number(fixture, "total"), 0);
    assert_true(format_bring_forward(fixture->environment, &present, &error));
    assert_int_equal(number(fixture, "total"), 70);
}

static void a_newer_store_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    put(fixture, "count", 7);
    put(fixture, "format", 4);
    assert_true(format_is_newer(fixture->environment, &present, &error));
    assert_false(format_bring_forward(fixture->environment, &present, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_non_null(strstr(error.text, "was written by a newer hopnhat-test: install that one"));
    assert_non_null(strstr(error.text, fixture->path));
    assert_int_equal(number(fixture, "count"), 7);
}

static void a_store_that_is_not_made_has_no_form(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    assert_true(format_bring_forward(fixture->environment, &present, &error));
    assert_false(format_is_newer(fixture->environment, &present, &error));
    assert_int_equal(number(fixture, "format"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_older_store_is_brought_forward_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_is_whole_or_has_not_been, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_store_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_store_that_is_not_made_has_no_form, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
