#include "model/fold.h"

#include "unit/lib/model.h"

#include <stdio.h>

static struct arena arena;
static struct catalog *catalog;
static const struct catalog_type *thing;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TEST_ARENA_BYTES);
    catalog = catalog_of(TEST_CATALOG);
    thing = catalog_type(catalog, THING);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    catalog_free(catalog);
    arena_release(&arena);
    return 0;
}

static struct reading read_of(const Hopnhat__Record *record, uint32_t field)
{
    struct reading reading;
    struct error error;
    if (!fold_field(thing, record, type_field(thing, field), &arena, &reading, &error))
        fail_msg("%s", error.text);
    return reading;
}

/* Reads the field and compares: the values with | between them, "" for none, a ! in front where it is open.
 */
static void expect(const Hopnhat__Record *record, uint32_t field, const char *expected)
{
    struct reading reading = read_of(record, field);
    char read[256] = "";
    size_t size = (size_t)snprintf(read, sizeof read, "%s", reading.open ? "!" : "");
    for (size_t i = 0; i < reading.count; i++) {
        size += (size_t)snprintf(read + size, sizeof read - size, "%s%.*s", i ? "|" : "",
                                 (int)reading.values[i].size, (const char *)reading.values[i].data);
        assert_non_null(reading.entries[i]);
    }
    assert_string_equal(read, expected);
}

#define EXPECT(field, expected, ...)                                                                         \
    do {                                                                                                     \
        const struct row rows_[] = {__VA_ARGS__};                                                            \
        expect(record_of(&arena, THING, rows_, LENGTH(rows_)), field, expected);                             \
    } while (0)

static void nothing_reads_as_cleared(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
    for (uint32_t field = NAME; field <= HEAD_OFFICE; field++)
        expect(record, field, "");
    assert_true(read_of(record, TAGS).many);
    assert_true(read_of(record, POSTS).many);
    assert_false(read_of(record, NAME).many);
    for (uint32_t field = NAME; field <= HEAD_OFFICE; field++)
        record_field_make(&arena, record, field); /* a bag that has been emptied */
    for (uint32_t field = NAME; field <= HEAD_OFFICE; field++)
        expect(record, field, "");
    assert_true(read_of(record, TAGS).many);
    assert_int_equal(fold_group(record).size, 0);
    assert_int_equal(fold_owner(record).size, 0);
}

static void latest_is_by_time_then_by_id(void **state)
{
    (void)state;
    EXPECT(NAME, "b", {NAME, 9, 9, 1, "a", 2, 0}, {NAME, 1, 1, 2, "b", 0, 0});
    EXPECT(NAME, "b", {NAME, 1, 9, 5, "a", 0, 0}, {NAME, 2, 1, 5, "b", 0, 0});
    EXPECT(NAME, "b", {NAME, 2, 2, 5, "b", 0, 0}, {NAME, 2, 1, 5, "a", 0, 0});
    EXPECT(NAME, "", {NAME, 1, 1, 1, "a", 0, 0}, {NAME, 2, 1, 2, NULL, 0, 0});
}

static void authority_is_by_rank_then_latest(void **state)
{
    (void)state;
    EXPECT(LEADER, "hq", {LEADER, 1, 1, 1, "hq", 2, 0}, {LEADER, 2, 1, 8, "own", 1, 0},
           {LEADER, 3, 1, 9, "any", 0, 0});
    EXPECT(LEADER, "own", {LEADER, 2, 1, 8, "own", 1, 0}, {LEADER, 3, 1, 9, "any", 0, 0});
    EXPECT(LEADER, "new", {LEADER, 2, 1, 8, "old", 1, 0}, {LEADER, 1, 1, 9, "new", 1, 0});
    EXPECT(LEADER, "", {LEADER, 2, 1, 8, NULL, 2, 0}, {LEADER, 1, 1, 9, "new", 1, 0});
}

