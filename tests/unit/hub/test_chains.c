/* The logs of offices can be proved from their first change to their last, also against headquarters: what
 * was altered afterwards is named. */
#include "fixture.h"

#include "hub/custody.h"
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
    struct error error;
    char path[96];
    *finding = (struct finding){.text = ""};
    snprintf(path, sizeof path, "%s/store", fixture->directory);
    hub_end_sessions(fixture->hub);
    hub_close(fixture->hub);
    assert_true(hub_verify(path, false, &verify, &header, &marks, &fixture->arena, &error));
    fixture->hub = hub_open(fixture->directory, &fixture->options, &error);
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

/* From now on the hub believes that changes are lost. */
static void be_restored(struct fixture *fixture)
{
    struct error error;
    hub_end_sessions(fixture->hub);
    assert_true(hub_mark_restored(fixture->hub, NULL, NULL, &error));
    custody_is_awaited(fixture->hub); /* begins to wait for what nobody has */
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS + 1;
}

/* The office says that it keeps no change up to that one any more. */
static const Hopnhat__Message *lose(struct fixture *fixture, uint64_t to)
{
    struct hand *an = &fixture->an;
    an->seq = an->trimmed = to;
    memset(an->link, (int)to, sizeof an->link);
    return say_hello(fixture, an);
}

static void write_to(struct fixture *fixture, uint64_t to)
{
    struct hand *an = &fixture->an;
    while (an->seq < to) {
        const uint64_t seq = an->seq;
        push(fixture, an, make_record(fixture, an, PARTNER, (uint8_t)seq, GROUP_EVERYONE, "an", "a partner"));
        assert_int_equal(an->seq, seq + 1);
    }
}

static void is_gap(const struct fixture *fixture, size_t place, uint64_t from, uint64_t to)
{
    const struct gaps *gaps = &registry_replica(fixture->hub, fixture->an.replica)->gaps;
    assert_true(place < gaps->count);
    assert_int_equal(gaps->list[place].from, from);
    assert_int_equal(gaps->list[place].to, to);
}

static void lose_twice(struct fixture *fixture)
{
    write_log(fixture);
    be_restored(fixture);
    assert_int_equal(lose(fixture, 4)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    assert_int_equal(lose(fixture, 5)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME); /* nothing came between */
    write_to(fixture, 8);
    assert_int_equal(lose(fixture, 10)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    write_to(fixture, 11);
}

static void a_log_is_proved_before_between_and_after_its_gaps(void **state)
{
    struct fixture *fixture = *state;
    struct finding finding;
    lose_twice(fixture);
    if (breaks(fixture, &finding) != 0)
        fail_msg("%s", finding.text);
    assert_int_equal(finding.signed_to, 11);
    assert_int_equal(registry_replica(fixture->hub, fixture->an.replica)->gaps.count, 2); /* as stored */
    is_gap(fixture, 0, 4, 5);
    is_gap(fixture, 1, 9, 10);
}

static void a_change_that_is_missing_between_gaps_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct finding finding;
    struct transaction transaction;
    struct error error;
    struct key key;
    lose_twice(fixture);
    key_dot(&key, fixture->an.replica, 7);
    assert_true(transaction_begin(&transaction, fixture->hub->environment, true, &error));
    transaction_delete(&transaction, HUB_LOG, key_bytes(&key));
    transaction_delete(&transaction, HUB_SIGNATURE, key_bytes(&key));
    assert_true(transaction_commit(&transaction, &error));
    assert_true(breaks(fixture, &finding) > 0);
    assert_non_null(strstr(finding.text, "log 0000000000001001: changes 7 to 7 are missing"));
}

/* Else an office could make its log one of gaps alone, and every Push would write them all. */
static void a_log_has_so_many_gaps_at_most(void **state)
{
    struct fixture *fixture = *state;
    write_log(fixture);
    be_restored(fixture);
    for (size_t i = 0; i < LIMIT_GAPS_PER_LOG; i++) {
        assert_int_equal(lose(fixture, fixture->an.seq + 2)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
        write_to(fixture, fixture->an.seq + 1);
    }
    const struct replica *log = registry_replica(fixture->hub, fixture->an.replica);
    const uint64_t watermark = log->watermark;
    const Hopnhat__Message *answer = lose(fixture, watermark + 2);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ERROR);
    assert_non_null(strstr(answer->error->text, "join anew"));
    log = registry_replica(fixture->hub, fixture->an.replica);
    assert_int_equal(log->watermark, watermark);
    assert_int_equal(log->gaps.count, LIMIT_GAPS_PER_LOG);
    is_gap(fixture, LIMIT_GAPS_PER_LOG - 1, watermark - 2, watermark - 1);
}

static void a_row_with_one_gap_of_before_is_read(void **state)
{
    Hopnhat__ReplicaState row = HOPNHAT__REPLICA_STATE__INIT;
    struct gaps gaps = {0};
    uint8_t link[LINK_BYTES] = {7};
    (void)state;
    row.has_gap_from = row.has_gap_to = row.has_gap_link = true;
    row.gap_from = 4;
    row.gap_to = 10;
    row.gap_link = (ProtobufCBinaryData){sizeof link, link};
    assert_true(registry_read_gaps(&row, &gaps));
    assert_int_equal(gaps.count, 1);
    assert_int_equal(gaps.list[0].from, 4);
    assert_int_equal(gaps.list[0].to, 10);
    assert_memory_equal(gaps.list[0].link, link, sizeof link);
    gaps_free(&gaps);
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_is_proved_to_its_last_change, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_signature_that_was_altered_is_named, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_change_that_was_altered_is_named, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_log_is_proved_before_between_and_after_its_gaps, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(a_change_that_is_missing_between_gaps_is_named, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(a_log_has_so_many_gaps_at_most, fixture_start, fixture_end),
        cmocka_unit_test(a_row_with_one_gap_of_before_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
