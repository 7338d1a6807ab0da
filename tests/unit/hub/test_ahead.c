/* What is urgent comes ahead of its turn: in a catch-up, without moving a cursor, and once more in its turn.
 */
#include "fixture.h"

enum { BULK = 60, CREDIT = 400, LARGE_BYTES = 3000, UNMARKED = 200, MARKED, LATER, IN_TURN };

/* An agent that reads the feed: what came, in which order. */
struct reader {
    struct fixture *fixture;
    struct hand *hand;
    uint32_t applied;
    const Hopnhat__Feed *part;
    size_t seen[256]; /* how often each record came */
    size_t parts;
    Hopnhat__PullScope scope;
    bool holds;                  /* its Pulls may be held */
    Hopnhat__PieceHeld *held[4]; /* what came in part, as its first Pull tells */
    size_t held_count;
};

static void write_alert(struct fixture *fixture, uint8_t number, const char *mark, struct bytes name)
{
    struct new_op ops[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string("everyone")},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string("an")},
        {.field = NAME, .value = name},
        {.field = MARK, .value = bytes_of_string(mark)},
    };
    struct new_edit edit = {.type = ALERT, .record = {number}, .ops = ops, .op_count = 4};
    const Hopnhat__Message *answer =
        push(fixture, &fixture->an, make_change(fixture, &fixture->an, &edit, 1, fixture->wall_ms << 16));
    if (answer->body_case == HOPNHAT__MESSAGE__BODY_FEED)
        return; /* a Pull that was held is answered after the Ack */
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(answer->ack->n_refusals, 0);
}

static void add_alert(struct fixture *fixture, uint8_t number, const char *mark)
{
    write_alert(fixture, number, mark, bytes_of_string("Flood"));
}

/* One that does not fit a part. */
static void add_large_alert(struct fixture *fixture, uint8_t number, const char *mark)
{
    static uint8_t name[LARGE_BYTES];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = (uint8_t)('a' + (number + i * i) % 26);
    write_alert(fixture, number, mark, bytes_of(name, sizeof name));
}

static void add_bulk(struct fixture *fixture, uint8_t first)
{
    for (uint8_t i = 0; i < BULK; i++)
        push(fixture, &fixture->an,
             make_record(fixture, &fixture->an, PARTNER, (uint8_t)(first + i), "everyone", "an",
                         "Hội hữu nghị Việt Nam – Lào"));
}

/* Says Hello as an agent that stands at the start, or (where the reader has a part) where that part says. */
static struct reader greet(struct fixture *fixture, const uint64_t *ahead)
{
    struct reader reader = {.fixture = fixture, .hand = &fixture->binh};
    uint64_t numbers[] = {ahead ? ahead[0] : 0, ahead ? ahead[1] : 0};
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__LogHead log = HOPNHAT__LOG_HEAD__INIT, *logs[] = {&log};
    log.replica = fixture->binh.replica;
    hello.protocol = PROTOCOL_VERSION;
    hello.n_logs = 1;
    hello.logs = logs;
    hello.has_epoch = true;
    hello.epoch = fixture->hub->epoch;
    hello.ahead = numbers;
    hello.n_ahead = ahead ? 2 : 0;
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    assert_int_equal(say(fixture, &fixture->binh, &message)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    return reader;
}

static bool next_part(struct reader *reader)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Pull pull = HOPNHAT__PULL__INIT;
    pull.has_applied = reader->applied != 0;
    pull.applied = reader->hand->request + 1 - reader->applied;
    pull.has_credit_bytes = pull.has_scope = true;
    pull.has_wait_ms = !reader->holds;
    pull.scope = reader->scope;
    pull.credit_bytes = CREDIT;
    pull.held = reader->held;
    pull.n_held = reader->applied ? 0 : reader->held_count;
    message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
    message.pull = &pull;
    const Hopnhat__Message *answer = say(reader->fixture, reader->hand, &message);
    if (!answer && reader->holds)
        return false;
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_FEED);
    assert_true(++reader->parts < 100);
    reader->applied = answer->request;
    reader->part = answer->feed;
    for (size_t i = 0; i < reader->part->n_items; i++) {
        const Hopnhat__Record *record = reader->part->items[i]->record;
        reader->seen[record->id.data[0]] += record->type == PARTNER || record->type == ALERT;
    }
    return !reader->part->head && !reader->part->has_advance;
}

