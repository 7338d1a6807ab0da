#include "model/edit.h"

#include "base/limits.h"
#include "model/merge.h"
#include "unit/lib/model.h"

#include <stdio.h>

enum { DELETED = HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED };

static struct arena arena;
static struct catalog *catalog;
static const struct catalog_type *thing;
static struct error error;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 4 * TEST_ARENA_BYTES);
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

/* An assignment of the values between | marks; NULL: none. */
static struct assignment assign(uint32_t field, enum assignment_kind kind, const char *values)
{
    struct bytes *list = arena_alloc(&arena, 20 * sizeof *list);
    struct assignment assignment = {type_field(thing, field), kind, list, 0};
    for (const char *at = values; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        list[assignment.count++] = bytes_of(at, strcspn(at, "|"));
    return assignment;
}

static struct new_edit make(const Hopnhat__Record *shown, const struct assignment *list, size_t count)
{
    struct new_edit edit;
    if (!edit_make(thing, shown, list, count, &arena, &edit, &error))
        fail_msg("%s", error.text);
    return edit;
}

static struct new_edit make_one(const Hopnhat__Record *shown, uint32_t field, enum assignment_kind kind,
                                const char *values)
{
    struct assignment assignment = assign(field, kind, values);
    return make(shown, &assignment, 1);
}

static void refused(const Hopnhat__Record *shown, uint32_t field, enum assignment_kind kind,
                    const char *values)
{
    struct new_edit edit;
    struct assignment assignment = assign(field, kind, values);
    assert_false(edit_make(thing, shown, &assignment, 1, &arena, &edit, &error));
    assert_int_equal(error.code, ERROR_INPUT);
}

/* The ops in short: "28=100<1.2;" puts 100 into field 28 over the entry (1, 2); "-" drops, "+" adds. */
static void expect(const struct new_edit *edit, const char *expected)
{
    char text_[1024] = "";
    size_t size = 0;
    for (size_t i = 0; i < edit->op_count; i++) {
        const struct new_op *op = &edit->ops[i];
        static const char kinds[] = "=-+";
        size += (size_t)snprintf(text_ + size, sizeof text_ - size, "%u%c%.*s", op->field, kinds[op->kind],
                                 (int)op->value.size, (const char *)op->value.data);
        for (size_t j = 0; j < op->superseded.count; j++)
            size +=
                (size_t)snprintf(text_ + size, sizeof text_ - size, "%s%d.%d", j ? "," : "<",
                                 (int)op->superseded.ids[j].dot.replica, (int)op->superseded.ids[j].dot.seq);
        size += (size_t)snprintf(text_ + size, sizeof text_ - size, ";");
    }
    assert_string_equal(text_, expected);
}

static void expect_one(const Hopnhat__Record *shown, uint32_t field, enum assignment_kind kind,
                       const char *values, const char *expected)
{
    struct new_edit edit = make_one(shown, field, kind, values);
    expect(&edit, expected);
}

static const struct row two_names[] = {{NAME, 1, 2, 1, "a", 0, 5}, {NAME, 3, 4, 2, "b", 0, 9}};

static void a_write_supersedes_what_was_shown_and_no_more(void **state)
{
    (void)state;
    const struct row rows[] = {{NAME, 1, 2, 1, "a", 0, 5},
                               {NAME, 3, 4, 2, "b", 0, 9},
                               {NAME, 8, 1, 2, "c", 0, 6},
                               {NAME, 9, 1, 2, "came from nowhere", 0, 0}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    static const struct {
        struct shown shown;
        const char *ops;
    } cases[] = {
        {{.rev = 0}, "16=new;"},
        {{.rev = 4}, "16=new;"},
        {{.rev = 5}, "16=new<1.2;"},
        {{.rev = 6}, "16=new<1.2,8.1;"},
        {{.rev = 8}, "16=new<1.2,8.1;"},
        {{.rev = 9}, "16=new<1.2,3.4,8.1;"},
        {{.rev = UINT64_MAX}, "16=new<1.2,3.4,8.1;"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        Hopnhat__Record *seen = record_as_shown(record, &cases[i].shown, &arena);
        expect_one(seen, NAME, ASSIGN_SET, "new", cases[i].ops);
        assert_int_equal(record_field(record, NAME)->n_entries, LENGTH(rows));
    }
}

static void what_changes_nothing_is_left_out(void **state)
{
    (void)state;
    const struct row rows[] = {{NAME, 1, 1, 1, "a", 0, 1},   {LEADER, 1, 1, 1, NULL, 0, 1},
                               {TAGS, 1, 1, 1, "x", 0, 1},   {COUNT, 1, 1, 1, "5", 0, 1},
                               {AMOUNT, 1, 1, 1, "9", 0, 1}, {CURRENCY, 1, 1, 1, "USD", 0, 1}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    const struct assignment all[] = {
        assign(NAME, ASSIGN_SET, "a"),   assign(LEADER, ASSIGN_SET, NULL), assign(TOP, ASSIGN_SET, ""),
        assign(TAGS, ASSIGN_SET, "x"),   assign(COUNT, ASSIGN_SET, "5"),   assign(TOTAL, ASSIGN_ADD, "0"),
        assign(AMOUNT, ASSIGN_SET, "9"), assign(POSTS, ASSIGN_SET, NULL),  assign(SEAT, ASSIGN_SET, NULL),
    };
    struct new_edit edit = make(record, all, LENGTH(all));
    assert_int_equal(edit.op_count, 0);
    expect_one(record, TAGS, ASSIGN_ADD, "x", "");
    expect_one(record, TAGS, ASSIGN_REMOVE, "y", "");
}

static void registers_are_set_and_cleared(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, THING, two_names, LENGTH(two_names));
    expect_one(record, NAME, ASSIGN_SET, "c", "16=c<1.2,3.4;");
    expect_one(record, NAME, ASSIGN_SET, "b", "16=b<1.2,3.4;"); /* settles what stood side by side */
    expect_one(record, NAME, ASSIGN_SET, NULL, "16=<1.2,3.4;");
    expect_one(record, STATE, ASSIGN_SET, "c", "27=c;");
    expect_one(record, BEGUN, ASSIGN_SET, "2020", "20=2020;");
    refused(record, NAME, ASSIGN_ADD, "c");
    refused(record, NAME, ASSIGN_REMOVE, "a");
    refused(record, NAME, ASSIGN_SET, "a|b");
    assert_memory_equal(make_one(record, NAME, ASSIGN_SET, "c").record, TEST_ID, LENGTH_OF_ID);
    assert_int_equal(make_one(record, NAME, ASSIGN_SET, "c").type, THING);
}

static void sets_are_added_to_and_removed_from(void **state)
{
    (void)state;
    const struct row rows[] = {
        {TAGS, 1, 1, 1, "x", 0, 1}, {TAGS, 1, 2, 2, "y", 0, 1}, {TAGS, 2, 1, 3, "x", 0, 1}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    expect_one(record, TAGS, ASSIGN_ADD, "z|y", "24=z;");
    expect_one(record, TAGS, ASSIGN_ADD, "z|z", "24=z;");
    expect_one(record, TAGS, ASSIGN_REMOVE, "x", "24-<1.1,2.1;");
    expect_one(record, TAGS, ASSIGN_REMOVE, "x|x", "24-<1.1,2.1;");
    expect_one(record, TAGS, ASSIGN_SET, "y|z|z", "24-<1.1,2.1;24=z;");
    expect_one(record, TAGS, ASSIGN_SET, NULL, "24-<1.1,2.1;24-<1.2;");
    refused(record, TAGS, ASSIGN_ADD, "");
}

static void threads_are_added_to_and_emptied(void **state)
{
    (void)state;
    const struct row rows[] = {{POSTS, 1, 1, 1, "x", 0, 1}, {POSTS, 2, 1, 3, "x", 0, 1}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    expect_one(record, POSTS, ASSIGN_ADD, "x|x", "25=x;25=x;");
    expect_one(record, POSTS, ASSIGN_REMOVE, "x", "25-<1.1,2.1;");
    expect_one(record, POSTS, ASSIGN_SET, NULL, "25-<1.1,2.1;");
    refused(record, POSTS, ASSIGN_SET, "y");
}

static void counters_carry_increments(void **state)
{
    (void)state;
    const struct row rows[] = {{TOTAL, 1, 1, 1, "5.5", 0, 1}, {TOTAL, 2, 1, 3, "-1", 0, 1}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    expect_one(record, TOTAL, ASSIGN_ADD, "2", "23+2<1.1,2.1;");
    expect_one(record, TOTAL, ASSIGN_REMOVE, "0.25", "23+-0.25<1.1,2.1;");
    expect_one(record, TOTAL, ASSIGN_SET, "5", "23+0.5<1.1,2.1;");
    expect_one(record, TOTAL, ASSIGN_SET, NULL, "23+-4.5<1.1,2.1;");
    expect_one(record, TOTAL, ASSIGN_SET, "4.5", "");
    refused(record, TOTAL, ASSIGN_ADD, "1|2");
    refused(record, TOTAL, ASSIGN_ADD, "x");
    expect_one(record, TOTAL, ASSIGN_SET, "", "23+-4.5<1.1,2.1;");
}

/* Who saw 5.5 and says 20 does not mean 20 more than what came since. */
static void a_counter_that_was_added_to_is_not_set_from_an_old_form(void **state)
{
    (void)state;
    const struct row rows[] = {{TOTAL, 1, 1, 1, "5.5", 0, 1}, {TOTAL, 2, 1, 3, "-1", 0, 3}};
    const struct shown before = {.rev = 2}, all = {.rev = 3};
    const struct assignment set = assign(TOTAL, ASSIGN_SET, "20"), add = assign(TOTAL, ASSIGN_ADD, "2"),
                            other = assign(NAME, ASSIGN_SET, "x");
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    assert_false(edit_sums_were_shown(record, &before, &set, 1, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_true(edit_sums_were_shown(record, &all, &set, 1, &error));
    assert_true(edit_sums_were_shown(record, &before, &add, 1, &error));
    assert_true(edit_sums_were_shown(record, &before, &other, 1, &error));
    assert_true(edit_sums_were_shown(record_new(&arena, THING, TEST_ID), &before, &set, 1, &error));
    expect_one(record_as_shown(record, &before, &arena), TOTAL, ASSIGN_ADD, "2", "23+2<1.1;");
}

static void units_are_written_together(void **state)
{
    (void)state;
    const struct row rows[] = {{AMOUNT, 1, 1, 1, "100", 0, 1}, {CURRENCY, 1, 1, 1, "USD", 0, 1}};
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    expect_one(record, AMOUNT, ASSIGN_SET, "7", "28=7<1.1;29=USD<1.1;");
    expect_one(record, CURRENCY, ASSIGN_SET, NULL, "28=100<1.1;29=<1.1;");
    const struct assignment both[] = {assign(CURRENCY, ASSIGN_SET, "VND"), assign(AMOUNT, ASSIGN_SET, "7")};
    struct new_edit edit = make(record, both, 2);
    expect(&edit, "28=7<1.1;29=VND<1.1;");
    const struct assignment one_alters[] = {assign(AMOUNT, ASSIGN_SET, "100"),
                                            assign(CURRENCY, ASSIGN_SET, "VND")};
    edit = make(record, one_alters, 2);
    expect(&edit, "28=100<1.1;29=VND<1.1;");
    expect_one(record_new(&arena, THING, TEST_ID), AMOUNT, ASSIGN_SET, "7", "28=7;29=;");
}

static void a_unit_written_apart_is_whole_once_it_is_altered(void **state)
{
    (void)state;
    const struct row apart[] = {{AMOUNT, 1, 1, 1, "100", 0, 1}, {CURRENCY, 2, 1, 1, "USD", 0, 1}};
    Hopnhat__Record *record = record_of(&arena, THING, apart, LENGTH(apart));
    expect_one(record, AMOUNT, ASSIGN_SET, "100", "");
    expect_one(record, AMOUNT, ASSIGN_SET, "200", "28=200<1.1;29=USD<2.1;");
    expect_one(record, CURRENCY, ASSIGN_SET, "VND", "28=100<1.1;29=VND<2.1;");
}

static void a_field_given_twice_is_refused(void **state)
{
    (void)state;
    struct new_edit edit;
    Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
    struct assignment twice[] = {assign(TAGS, ASSIGN_ADD, "a"), assign(TAGS, ASSIGN_SET, "b")};
    assert_false(edit_make(thing, record, twice, 2, &arena, &edit, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    twice[0].kind = ASSIGN_SET;
    twice[1].kind = ASSIGN_ADD;
    assert_false(edit_make(thing, record, twice, 2, &arena, &edit, &error));
    twice[0].kind = ASSIGN_ADD;
    twice[1].kind = ASSIGN_REMOVE;
    edit = make(record, twice, 2);
    expect(&edit, "24=a;");
}

static void a_set_may_be_given_many_members(void **state)
{
    (void)state;
    static char letters[40];
    struct bytes members[42] = {{0}}; /* two empty ones, left out */
    for (size_t i = 0; i < 40; i++) {
        letters[i] = (char)('A' + i);
        members[i + 1] = bytes_of(&letters[i], 1);
    }
    const struct assignment assignment = {type_field(thing, TAGS), ASSIGN_SET, members, LENGTH(members)};
    struct new_edit edit = make(record_new(&arena, THING, TEST_ID), &assignment, 1);
    assert_int_equal(edit.op_count, 40);
}

/* Room for what a full bag needs a few times over, not once for each member. */
static void a_full_bag_is_cleared_in_little_memory(void **state)
{
    (void)state;
    static const uint32_t bags[] = {TAGS, POSTS};
    static struct row rows[LIMIT_ENTRIES_PER_FIELD];
    static char values[LIMIT_ENTRIES_PER_FIELD][8];
    for (size_t i = 0; i < LENGTH(bags); i++) {
        struct arena little;
        struct new_edit edit;
        const struct assignment nothing = {type_field(thing, bags[i]), ASSIGN_SET, NULL, 0};
        for (size_t j = 0; j < LENGTH(rows); j++) {
            snprintf(values[j], sizeof values[j], "%zu", j);
            rows[j] = (struct row){bags[i], 1, j + 1, 0, values[j], 0, 5};
        }
        arena_init(&little, 4 * 1024 * 1024);
        if (!edit_make(thing, record_of(&arena, THING, rows, LENGTH(rows)), &nothing, 1, &little, &edit,
                       &error))
            fail_msg("%s", error.text);
        assert_int_equal(edit.op_count, LENGTH(rows));
        for (size_t j = 0; j < edit.op_count; j++)
            assert_int_equal(edit.ops[j].superseded.count, 1);
        arena_release(&little);
    }
}

static void a_unit_whose_others_are_retired_is_one_field(void **state)
{
    (void)state;
    struct catalog *smaller = catalog_with_a_lone_unit();
    const struct catalog_type *type = catalog_type(smaller, THING);
    struct bytes value = text("7");
    const struct assignment assignment = {type_field(type, AMOUNT), ASSIGN_SET, &value, 1};
    struct new_edit edit;
    assert_true(edit_make(type, record_new(&arena, THING, TEST_ID), &assignment, 1, &arena, &edit, &error));
    expect(&edit, "28=7;");
    catalog_free(smaller);
}

static void merge_into(Hopnhat__Record *record, const struct new_edit *edit, uint64_t seq)
{
    const struct merge_source none = {0};
    const struct merge_stamp stamp = {.time = seq << 16, .rev = seq};
    struct change change =
        change_of(&arena, &(struct new_change){.replica = 50, .edits = edit, .edit_count = 1}, seq);
    if (!merge_edit(record, &change, 0, &stamp, &none, &arena, &error))
        fail_msg("%s", error.text);
}

static bool is_deleted(const Hopnhat__Record *record)
{
    bool deleted;
    assert_true(fold_deleted(thing, record, &arena, &deleted, NULL, &error));
    return deleted;
}

static void an_edit_after_a_deletion_restores(void **state)
{
    (void)state;
    struct new_edit edit;
    Hopnhat__Record *record = record_of(&arena, THING, two_names, LENGTH(two_names));
    assert_true(edit_make_deletion(record, &arena, &edit, &error));
    assert_int_equal(edit.op_count, 1);
    assert_int_equal(edit.ops[0].superseded.count, 0);
    merge_into(record, &edit, 1);
    assert_true(is_deleted(record));
    assert_int_equal(record_field(record, NAME)->n_entries, 2);
    edit = make_one(record, LEADER, ASSIGN_SET, "x");
    expect(&edit, "17=x;3-<50.1;");
    merge_into(record, &edit, 2);
    assert_false(is_deleted(record));
    assert_int_equal(record_field(record, DELETED)->n_entries, 0);
    assert_true(edit_make_deletion(record, &arena, &edit, &error));
    merge_into(record, &edit, 3);
    assert_true(edit_make_deletion(record, &arena, &edit, &error));
    assert_int_equal(edit.ops[0].superseded.count, 1); /* deleted again: in the place of the first */
    merge_into(record, &edit, 4);
    assert_true(is_deleted(record));
    edit = make_one(record, LEADER, ASSIGN_SET, "x"); /* as it was: it is to be there again */
    expect(&edit, "3-<50.4;");
    merge_into(record, &edit, 5);
    assert_false(is_deleted(record));
    edit = make(record, NULL, 0);
    assert_int_equal(edit.op_count, 0);
}

static void a_deletion_that_was_not_shown_is_not_superseded(void **state)
{
    (void)state;
    struct new_edit edit;
    Hopnhat__Record *record = record_of(&arena, THING, two_names, LENGTH(two_names));
    assert_true(edit_make_deletion(record, &arena, &edit, &error));
    merge_into(record, &edit, 20);
    const struct shown before = {.rev = 10};
    expect_one(record_as_shown(record, &before, &arena), NAME, ASSIGN_SET, "c", "16=c<1.2,3.4;");
}

static void a_deletion_that_was_overruled_is_settled_by_any_write(void **state)
{
    (void)state;
    struct new_edit edit;
    Hopnhat__Record *record = record_of(&arena, THING, two_names, LENGTH(two_names));
    assert_true(edit_make_deletion(record, &arena, &edit, &error));
    merge_into(record, &edit, 20);
    put_row(&arena, record, &(struct row){LEADER, 8, 1, 9, "unseen", 0, 3});
    assert_false(is_deleted(record));
    expect_one(record, LEADER, ASSIGN_SET, "unseen", "");
    expect_one(record, LEADER, ASSIGN_SET, "new", "17=new<8.1;3-<50.20;");
}

static void set_randomly(Hopnhat__Record *record, struct dice *dice, uint64_t seq)
{
    static const uint32_t fields[] = {NAME, TAGS, COUNT, AMOUNT, CURRENCY, TOP};
    static const char *const values[] = {"1", "2", "3", NULL};
    struct assignment list[LENGTH(fields)];
    size_t count = 0;
    for (size_t i = 0; i < LENGTH(fields); i++)
        if (dice_percent(dice, 50))
            list[count++] = assign(fields[i], ASSIGN_SET, values[dice_below(dice, LENGTH(values))]);
    struct new_edit edit = make(record, list, count);
    if (edit.op_count)
        merge_into(record, &edit, seq);
    for (size_t i = 0; i < count; i++) {
        struct reading reading;
        assert_true(fold_field(thing, record, list[i].definition, &arena, &reading, &error));
        assert_false(reading.open);
        if (list[i].count)
            assert_true(bytes_equal(reading.values[0], list[i].values[0]));
        else if (list[i].definition->number == COUNT)
            assert_true(reading.count == 0 || bytes_equal(reading.values[0], text("0")));
        else
            assert_int_equal(reading.count, 0);
    }
    edit = make(record, list, count); /* and once more there is nothing to do */
    assert_int_equal(edit.op_count, 0);
}

/* What was set is what is read, whatever stood there, and a second time changes nothing. */
static void what_is_set_is_read(void **state)
{
    (void)state;
    struct dice dice = {51};
    for (int round = 0; round < 300; round++) {
        const struct row rows[] = {{NAME, 1, 2, 1, "a", 0, 5},   {NAME, 3, 4, 2, "b", 0, 9},
                                   {TOP, 1, 2, 1, "90", 0, 5},   {TAGS, 1, 2, 1, "2", 0, 5},
                                   {TAGS, 2, 2, 1, "2", 0, 5},   {COUNT, 1, 2, 1, "7", 0, 5},
                                   {AMOUNT, 1, 2, 1, "2", 0, 5}, {CURRENCY, 2, 2, 1, "2", 0, 5}};
        Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
        for (uint64_t seq = 1; seq <= 10; seq++)
            set_randomly(record, &dice, seq);
        arena_reset(&arena);
    }
}

static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, THING, two_names, LENGTH(two_names));
    put_row(&arena, record, &(struct row){TAGS, 1, 1, 1, "x", 0, 1});
    const struct assignment list[] = {assign(NAME, ASSIGN_SET, "c"), assign(TAGS, ASSIGN_SET, "y"),
                                      assign(COUNT, ASSIGN_SET, "3"), assign(AMOUNT, ASSIGN_SET, "3")};
    bool done = false;
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        struct new_edit edit;
        const struct shown all = {.rev = UINT64_MAX};
        arena_init(&small, limit);
        Hopnhat__Record *shown = record_as_shown(record, &all, &small);
        done = shown && edit_make(thing, shown, list, LENGTH(list), &small, &edit, &error);
        if (shown && !done)
            assert_int_equal(error.code, ERROR_MEMORY);
        if (done)
            assert_int_equal(edit.op_count, 6);
        arena_release(&small);
    }
    done = false;
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        struct new_edit edit;
        arena_init(&small, limit);
        done = edit_make_deletion(record, &small, &edit, &error);
        if (!done)
            assert_int_equal(error.code, ERROR_MEMORY);
        arena_release(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_supersedes_what_was_shown_and_no_more),
        cmocka_unit_test(what_changes_nothing_is_left_out),
        cmocka_unit_test(registers_are_set_and_cleared),
        cmocka_unit_test(sets_are_added_to_and_removed_from),
        cmocka_unit_test(threads_are_added_to_and_emptied),
        cmocka_unit_test(counters_carry_increments),
        cmocka_unit_test(a_counter_that_was_added_to_is_not_set_from_an_old_form),
        cmocka_unit_test(units_are_written_together),
        cmocka_unit_test(a_unit_written_apart_is_whole_once_it_is_altered),
        cmocka_unit_test(a_field_given_twice_is_refused),
        cmocka_unit_test(a_set_may_be_given_many_members),
        cmocka_unit_test(a_full_bag_is_cleared_in_little_memory),
        cmocka_unit_test(a_unit_whose_others_are_retired_is_one_field),
        cmocka_unit_test(an_edit_after_a_deletion_restores),
        cmocka_unit_test(a_deletion_that_was_not_shown_is_not_superseded),
        cmocka_unit_test(a_deletion_that_was_overruled_is_settled_by_any_write),
        cmocka_unit_test(what_is_set_is_read),
        cmocka_unit_test(memory_that_ends_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
