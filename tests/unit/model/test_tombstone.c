#include "model/fold.h"

#include "base/limits.h"
#include "model/merge.h"
#include "unit/lib/model.h"

enum { DELETED = HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED, OWNER = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER };

static struct arena arena;
static struct catalog *catalog;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 4 * TEST_ARENA_BYTES);
    catalog = catalog_of(TEST_CATALOG);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    catalog_free(catalog);
    arena_release(&arena);
    return 0;
}

static const struct row live[] = {{OWNER, UINT64_MAX, 1, 1, "hue", 1, 0},
                                  {NAME, 7, 300, 2, "a", 0, 0},
                                  {NAME, 5, 2, 3, "b", 0, 0},
                                  {TAGS, UINT64_MAX, 2, 4, "c", 0, 0}};

static struct bytes tombstone_of(const Hopnhat__Record *record)
{
    struct bytes value;
    struct error error;
    if (!tombstone_pack(record, &arena, &value, &error))
        fail_msg("%s", error.text);
    assert_true(tombstone_check(value, &error));
    return value;
}

static void put_tombstone(Hopnhat__Record *record, uint64_t replica, struct bytes value)
{
    Hopnhat__Entry *entry = put_row(&arena, record, &(struct row){DELETED, replica, 50, 9, NULL, 0, 0});
    entry->has_value = true;
    entry->value = (ProtobufCBinaryData){value.size, arena_copy(&arena, value.data, value.size)};
}

static void expect(const Hopnhat__Record *record, bool deleted, bool altered)
{
    struct error error;
    bool is_deleted, is_altered;
    const struct catalog_type *type = catalog_type(catalog, record->type);
    assert_true(fold_deleted(type, record, &arena, &is_deleted, &is_altered, &error));
    assert_int_equal(is_deleted, deleted);
    assert_int_equal(is_altered, altered);
    assert_true(fold_deleted(type, record, &arena, &is_deleted, NULL, &error));
    assert_int_equal(is_deleted, deleted);
}

static void a_record_is_deleted_while_all_is_listed(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, THING, live, LENGTH(live));
    expect(record, false, false);
    put_tombstone(record, 3, tombstone_of(record));
    expect(record, true, false);
    bag_take(record_field(record, TAGS), (struct entry_id){{UINT64_MAX, 2}, 0});
    expect(record, true, false); /* a member taken out meanwhile does not bring it back */
    put_row(&arena, record, &(struct row){TAGS, 5, 3, 1, "d", 0, 0});
    expect(record, false, true); /* but one put in does */
    put_tombstone(record, 4, tombstone_of(record));
    expect(record, true, false);
    bag_take(record_field(record, DELETED), (struct entry_id){{4, 50}, 0});
    expect(record, false, true);
    bag_take(record_field(record, DELETED), (struct entry_id){{3, 50}, 0});
    expect(record, false, false);
}

static bool everything_came(void *context, struct entry_id id)
{
    (void)context;
    (void)id;
    return true;
}

/* An ADD of the counter that takes over what its author was shown. */
static void add_to_counter(Hopnhat__Record *record, uint64_t replica, const char *increment,
                           struct entry_id shown)
{
    const struct merge_source source = {.seen = everything_came};
    const struct merge_stamp stamp = {.time = 5, .rev = 1};
    struct new_op op = {.field = COUNT, .kind = HOPNHAT__OP_KIND__ADD, .value = text(increment)};
    struct error error;
    op.superseded = (struct entry_list){&shown, 1};
    struct change change = change_of_ops(&arena, replica, 1, THING, &op, 1);
    assert_true(merge_edit(record, &change, 0, &stamp, &source, &arena, &error));
}

/* Both were shown the total of replica 2. Replica 3 adds 3 and deletes; replica 4, which knows nothing of
 * that, adds 4. Whichever comes first took the 5 over, and neither hides the other. */
static void an_increment_that_was_not_seen_brings_it_back(void **state)
{
    (void)state;
    const struct entry_id shown = {{2, 1}, 0};
    for (int order = 0; order < 2; order++) {
        Hopnhat__Record *record = record_of(&arena, THING, live, 1), *seen;
        put_row(&arena, record, &(struct row){COUNT, 2, 1, 1, "5", 0, 0});
        seen = record_copy(&arena, record);
        assert_non_null(seen);
        add_to_counter(seen, 3, "3", shown); /* its draft */
        if (order)
            add_to_counter(record, 4, "4", shown);
        add_to_counter(record, 3, "3", shown);
        put_tombstone(record, 3, tombstone_of(seen));
        if (!order) {
            expect(record, true, false);
            add_to_counter(record, 4, "4", shown);
        }
        expect(record, false, true);
        const struct catalog_type *type = catalog_type(catalog, THING);
        struct reading reading;
        struct error error;
        assert_true(fold_field(type, record, type_field(type, COUNT), &arena, &reading, &error));
        assert_true(bytes_equal(reading.values[0], text("12")));
    }
}

static void two_deletions_list_together(void **state)
{
    (void)state;
    Hopnhat__Record *first = record_of(&arena, THING, live, 2),
                    *all = record_of(&arena, THING, live, LENGTH(live));
    Hopnhat__Record *second = record_of(&arena, THING, live + 2, 2);
    put_tombstone(all, 1, tombstone_of(first));
    expect(all, false, true);
    put_tombstone(all, 2, tombstone_of(second));
    expect(all, true, false);
}

static void the_index_counts(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, THING, live, LENGTH(live));
    put_tombstone(record, 3, tombstone_of(record));
    record_field(record, TAGS)->entries[0]->index = 1;
    expect(record, false, true);
}