static void to_the_head(struct reader *reader)
{
    while (next_part(reader))
        ;
}

static bool is_ahead(const Hopnhat__Feed *part, uint8_t number)
{
    for (size_t i = 0; i < part->n_items; i++)
        if (part->items[i]->record->id.data[0] == number)
            return part->n_ahead == 2 && part->n_after == 0 && !part->head;
    return false;
}

static void what_is_urgent_overtakes_bulk(void **state)
{
    static const uint64_t nothing[2] = {0, 0};
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    add_bulk(fixture, 1);
    add_alert(fixture, UNMARKED, "false");
    add_alert(fixture, MARKED, "true");
    add_bulk(fixture, 1 + BULK);
    struct reader reader = greet(fixture, nothing);
    next_part(&reader);
    assert_true(is_ahead(reader.part, MARKED) && is_ahead(reader.part, UNMARKED));
    assert_int_equal(reader.part->items[0]->record->id.data[0], MARKED); /* a person's mark goes first */
    next_part(&reader);
    assert_int_equal(reader.part->n_ahead, 0);
    add_alert(fixture, LATER, "true"); /* while the catch-up is under way */
    next_part(&reader);
    assert_true(is_ahead(reader.part, LATER));
    to_the_head(&reader);
    for (uint8_t i = 1; i <= 2 * BULK; i++)
        assert_int_equal(reader.seen[i], 1);
    for (uint8_t i = UNMARKED; i <= LATER; i++)
        assert_int_equal(reader.seen[i], 2); /* ahead of its turn, and in it */
    assert_int_equal(reader.part->n_digests, 2);
}

static void at_the_head_nothing_comes_twice(void **state)
{
    static const uint64_t nothing[2] = {0, 0};
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    struct reader reader = greet(fixture, nothing);
    to_the_head(&reader);
    add_alert(fixture, MARKED, "true");
    to_the_head(&reader);
    assert_int_equal(reader.seen[MARKED], 1);
}

static void a_cut_does_not_begin_anew(void **state)
{
    static const uint64_t nothing[2] = {0, 0};
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    for (uint8_t i = 0; i < 20; i++)
        add_alert(fixture, (uint8_t)(UNMARKED + i), "false");
    add_bulk(fixture, 1);
    struct reader first = greet(fixture, nothing);
    next_part(&first);
    assert_int_equal(first.part->n_ahead, 2);
    size_t came = first.part->n_items;
    assert_true(came > 0 && came < 20);
    struct reader second = greet(fixture, first.part->ahead);
    next_part(&second);
    for (size_t i = 0; i < came; i++)
        assert_int_equal(second.seen[UNMARKED + i], 0);
    assert_true(is_ahead(second.part, (uint8_t)(UNMARKED + came)));
}

static void an_agent_that_does_not_know_of_it_gets_the_order_of_revs(void **state)
{
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    add_bulk(fixture, 1);
    add_alert(fixture, MARKED, "true");
    struct reader reader = greet(fixture, NULL);
    next_part(&reader);
    assert_int_equal(reader.seen[MARKED], 0);
    to_the_head(&reader);
    assert_int_equal(reader.seen[MARKED], 1);
}

/* A mark that is taken away, and a record that is written again, are urgent as they stand now. */
static void it_is_urgent_as_it_reads_now(void **state)
{
    struct fixture *fixture = *state;
    struct transaction snapshot;
    struct error error;
    say_hello(fixture, &fixture->an);
    add_alert(fixture, MARKED, "true");
    add_alert(fixture, MARKED, "true");
    assert_true(transaction_begin(&snapshot, fixture->hub->environment, false, &error));
    assert_int_equal(transaction_count(&snapshot, HUB_URGENT), 1);
    assert_int_equal(urgent_last(&snapshot), fixture->hub->rev);
    assert_int_equal(fixture->hub->urgent_rev, fixture->hub->rev);
    transaction_abort(&snapshot);
}

