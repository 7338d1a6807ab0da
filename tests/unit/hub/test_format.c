/* Stores of another format: an older one is brought forward, a newer one is left alone, with a word that says
 * what to do. */
#include "fixture.h"

#include "hub/verify.h"
#include "store/meta.h"
#include "store/rewrite.h"

static const struct hub_options *options(void)
{
    static struct hub_options made;
    made = (struct hub_options){.map_bytes = 1 << 28, .entropy = entropy_system()};
    return &made;
}

static struct environment *open_store(const struct fixture *fixture)
{
    char path[96];
    struct error error;
    snprintf(path, sizeof path, "%s/store", fixture->directory);
    struct environment *store = environment_open(path, hub_databases, HUB_DATABASES, 1 << 28, &error);
    assert_non_null(store);
    return store;
}

/* Closes the hub, and gives its store the format. */
static struct transaction begin_as(struct fixture *fixture, struct environment **store, uint64_t format)
{
    struct transaction transaction;
    struct error error;
    hub_close(fixture->hub);
    fixture->hub = NULL;
    *store = open_store(fixture);
    assert_true(transaction_begin(&transaction, *store, true, &error));
    meta_put_number(&transaction, HUB_META, "format", format);
    return transaction;
}

static void end_as(struct transaction *transaction, struct environment *store)
{
    struct error error;
    assert_true(transaction_commit(transaction, &error));
    environment_close(store);
}

static void open_hub(struct fixture *fixture)
{
    struct error error;
    fixture->hub = hub_open(fixture->directory, options(), &error);
    if (!fixture->hub)
        fail_msg("%s", error.text);
}

static void a_newer_store_is_not_opened(void **state)
{
    struct fixture *fixture = *state;
    struct environment *store;
    struct error error;
    struct transaction transaction = begin_as(fixture, &store, format_present(&hub_format) + 1);
    rewrite_plan(&transaction, HUB_META); /* which would lose what this program knows nothing of */
    end_as(&transaction, store);
    assert_null(hub_open(fixture->directory, options(), &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_non_null(strstr(error.text, "was written by a newer hopnhat-hub: install that one"));
    assert_non_null(strstr(error.text, fixture->directory));
    store = open_store(fixture);
    assert_true(transaction_begin(&transaction, store, true, &error));
    assert_true(rewrite_is_due(&transaction, HUB_META));
    meta_put_number(&transaction, HUB_META, "format", format_present(&hub_format));
    end_as(&transaction, store);
    open_hub(fixture);
}

static void a_newer_store_is_no_damaged_one(void **state)
{
    struct fixture *fixture = *state;
    struct environment *store;
    struct verify verify = {.breaks = 0};
    Hopnhat__BackupHeader header = HOPNHAT__BACKUP_HEADER__INIT;
    Hopnhat__Backup marks = HOPNHAT__BACKUP__INIT;
    struct error error;
    char path[96];
    struct transaction transaction = begin_as(fixture, &store, format_present(&hub_format) + 1);
    end_as(&transaction, store);
    snprintf(path, sizeof path, "%s/store", fixture->directory);
    assert_false(hub_verify(path, false, &verify, &header, &marks, &fixture->arena, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_int_equal(verify.breaks, 0);
    store = open_store(fixture);
    assert_true(transaction_begin(&transaction, store, true, &error));
    meta_put_number(&transaction, HUB_META, "format", format_present(&hub_format));
    end_as(&transaction, store);
    open_hub(fixture);
}

static void a_store_of_before_custody_gets_its_keys(void **state)
{
    static const struct link_keys none;
    struct fixture *fixture = *state;
    struct environment *store;
    struct error error;
    struct link_keys drawn;
    struct transaction transaction = begin_as(fixture, &store, 1);
    transaction_delete(&transaction, HUB_META, bytes_of_string("custody_keys"));
    end_as(&transaction, store);
    open_hub(fixture);
    drawn = fixture->hub->custody_keys;
    assert_memory_not_equal(&drawn, &none, sizeof drawn);
    hub_close(fixture->hub);
    open_hub(fixture);
    assert_memory_equal(&fixture->hub->custody_keys, &drawn, sizeof drawn);
    assert_true(transaction_begin(&transaction, fixture->hub->environment, false, &error));
    assert_int_equal(meta_number(&transaction, HUB_META, "format", 0), format_present(&hub_format));
    transaction_abort(&transaction);
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_newer_store_is_not_opened, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_newer_store_is_no_damaged_one, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_store_of_before_custody_gets_its_keys, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
