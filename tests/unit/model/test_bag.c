#include "model/bag.h"

#include "base/limits.h"
#include "unit/lib/model.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 4 * TEST_ARENA_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void fields_stay_in_order(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
    static const uint32_t numbers[] = {30, 5, 17, 1, 99, 17, 5, 30};
    for (size_t i = 0; i < LENGTH(numbers); i++)
        assert_int_equal(record_field_make(&arena, record, numbers[i])->number, numbers[i]);
    assert_int_equal(record->n_fields, 5);
    for (size_t i = 1; i < record->n_fields; i++)
        assert_true(record->fields[i - 1]->number < record->fields[i]->number);
    assert_non_null(record_field(record, 99));
    assert_null(record_field(record, 100));
    assert_null(record_field(record, 2));
    assert_memory_equal(record->id.data, TEST_ID, LENGTH_OF_ID);
}

static void replace_takes_the_place_or_makes_one(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
    Hopnhat__Field first = HOPNHAT__FIELD__INIT, second = HOPNHAT__FIELD__INIT, other = HOPNHAT__FIELD__INIT;
    first.number = second.number = 20;
    other.number = 18;
    assert_true(record_field_replace(&arena, record, &first));
    assert_true(record_field_replace(&arena, record, &other));
    assert_true(record_field_replace(&arena, record, &second));
    assert_int_equal(record->n_fields, 2);
    assert_ptr_equal(record_field(record, 20), &second);
    assert_ptr_equal(record->fields[0], &other);
}

/* Random puts and takes against an array of flags. */
static void a_bag_is_a_set_of_ids_in_order(void **state)
{
    (void)state;
    struct dice dice = {3};
    bool there[64] = {false}, absent[64] = {false};
    struct error error;
    Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
    Hopnhat__Field *field = record_field_make(&arena, record, TAGS);
    for (int step = 0; step < 20000; step++) {
        unsigned n = dice_below(&dice, 64);
        struct entry_id id = {{UINT64_MAX - n / 16, n / 4 % 4}, n % 4};
        if (dice_percent(&dice, 50)) {
            Hopnhat__Entry *entry = arena_alloc(&arena, sizeof *entry);
            hopnhat__entry__init(entry);
            entry->replica = id.dot.replica;
            entry->seq = id.dot.seq;
            entry->index = id.index;
            assert_true(bag_put(&arena, field, entry, &error));
            assert_ptr_equal(bag_find(field, id), entry);
            assert_true(absent_put(&arena, field, id, &error));
            there[n] = absent[n] = true;
        } else {
            assert_int_equal(bag_take(field, id), there[n]);
            assert_int_equal(absent_has(field, id), absent[n]);
            assert_int_equal(absent_take(field, id), absent[n]);
            assert_null(bag_find(field, id));
            there[n] = absent[n] = false;
        }
        size_t expected = 0;
        for (size_t i = 0; i < 64; i++)
            expected += there[i];
        assert_int_equal(field->n_entries, expected);
        assert_int_equal(field->n_absent, expected);
        for (size_t i = 1; i < expected; i++) {
            assert_true(entry_id_compare(entry_id_of(field->entries[i - 1]), entry_id_of(field->entries[i])) <
                        0);
            assert_true(entry_id_compare(entry_id_unpacked(field->absent[i - 1]),
                                         entry_id_unpacked(field->absent[i])) < 0);
        }
    }
}

static void bounds_are_refused_and_change_nothing(void **state)
{
    (void)state;
    struct error error;
    Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
    for (uint64_t seq = 1; seq <= LIMIT_ENTRIES_PER_FIELD; seq++)
        put_row(&arena, record, &(struct row){TAGS, 1, seq, 1, "x", 0, 0});
    Hopnhat__Field *field = record_field(record, TAGS);
    Hopnhat__Entry entry = HOPNHAT__ENTRY__INIT;
    entry.replica = 2;
    entry.seq = 1;
    assert_false(bag_put(&arena, field, &entry, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    assert_int_equal(field->n_entries, LIMIT_ENTRIES_PER_FIELD);
    entry.replica = 1; /* in the place of one that is there */
    assert_true(bag_put(&arena, field, &entry, &error));
    for (uint64_t seq = 1; seq <= LIMIT_ABSENT_PER_FIELD; seq++)
        assert_true(absent_put(&arena, field, (struct entry_id){{9, seq}, 0}, &error));
    assert_false(absent_put(&arena, field, (struct entry_id){{9, 1}, 1}, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    assert_true(absent_put(&arena, field, (struct entry_id){{9, 1}, 0}, &error));
    assert_int_equal(field->n_absent, LIMIT_ABSENT_PER_FIELD);
}

/* A bound of memory at every step: NULL or ERROR_MEMORY, and the record as it was. */
static void failing_allocations_leave_the_record_whole(void **state)
{
    (void)state;
    static const struct row rows[] = {{NAME, 1, 1, 1, "a", 0, 0}, {TAGS, 1, 1, 1, "b", 0, 0}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    bool done = false;
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        struct error error = {.code = ERROR_NONE};
        arena_init(&small, limit);
        Hopnhat__Record *copy = record_copy(&small, record);
        Hopnhat__Field *made = copy ? record_field_make(&small, copy, LEADER) : NULL;
        Hopnhat__Entry entry = HOPNHAT__ENTRY__INIT;
        entry.replica = 5;
        bool put = made && bag_put(&small, made, &entry, &error);
        done = put && absent_put(&small, made, (struct entry_id){{5, 5}, 5}, &error);
        if (made && !done)
            assert_int_equal(error.code, ERROR_MEMORY);
        if (copy)
            assert_int_equal(copy->n_fields, made ? 3 : 2);
        if (made)
            assert_int_equal(made->n_entries + made->n_absent, (size_t)put + done);
        assert_int_equal(record->n_fields, 2);
        arena_release(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_stay_in_order),
        cmocka_unit_test(replace_takes_the_place_or_makes_one),
        cmocka_unit_test(a_bag_is_a_set_of_ids_in_order),
        cmocka_unit_test(bounds_are_refused_and_change_nothing),
        cmocka_unit_test(failing_allocations_leave_the_record_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