/* What is held is answered by the turn that brings something. */
static bool is_held(struct reader *reader)
{
    return !next_part(reader) && reader->fixture->answer == NULL;
}

static void outside_the_hours_only_what_fits_comes(void **state)
{
    static const uint64_t nothing[2] = {0, 0};
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    struct reader reader = greet(fixture, nothing);
    to_the_head(&reader);
    reader.scope = HOPNHAT__PULL_SCOPE__PULL_NO_BULK;
    add_alert(fixture, UNMARKED, "false"); /* fits one part */
    assert_false(next_part(&reader));
    assert_int_equal(reader.seen[UNMARKED], 1);
    add_bulk(fixture, 1);
    assert_true(next_part(&reader));
    assert_int_equal(reader.part->n_items, 0);
    assert_int_equal(reader.part->left, BULK);
    reader.holds = true;
    assert_true(is_held(&reader));
    add_bulk(fixture, 1 + BULK);
    assert_int_equal(fixture->answer->body_case, HOPNHAT__MESSAGE__BODY_ACK); /* and no part after it */
    reader.holds = false;
    add_alert(fixture, MARKED, "true");
    assert_int_equal(fixture->answer->body_case, HOPNHAT__MESSAGE__BODY_FEED); /* the one that was held */
    assert_true(next_part(&reader));
    assert_true(is_ahead(reader.part, MARKED));
    reader.scope = HOPNHAT__PULL_SCOPE__PULL_ALL; /* the hour has come */
    to_the_head(&reader);
    for (uint8_t i = 1; i <= 2 * BULK; i++)
        assert_int_equal(reader.seen[i], 1);
}

static void a_metered_agent_gets_what_is_marked(void **state)
{
    static const uint64_t nothing[2] = {0, 0};
    struct fixture *fixture = *state;
    say_hello(fixture, &fixture->an);
    add_bulk(fixture, 1);
    add_alert(fixture, UNMARKED, "false");
    add_alert(fixture, MARKED, "true");
    struct reader reader = greet(fixture, nothing);
    reader.scope = HOPNHAT__PULL_SCOPE__PULL_MARKED;
    assert_true(next_part(&reader));
    assert_true(is_ahead(reader.part, MARKED));
    assert_int_equal(reader.part->n_items, 1);
    reader.holds = true;
    assert_true(is_held(&reader));
    reader.scope = HOPNHAT__PULL_SCOPE__PULL_ALL;
    reader.holds = false;
    to_the_head(&reader);
    assert_int_equal(reader.seen[MARKED], 2);
}

/* Reads the pieces of a large record that goes ahead, from `offset` on, as many as `most`; true once it is
 * whole. */
static bool read_pieces(struct reader *reader, uint32_t *offset, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        assert_true(next_part(reader));
        assert_non_null(reader->part->piece);
        assert_int_equal(reader->part->n_ahead, 2);
        assert_int_equal(reader->part->n_after, 0);
        const Hopnhat__Piece *piece = reader->part->piece->piece;
        assert_int_equal(piece->offset, *offset);
        *offset += (uint32_t)piece->data.len;
        if (*offset == piece->total)
            return true;
    }
    return false;
}

static void a_large_one_goes_ahead_in_pieces(void **state)
{
    static const uint64_t nothing[2] = {0, 0};
    struct fixture *fixture = *state;
    uint32_t offset = 0;
    say_hello(fixture, &fixture->an);
    add_bulk(fixture, 1);
    add_alert(fixture, UNMARKED, "true");
    add_large_alert(fixture, MARKED, "true");
    add_alert(fixture, LATER, "true");
    struct reader reader = greet(fixture, nothing);
    next_part(&reader);
    assert_true(is_ahead(reader.part, UNMARKED));
    assert_int_equal(reader.part->n_items, 1);
    assert_true(read_pieces(&reader, &offset, 20));
    assert_true(offset > LARGE_BYTES);
    next_part(&reader);
    assert_true(is_ahead(reader.part, LATER));
    to_the_head(&reader); /* where it comes once more, in its turn */
    for (uint8_t i = 1; i <= BULK; i++)
        assert_int_equal(reader.seen[i], 1);
}

