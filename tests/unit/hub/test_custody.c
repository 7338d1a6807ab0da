/* Headquarters' log in custody: pieces that travel in parts, and what comes back with a gap. The hands are
 * agents that keep what they are given. */
#include "unit/hub/fixture.h"

#include "hub/custody.h"
#include "hub/hello.h"
#include "store/pieces.h"

enum { CREDIT = 300, LONG_BYTES = 5000, MOST_PIECES = 16, MOST_MESSAGES = 200 };

/* What a hand holds. */
struct kept {
    Hopnhat__CustodyPiece *pieces[MOST_PIECES];
    size_t count;
    uint8_t part[4 * LONG_BYTES]; /* of the next piece */
    struct pieces_held held;
    size_t parts; /* that have come in all */
};

static void copy_file(const char *from, const char *to)
{
    static uint8_t content[1 << 20];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t size;
    assert_non_null(in);
    assert_non_null(out);
    while ((size = fread(content, 1, sizeof content, in)) > 0)
        assert_int_equal(fwrite(content, 1, size, out), size);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void copy_store(struct fixture *fixture, bool back)
{
    char store[100], copy[100];
    snprintf(store, sizeof store, "%s/store/data.mdb", fixture->directory);
    snprintf(copy, sizeof copy, "%s/copy", fixture->directory);
    copy_file(back ? copy : store, back ? store : copy);
}

/* What follows is not in the copy, and is headquarters' own doing alone: both offices are known. */
static void be_copied(struct fixture *fixture)
{
    say_hello(fixture, &fixture->an);
    say_hello(fixture, &fixture->binh);
    copy_store(fixture, false);
}

/* The hub comes back from the copy. */
static void restore(struct fixture *fixture)
{
    struct error error;
    hub_end_sessions(fixture->hub);
    hub_close(fixture->hub);
    copy_store(fixture, true);
    fixture->hub = hub_open(fixture->directory, &fixture->options, &error);
    assert_non_null(fixture->hub);
    assert_true(hub_mark_restored(fixture->hub, NULL, NULL, &error));
    assert_true(custody_is_awaited(fixture->hub));
}

static void headquarters_writes(struct fixture *fixture, uint8_t number, size_t size)
{
    static uint8_t name[LONG_BYTES];
    struct error error;
    for (size_t i = 0; i < size; i++)
        name[i] = (uint8_t)('a' + (number + i * i) % 26);
    struct new_op ops[] = {
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string(GROUP_EVERYONE)},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string(HEADQUARTERS_OWNER)},
        {.field = NAME, .value = bytes_of(name, size)},
    };
    struct new_edit edit = {.type = CIRCULAR, .record = {number}, .ops = ops, .op_count = 3};
    if (!headquarters_write(fixture->hub, &edit, 1, NULL, fixture->wall_ms, &error))
        fail_msg("%s", error.text);
}

/* Says what is held from the piece number `from` on, and gives what is in *custody already. */
static const Hopnhat__Message *say_custody(struct fixture *fixture, struct hand *hand, struct kept *kept,
                                           size_t from, Hopnhat__Custody *custody)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    uint64_t have[3 * MOST_PIECES];
    Hopnhat__PieceHeld held = HOPNHAT__PIECE_HELD__INIT;
    custody->have = have;
    for (size_t i = from; i < kept->count; i++) {
        if (custody->n_have && have[custody->n_have - 3] == kept->pieces[i]->replica &&
            have[custody->n_have - 1] + 1 == kept->pieces[i]->first) {
            have[custody->n_have - 1] = kept->pieces[i]->last;
            continue;
        }
        have[custody->n_have++] = kept->pieces[i]->replica;
        have[custody->n_have++] = kept->pieces[i]->first;
        have[custody->n_have++] = kept->pieces[i]->last;
    }
    custody->has_credit_bytes = true;
    custody->credit_bytes = CREDIT;
    if (kept->held.held_bytes) {
        held.id = kept->held.id;
        held.size = kept->held.held_bytes;
        custody->held = &held;
    }
    message.body_case = HOPNHAT__MESSAGE__BODY_CUSTODY;
    message.custody = custody;
    const Hopnhat__Message *answer = say(fixture, hand, &message);
    assert_non_null(answer);
    return answer;
}

static const Hopnhat__Message *ask(struct fixture *fixture, struct hand *hand, struct kept *kept, size_t from)
{
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    return say_custody(fixture, hand, kept, from, &custody);
}

