/* What an agent does with the sealed pieces of headquarters' log: the test is the hub. */
#include "unit/agent/fixture_feed.h"

#include "agent/custody.h"
#include "agent/records.h"
#include "store/key.h"

enum { OTHER_HUB_REPLICA = 4343, LARGE_BYTES = 300000, PART_BYTES = 9000, ANSWER_MS = 2000 };

static Hopnhat__CustodyPiece *piece(struct fixture *fixture, uint64_t replica, uint64_t first, uint64_t last)
{
    Hopnhat__CustodyPiece *made = arena_alloc(&fixture->arena, sizeof *made);
    hopnhat__custody_piece__init(made);
    made->replica = replica;
    made->first = first;
    made->last = last;
    made->sealed.data =
        (uint8_t *)arena_format(&fixture->arena, "sealed %u to %u", (unsigned)first, (unsigned)last);
    made->sealed.len = strlen((const char *)made->sealed.data);
    return made;
}

/* Answers the Custody that the agent said last. */
static void hand_out(struct fixture *fixture, Hopnhat__CustodyPiece *given, const uint64_t *want,
                     const uint64_t *drop)
{
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    const Hopnhat__Message *asked = fixture->custody;
    uint64_t wanted[2], dropped[2];
    assert_non_null(asked);
    fixture->custody = NULL;
    custody.pieces = &given;
    custody.n_pieces = given ? 1 : 0;
    if (want) {
        memcpy(wanted, want, sizeof wanted);
        custody.want = wanted;
        custody.n_want = 2;
    }
    if (drop) {
        memcpy(dropped, drop, sizeof dropped);
        custody.drop = dropped;
        custody.n_drop = 2;
    }
    answer(fixture, asked, HOPNHAT__MESSAGE__BODY_CUSTODY, &custody);
}