/* A metered agent hears nothing else; and once it has all of it, it waits. */
static void a_metered_agent_gets_a_large_one(void **state)
{
    static const uint64_t nothing[2] = {0, 0};
    struct fixture *fixture = *state;
    uint32_t offset = 0;
    say_hello(fixture, &fixture->an);
    add_bulk(fixture, 1);
    add_large_alert(fixture, MARKED, "true");
    struct reader reader = greet(fixture, nothing);
    reader.scope = HOPNHAT__PULL_SCOPE__PULL_MARKED;
    assert_false(read_pieces(&reader, &offset, 3));
    const uint64_t before[2] = {reader.part->ahead[0], reader.part->ahead[1]};
    assert_true(before[0] < fixture->hub->rev); /* who is cut here does not pass it over */
    assert_true(read_pieces(&reader, &offset, 20));
    assert_true(reader.part->ahead[0] >= fixture->hub->rev);
    reader.holds = true;
    assert_true(is_held(&reader));
}

/* Reads to the next piece, and notes it among what is held. */
static const Hopnhat__Piece *next_piece(struct reader *reader, Hopnhat__PieceHeld *held)
{
    do
        next_part(reader);
    while (!reader->part->piece);
    const Hopnhat__Piece *piece = reader->part->piece->piece;
    hopnhat__piece_held__init(held);
    held->id = piece->id;
    held->size = piece->offset + (uint32_t)piece->data.len;
    held->has_total = true;
    held->total = piece->total;
    return piece;
}

/* A large record is under way, and a large urgent one overtakes it: neither begins anew, in this session or
 * in another one (of a hub that knows what the Pull says), and the urgent one does not cross once more. */
static void overtake(struct fixture *fixture, bool again)
{
    static const uint64_t nothing[2] = {0, 0};
    char name[LARGE_BYTES + 1] = {0};
    Hopnhat__PieceHeld turn, ahead;
    const Hopnhat__Piece *piece;
    say_hello(fixture, &fixture->an);
    memset(name, 'x', LARGE_BYTES);
    push(fixture, &fixture->an, make_record(fixture, &fixture->an, PARTNER, IN_TURN, "everyone", "an", name));
    struct reader reader = greet(fixture, nothing);
    next_piece(&reader, &turn);
    piece = next_piece(&reader, &turn);
    assert_int_equal(piece->offset, CREDIT);
    add_large_alert(fixture, MARKED, "true");
    assert_int_equal(next_piece(&reader, &ahead)->offset, 0);
    assert_int_equal(reader.part->n_ahead, 2);
    if (again) {
        reader = greet(fixture, nothing);
        reader.held[0] = &turn;
        reader.held[1] = &ahead;
        reader.held_count = 2;
    }
    for (uint32_t from = ahead.size; !pieces_is_last(piece = next_piece(&reader, &ahead)); from = ahead.size)
        assert_int_equal(piece->offset, from);
    for (uint32_t from = turn.size; !pieces_is_last(piece = next_piece(&reader, &turn)); from = turn.size)
        assert_int_equal(piece->offset, from);
    assert_int_equal(reader.part->n_ahead, 0);
    const uint64_t id = ahead.id;
    piece = next_piece(&reader, &ahead);
    assert_int_equal(piece->id, id);
    assert_int_equal(piece->offset, piece->total);
}

static void a_large_one_that_is_overtaken_goes_on(void **state)
{
    overtake(*state, false);
}

static void a_large_one_that_is_overtaken_goes_on_in_another_session(void **state)
{
    overtake(*state, true);
}

int main(void)
{
    alarm(300);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_urgent_overtakes_bulk, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(at_the_head_nothing_comes_twice, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_cut_does_not_begin_anew, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(an_agent_that_does_not_know_of_it_gets_the_order_of_revs,
                                        fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(outside_the_hours_only_what_fits_comes, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_metered_agent_gets_what_is_marked, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_large_one_goes_ahead_in_pieces, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_metered_agent_gets_a_large_one, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_large_one_that_is_overtaken_goes_on, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_large_one_that_is_overtaken_goes_on_in_another_session,
                                        fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(it_is_urgent_as_it_reads_now, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
