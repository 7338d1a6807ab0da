/* Records that come in pieces, and those that overtake them. */
#include "unit/agent/fixture_feed.h"

#include "store/pieces.h"

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
        cmocka_unit_test_setup_teardown(what_is_overtaken_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_head_leaves_no_pieces, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