static void extremes_are_by_meaning(void **state)
{
    (void)state;
    EXPECT(TOP, "10", {TOP, 1, 1, 3, "9.5", 0, 0}, {TOP, 2, 1, 1, "10", 0, 0}, {TOP, 3, 1, 9, "-11", 0, 0});
    EXPECT(BOTTOM, "-11", {BOTTOM, 1, 1, 3, "-9.5", 0, 0}, {BOTTOM, 2, 1, 1, "-11", 0, 0},
           {BOTTOM, 3, 1, 9, "10", 0, 0});
    EXPECT(BEGUN, "1999-12-31", {BEGUN, 1, 1, 9, "2001-01-01", 0, 0}, {BEGUN, 2, 1, 1, "1999-12-31", 0, 0});
    EXPECT(ENDED, "2001-01-01", {ENDED, 1, 1, 1, "2001-01-01", 0, 0}, {ENDED, 2, 1, 9, "1999-12-31", 0, 0});
    EXPECT(TOP, "3", {TOP, 1, 1, 3, "3", 0, 0}, {TOP, 2, 1, 9, NULL, 0, 0});
    EXPECT(BOTTOM, "3", {BOTTOM, 1, 1, 3, "3", 0, 0}, {BOTTOM, 2, 1, 9, NULL, 0, 0});
    EXPECT(TOP, "", {TOP, 2, 1, 9, NULL, 0, 0});
    /* the same twice: the later one is named */
    const struct row twice[] = {
        {TOP, 1, 1, 3, "3", 0, 0}, {TOP, 2, 1, 9, "3", 0, 0}, {TOP, 3, 1, 5, "3", 0, 0}};
    assert_int_equal(read_of(record_of(&arena, THING, twice, 3), TOP).entries[0]->replica, 2);
}

static void a_sum_is_of_all_totals(void **state)
{
    (void)state;
    EXPECT(COUNT, "3", {COUNT, 1, 4, 3, "5", 0, 0}, {COUNT, 2, 1, 1, "-2", 0, 0});
    EXPECT(TOTAL, "0.3", {TOTAL, 1, 4, 3, "0.1", 0, 0}, {TOTAL, 2, 1, 1, "0.2", 0, 0});
    EXPECT(TOTAL, "0", {TOTAL, 1, 4, 3, "1.5", 0, 0}, {TOTAL, 2, 1, 1, "-1.5", 0, 0});
}

