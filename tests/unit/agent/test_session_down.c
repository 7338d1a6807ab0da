/* The session's way down: the feed, groups, digests, reconciliation, a hub that came back from a backup. */
#include "unit/agent/fixture.h"

#include "agent/progress.h"
#include "store/pieces.h"

/* What the test's hub has: the records of joining. */
static void add_joined(struct fixture *fixture, Hopnhat__Record **records, size_t *count)
{
    const Hopnhat__Joined *joined = make_joined(fixture);
    for (size_t i = 0; i < joined->n_records; i++)
        records[(*count)++] = joined->records[i];
}

/* Answers the first Pull with everything in `records` and the head at rev. */
static void feed_all(struct fixture *fixture, Hopnhat__Record *const *records, size_t count, uint64_t rev)
{
    const Hopnhat__Message *pull = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 0, 0);
    add_group(fixture, feed, "everyone");
    add_group(fixture, feed, "office:hue");
    for (size_t i = 0; i < count; i++)
        add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, records[i]);
    set_head(feed, rev);
    add_digest(fixture, feed, 0, records, count);
    add_digest(fixture, feed, 1, NULL, 0);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
}

static void a_whole_feed_ends_caught_up(void **state)
{
    struct fixture *fixture = *state;
    Hopnhat__Record *records[4];
    size_t count = 0;
    add_joined(fixture, records, &count);
    records[count++] = hub_partner(fixture, 1, 3, "Lao");
    open_session(fixture, 0);
    feed_all(fixture, records, count, 5);
    const struct agent_status status = status_of(fixture);
    assert_true(status.caught_up);
    assert_true(status.digests_equal);
    assert_int_equal(status.heads, 1);
    assert_int_equal(status.records, 3);
    assert_string_equal(shown_text(fixture, 1, NAME, 0), "Lao");
    const Hopnhat__Message *pull = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    assert_true(pull->pull->has_applied);
    assert_true(pull->pull->wait_ms > 0);
    agent_session_poke(fixture->session, fixture->wall_ms);
    assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_PULL)->pull->wait_ms, 0);
}

