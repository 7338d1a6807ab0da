/* Groups whose mirror is not what the hub has, and a hub that came back from a backup. */
#include "unit/agent/fixture_feed.h"

/* Answers a Reconcile: all buckets differ and hold just these records. */
static void reconcile(struct fixture *fixture, const char *group, Hopnhat__Record **records, size_t count,
                      uint64_t rev, uint64_t watermark)
{
    static uint32_t buckets[LIMIT_RECONCILE_BUCKETS];
    const Hopnhat__Message *message = sent(fixture, HOPNHAT__MESSAGE__BODY_RECONCILE);
    Hopnhat__Reconciled reconciled = HOPNHAT__RECONCILED__INIT;
    assert_string_equal(message->reconcile->group, group);
    assert_int_equal(message->reconcile->first, 0);
    assert_int_equal(message->reconcile->digests.len, 8 * message->reconcile->buckets);
    for (uint32_t i = 0; i < message->reconcile->buckets; i++)
        buckets[i] = i;
    reconciled.group = message->reconcile->group;
    reconciled.rev = rev;
    reconciled.watermarks = &watermark;
    reconciled.n_watermarks = 1;
    reconciled.differing = buckets;
    reconciled.n_differing = reconciled.next = message->reconcile->buckets;
    reconciled.records = records;
    reconciled.n_records = count;
    answer(fixture, message, HOPNHAT__MESSAGE__BODY_RECONCILED, &reconciled);
}

static void a_mismatch_is_counted_and_mended(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Record *records[4];
    size_t count = 0;
    add_joined(fixture, records, &count);
    records[count++] = hub_partner(fixture, 2, 4, "the other");
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    set_head(feed, 8);
    add_digest(fixture, feed, 0, records, count);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_int_equal(status_of(fixture).digest_mismatches, 1);
    assert_false(status_of(fixture).caught_up);
    reconcile(fixture, "everyone", records, count, 9, 0);
    assert_null(shown(fixture, 1));
    assert_string_equal(shown_text(fixture, 2, NAME, 0), "the other");
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    const Hopnhat__Message *hello = sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
    assert_int_equal(hello->hello->cursors[0]->position, 9);
    assert_int_equal(hello->hello->digest_mismatches, 1); /* headquarters is told */
    welcome(fixture, hello, (const uint64_t[]){0}, NULL, EPOCH);
    feed = feed_from(fixture, 2, 0, 0);
    set_from(feed, (const uint64_t[]){9, 9, 8, 8});
    set_head(feed, 9);
    add_digest(fixture, feed, 0, records, count);
    answer(fixture, sent(fixture, HOPNHAT__MESSAGE__BODY_PULL), HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_true(status_of(fixture).caught_up);
    assert_int_equal(status_of(fixture).digest_mismatches, 1);
}

/* The hub came back from a backup that lacks an own change which is in the mirror, and one that it had
 * refused. */
static void a_restored_hub_gets_back_what_it_lost(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    const struct dot dot = write_text(fixture, 1, COUNT, "2", false);
    write_text(fixture, 1, NOTE, "refused", false);
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    const Hopnhat__Message *second = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    acknowledge(fixture, push, 1, NULL);
    Hopnhat__Refusal refusal = HOPNHAT__REFUSAL__INIT;
    refusal.replica = dot.replica;
    refusal.seq = 2;
    acknowledge(fixture, second, 2, &refusal);
    Hopnhat__Record *delta = record_new(&fixture->arena, PARTNER, (const uint8_t[16]){1});
    put(fixture, delta, COUNT, (struct entry_id){dot, 0}, 6, bytes_of_string("2"));
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_DELTA, 0, delta);
    feed->watermarks[0] = 2;
    set_head(feed, 7);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_int_equal(status_of(fixture).drafts, 0);
    assert_int_equal(status_of(fixture).refused, 1);
    fixture->first = fixture->last = 0;
    agent_session_link_down(fixture->session, fixture->wall_ms);

    welcome(fixture, say_hello(fixture), (const uint64_t[]){0}, NULL, EPOCH + 1);
    assert_int_equal(status_of(fixture).pending, 2);
    assert_int_equal(status_of(fixture).refused, 0);
    assert_string_equal(shown_text(fixture, 1, COUNT, 0), "2"); /* not counted twice */
    assert_string_equal(shown_text(fixture, 1, NOTE, 0), "refused");
    push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    assert_int_equal(push->push->n_changes, 2);
    assert_int_equal(push->push->n_admitted, 2);
    assert_true(push->push->admitted[0] != 0);
    assert_silent(fixture); /* first everything up, then the buckets */
    acknowledge(fixture, push, 1, NULL);
    fixture->wall_ms += 1000; /* the second was not admitted at once */
    agent_session_tick(fixture->session, fixture->wall_ms);
    acknowledge(fixture, sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH), 2, NULL);
    Hopnhat__Record *records[4], *partner = hub_partner(fixture, 1, 3, "Lao");
    size_t count = 0;
    add_joined(fixture, records, &count);
    put(fixture, partner, COUNT, (struct entry_id){dot, 0}, 4, bytes_of_string("2"));
    records[count++] = partner;
    reconcile(fixture, "everyone", records, count, 4, 1);
    assert_string_equal(shown_text(fixture, 1, COUNT, 0), "2");
    assert_string_equal(shown_text(fixture, 1, NOTE, 0),
                        "refused"); /* pending: above the snapshot's watermark */
    reconcile(fixture, "office:hue", NULL, 0, 4, 2);
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    const Hopnhat__Message *hello = sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
    assert_int_equal(hello->hello->epoch, EPOCH + 1);
    assert_int_equal(hello->hello->cursors[0]->base_rev, 4);
    welcome(fixture, hello, (const uint64_t[]){2}, NULL, EPOCH + 1);
    feed = feed_from(fixture, 2, 4, 4);
    feed->watermarks[0] = 2;
    set_head(feed, 5);
    add_digest(fixture, feed, 0, records, count);
    add_digest(fixture, feed, 1, NULL, 0);
    answer(fixture, sent(fixture, HOPNHAT__MESSAGE__BODY_PULL), HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_int_equal(status_of(fixture).drafts, 0); /* what is at the hub a second time leaves them again */
    assert_true(status_of(fixture).caught_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mismatch_is_counted_and_mended, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restored_hub_gets_back_what_it_lost, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