/* The piece as it travels in parts. */
static struct bytes large_piece(struct fixture *fixture)
{
    Hopnhat__CustodyPiece *made = piece(fixture, HUB_REPLICA, 1, 3);
    made->sealed.len = LARGE_BYTES;
    made->sealed.data = arena_alloc(&fixture->arena, LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        made->sealed.data[i] = (uint8_t)(i * i % 251);
    uint8_t *packed = arena_alloc(&fixture->arena, LARGE_BYTES + 100);
    return bytes_of(packed, hopnhat__custody_piece__pack(made, packed));
}

/* Answers the Custody that was said last with the part that it asks for. */
static void hand_out_part(struct fixture *fixture, struct bytes whole, uint32_t expected_offset)
{
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    const Hopnhat__Message *asked = fixture->custody;
    assert_non_null(asked);
    const Hopnhat__PieceHeld *held = asked->custody->held;
    assert_true(asked->custody->has_credit_bytes);
    assert_int_equal(held ? held->size : 0, expected_offset);
    const struct pieces_held from = {.id = held ? held->id : 0, .held_bytes = held ? held->size : 0};
    custody.piece = pieces_cut(whole, &from, PART_BYTES, &fixture->arena);
    fixture->custody = NULL;
    fixture->wall_ms += ANSWER_MS;
    answer(fixture, asked, HOPNHAT__MESSAGE__BODY_CUSTODY, &custody);
}

/* Takes the part that the agent gives, and answers that so much of the piece is here. */
static void take_part(struct fixture *fixture, struct pieces_held *held)
{
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    Hopnhat__PieceHeld told = HOPNHAT__PIECE_HELD__INIT;
    const Hopnhat__Message *given = fixture->custody;
    uint64_t wanted[] = {HUB_REPLICA, 1};
    assert_non_null(given);
    const Hopnhat__Piece *part = given->custody->piece;
    if (part) {
        assert_int_equal(part->offset, held->held_bytes);
        assert_in_range(part->data.len, 1, 2 * PART_BYTES);
        *held = (struct pieces_held){.id = part->id,
                                     .total_bytes = part->total,
                                     .held_bytes = part->offset + (uint32_t)part->data.len};
    }
    if (!part || held->held_bytes < part->total) {
        custody.want = wanted;
        custody.n_want = 2;
        told.id = held->id;
        told.size = held->held_bytes;
        custody.held = &told;
    }
    fixture->custody = NULL;
    fixture->wall_ms += ANSWER_MS;
    answer(fixture, given, HOPNHAT__MESSAGE__BODY_CUSTODY, &custody);
}

/* The office's groups are known, and all of them are read. */
static void read_groups(struct fixture *fixture)
{
    open_session(fixture, 0);
    Hopnhat__Feed *feed = feed_from(fixture, 1, 0, 0);
    add_group(fixture, feed, "everyone");
    Hopnhat__Message *pull = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    set_head(feed, 2);
    add_equal_digest(fixture, feed, 0, "everyone");
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
}

static void assert_holds(struct fixture *fixture, const uint64_t *runs, size_t count)
{
    assert_non_null(fixture->custody);
    assert_int_equal(fixture->custody->custody->n_have, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fixture->custody->custody->have[i], runs[i]);
}

static void pieces_are_kept_and_dropped(void **state)
{
    struct fixture *fixture = *state;
    open_session(fixture, 0);
    assert_holds(fixture, NULL, 0);
    hand_out(fixture, piece(fixture, HUB_REPLICA, 1, 3), NULL, NULL);
    assert_holds(fixture, (uint64_t[]){HUB_REPLICA, 1, 3}, 3); /* after a piece it asks for more */
    hand_out(fixture, piece(fixture, HUB_REPLICA, 4, 4), NULL, NULL);
    assert_holds(fixture, (uint64_t[]){HUB_REPLICA, 1, 4}, 3);
    hand_out(fixture, piece(fixture, OTHER_HUB_REPLICA, 7, 9), NULL, NULL);
    hand_out(fixture, NULL, NULL, (uint64_t[]){HUB_REPLICA, 3});
    assert_null(fixture->custody); /* nothing more is to be had */
    close_agent(fixture);
    open_agent(fixture);
    open_session(fixture, 0);
    assert_holds(fixture, (uint64_t[]){HUB_REPLICA, 4, 4, OTHER_HUB_REPLICA, 7, 9}, 6);
}

static void a_restored_hub_is_given_back_what_it_lost_before_all_else(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t watermarks[] = {0, 0, 0, 0};
    read_groups(fixture);
    hand_out(fixture, piece(fixture, HUB_REPLICA, 1, 3), NULL, NULL);
    hand_out(fixture, piece(fixture, HUB_REPLICA, 4, 6), NULL, NULL);
    hand_out(fixture, NULL, NULL, NULL);
    agent_session_link_down(fixture->session, fixture->wall_ms);
    write_text(fixture, 1, NAME, "Plan", true);
    fixture->first = fixture->last = 0;
    welcome(fixture, say_hello(fixture), watermarks, NULL, EPOCH + 1);
    assert_silent(fixture); /* no Push, no Reconcile */
    assert_int_equal(fixture->custody->custody->n_pieces, 0);
    hand_out(fixture, NULL, (uint64_t[]){HUB_REPLICA, 4}, NULL);
    assert_silent(fixture);
    assert_int_equal(fixture->custody->custody->n_pieces, 1);
    assert_int_equal(fixture->custody->custody->pieces[0]->first, 4);
    hand_out(fixture, NULL, NULL, NULL);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PUSH);
}

static void a_hub_that_cannot_take_it_does_not_hold_up_the_session(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t watermarks[] = {0, 0, 0, 0};
    read_groups(fixture);
    hand_out(fixture, piece(fixture, HUB_REPLICA, 1, 3), NULL, NULL);
    hand_out(fixture, NULL, NULL, NULL);
    agent_session_link_down(fixture->session, fixture->wall_ms);
    fixture->first = fixture->last = 0;
    welcome(fixture, say_hello(fixture), watermarks, NULL, EPOCH + 1);
    hand_out(fixture, NULL, (uint64_t[]){HUB_REPLICA, 1}, NULL);
    assert_silent(fixture);
    hand_out(fixture, NULL, (uint64_t[]){HUB_REPLICA, 1}, NULL); /* given, and not taken */
    sent(fixture, HOPNHAT__MESSAGE__BODY_RECONCILE);
}