static void take_part(struct fixture *fixture, struct kept *kept, const Hopnhat__Piece *part)
{
    assert_in_range(part->data.len, 1, CREDIT);
    assert_int_equal(part->offset, kept->held.held_bytes);
    assert_true(part->total <= sizeof kept->part);
    memcpy(kept->part + part->offset, part->data.data, part->data.len);
    kept->held = (struct pieces_held){.id = part->id, .held_bytes = part->offset + (uint32_t)part->data.len};
    kept->parts++;
    if (kept->held.held_bytes < part->total)
        return;
    assert_int_equal(pieces_id(bytes_of(kept->part, part->total)), part->id);
    kept->pieces[kept->count] =
        hopnhat__custody_piece__unpack(&fixture->arena.protobuf, part->total, kept->part);
    assert_non_null(kept->pieces[kept->count++]);
    kept->held = (struct pieces_held){0};
}

/* The hand takes all there is to keep, each time over another connection. */
static void keep_all(struct fixture *fixture, struct hand *hand, struct kept *kept)
{
    for (size_t i = 0; i < MOST_MESSAGES; i++) {
        say_hello(fixture, hand);
        const Hopnhat__Message *answer = ask(fixture, hand, kept, 0);
        assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_CUSTODY);
        if (answer->custody->piece)
            take_part(fixture, kept, answer->custody->piece);
        else if (answer->custody->n_pieces)
            kept->pieces[kept->count++] = answer->custody->pieces[0];
        else
            return;
        hand->peer.connection++;
    }
    fail_msg("there is no end to it");
}

/* Gives the piece back whole. */
static const Hopnhat__Message *give(struct fixture *fixture, struct hand *hand, struct kept *kept,
                                    size_t piece)
{
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    custody.n_pieces = 1;
    custody.pieces = &kept->pieces[piece];
    return say_custody(fixture, hand, kept, piece, &custody);
}

static size_t last_piece(const struct kept *kept)
{
    assert_true(kept->count >= 3);
    return kept->count - 1;
}

static void a_large_piece_travels_in_parts_and_comes_back_in_parts(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct kept *kept = calloc(1, sizeof *kept);
    be_copied(fixture);
    headquarters_writes(fixture, 7, LONG_BYTES);
    keep_all(fixture, an, kept);
    assert_in_range(kept->parts, LONG_BYTES / CREDIT, 4 * LONG_BYTES / CREDIT);
    const Hopnhat__CustodyPiece *last = kept->pieces[last_piece(kept)];
    assert_int_equal(last->replica, fixture->hub->own_replica);

    restore(fixture);
    assert_null(hub_has(fixture, CIRCULAR, 7));
    size_t size = hopnhat__custody_piece__get_packed_size(last), said = 0;
    uint8_t *packed = arena_alloc(&fixture->arena, size);
    hopnhat__custody_piece__pack(last, packed);
    for (size_t i = 0; i < MOST_MESSAGES && !hub_has(fixture, CIRCULAR, 7); i++) {
        fixture->wall_ms += CUSTODY_MOST_WAIT_MS / 2;
        assert_true(custody_is_awaited(fixture->hub)); /* as long as parts come */
        say_hello(fixture, an);                        /* each time a new session */
        const Hopnhat__Message *wants = ask(fixture, an, kept, 0);
        assert_int_equal(wants->custody->n_want, 2);
        assert_int_equal(wants->custody->want[1], last->first);
        assert_int_equal(wants->custody->held->size, said);
        Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
        const struct pieces_held held = {.id = wants->custody->held->id,
                                         .held_bytes = wants->custody->held->size};
        custody.piece = pieces_cut(bytes_of(packed, size), &held, CREDIT, &fixture->arena);
        said += custody.piece->data.len;
        say_custody(fixture, an, kept, 0, &custody);
    }
    assert_int_equal(said, size); /* nothing came twice */
    assert_non_null(hub_has(fixture, CIRCULAR, 7));
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS / 2;
    assert_true(custody_is_awaited(fixture->hub)); /* for binh */
    Hopnhat__Custody again = HOPNHAT__CUSTODY__INIT;
    again.pieces = &kept->pieces[last_piece(kept)];
    again.n_pieces = 1;
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS / 2;
    say_custody(fixture, an, kept, 0, &again); /* nothing new: it is waited no longer for that */
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS / 2 + 1;
    assert_false(custody_is_awaited(fixture->hub));
    free(kept);
}

static size_t parts_at_the_hub(struct fixture *fixture, const struct hand *hand)
{
    struct transaction transaction;
    struct error error;
    assert_true(transaction_begin(&transaction, fixture->hub->environment, false, &error));
    struct pieces_held held = pieces_held(&transaction, HUB_PIECE, bytes_of(hand->peer.key, LINK_KEY_BYTES));
    transaction_abort(&transaction);
    return held.held_bytes;
}

