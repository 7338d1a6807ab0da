/* Stores of another format: a newer one is left alone, with a word that says what to do. */
#include "fixture.h"

#include "store/meta.h"

static void set_format(struct environment *environment, uint64_t format)
{
    struct transaction transaction;
    struct error error;
    assert_true(transaction_begin(&transaction, environment, true, &error));
    meta_put_number(&transaction, HUB_META, "format", format);
    assert_true(transaction_commit(&transaction, &error));
}

static void a_newer_store_is_not_opened(void **state)
{
    struct fixture *fixture = *state;
    struct hub_options options = {.map_bytes = 1 << 28, .entropy = entropy_system()};
    struct error error;
    char path[96];
    set_format(fixture->hub->environment, 2);
    hub_close(fixture->hub);
    assert_null(hub_open(fixture->directory, &options, &error));
    assert_int_equal(error.code, ERROR_USAGE);
    assert_non_null(strstr(error.text, "was written by a newer hopnhat-hub: install that one"));
    assert_non_null(strstr(error.text, fixture->directory));
    snprintf(path, sizeof path, "%s/store", fixture->directory);
    struct environment *store = environment_open(path, hub_databases, HUB_DATABASES, 1 << 28, &error);
    assert_non_null(store);
    set_format(store, 1);
    environment_close(store);
    fixture->hub = hub_open(fixture->directory, &options, &error);
    assert_non_null(fixture->hub);
}

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_newer_store_is_not_opened, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
