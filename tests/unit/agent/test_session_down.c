/* The session's way down: the feed, its groups and catalogs, and how it is asked for. */
#include "unit/agent/fixture_feed.h"

#include "agent/progress.h"

static void a_whole_feed_ends_caught_up(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    const struct agent_status status = status_of(fixture);
    assert_true(status.caught_up);
    assert_true(status.digests_equal);
    assert_int_equal(status.heads, 1);
    assert_int_equal(status.records, 3);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "Lao");
    assert_true(pull->pull->has_applied);
    assert_true(pull->pull->wait_ms > 0);
    agent_session_poke(fixture->session, fixture->wall_ms);
    assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_PULL)->pull->wait_ms, 0);
}

static void a_delta_replaces_its_fields_only(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Record *delta = record_new(&fixture->arena, PARTNER, (const uint8_t[16]){1});
    put_text(fixture, delta, NOTE, 6, 6, "friendly");
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_DELTA, 0, delta);
    set_head(feed, 6);
    Hopnhat__Record *records[4], *whole = hub_partner(fixture, 1, 3, "Lao");
    size_t count = 0;
    add_joined(fixture, records, &count);
    put_text(fixture, whole, NOTE, 6, 6, "friendly");
    records[count++] = whole;
    add_digest(fixture, feed, 0, records, count);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "Lao");
    assert_string_equal(shown_text(fixture, 1, NOTE, 0), "friendly");
    assert_true(status_of(fixture).caught_up);
    close_agent(fixture);
    open_agent(fixture);
    const Hopnhat__Message *hello = say_hello(fixture);
    assert_int_equal(hello->hello->n_cursors, 2);
    assert_string_equal(hello->hello->cursors[0]->group, "everyone");
    assert_int_equal(hello->hello->cursors[0]->base_rev, 6);
}

static void left_removes_only_from_its_own_group(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Record *gone = record_new(&fixture->arena, PARTNER, (const uint8_t[16]){1});
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_LEFT, 1, gone); /* it is mirrored in group 0 */
    set_head(feed, 6);
    add_equal_digest(fixture, feed, 0, "everyone");
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_non_null(shown(fixture, 1));
    pull = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    feed = feed_from(fixture, 2, 6, 6);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_LEFT, 0, gone);
    set_head(feed, 7);
    Hopnhat__Record *records[4];
    size_t count = 0;
    add_joined(fixture, records, &count);
    add_digest(fixture, feed, 0, records, count);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_null(shown(fixture, 1));
    assert_true(status_of(fixture).caught_up);
}

static void a_late_part_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 3, 4);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, hub_partner(fixture, 9, 6, "late"));
    set_head(feed, 6);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_null(shown(fixture, 9));
    assert_false(status_of(fixture).caught_up);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed_from(fixture, 2, 5, 5)); /* nobody waits for it */
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    const Hopnhat__Message *hello = sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO);
    assert_int_equal(hello->hello->cursors[0]->position, 5);
}

static void a_cut_catch_up_keeps_base_and_position(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, hub_partner(fixture, 2, 6, "two"));
    feed->after[0] = 0;
    feed->after[1] = 5;
    feed->after[2] = 6;
    feed->n_after = 3;
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_false(status_of(fixture).caught_up);
    close_agent(fixture);
    open_agent(fixture);
    const Hopnhat__Message *hello = say_hello(fixture);
    assert_int_equal(hello->hello->cursors[0]->base_rev, 5);
    assert_int_equal(hello->hello->cursors[0]->position, 6);
    assert_int_equal(hello->hello->cursors[1]->position, 5);
}

static void own_changes_leave_the_draft_at_the_watermark(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    const struct dot dot = write_text(fixture, 1, COUNT, "2", false);
    write_text(fixture, 1, COUNT, "3", false);
    assert_string_equal(shown_text(fixture, 1, COUNT, 0), "5");
    const Hopnhat__Message *push = sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
    acknowledge(fixture, push, 1, NULL);
    Hopnhat__Record *delta = record_new(&fixture->arena, PARTNER, (const uint8_t[16]){1});
    put(fixture, delta, COUNT, (struct entry_id){dot, 0}, 6, bytes_of_string("2"));
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_DELTA, 0, delta);
    feed->watermarks[0] = 1;
    feed->after[0] = 0;
    feed->after[1] = 5;
    feed->after[2] = 6;
    feed->n_after = 3;
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_string_equal(shown_text(fixture, 1, COUNT, 0), "5"); /* 2 from the mirror, 3 of the draft */
    assert_int_equal(status_of(fixture).drafts, 1);
}

static void the_head_settles_drafts_of_records_that_do_not_come(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    write_text(fixture, 7, NAME, "moved away at once", true);
    acknowledge(fixture, sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH), 1, NULL);
    assert_non_null(shown(fixture, 7));
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    feed->watermarks[0] = 1;
    set_head(feed, 9);
    add_equal_digest(fixture, feed, 0, "everyone");
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_null(shown(fixture, 7));
    assert_true(status_of(fixture).caught_up);
}

static void a_group_that_is_left_takes_its_records_along(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 0, 0);
    set_from(feed, (const uint64_t[]){0, 0, 5, 5}); /* cluster:3 is new, office:hue stays */
    add_group(fixture, feed, "cluster:3");
    add_group(fixture, feed, "office:hue");
    set_head(feed, 6);
    add_digest(fixture, feed, 0, NULL, 0);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_null(shown(fixture, 1));
    assert_int_equal(status_of(fixture).records, 0);
    assert_true(status_of(fixture).caught_up);
}