/* Everything as in a_whole_feed_ends_caught_up; the Pull that is held is returned. */
static const Hopnhat__Message *catch_up(struct fixture *fixture)
{
    Hopnhat__Record *records[4];
    size_t count = 0;
    add_joined(fixture, records, &count);
    records[count++] = hub_partner(fixture, 1, 3, "Lao");
    open_session(fixture, 0);
    feed_all(fixture, records, count, 5);
    assert_true(status_of(fixture).caught_up);
    return sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
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

/* The part is from the cursors (base, position) of two groups. */
static void set_from(Hopnhat__Feed *feed, const uint64_t numbers[4])
{
    uint8_t cursors[32];
    for (size_t i = 0; i < 4; i++)
        put_u64_le(cursors + 8 * i, numbers[i]);
    feed->from = (uint32_t)XXH3_64bits(cursors, sizeof cursors);
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

enum { LARGE_BYTES = 1000, LARGE_PART = 400 };

/* A large record as it travels: which it is, and the packed item. */
struct large {
    Hopnhat__Record *record;
    struct bytes item;
    struct pieces_held held; /* by the agent */
};

static struct large make_large(struct fixture *fixture, uint8_t number, uint64_t rev)
{
    char name[LARGE_BYTES + 1] = {0};
    Hopnhat__FeedItem item = HOPNHAT__FEED_ITEM__INIT;
    memset(name, 'a' + number, LARGE_BYTES);
    struct large large = {.record = hub_partner(fixture, number, rev, name)};
    item.has_kind = true;
    item.kind = HOPNHAT__ITEM_KIND__ITEM_WHOLE;
    item.record = large.record;
    uint8_t *packed = arena_alloc(&fixture->arena, hopnhat__feed_item__get_packed_size(&item));
    large.item = bytes_of(packed, hopnhat__feed_item__pack(&item, packed));
    return large;
}

/* Puts what follows of it into the part, `most` bytes of it. */
static void add_piece(struct fixture *fixture, Hopnhat__Feed *feed, struct large *large, size_t most)
{
    feed->piece = arena_alloc(&fixture->arena, sizeof *feed->piece);
    hopnhat__feed_piece__init(feed->piece);
    feed->piece->piece = pieces_cut(large->item, &large->held, most, &fixture->arena);
    large->held = (struct pieces_held){feed->piece->piece->id, feed->piece->piece->total,
                                       feed->piece->piece->offset + (uint32_t)feed->piece->piece->data.len};
}

/* Answers the Pull with a piece that goes ahead of its turn, or else in it without moving a cursor; the next
 * Pull. */
static const Hopnhat__Message *send_piece(struct fixture *fixture, const Hopnhat__Message *pull,
                                          struct large *large, size_t most, bool ahead)
{
    static uint64_t revs[] = {5, 5};
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    feed->ahead = revs;
    feed->n_ahead = ahead ? 2 : 0;
    add_piece(fixture, feed, large, most);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    return sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
}

static void is_told(const Hopnhat__PieceHeld *told, const struct large *large)
{
    assert_int_equal(told->id, large->held.id);
    assert_int_equal(told->size, large->held.held_bytes);
    assert_int_equal(told->total, large->item.size);
}

/* The first Pull of a session after a restart. */
static const Hopnhat__Message *restart(struct fixture *fixture)
{
    close_agent(fixture);
    open_agent(fixture);
    open_session(fixture, 0);
    return sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
}

/* Of a large record and of an urgent one that overtook it all is kept that has come, over restarts; the
 * urgent one till it has come in its turn, where it does not cross again; and at the head nothing of either
 * is left.
 */
static void what_is_overtaken_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct large turn = make_large(fixture, 2, 6), urgent = make_large(fixture, 3, 7);
    Hopnhat__Record *records[8];
    size_t count = 0;
    const Hopnhat__Message *pull = catch_up(fixture);
    pull = send_piece(fixture, pull, &turn, LARGE_PART, false);
    send_piece(fixture, pull, &urgent, LARGE_PART, true);
    pull = restart(fixture);
    assert_int_equal(pull->pull->n_held, 2);
    is_told(pull->pull->held[0], &turn);
    is_told(pull->pull->held[1], &urgent);
    send_piece(fixture, pull, &urgent, LARGE_BYTES, true);
    assert_int_equal(shown_count(fixture, 3, NAME), 1);
    pull = restart(fixture);
    assert_int_equal(pull->pull->n_held, 2);
    is_told(pull->pull->held[1], &urgent);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    add_piece(fixture, feed, &turn, LARGE_BYTES);
    feed->after[feed->n_after++] = 0;
    feed->after[feed->n_after++] = 5;
    feed->after[feed->n_after++] = 6;
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_int_equal(shown_count(fixture, 2, NAME), 1);
    pull = restart(fixture);
    assert_int_equal(pull->pull->n_held, 1);
    is_told(pull->pull->held[0], &urgent);
    feed = feed_from(fixture, 2, 5, 5);
    set_from(feed, (const uint64_t[]){5, 6, 5, 5});
    add_piece(fixture, feed, &urgent, LARGE_BYTES);
    assert_int_equal(feed->piece->piece->data.len, 0);
    set_head(feed, 7);
    add_joined(fixture, records, &count);
    records[count++] = hub_partner(fixture, 1, 3, "Lao");
    records[count++] = turn.record;
    records[count++] = urgent.record;
    add_digest(fixture, feed, 0, records, count);
    add_digest(fixture, feed, 1, NULL, 0);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_true(status_of(fixture).digests_equal);
    assert_int_equal(restart(fixture)->pull->n_held, 0);
}

/* What came of a record that has changed since is of no use: the head is reached without it. */
static void the_head_leaves_no_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct large former = make_large(fixture, 2, 6);
    send_piece(fixture, catch_up(fixture), &former, LARGE_PART, false);
    const Hopnhat__Message *pull = restart(fixture);
    assert_int_equal(pull->pull->n_held, 1);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 5, 5);
    set_head(feed, 8);
    add_equal_digest(fixture, feed, 0, "everyone");
    add_equal_digest(fixture, feed, 1, "office:hue");
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_int_equal(restart(fixture)->pull->n_held, 0);
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
        cmocka_unit_test_setup_teardown(a_mismatch_is_counted_and_mended, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restored_hub_gets_back_what_it_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_overtaken_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_head_leaves_no_pieces, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