static void delete_wins_where_the_type_says_so(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, MEMO, live, LENGTH(live));
    put_tombstone(record, 3, tombstone_of(record));
    expect(record, true, false);
    put_row(&arena, record, &(struct row){NAME, 9, 9, 9, "later", 0, 0});
    expect(record, true, false);
    bag_take(record_field(record, DELETED), (struct entry_id){{3, 50}, 0});
    expect(record, false, false);
}

static void tombstones_are_not_listed(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, THING, live, LENGTH(live));
    struct bytes before = tombstone_of(record);
    put_tombstone(record, 3, before);
    assert_true(bytes_equal(tombstone_of(record), before));
}

/* Random records against a list of flags. */
static void random_records_agree_with_flags(void **state)
{
    (void)state;
    struct dice dice = {31};
    for (int round = 0; round < 2000; round++) {
        Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
        Hopnhat__Record *parts[2] = {record_new(&arena, THING, TEST_ID), record_new(&arena, THING, TEST_ID)};
        bool all = true, tombstone = false;
        for (uint64_t i = 0; i < 30; i++) {
            struct row row = {NAME + dice_below(&dice, 4), dice_below(&dice, 5), i, 1, "x", 0, 0};
            unsigned listed = dice_percent(&dice, 2) ? 0 : 1 + dice_below(&dice, 3);
            put_row(&arena, record, &row);
            for (unsigned part = 0; part < 2; part++)
                if (listed >> part & 1)
                    put_row(&arena, parts[part], &row);
            all = all && listed;
        }
        for (unsigned part = 0; part < 2; part++)
            if (parts[part]->n_fields) {
                put_tombstone(record, part, tombstone_of(parts[part]));
                tombstone = true;
            }
        expect(record, tombstone && all, tombstone && !all);
        if (round % 100 == 0)
            arena_reset(&arena);
    }
}

static void malformed_tombstones_are_refused_and_read_as_corrupt(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\x12\x02\x01\x01",                                             /* two numbers */
        "\x12\x03\x01\x01\x01",                                         /* a replica that is not there */
        "\x0a\x08\x01\x01\x01\x01\x01\x01\x01\x01\x12\x03\x01\x01\x01", /* of one replica, the second */
        "\x12\x7f",
        "x",
    };
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        struct error error;
        bool deleted;
        Hopnhat__Record *record = record_of(&arena, THING, live, LENGTH(live));
        assert_false(tombstone_check(text(wrong[i]), &error));
        assert_int_equal(error.code, ERROR_INPUT);
        put_tombstone(record, 3, text(wrong[i]));
        assert_false(fold_deleted(catalog_type(catalog, THING), record, &arena, &deleted, NULL, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
    }
    struct error error;
    uint8_t *large = arena_alloc(&arena, LIMIT_CHANGE_BYTES);
    assert_false(tombstone_check(bytes_of(large, LIMIT_CHANGE_BYTES), &error));
    assert_int_equal(error.code, ERROR_LIMIT);
}

static void a_cleared_or_empty_tombstone_deletes_nothing(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, THING, live, LENGTH(live));
    put_row(&arena, record, &(struct row){DELETED, 3, 50, 9, NULL, 0, 0});
    expect(record, false, false);
    put_tombstone(record, 4, text("")); /* over a record that held nothing */
    expect(record, false, true);
    put_tombstone(record, 5, tombstone_of(record));
    expect(record, true, false);
}

static void a_record_with_too_many_values_is_not_deleted(void **state)
{
    (void)state;
    struct bytes value;
    struct error error;
    Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
    static Hopnhat__Entry entries[LIMIT_ENTRIES_PER_FIELD], *bag[LIMIT_ENTRIES_PER_FIELD];
    for (size_t i = 0; i < LENGTH(bag); i++) {
        hopnhat__entry__init(&entries[i]);
        entries[i].seq = UINT64_MAX - LENGTH(bag) + i; /* 10 bytes of the tombstone each */
        bag[i] = &entries[i];
    }
    for (uint32_t field = NAME; field < NAME + 25; field++) {
        Hopnhat__Field *made = record_field_make(&arena, record, field);
        made->entries = bag;
        made->n_entries = LENGTH(bag);
    }
    assert_false(tombstone_pack(record, &arena, &value, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
}

static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, THING, live, LENGTH(live));
    struct bytes value;
    bool done = false, deleted;
    struct error error;
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        arena_init(&small, limit);
        done = tombstone_pack(record, &small, &value, &error);
        if (!done)
            assert_int_equal(error.code, ERROR_MEMORY);
        arena_release(&small);
    }
    put_tombstone(record, 3, tombstone_of(record));
    done = false;
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        arena_init(&small, limit);
        done = fold_deleted(catalog_type(catalog, THING), record, &small, &deleted, NULL, &error);
        if (!done)
            assert_int_equal(error.code, ERROR_MEMORY);
        arena_release(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_deleted_while_all_is_listed),
        cmocka_unit_test(an_increment_that_was_not_seen_brings_it_back),
        cmocka_unit_test(two_deletions_list_together),
        cmocka_unit_test(the_index_counts),
        cmocka_unit_test(delete_wins_where_the_type_says_so),
        cmocka_unit_test(tombstones_are_not_listed),
        cmocka_unit_test(random_records_agree_with_flags),
        cmocka_unit_test(malformed_tombstones_are_refused_and_read_as_corrupt),
        cmocka_unit_test(a_cleared_or_empty_tombstone_deletes_nothing),
        cmocka_unit_test(a_record_with_too_many_values_is_not_deleted),
        cmocka_unit_test(memory_that_ends_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