static void a_sum_of_no_numbers_is_corrupt(void **state)
{
    (void)state;
    struct reading reading;
    struct error error;
    Hopnhat__Record *record = record_of(&arena, THING, &(struct row){COUNT, 1, 1, 1, "x", 0, 0}, 1);
    assert_false(fold_field(thing, record, type_field(thing, COUNT), &arena, &reading, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
}

static void sets_read_each_value_once(void **state)
{
    (void)state;
    EXPECT(TAGS, "b|a|c", {TAGS, 1, 1, 5, "a", 0, 0}, {TAGS, 2, 1, 1, "b", 0, 0}, {TAGS, 3, 1, 9, "b", 0, 0},
           {TAGS, 4, 1, 7, "c", 0, 0}, {TAGS, 5, 1, 2, NULL, 0, 0});
}

static void threads_read_all_by_time(void **state)
{
    (void)state;
    EXPECT(POSTS, "b|yes|a|yes", {POSTS, 1, 1, 5, "a", 0, 0}, {POSTS, 2, 1, 1, "b", 0, 0},
           {POSTS, 3, 1, 9, "yes", 0, 0}, {POSTS, 4, 1, 2, "yes", 0, 0});
    EXPECT(POSTS, "x|y", {POSTS, 2, 1, 5, "y", 0, 0}, {POSTS, 1, 2, 5, "x", 0, 0});
}

static void review_is_open_while_values_differ(void **state)
{
    (void)state;
    static const uint32_t fields[] = {STATE, STORY};
    for (size_t i = 0; i < LENGTH(fields); i++) {
        EXPECT(fields[i], "!b", {fields[i], 1, 1, 1, "a", 0, 0}, {fields[i], 2, 1, 2, "b", 0, 0});
        EXPECT(fields[i], "a", {fields[i], 1, 1, 1, "a", 0, 0}, {fields[i], 2, 1, 2, "a", 0, 0});
        EXPECT(fields[i], "!", {fields[i], 1, 1, 1, "a", 0, 0}, {fields[i], 2, 1, 2, NULL, 0, 0});
        EXPECT(fields[i], "a", {fields[i], 1, 1, 1, "a", 0, 0});
    }
    EXPECT(NAME, "b", {NAME, 1, 1, 1, "a", 0, 0}, {NAME, 2, 1, 2, "b", 0, 0});
}

#define UNIT_OF_TWO(writer, seq, time, amount, currency)                                                     \
    {AMOUNT, writer, seq, time, amount, 0, 0},                                                               \
    {                                                                                                        \
        CURRENCY, writer, seq, time, currency, 0, 0                                                          \
    }

static void a_unit_is_read_from_one_writing(void **state)
{
    (void)state;
    const struct row two[] = {UNIT_OF_TWO(1, 1, 5, "100", "USD"), UNIT_OF_TWO(2, 1, 7, "2000", "VND")};
    Hopnhat__Record *record = record_of(&arena, THING, two, LENGTH(two));
    expect(record, AMOUNT, "2000");
    expect(record, CURRENCY, "VND");
    /* a later value of one field alone is no complete writing */
    put_row(&arena, record, &(struct row){CURRENCY, 3, 1, 9, "EUR", 0, 0});
    expect(record, AMOUNT, "2000");
    expect(record, CURRENCY, "VND");
    /* the later writing has been superseded in one field */
    bag_take(record_field(record, AMOUNT), (struct entry_id){{2, 1}, 0});
    expect(record, AMOUNT, "100");
    expect(record, CURRENCY, "USD");
    const struct row cleared[] = {UNIT_OF_TWO(1, 1, 5, "100", "USD"), UNIT_OF_TWO(2, 1, 7, NULL, "VND")};
    record = record_of(&arena, THING, cleared, LENGTH(cleared));
    expect(record, AMOUNT, "");
    expect(record, CURRENCY, "VND");
}

static void a_unit_without_a_complete_writing_is_read_singly(void **state)
{
    (void)state;
    const struct row apart[] = {{AMOUNT, 1, 1, 5, "100", 0, 0}, {CURRENCY, 2, 1, 5, "USD", 0, 0}};
    Hopnhat__Record *record = record_of(&arena, THING, apart, LENGTH(apart));
    expect(record, AMOUNT, "100");
    expect(record, CURRENCY, "USD");
    record = record_of(&arena, THING, apart, 1);
    expect(record, AMOUNT, "100");
    expect(record, CURRENCY, "");
    const struct row same[] = {{SEAT, 1, 1, 5, "Hue", 0, 0}, {SEAT, 2, 1, 6, "Hue", 0, 0}};
    expect(record_of(&arena, THING, same, LENGTH(same)), SEAT, "Hue");
    /* under REVIEW only what stands side by side is open */
    const struct row seats[] = {
        {SEAT, 1, 1, 5, "Hue", 0, 0}, {SEAT, 2, 1, 6, "Vinh", 0, 0}, {REGION, 3, 1, 5, "Trung", 0, 0}};
    record = record_of(&arena, THING, seats, LENGTH(seats));
    expect(record, SEAT, "!Vinh");
    expect(record, REGION, "Trung");
    /* and it stays so beside the first complete writing */
    put_row(&arena, record, &(struct row){SEAT, 4, 1, 7, "Hue", 0, 0});
    put_row(&arena, record, &(struct row){REGION, 4, 1, 7, "Trung", 0, 0});
    expect(record, SEAT, "!Hue");
    expect(record, REGION, "!Trung");
}

static void a_unit_follows_its_policy(void **state)
{
    (void)state;
    const struct row seats[] = {{SEAT, 1, 1, 5, "Hue", 0, 0},
                                {REGION, 1, 1, 5, "Trung", 0, 0},
                                {SEAT, 2, 1, 6, "Hue", 0, 0},
                                {REGION, 2, 1, 6, "Nam", 0, 0}};
    Hopnhat__Record *record = record_of(&arena, THING, seats, LENGTH(seats));
    expect(record, SEAT, "!Hue"); /* open as a whole: the regions differ */
    expect(record, REGION, "!Nam");
    const struct row heads[] = {{HEAD, 1, 1, 5, "Lan", 2, 0},
                                {HEAD_OFFICE, 1, 1, 5, "A", 2, 0},
                                {HEAD, 2, 1, 6, "Minh", 1, 0},
                                {HEAD_OFFICE, 2, 1, 6, "B", 1, 0}};
    record = record_of(&arena, THING, heads, LENGTH(heads));
    expect(record, HEAD, "Lan");
    expect(record, HEAD_OFFICE, "A");
}

/* Random writings, some of one field only: what is read as a unit was written as one, if any was. */
static void no_unit_is_ever_mixed(void **state)
{
    (void)state;
    struct dice dice = {21};
    static const uint32_t units[][2] = {{AMOUNT, CURRENCY}, {SEAT, REGION}, {HEAD, HEAD_OFFICE}};
    for (int round = 0; round < 20000; round++) {
        const uint32_t *unit = units[dice_below(&dice, 3)];
        Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
        for (uint64_t writer = 1; writer <= 4; writer++) {
            char value[8];
            unsigned which = dice_below(&dice, 4), time = dice_below(&dice, 4), rank = dice_below(&dice, 3);
            snprintf(value, sizeof value, "%d", (int)writer);
            for (unsigned i = 0; i < 2; i++)
                if (which == 2 || which == i)
                    put_row(&arena, record, &(struct row){unit[i], writer, 1, time, value, rank, 0});
        }
        struct reading first = read_of(record, unit[0]), second = read_of(record, unit[1]);
        bool complete = false;
        for (uint64_t writer = 1; writer <= 4; writer++) {
            const struct entry_id id = {{writer, 1}, 0};
            const Hopnhat__Field *a = record_field(record, unit[0]), *b = record_field(record, unit[1]);
            complete = complete || (a && b && bag_find(a, id) && bag_find(b, id));
        }
        if (complete)
            assert_true(bytes_equal(first.values[0], second.values[0]));
        const struct reading *readings[] = {&first, &second};
        for (size_t i = 0; i < 2; i++) {
            const Hopnhat__Field *field = record_field(record, unit[i]),
                                 *other = record_field(record, unit[1 - i]);
            bool differ = field && (fold_distinct(field) > 1 || (other && fold_distinct(other) > 1));
            assert_int_equal(readings[i]->open, unit[0] == SEAT && differ && field->n_entries > 1);
        }
        if (round % 1000 == 0)
            arena_reset(&arena);
    }
}

static void equal_writings_of_a_unit_are_no_conflict(void **state)
{
    (void)state;
    const struct row rows[] = {{SEAT, 1, 1, 1, "Huế", 0, 0},   {REGION, 1, 1, 1, "Trung", 0, 0},
                               {SEAT, 2, 1, 2, "Huế", 0, 0},   {REGION, 2, 1, 2, "Trung", 0, 0},
                               {REGION, 1, 7, 3, "Bắc", 0, 0}, {REGION, 2, 7, 3, "Bắc", 0, 0}};
    expect(record_of(&arena, THING, rows, 4), SEAT, "Huế");
    /* what was written of one field alone is read by nobody, and stands there */
    expect(record_of(&arena, THING, rows, LENGTH(rows)), SEAT, "!Huế");
}

static void a_unit_whose_others_are_retired_is_read_singly(void **state)
{
    (void)state;
    struct catalog *smaller = catalog_with_a_lone_unit();
    const struct catalog_type *type = catalog_type(smaller, THING);
    const struct row row = {AMOUNT, 1, 1, 1, "5", 0, 0};
    struct reading reading;
    struct error error;
    assert_true(fold_field(type, record_of(&arena, THING, &row, 1), type_field(type, AMOUNT), &arena,
                           &reading, &error));
    assert_int_equal(reading.count, 1);
    assert_false(reading.open);
    const struct row apart[] = {{CURRENCY, 1, 1, 1, "USD", 0, 0}, {CURRENCY, 2, 1, 1, "VND", 0, 0}};
    Hopnhat__Record *record = record_of(&arena, THING, apart, LENGTH(apart)); /* nobody asks which it is */
    assert_false(fold_concurrent(type, record, type_field(type, CURRENCY)));
    catalog_free(smaller);
}

static void group_and_owner_are_read_by_authority(void **state)
{
    (void)state;
    const struct row rows[] = {{HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, 1, 1, 9, "everyone", 0, 0},
                               {HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, 2, 1, 1, "cluster:3", 2, 0},
                               {HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, 1, 1, 9, "hue", 1, 0}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    assert_true(bytes_equal(fold_group(record), text("cluster:3")));
    assert_true(bytes_equal(fold_owner(record), text("hue")));
}

static void distinct_values_are_counted(void **state)
{
    (void)state;
    const struct row rows[] = {
        {NAME, 1, 1, 1, "a", 0, 0}, {NAME, 2, 1, 1, "a", 0, 0}, {NAME, 3, 1, 1, NULL, 0, 0}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    assert_int_equal(fold_distinct(record_field(record, NAME)), 2);
    static const Hopnhat__MergePolicy many[] = {HOPNHAT__MERGE_POLICY__SUM, HOPNHAT__MERGE_POLICY__UNION,
                                                HOPNHAT__MERGE_POLICY__THREAD};
    for (size_t i = 0; i < LENGTH(many); i++)
        assert_false(fold_reads_one(many[i]));
    assert_true(fold_reads_one(HOPNHAT__MERGE_POLICY__REVIEW));
    assert_true(fold_reads_one(HOPNHAT__MERGE_POLICY__LATEST));
}

static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    static const struct row rows[] = {{TAGS, 1, 1, 5, "a", 0, 0},
                                      {COUNT, 1, 1, 5, "1", 0, 0},
                                      {AMOUNT, 1, 1, 5, "1", 0, 0},
                                      {CURRENCY, 1, 1, 5, "USD", 0, 0},
                                      {NAME, 1, 1, 5, "a name", 0, 0}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    for (size_t i = 0; i < LENGTH(rows); i++) {
        bool done = false;
        for (size_t limit = 0; !done; limit += 16) {
            struct arena small;
            struct error error;
            struct reading reading;
            arena_init(&small, limit);
            done = fold_field(thing, record, type_field(thing, rows[i].field), &small, &reading, &error);
            if (!done)
                assert_int_equal(error.code, ERROR_MEMORY);
            arena_release(&small);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_reads_as_cleared),
        cmocka_unit_test(latest_is_by_time_then_by_id),
        cmocka_unit_test(authority_is_by_rank_then_latest),
        cmocka_unit_test(extremes_are_by_meaning),
        cmocka_unit_test(a_sum_is_of_all_totals),
        cmocka_unit_test(a_sum_of_no_numbers_is_corrupt),
        cmocka_unit_test(sets_read_each_value_once),
        cmocka_unit_test(threads_read_all_by_time),
        cmocka_unit_test(review_is_open_while_values_differ),
        cmocka_unit_test(a_unit_is_read_from_one_writing),
        cmocka_unit_test(a_unit_without_a_complete_writing_is_read_singly),
        cmocka_unit_test(a_unit_follows_its_policy),
        cmocka_unit_test(no_unit_is_ever_mixed),
        cmocka_unit_test(equal_writings_of_a_unit_are_no_conflict),
        cmocka_unit_test(a_unit_whose_others_are_retired_is_read_singly),
        cmocka_unit_test(group_and_owner_are_read_by_authority),
        cmocka_unit_test(distinct_values_are_counted),
        cmocka_unit_test(memory_that_ends_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