/* A piece of which a part has come from one comes whole from another: nothing is kept of the part. */
static void parts_that_are_not_needed_any_more_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    struct kept *kept = calloc(1, sizeof *kept);
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    be_copied(fixture);
    headquarters_writes(fixture, 7, LONG_BYTES);
    keep_all(fixture, an, kept);
    const Hopnhat__CustodyPiece *last = kept->pieces[last_piece(kept)];
    restore(fixture);
    size_t size = hopnhat__custody_piece__get_packed_size(last);
    uint8_t *packed = arena_alloc(&fixture->arena, size);
    hopnhat__custody_piece__pack(last, packed);
    custody.piece = pieces_cut(bytes_of(packed, size), &(struct pieces_held){0}, CREDIT, &fixture->arena);
    say_hello(fixture, an);
    say_hello(fixture, binh);
    say_custody(fixture, an, kept, 0, &custody);
    assert_int_equal(parts_at_the_hub(fixture, an), CREDIT);
    give(fixture, binh, kept, last_piece(kept));
    assert_non_null(hub_has(fixture, CIRCULAR, 7));
    assert_int_equal(ask(fixture, an, kept, 0)->custody->n_want, 0);
    assert_int_equal(parts_at_the_hub(fixture, an), 0);
    free(kept);
}

/* Who takes none now gets none and is told of none; where it lacks some, another one keeps the log. */
static void who_takes_none_now_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct kept none = {0};
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
    say_hello(fixture, an);
    headquarters_writes(fixture, 1, 100);
    message.body_case = HOPNHAT__MESSAGE__BODY_CUSTODY;
    message.custody = &custody;
    custody.has_credit_bytes = true;
    const Hopnhat__Message *answer = say(fixture, an, &message);
    assert_int_equal(answer->custody->n_pieces, 0);
    assert_null(answer->custody->piece);
    struct hub_session *session = session_find(fixture->hub, an->peer.key);
    custody_turn(fixture->hub);
    assert_false(custody_waits(fixture->hub, session));
    answer = ask(fixture, an, &none, 0);
    assert_true(answer->custody->n_pieces || answer->custody->piece);
    custody_turn(fixture->hub);
    assert_true(custody_waits(fixture->hub, session));
}

/* Headquarters writes so many changes, which an keeps, and comes back from a copy of before. Returns the
 * number of the last piece of it. */
static size_t lose_changes(struct fixture *fixture, uint8_t count, struct kept *kept)
{
    be_copied(fixture);
    for (uint8_t i = 1; i <= count; i++)
        headquarters_writes(fixture, i, 200);
    keep_all(fixture, &fixture->an, kept);
    restore(fixture);
    return last_piece(kept);
}

/* Another agent may hold what lies between: it is waited for, and then what comes after the gap counts. */
static void a_gap_in_headquarters_log_is_recorded_and_blocks_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    struct kept *kept = calloc(1, sizeof *kept), none = {0};
    uint64_t number = fixture->hub->own_replica, lost;
    const size_t last = lose_changes(fixture, 3, kept);
    say_hello(fixture, an);
    say_hello(fixture, binh);
    lost = registry_replica(fixture->hub, number)->watermark + 1;
    assert_int_equal(ask(fixture, an, kept, last)->body_case, HOPNHAT__MESSAGE__BODY_BUSY);
    assert_int_equal(give(fixture, an, kept, last)->body_case, HOPNHAT__MESSAGE__BODY_BUSY);
    assert_null(hub_has(fixture, CIRCULAR, 3)); /* not unasked either */
    assert_int_equal(ask(fixture, binh, &none, 0)->body_case, HOPNHAT__MESSAGE__BODY_CUSTODY);
    assert_true(custody_is_awaited(fixture->hub)); /* for what an holds */
    assert_int_equal(ask(fixture, an, kept, last)->custody->n_want, 2);
    assert_int_equal(give(fixture, an, kept, last)->custody->n_want, 0);
    assert_null(hub_has(fixture, CIRCULAR, 1));
    assert_non_null(hub_has(fixture, CIRCULAR, 3));
    const struct replica *log = registry_replica(fixture->hub, number);
    assert_int_equal(log->gaps.count, 1);
    assert_int_equal(log->gaps.list[0].from, lost);
    assert_int_equal(log->gaps.list[0].to, kept->pieces[last]->first - 1);
    assert_int_equal(log->watermark, kept->pieces[last]->last);
    assert_false(custody_is_awaited(fixture->hub));
    free(kept);
}

