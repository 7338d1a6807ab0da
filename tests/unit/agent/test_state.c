/* Joining, the store, writing. */
#include "unit/agent/fixture.h"

#include "store/key.h"
#include "store/meta.h"
#include "store/rows.h"

#include "store.pb-c.h"

static void join_is_checked(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    char office[LIMIT_OFFICE_CODE_BYTES + 1];
    Hopnhat__Joined *joined = make_joined(fixture);
    assert_true(join_check(&fixture->join, joined, office, &error));
    assert_string_equal(office, "hue");
    joined->certificate->signature.data[5] ^= 1;
    assert_false(join_check(&fixture->join, joined, office, &error));
    joined->certificate->signature.data[5] ^= 1;
    fixture->join.link_keys.public_key[0] ^= 1;
    assert_false(join_check(&fixture->join, joined, office, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
}

static void join_message_carries_the_new_keys(void **state)
{
    struct fixture *fixture = *state;
    const struct pieces_held none = {0};
    struct error error = {0};
    const Hopnhat__Message *message = join_message(&fixture->join, &none, &fixture->arena, &error);
    assert_int_equal(message->body_case, HOPNHAT__MESSAGE__BODY_JOIN);
    assert_memory_equal(message->join->link_key.data, fixture->join.link_keys.public_key, LINK_KEY_BYTES);
    assert_memory_not_equal(message->join->link_key.data, fixture->join.once.public_key, LINK_KEY_BYTES);
}

/* The next part of an answer, as the hub sends it. */
static bool add_part(struct fixture *fixture, struct join_parts *parts, const Hopnhat__Joined *joined,
                     const Hopnhat__Joined **whole)
{
    Hopnhat__Joined part = *joined;
    struct error error;
    uint8_t *packed = arena_alloc(&fixture->arena, hopnhat__joined__get_packed_size(joined));
    struct bytes all = bytes_of(packed, hopnhat__joined__pack(joined, packed));
    part.n_records = 0;
    part.time = joined->time + 7;
    part.piece = pieces_cut(all, &parts->held, 100, &fixture->arena);
    return join_add_part(parts, &part, &fixture->arena, whole, &error);
}

static void an_answer_in_parts_is_put_together(void **state)
{
    struct fixture *fixture = *state;
    struct join_parts parts = {0};
    const Hopnhat__Joined *whole = NULL;
    Hopnhat__Joined *joined = make_joined(fixture);
    for (size_t i = 0; i < 3; i++)
        assert_true(add_part(fixture, &parts, joined, &whole));
    joined->epoch ^= 1; /* it is another one meanwhile: it begins anew */
    while (!whole)
        assert_true(add_part(fixture, &parts, joined, &whole));
    assert_true(whole->epoch == joined->epoch);
    assert_true(whole->time == joined->time + 7);
    assert_int_equal(whole->n_records, joined->n_records);
    parts.held.held_bytes -= 1; /* one that does not follow */
    Hopnhat__Piece piece = HOPNHAT__PIECE__INIT;
    Hopnhat__Joined wrong = *joined;
    struct error error;
    piece.id = parts.held.id;
    piece.total = parts.held.total_bytes;
    piece.offset = piece.total;
    wrong.piece = &piece;
    assert_false(join_add_part(&parts, &wrong, &fixture->arena, &whole, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    free(parts.data);
}

static void a_second_join_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    const struct agent_options options = options_of(fixture);
    close_agent(fixture);
    assert_false(join_finish(&fixture->join, make_joined(fixture), "tcp://127.0.0.1:1", fixture->directory,
                             &options, WALL, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    open_agent(fixture);
}

static void one_process_holds_the_store(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    const struct agent_options options = options_of(fixture);
    assert_null(agent_open(fixture->directory, &options, &error));
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_null(agent_open("/tmp/hopnhat-agent-is-not-there", &options, &error));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
}

static void a_newer_store_is_not_opened(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct transaction transaction;
    const struct agent_options options = options_of(fixture);
    assert_true(transaction_begin(&transaction, fixture->agent->environment, true, &error));
    meta_put_number(&transaction, AGENT_META, "format", 2);
    assert_true(transaction_commit(&transaction, &error));
    close_agent(fixture);
    assert_null(agent_open(fixture->directory, &options, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_non_null(strstr(error.text, "was written by a newer hopnhat-agent: install that one"));
}

static void begins_with_catalog_and_office(void **state)
{
    struct fixture *fixture = *state;
    const struct agent_status status = status_of(fixture);
    assert_string_equal(status.office, "hue");
    assert_int_equal(status.catalog_version, 1);
    assert_int_equal(status.epoch, EPOCH);
    assert_int_equal(status.records, 2);
    assert_true(status.replica != 0);
    assert_false(status.caught_up);
    assert_true(office_is_in(&fixture->agent->office, bytes_of_string("cluster:3")));
}

static void writes_are_there_after_reopening(void **state)
{
    struct fixture *fixture = *state;
    const struct dot first = write_text(fixture, 1, NAME, "Lao", true);
    const struct dot second = write_text(fixture, 1, NOTE, "hello", false);
    assert_int_equal(first.seq, 1);
    assert_int_equal(second.seq, 2);
    close_agent(fixture);
    open_agent(fixture);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "Lao");
    assert_string_equal(shown_text(fixture, 1, NOTE, 0), "hello");
    assert_int_equal(status_of(fixture).pending, 2);
    assert_int_equal(status_of(fixture).records, 3);
    assert_int_equal(write_text(fixture, 1, NAME, "Laos", false).seq, 3);
}

static void wrong_edits_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    write_text(fixture, 1, NAME, "Lao", true);
    const uint64_t clock = fixture->agent->clock.last;
    assert_false(try_write(fixture, 1, 999, "x", false, (struct entry_list){0}, NULL, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    assert_false(try_write(fixture, 1, COUNT, "twelve", false, (struct entry_list){0}, NULL, &error));
    struct new_op op = {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP,
                        .value = bytes_of_string("network:laos")};
    struct new_edit edit = {.type = PARTNER, .record = {1}, .ops = &op, .op_count = 1};
    assert_false(agent_write(fixture->agent, &edit, 1, NULL, WALL, NULL, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_false(agent_write(fixture->agent, &edit, 0, NULL, WALL, NULL, &error));
    assert_int_equal(error.code, ERROR_USAGE);
    assert_false(agent_write(fixture->agent, &edit, 1, "\xff", WALL, NULL, &error));
    assert_int_equal(fixture->agent->clock.last, clock);
    assert_int_equal(write_text(fixture, 1, NAME, "Laos", false).seq, 2);
}

/* As if the record had been written so often without a link. */
static void write_very_often(struct fixture *fixture, size_t pending)
{
    struct transaction transaction;
    struct error error = {0};
    struct key key;
    const uint8_t id[16] = {1};
    key_record(&key, PARTNER, id);
    assert_true(agent_begin(fixture->agent, &transaction, &error));
    Hopnhat__Draft *draft =
        row_get(&transaction, AGENT_DRAFT, key_bytes(&key), &hopnhat__draft__descriptor, &fixture->arena);
    Hopnhat__EntryId **many = arena_alloc(&fixture->arena, pending * sizeof(Hopnhat__EntryId *));
    assert_non_null(draft);
    assert_non_null(many);
    for (size_t i = 0; i < pending; i++)
        many[i] = draft->pending[0];
    draft->pending = many;
    draft->n_pending = pending;
    row_put(&transaction, AGENT_DRAFT, key_bytes(&key), &draft->base);
    assert_true(agent_commit(fixture->agent, &transaction, &error));
}

static void what_waits_of_one_record_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    write_text(fixture, 1, NAME, "Lao", true);
    write_very_often(fixture, LIMIT_PENDING_PER_RECORD - 1);
    assert_int_equal(write_text(fixture, 1, NAME, "Laos", false).seq, 2);
    assert_false(try_write(fixture, 1, NAME, "Lào", false, (struct entry_list){0}, NULL, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    assert_non_null(strstr(error.text, "when they have been sent"));
    assert_int_equal(write_text(fixture, 2, NAME, "another", true).seq, 3);
}

/* A machine that was restored again and again finds its logs, each by its replica. */
static void logs_are_found_by_their_replicas(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction;
    struct error error = {0};
    enum { LOGS = 3000 };
    assert_true(agent_begin(fixture->agent, &transaction, &error));
    for (size_t i = 0; i < LOGS; i++)
        assert_non_null(agent_new_log(fixture->agent));
    assert_true(agent_commit(fixture->agent, &transaction, &error));
    assert_true(agent_reload(fixture->agent, &error));
    assert_int_equal(fixture->agent->log_count, LOGS + 1);
    for (size_t i = 0; i <= LOGS; i++)
        assert_ptr_equal(agent_log(fixture->agent, fixture->agent->logs[i].replica),
                         &fixture->agent->logs[i]);
    assert_null(agent_log(fixture->agent, 1));
}

static void concurrent_review_values_are_counted(void **state)
{
    struct fixture *fixture = *state;
    write_text(fixture, 1, NAME, "Lao", true);
    write_text(fixture, 1, NOTE, "a", false);
    assert_int_equal(status_of(fixture).conflicts_open, 0);
    const struct dot other = write_text(fixture, 1, NOTE, "b", false); /* names nothing that it saw */
    assert_int_equal(status_of(fixture).conflicts_open, 1);
    struct entry_id ids[] = {{other, 0}, {{other.replica, other.seq - 1}, 0}};
    struct error error = {0};
    assert_true(try_write(fixture, 1, NOTE, "c", false, (struct entry_list){ids, 2}, NULL, &error));
    assert_int_equal(status_of(fixture).conflicts_open, 0);
}

static void scan_merges_mirror_and_drafts(void **state)
{
    struct fixture *fixture = *state;
    struct agent_scan scan;
    struct transaction transaction;
    struct error error = {0};
    Hopnhat__Record *record;
    uint8_t expected = 1;
    for (uint8_t i = 5; i > 0; i--)
        write_text(fixture, i, NAME, "x", true);
    assert_true(agent_read(fixture->agent, &transaction, &error));
    agent_scan_open(&scan, &transaction, PARTNER, NULL);
    while ((record = agent_scan_next(&scan, &fixture->arena)))
        assert_int_equal(record->id.data[0], expected++);
    agent_scan_close(&scan);
    assert_int_equal(expected, 6);
    const uint8_t after[16] = {4};
    agent_scan_open(&scan, &transaction, PARTNER, after);
    record = agent_scan_next(&scan, &fixture->arena);
    assert_int_equal(record->id.data[0], 5);
    agent_scan_close(&scan);
    transaction_abort(&transaction);
}

static void restore_draws_a_new_number_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    const struct dot old = write_text(fixture, 1, NAME, "Lao", true);
    assert_true(agent_restored(fixture->agent, NULL, &error));
    close_agent(fixture);
    open_agent(fixture);
    const struct dot fresh = write_text(fixture, 1, NAME, "Laos", false);
    assert_true(fresh.replica != old.replica);
    assert_int_equal(fresh.seq, 1);
    assert_int_equal(status_of(fixture).pending, 2);
    assert_int_equal(shown_count(fixture, 1, NAME), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(join_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(join_message_carries_the_new_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_in_parts_is_put_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_join_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(one_process_holds_the_store, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_store_is_not_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(begins_with_catalog_and_office, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_are_there_after_reopening, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_edits_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_of_one_record_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(logs_are_found_by_their_replicas, setup, teardown),
        cmocka_unit_test_setup_teardown(concurrent_review_values_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(scan_merges_mirror_and_drafts, setup, teardown),
        cmocka_unit_test_setup_teardown(restore_draws_a_new_number_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
