/* Accounts and the audit log in a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/account.h"
#include "store/audit.h"
#include "store/key.h"
#include "store/rows.h"

#include <sodium.h>

enum { ACCOUNTS, AUDIT, DATABASES };
static const char *const names[DATABASES] = {"account", "audit"};

struct fixture {
    char directory[64];
    struct environment *environment;
    struct transaction transaction;
    struct arena arena;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error;
    assert_non_null(fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hn-people-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    assert_true(sodium_init() >= 0);
    fixture->environment = environment_open(fixture->directory, names, DATABASES, 1 << 24, &error);
    assert_non_null(fixture->environment);
    assert_true(transaction_begin(&fixture->transaction, fixture->environment, true, &error));
    arena_init(&fixture->arena, 1 << 20);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char path[80];
    transaction_abort(&fixture->transaction);
    environment_close(fixture->environment);
    arena_release(&fixture->arena);
    snprintf(path, sizeof path, "%s/data.mdb", fixture->directory);
    remove(path);
    snprintf(path, sizeof path, "%s/lock.mdb", fixture->directory);
    remove(path);
    remove(fixture->directory);
    free(fixture);
    return 0;
}

static void test_passwords(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    Hopnhat__Account account = HOPNHAT__ACCOUNT__INIT;
    account.name = account_name("Lan", &fixture->arena, &error);
    assert_string_equal(account.name, "lan");
    assert_false(account_set_password(&account, "too short", 7, &fixture->arena, &error));
    assert_true(account_set_password(&account, "long enough", 7, &fixture->arena, &error));
    assert_int_equal(account.password_ms, 7);
    assert_memory_equal(account.password, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
    assert_true(account_set_password(&account, "another one", 7, &fixture->arena, &error));
    assert_int_equal(account.password_ms, 8); /* whoever was in under the former one is out */
    account.role = ROLE_EDITOR;
    account_put(&fixture->transaction, ACCOUNTS, &account);
    const Hopnhat__Account *stored = account_get(&fixture->transaction, ACCOUNTS, "lan", &fixture->arena);
    assert_true(account_check_password(stored, "another one"));
    assert_false(account_check_password(stored, "long enough"));
    assert_false(account_check_password(NULL, "another one"));
    account.has_disabled = account.disabled = true;
    assert_false(account_check_password(&account, "another one"));
    account_remove(&fixture->transaction, ACCOUNTS, "lan");
    assert_null(account_get(&fixture->transaction, ACCOUNTS, "lan", &fixture->arena));
}

static void test_names_and_roles(void **state)
{
    struct fixture *fixture = *state;
    static const char *const wrong[] = {"", " lan", "lan anh", "lần", "-lan", "lan\n", "a/b"};
    struct error error;
    enum role role;
    char longest[ACCOUNT_NAME_BYTES + 2];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null(account_name(wrong[i], &fixture->arena, &error));
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_null(account_name(longest, &fixture->arena, &error));
    longest[sizeof longest - 2] = '\0';
    assert_non_null(account_name(longest, &fixture->arena, &error));
    for (enum role each = ROLE_READER; each <= ROLE_ADMINISTRATOR; each++)
        assert_true(role_parse(role_name(each), &role, &error) && role == each);
    assert_false(role_parse("", &role, &error));
    assert_false(role_parse("anyone", &role, &error));
}

static void append(struct fixture *fixture, const char *act, const char *detail)
{
    const struct audit_act entry = {.actor = "uid 0", .act = act, .detail = detail, .wall_ms = 5};
    audit_append(&fixture->transaction, AUDIT, &entry);
    assert_false(fixture->transaction.failed);
}

static void keep_break(void *context, const char *text)
{
    snprintf(context, 200, "%s", text);
}

static uint64_t breaks(struct fixture *fixture, char text[200])
{
    struct verify verify = {.context = text, .found = keep_break};
    audit_verify(&verify, &fixture->transaction, AUDIT);
    return verify.breaks;
}

static bool count_entry(void *user, const Hopnhat__AuditEntry *entry)
{
    uint64_t *last = user;
    assert_int_equal(entry->number, *last + 1);
    *last = entry->number;
    return true;
}

static void test_audit_tells_what_was_altered(void **state)
{
    struct fixture *fixture = *state;
    char text[200] = "", *longest = calloc(1, 3 * AUDIT_TEXT_BYTES);
    struct key key;
    uint64_t last = 1;
    for (size_t i = 0; i < AUDIT_TEXT_BYTES; i++)
        memcpy(longest + 2 * i, "đ", 2);
    append(fixture, "first", NULL);
    append(fixture, "second", "with a detail");
    append(fixture, "third", longest);
    append(fixture, "fourth", NULL);
    assert_int_equal(breaks(fixture, text), 0);
    assert_true(audit_list(&fixture->transaction, AUDIT, 1, &fixture->arena, count_entry, &last));
    assert_int_equal(last, 4);
    key_number(&key, 2);
    Hopnhat__AuditRow *row = row_get(&fixture->transaction, AUDIT, key_bytes(&key),
                                     &hopnhat__audit_row__descriptor, &fixture->arena);
    row->entry.data[row->entry.len - 1] ^= 1;
    row_put(&fixture->transaction, AUDIT, key_bytes(&key), &row->base);
    assert_int_equal(breaks(fixture, text), 1);
    assert_string_equal(text, "audit: the chain breaks at entry 2: it was altered");
    transaction_delete(&fixture->transaction, AUDIT, key_bytes(&key));
    assert_int_equal(breaks(fixture, text), 2); /* a gap, and a chain that does not go on */
    free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_passwords, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_and_roles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit_tells_what_was_altered, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