static void a_new_catalog_comes_into_force(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    const struct bytes packed = make_catalog(fixture, 2);
    static const char broken[] = "no catalog";
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, catalog_record(fixture, packed, "2", 6));
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0,
             catalog_record(fixture, bytes_of_string(broken), "3", 7));
    set_head(feed, 7);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_int_equal(status_of(fixture).catalog_version, 2);
    assert_non_null(strstr(status_of(fixture).trouble, "catalog"));
    close_agent(fixture);
    open_agent(fixture);
    assert_int_equal(status_of(fixture).catalog_version, 2);
}

/* A hub that was restored had a former catalog, and gets back the one that is in force here. */
static void a_catalog_that_the_hub_gets_back_is_known(void **state)
{
    struct fixture *fixture = *state;
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Record *fresh = catalog_record(fixture, make_catalog(fixture, 2), "2", 6);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, fresh);
    set_head(feed, 7);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    fixture->first = fixture->last = 0;
    agent_session_link_down(fixture->session, fixture->wall_ms);
    open_session(fixture, 0); /* the Welcome tells the first catalog's hash */
    feed = feed_from(fixture, 2, 7, 7);
    feed->after[0] = 7;
    feed->n_after = 1;
    feed->has_head = feed->head = true;
    add_equal_digest(fixture, feed, 0, "everyone");
    add_equal_digest(fixture, feed, 1, "office:hue");
    answer(fixture, sent(fixture, HOPNHAT__MESSAGE__BODY_PULL), HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_true(status_of(fixture).digests_equal);
    assert_false(status_of(fixture).caught_up);
    feed = feed_from(fixture, 2, 7, 7);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, fresh);
    set_head(feed, 8);
    add_equal_digest(fixture, feed, 0, "everyone");
    add_equal_digest(fixture, feed, 1, "office:hue");
    answer(fixture, sent(fixture, HOPNHAT__MESSAGE__BODY_PULL), HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_int_equal(status_of(fixture).catalog_version, 2);
    assert_true(status_of(fixture).caught_up);
}

/* Who asks while a part is under way waits for a head that was asked for later; what is left is told until
 * then. */
static void a_head_that_was_asked_for_before_does_not_count(void **state)
{
    struct fixture *fixture = *state;
    struct agent_progress progress;
    struct error error = {0};
    const Hopnhat__Message *pull = catch_up(fixture);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, hub_partner(fixture, 2, 6, "two"));
    feed->after[0] = 0;
    feed->after[1] = 5;
    feed->after[2] = 6;
    feed->n_after = 3;
    feed->has_left = true;
    feed->left = 7;
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_true(agent_progress(fixture->agent, &progress, &error));
    assert_int_equal(progress.records_to_come, 7);
    uint64_t heads = status_of(fixture).heads;
    pull = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    agent_session_poke(fixture->session, fixture->wall_ms);
    fixture->first = fixture->last = 0;
    feed = feed_from(fixture, 2, 5, 5);
    set_from(feed, (const uint64_t[]){5, 6, 5, 5});
    set_head(feed, 7);
    add_equal_digest(fixture, feed, 0, "everyone");
    add_equal_digest(fixture, feed, 1, "office:hue");
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_int_equal(status_of(fixture).heads, heads);
    assert_true(agent_progress(fixture->agent, &progress, &error));
    assert_int_equal(progress.records_to_come, 0);
}

/* How many Pulls there are under way, one part having come, when no answer comes for so long. */
static size_t pulls_after(struct fixture *fixture, uint32_t protocol, uint64_t for_ms)
{
    fixture->protocol = protocol;
    open_session(fixture, 0);
    const Hopnhat__Message *pull = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    Hopnhat__Feed *part = feed_from(fixture, 1, 0, 0);
    add_group(fixture, part, "everyone");
    add_item(fixture, part, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, hub_partner(fixture, 1, 10, "Lao"));
    part->after[0] = part->after[1] = 0; /* group, base */
    part->after[2] = 10;
    part->n_after = 3;
    fixture->wall_ms += 20;
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, part);
    size_t first = fixture->first;
    for (uint64_t end_ms = fixture->wall_ms + for_ms; fixture->wall_ms < end_ms; fixture->wall_ms += 100)
        agent_session_tick(fixture->session, fixture->wall_ms);
    return fixture->last - first;
}

/* While an answer is late more is asked for, but no more than the hub lets wait. */
static void a_late_part_leaves_room_for_more_pulls(void **state)
{
    assert_in_range(pulls_after(*state, 2, 10000), 5, 8);
}

static void an_older_hub_gets_four_pulls_at_most(void **state)
{
    assert_int_equal(pulls_after(*state, 1, 10000), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_feed_ends_caught_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_delta_replaces_its_fields_only, setup, teardown),
        cmocka_unit_test_setup_teardown(left_removes_only_from_its_own_group, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_part_leaves_room_for_more_pulls, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_hub_gets_four_pulls_at_most, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_part_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_catch_up_keeps_base_and_position, setup, teardown),
        cmocka_unit_test_setup_teardown(own_changes_leave_the_draft_at_the_watermark, setup, teardown),
        cmocka_unit_test_setup_teardown(the_head_settles_drafts_of_records_that_do_not_come, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_that_is_left_takes_its_records_along, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_catalog_comes_into_force, setup, teardown),
        cmocka_unit_test_setup_teardown(a_catalog_that_the_hub_gets_back_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_head_that_was_asked_for_before_does_not_count, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
