/* The logs of offices can be proved from their first change to their last, also against headquarters: what
 * was altered afterwards is named. */
#include "fixture.h"

#include "hub/verify.h"
#include "store/key.h"

struct finding {
    char text[1000];
    uint64_t signed_to;
};

static void note(void *context, const char *text)
{
    struct finding *finding = context;
    if (!finding->text[0])
        snprintf(finding->text, sizeof finding->text, "%s", text);
}

static void proved(void *context, const char *office, uint64_t replica, uint64_t last, uint64_t signed_to)
{
    struct finding *finding = context;
    (void)replica, (void)last;
    if (strcmp(office, "an") == 0)
        finding->signed_to = signed_to;
}

/* Closes the hub and looks at its store; the first break is in the finding. */
static uint64_t breaks(struct fixture *fixture, struct finding *finding)
{
    struct verify verify = {.context = finding, .found = note, .proved = proved};
    Hopnhat__BackupHeader header = HOPNHAT__BACKUP_HEADER__INIT;
    Hopnhat__Backup marks = HOPNHAT__BACKUP__INIT;
    struct hub_options options = {.map_bytes = 1 << 28, .entropy = entropy_system()};
    struct error error;
    char path[96];
    *finding = (struct finding){.text = ""};
    snprintf(path, sizeof path, "%s/store", fixture->directory);
    hub_end_sessions(fixture->hub);
    hub_close(fixture->hub);
    assert_true(hub_verify(path, false, &verify, &header, &marks, &fixture->arena, &error));
    fixture->hub = hub_open(fixture->directory, &options, &error);
    assert_non_null(fixture->hub);
    return verify.breaks;
}

/* Turns a bit of the row of the change's dot round, as somebody would who knows how rows are stored. */
static void alter(struct fixture *fixture, unsigned database, const struct hand *hand, uint64_t seq,
                  size_t from_end)
{
    struct transaction transaction;
    struct error error;
    struct bytes row;
    struct key key;
    static uint8_t copy[10000];
    key_dot(&key, hand->replica, seq);
    assert_true(transaction_begin(&transaction, fixture->hub->environment, true, &error));
    assert_true(transaction_get(&transaction, database, key_bytes(&key), &row));
    assert_true(row.size > from_end && row.size < sizeof copy);
    memcpy(copy, row.data, row.size);
    copy[row.size - 1 - from_end] ^= 1;
    transaction_put(&transaction, database, key_bytes(&key), bytes_of(copy, row.size));
    assert_true(transaction_commit(&transaction, &error));
}

static void write_log(struct fixture *fixture)
{
    struct hand *an = &fixture->an;
    say_hello(fixture, an);
    for (uint8_t i = 1; i <= 3; i++)
        push(fixture, an, make_record(fixture, an, PARTNER, i, GROUP_EVERYONE, "an", "a partner"));
    assert_int_equal(an->seq, 3);
}

static void a_log_is_proved_to_its_last_change(void **state)
{
    struct fixture *fixture = *state;
    struct finding finding;
    write_log(fixture);
    if (breaks(fixture, &finding) != 0)
        fail_msg("%s", finding.text);
    assert_int_equal(finding.signed_to, 3);
}

static void a_signature_that_was_altered_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct finding finding;
    write_log(fixture);
    alter(fixture, HUB_SIGNATURE, &fixture->an, 2, 5);
    assert_true(breaks(fixture, &finding) > 0);
    assert_non_null(strstr(finding.text, "signature"));
    assert_non_null(strstr(finding.text, "0000000000001001"));
}

static void a_change_that_was_altered_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct finding finding;
    write_log(fixture);
    alter(fixture, HUB_LOG, &fixture->an, 2, 20);
    assert_true(breaks(fixture, &finding) > 0);
    assert_non_null(strstr(finding.text, "log 0000000000001001"));
    assert_non_null(strstr(finding.text, "change 2"));
}

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_is_proved_to_its_last_change, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_signature_that_was_altered_is_named, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_change_that_was_altered_is_named, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