/* The hub says once that there is more to take, and the Pull that it says so in may have been given up. */
static void that_there_is_more_is_heard_in_any_part(void **state)
{
    struct fixture *fixture = *state;
    read_groups(fixture);
    hand_out(fixture, NULL, NULL, NULL);
    const Hopnhat__Message *given_up = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    agent_session_poke(fixture->session, fixture->wall_ms);
    sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    assert_null(fixture->custody);
    Hopnhat__Feed *feed = feed_from(fixture, 1, 2, 2);
    feed->has_custody = feed->custody = true;
    answer(fixture, given_up, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_holds(fixture, NULL, 0); /* it asks */
}

/* Both ways, each cut once: nothing begins anew. */
static void a_large_piece_travels_in_parts(void **state)
{
    struct fixture *fixture = *state;
    const struct bytes whole = large_piece(fixture);
    const uint64_t watermarks[] = {0, 0, 0, 0};
    read_groups(fixture);
    hand_out_part(fixture, whole, 0);
    hand_out_part(fixture, whole, PART_BYTES);
    close_agent(fixture);
    open_agent(fixture);
    open_session(fixture, 0);
    assert_holds(fixture, NULL, 0); /* not before it is whole */
    for (uint32_t at = 2 * PART_BYTES; at < whole.size; at += PART_BYTES)
        hand_out_part(fixture, whole, at);
    assert_holds(fixture, (uint64_t[]){HUB_REPLICA, 1, 3}, 3);
    assert_null(fixture->custody->custody->held);
    agent_session_link_down(fixture->session, fixture->wall_ms);

    struct pieces_held held = {0};
    fixture->first = fixture->last = 0;
    welcome(fixture, say_hello(fixture), watermarks, NULL, EPOCH + 1);
    take_part(fixture, &held); /* what is held was said, nothing was given */
    take_part(fixture, &held);
    take_part(fixture, &held);
    assert_int_equal(held.total_bytes, whole.size);
    assert_int_equal(held.id, pieces_id(whole));
    agent_session_link_down(fixture->session, fixture->wall_ms);
    fixture->first = fixture->last = 0;
    welcome(fixture, say_hello(fixture), watermarks, NULL, EPOCH + 1);
    while (held.held_bytes < held.total_bytes)
        take_part(fixture, &held);
    sent(fixture, HOPNHAT__MESSAGE__BODY_RECONCILE); /* and it goes on */
}

/* The agent holds a large piece, and begins a session with a hub that has lost it. */
static struct bytes large_piece_for_a_restored_hub(struct fixture *fixture)
{
    const struct bytes whole = large_piece(fixture);
    const uint64_t watermarks[] = {0, 0, 0, 0};
    read_groups(fixture);
    for (uint32_t at = 0; at < whole.size; at += PART_BYTES)
        hand_out_part(fixture, whole, at);
    agent_session_link_down(fixture->session, fixture->wall_ms);
    fixture->first = fixture->last = 0;
    welcome(fixture, say_hello(fixture), watermarks, NULL, EPOCH + 1);
    return whole;
}

static void parts_of_another_piece_at_the_hub_do_not_end_it(void **state)
{
    struct fixture *fixture = *state;
    large_piece_for_a_restored_hub(fixture);
    struct pieces_held held = {.id = 12345, .held_bytes = 5 * PART_BYTES};
    take_part(fixture, &held);
    held = (struct pieces_held){0};
    do
        take_part(fixture, &held);
    while (held.held_bytes < held.total_bytes);
}

static void crossed(struct fixture *fixture, size_t up_bytes, size_t down_bytes)
{
    agent_session_crossed(fixture->session, up_bytes, down_bytes);
    agent_session_tick(fixture->session, fixture->wall_ms);
}

static void pieces_keep_to_the_rate(void **state)
{
    struct fixture *fixture = *state;
    read_groups(fixture);
    fixture->agent->limits.down_bytes_per_second = 8000;
    crossed(fixture, 0, 20000);
    hand_out(fixture, piece(fixture, HUB_REPLICA, 1, 3), NULL, NULL);
    assert_null(fixture->custody); /* two seconds of the link were used ahead */
    fixture->wall_ms += 3000;
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_holds(fixture, (uint64_t[]){HUB_REPLICA, 1, 3}, 3);
}

static void what_is_given_back_keeps_to_the_rate(void **state)
{
    struct fixture *fixture = *state;
    struct pieces_held held = {0};
    fixture->agent->limits.up_bytes_per_second = 8000;
    large_piece_for_a_restored_hub(fixture);
    take_part(fixture, &held);
    take_part(fixture, &held);
    assert_non_null(fixture->custody);
    crossed(fixture, 40000, 0);
    take_part(fixture, &held);
    assert_null(fixture->custody);
    fixture->wall_ms += 6000;
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_non_null(fixture->custody);
}

static void assert_takes(struct fixture *fixture, bool takes)
{
    assert_non_null(fixture->custody);
    assert_true(fixture->custody->custody->has_credit_bytes);
    assert_int_equal(fixture->custody->custody->credit_bytes != 0, takes);
}

/* But what a restored hub has lost is given back at any hour. */
static void pieces_wait_for_the_hours_of_the_link(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t watermarks[] = {0, 0, 0, 0};
    read_groups(fixture);
    assert_takes(fixture, true);
    fixture->agent->limits.bulk_waits = true;
    hand_out(fixture, piece(fixture, HUB_REPLICA, 1, 3), NULL, NULL);
    assert_takes(fixture, false);
    hand_out(fixture, NULL, NULL, NULL);
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_null(fixture->custody); /* said once */
    fixture->agent->limits.bulk_waits = false;
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_takes(fixture, true);
    hand_out(fixture, NULL, NULL, NULL);
    fixture->agent->limits.metered = true;
    agent_session_link_down(fixture->session, fixture->wall_ms);
    fixture->first = fixture->last = 0;
    welcome(fixture, say_hello(fixture), watermarks, NULL, EPOCH + 1);
    assert_takes(fixture, false);
    hand_out(fixture, NULL, (uint64_t[]){HUB_REPLICA, 1}, NULL);
    assert_takes(fixture, false);
    assert_int_equal(fixture->custody->custody->n_pieces, 1);
    hand_out(fixture, NULL, NULL, NULL);
    assert_null(fixture->custody);
}

static void who_can_keep_no_more_asks_for_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction;
    struct agent_status status;
    struct error error;
    struct key key;
    const uint8_t row[] = {0, 0, 0, 0, 0, 0, 0, 1, 's'};
    read_groups(fixture);
    assert_true(agent_begin(fixture->agent, &transaction, &error));
    for (uint64_t i = 1; i < LIMIT_CUSTODY_PIECES; i++) {
        key_dot(&key, OTHER_HUB_REPLICA, i);
        transaction_put(&transaction, AGENT_CUSTODY, key_bytes(&key), bytes_of(row, sizeof row));
    }
    assert_true(agent_commit(fixture->agent, &transaction, &error));
    hand_out(fixture, piece(fixture, HUB_REPLICA, 1, 1), NULL, NULL);
    assert_takes(fixture, true);
    hand_out(fixture, piece(fixture, HUB_REPLICA, 2, 2), NULL, NULL);
    assert_takes(fixture, false); /* the hub is to choose another */
    hand_out(fixture, NULL, NULL, NULL);
    assert_null(fixture->custody);
    assert_true(agent_status(fixture->agent, &status, &error));
    assert_true(status.custody_full);
    close_agent(fixture);
    open_agent(fixture);
    open_session(fixture, 0);
    assert_takes(fixture, true); /* there may be room by now */
}