/* Of two that begin beyond the watermark, the one that holds more gives first. */
static void the_gap_is_as_small_as_can_be(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an, *binh = &fixture->binh;
    struct kept *kept = calloc(1, sizeof *kept);
    uint64_t number = fixture->hub->own_replica;
    const size_t last = lose_changes(fixture, 3, kept);
    say_hello(fixture, an);
    say_hello(fixture, binh);
    assert_int_equal(ask(fixture, an, kept, last)->body_case, HOPNHAT__MESSAGE__BODY_BUSY);
    assert_int_equal(ask(fixture, binh, kept, last - 1)->custody->n_want, 2);
    assert_int_equal(ask(fixture, an, kept, last)->body_case, HOPNHAT__MESSAGE__BODY_BUSY);
    give(fixture, binh, kept, last - 1);
    assert_int_equal(ask(fixture, an, kept, last)->custody->n_want, 2);
    give(fixture, an, kept, last);
    assert_null(hub_has(fixture, CIRCULAR, 1));
    assert_non_null(hub_has(fixture, CIRCULAR, 2));
    assert_non_null(hub_has(fixture, CIRCULAR, 3));
    assert_int_equal(registry_replica(fixture->hub, number)->gaps.list[0].to,
                     kept->pieces[last - 1]->first - 1);
    free(kept);
}

/* Whoever does not come, the hub waits no longer than it was told to. */
static void a_gap_counts_when_the_time_to_wait_has_passed(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct kept *kept = calloc(1, sizeof *kept);
    const size_t last = lose_changes(fixture, 2, kept);
    say_hello(fixture, an);
    assert_int_equal(ask(fixture, an, kept, last)->body_case, HOPNHAT__MESSAGE__BODY_BUSY);
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS + 1;
    assert_false(custody_is_awaited(fixture->hub));
    assert_int_equal(ask(fixture, an, kept, last)->custody->n_want, 2);
    give(fixture, an, kept, last);
    assert_non_null(hub_has(fixture, CIRCULAR, 2));
    free(kept);
}

/* A clock that is set right, or wrong, while the hub waits makes the wait neither shorter nor longer. */
static void a_clock_that_is_set_leaves_the_wait_as_long_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    be_copied(fixture);
    headquarters_writes(fixture, 1, 200);
    restore(fixture);
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS / 3;
    set_clock(fixture, 3 * YEAR_MS);
    assert_true(custody_is_awaited(fixture->hub));
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS / 3;
    set_clock(fixture, -6 * YEAR_MS);
    assert_true(custody_is_awaited(fixture->hub));
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS / 3 + 1;
    assert_false(custody_is_awaited(fixture->hub));
}

/* Whether the change is in one of the pieces. */
static bool is_kept(const struct kept *kept, uint64_t replica, uint64_t seq)
{
    for (size_t i = 0; i < kept->count; i++)
        if (kept->pieces[i]->replica == replica && kept->pieces[i]->first <= seq &&
            kept->pieces[i]->last >= seq)
            return true;
    return false;
}

static void what_lies_between_two_gaps_is_taken_into_custody_again(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct kept *kept = calloc(1, sizeof *kept), *again = calloc(1, sizeof *again);
    const uint64_t number = fixture->hub->own_replica;
    be_copied(fixture);
    for (uint8_t i = 1; i <= 4; i++)
        headquarters_writes(fixture, i, 200);
    keep_all(fixture, an, kept);
    const size_t last = last_piece(kept);
    const uint64_t between = kept->pieces[last - 2]->last, behind = kept->pieces[last]->last;
    restore(fixture);
    fixture->wall_ms += CUSTODY_MOST_WAIT_MS + 1;
    assert_false(custody_is_awaited(fixture->hub));
    say_hello(fixture, an);
    give(fixture, an, kept, last - 2);
    give(fixture, an, kept, last);
    assert_int_equal(registry_replica(fixture->hub, number)->gaps.count, 2);
    keep_all(fixture, &fixture->binh, again);
    assert_true(is_kept(again, number, between));
    assert_true(is_kept(again, number, behind));
    assert_false(is_kept(again, number, between + 1));
    free(kept);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_large_piece_travels_in_parts_and_comes_back_in_parts, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(parts_that_are_not_needed_any_more_are_forgotten, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(who_takes_none_now_is_passed_over, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_gap_in_headquarters_log_is_recorded_and_blocks_nothing,
                                        fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(the_gap_is_as_small_as_can_be, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_leaves_the_wait_as_long_as_it_is, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(what_lies_between_two_gaps_is_taken_into_custody_again, fixture_start,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(a_gap_counts_when_the_time_to_wait_has_passed, fixture_start,
                                        fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
