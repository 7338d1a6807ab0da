/* What comes in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/pieces.h"

#include <stdio.h>
#include <stdlib.h>

enum { DATABASES = 1, SIZE = 1000 };

static const char *const names[DATABASES] = {"pieces"};

struct fixture {
    char directory[64], path[96];
    struct environment *environment;
    struct transaction transaction;
    struct arena arena;
    uint8_t whole[SIZE];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error = {0};
    if (!fixture)
        return -1;
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hopnhat-pieces-XXXXXX");
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/store", fixture->directory);
    arena_init(&fixture->arena, 16 << 20);
    for (size_t i = 0; i < SIZE; i++)
        fixture->whole[i] = (uint8_t)(i * 7);
    *state = fixture;
    fixture->environment = environment_open(fixture->path, names, DATABASES, 16 << 20, &error);
    return fixture->environment &&
                   transaction_begin(&fixture->transaction, fixture->environment, true, &error)
               ? 0
               : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    static const char *const files[] = {"store/data.mdb", "store/lock.mdb", "store", ""};
    char path[120];
    transaction_abort(&fixture->transaction);
    environment_close(fixture->environment);
    arena_release(&fixture->arena);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", fixture->directory, files[i]);
        remove(path);
    }
    free(fixture);
    return 0;
}

static struct bytes all(struct fixture *fixture)
{
    return bytes_of(fixture->whole, SIZE);
}

static struct bytes prefix(void)
{
    return bytes_of("p", 1);
}

/* Cuts the piece after `offset`, and takes it in; how much is held then. */
static uint32_t add(struct fixture *fixture, uint32_t offset, size_t most)
{
    const struct pieces_held before = {.id = pieces_id(all(fixture)), .held_bytes = offset};
    const Hopnhat__Piece *piece = pieces_cut(all(fixture), &before, most, &fixture->arena);
    assert_non_null(piece);
    assert_true(pieces_sound(piece));
    return pieces_add(&fixture->transaction, 0, prefix(), piece).held_bytes;
}

static void pieces_come_in_order_and_are_whole(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, 0, 300), 300);
    assert_int_equal(add(fixture, 600, 300), 300); /* a gap */
    assert_int_equal(add(fixture, 0, 300), 300);   /* twice */
    assert_int_equal(add(fixture, 200, 300), 500); /* overlapping */
    assert_null(pieces_whole(&fixture->transaction, 0, prefix(), &fixture->arena).data);
    assert_int_equal(add(fixture, 500, 2000), SIZE);
    assert_int_equal(add(fixture, SIZE, 10), SIZE); /* an empty piece at the end */
    assert_true(bytes_equal(pieces_whole(&fixture->transaction, 0, prefix(), &fixture->arena), all(fixture)));
    assert_int_equal(pieces_held(&fixture->transaction, 0, bytes_of("q", 1)).held_bytes, 0);
    pieces_clear(&fixture->transaction, 0, prefix());
    assert_int_equal(pieces_held(&fixture->transaction, 0, prefix()).held_bytes, 0);
}

static void another_transfer_takes_the_place(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(fixture, 0, 300), 300);
    fixture->whole[0] ^= 1;
    assert_int_equal(add(fixture, 300, 300), 300); /* of another one, not from its start: nothing happens */
    const struct pieces_held held = pieces_held(&fixture->transaction, 0, prefix());
    assert_true(held.id != pieces_id(all(fixture)));
    assert_int_equal(add(fixture, 0, 200), 200);
    assert_int_equal(add(fixture, 200, 2000), SIZE);
    assert_true(bytes_equal(pieces_whole(&fixture->transaction, 0, prefix(), &fixture->arena), all(fixture)));
}

static void pieces_survive_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    assert_int_equal(add(fixture, 0, 300), 300);
    assert_true(transaction_commit(&fixture->transaction, &error));
    environment_close(fixture->environment);
    fixture->environment = environment_open(fixture->path, names, DATABASES, 16 << 20, &error);
    assert_non_null(fixture->environment);
    assert_true(transaction_begin(&fixture->transaction, fixture->environment, true, &error));
    const struct pieces_held held = pieces_held(&fixture->transaction, 0, prefix());
    assert_int_equal(held.held_bytes, 300);
    assert_int_equal(held.total_bytes, SIZE);
    assert_int_equal(add(fixture, 300, 2000), SIZE);
}

static void what_is_not_what_its_hash_says_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    const struct pieces_held before = {0};
    Hopnhat__Piece *piece = pieces_cut(all(fixture), &before, 500, &fixture->arena);
    pieces_add(&fixture->transaction, 0, prefix(), piece);
    piece = pieces_cut(all(fixture), &(struct pieces_held){.id = piece->id, .held_bytes = 500}, 500,
                       &fixture->arena);
    fixture->whole[700] ^= 1;
    assert_int_equal(pieces_add(&fixture->transaction, 0, prefix(), piece).held_bytes, SIZE);
    assert_null(pieces_whole(&fixture->transaction, 0, prefix(), &fixture->arena).data);
    assert_int_equal(pieces_held(&fixture->transaction, 0, prefix()).held_bytes, 0);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    struct fixture *fixture = *state;
    Hopnhat__Piece piece = HOPNHAT__PIECE__INIT;
    piece.data = (ProtobufCBinaryData){SIZE, fixture->whole};
    assert_false(pieces_sound(&piece));
    piece.total = SIZE - 1;
    assert_false(pieces_sound(&piece));
    piece.total = SIZE;
    assert_true(pieces_sound(&piece));
    piece.offset = 1;
    assert_false(pieces_sound(&piece));
    piece.offset = UINT32_MAX;
    assert_false(pieces_sound(&piece));
    piece.total = UINT32_MAX;
    piece.offset = 0;
    assert_false(pieces_sound(&piece));
}

static void the_place_of_what_is_new_costs_the_least(void **state)
{
    const struct pieces_held none[PIECES_AT_ONCE] = {0},
                             some[PIECES_AT_ONCE] = {{11, 500, 400}, {12, 900, 100}},
                             all_partial[PIECES_AT_ONCE] = {{11, 500, 400},
                                                            {12, 900, 100},
                                                            {13, 500, 70},
                                                            {14, 500, 499}},
                             one_whole[PIECES_AT_ONCE] = {
                                 {11, 500, 400}, {12, 900, 100}, {13, 500, 70}, {14, 500, 500}};
    (void)state;
    assert_int_equal(pieces_place(none, 0), 0);
    assert_int_equal(pieces_place(some, 12), 1);
    assert_int_equal(pieces_place(some, 15), 2);
    assert_int_equal(pieces_place(all_partial, 14), 3);
    assert_int_equal(pieces_place(all_partial, 15), 2);
    assert_int_equal(pieces_place(one_whole, 15), 3);
    assert_int_equal(pieces_place(one_whole, 14), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_come_in_order_and_are_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(another_transfer_takes_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces_survive_a_restart, setup, teardown),
        cmocka_unit_test(the_place_of_what_is_new_costs_the_least),
        cmocka_unit_test_setup_teardown(what_is_not_what_its_hash_says_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_that_cannot_be_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