/* A log that is in every backup that is kept is not named; but after a restore nobody knows which one it was.
 */
static void a_restored_hub_is_told_of_all_logs(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    struct transaction transaction;
    const uint64_t watermarks[] = {0, 0, 0, 0};
    read_groups(fixture);
    agent_session_link_down(fixture->session, fixture->wall_ms);
    assert_true(agent_begin(fixture->agent, &transaction, &error));
    struct own_log *log = agent_present_log(fixture->agent);
    log->head = log->acknowledged = log->safe = 1; /* its only change has long been settled */
    log->dirty = true;
    assert_true(agent_commit(fixture->agent, &transaction, &error));
    assert_true(agent_restored(fixture->agent, NULL, &error));
    fixture->first = fixture->last = 0;
    const Hopnhat__Message *hello = say_hello(fixture);
    assert_int_equal(hello->hello->n_logs, 1);
    welcome(fixture, hello, watermarks, NULL, EPOCH + 1);
    fixture->wall_ms += 300;
    agent_session_tick(fixture->session, fixture->wall_ms);
    assert_int_equal(sent(fixture, HOPNHAT__MESSAGE__BODY_HELLO)->hello->n_logs, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_are_kept_and_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restored_hub_is_given_back_what_it_lost_before_all_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_hub_that_cannot_take_it_does_not_hold_up_the_session, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(that_there_is_more_is_heard_in_any_part, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_piece_travels_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_of_another_piece_at_the_hub_do_not_end_it, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_keep_to_the_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_given_back_keeps_to_the_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_wait_for_the_hours_of_the_link, setup, teardown),
        cmocka_unit_test_setup_teardown(who_can_keep_no_more_asks_for_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restored_hub_is_told_of_all_logs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
