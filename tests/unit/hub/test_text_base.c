/* What two texts come from, by logs that are written here row by row: clocks that were wrong, rows that are
 * not what they were, memory that ends. */
#include "hub/text_base.h"

#include "base/limits.h"
#include "hub/state.h"
#include "model/change.h"
#include "store/key.h"
#include "store/rows.h"

#include "unit/lib/model.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

enum { A = 1, B = 2, C = 3 };

static struct arena arena;
static struct environment *environment;
static struct transaction transaction;
static struct error error;
static char directory[64];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TEST_ARENA_BYTES);
    snprintf(directory, sizeof directory, "/tmp/hopnhat-base-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    environment = environment_open(directory, hub_databases, HUB_DATABASES, 1 << 26, &error);
    return environment && transaction_begin(&transaction, environment, true, &error) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    transaction_abort(&transaction);
    environment_close(environment);
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_release(&arena);
    return 0;
}

static struct entry_id id_of(uint64_t replica, uint64_t seq)
{
    return (struct entry_id){{replica, seq}, 0};
}

static void put_logged(struct entry_id id, uint64_t time, struct bytes stored)
{
    static uint8_t link[LINK_BYTES];
    Hopnhat__LogRow row = HOPNHAT__LOG_ROW__INIT;
    struct key key;
    row.link = (ProtobufCBinaryData){sizeof link, link};
    row.has_admitted = true;
    row.admitted = time;
    row.logged = (ProtobufCBinaryData){stored.size, (uint8_t *)(uintptr_t)stored.data};
    key_dot(&key, id.dot.replica, id.dot.seq);
    row_put(&transaction, HUB_LOG, key_bytes(&key), &row.base);
}

static struct bytes packed(uint64_t replica, struct new_edit *edits, size_t count)
{
    struct bytes stored;
    const struct new_change made = {.replica = replica, .edits = edits, .edit_count = count};
    if (!change_pack(&made, &arena, &stored, &error))
        fail_msg("%s", error.text);
    return stored;
}

/* The entry was put over these at that time. */
static struct entry_id put(uint64_t replica, uint64_t seq, uint64_t time, const char *value,
                           const struct entry_id *over, size_t count)
{
    struct new_op op = {
        .field = STORY, .value = text(value), .superseded = {(struct entry_id *)(uintptr_t)over, count}};
    struct new_edit edit = {.type = THING, .record = {1}, .ops = &op, .op_count = 1};
    put_logged(id_of(replica, seq), time, packed(replica, &edit, 1));
    return id_of(replica, seq);
}

static Hopnhat__Entry entry_of(struct entry_id id, bool merged)
{
    Hopnhat__Entry entry = HOPNHAT__ENTRY__INIT;
    entry.replica = id.dot.replica;
    entry.seq = id.dot.seq;
    entry.has_index = true;
    entry.index = id.index;
    entry.has_merged = entry.merged = merged;
    return entry;
}

static struct text_base find(struct entry_id left, struct entry_id right)
{
    const Hopnhat__Entry one = entry_of(left, false), other = entry_of(right, false);
    struct text_base base;
    if (!text_base_find(&transaction, &one, &other, &arena, &base, &error))
        fail_msg("%s", error.text);
    return base;
}

/* NULL: none is found. */
static void expect(struct entry_id left, struct entry_id right, const char *expected)
{
    for (unsigned turn = 0; turn < 2; turn++) {
        struct text_base base = turn ? find(right, left) : find(left, right);
        assert_int_equal(base.found, expected ? TEXT_BASE_COMMON : TEXT_BASE_NONE);
        if (expected)
            assert_true(bytes_equal(base.text, text(expected)));
    }
}

static void one_way_may_lead_there_twice(void **state)
{
    (void)state;
    struct entry_id base = put(A, 1, 1, "base", NULL, 0);
    struct entry_id steps[] = {put(B, 1, 2, "x", &base, 1), put(C, 1, 3, "y", &base, 1)};
    expect(put(B, 2, 5, "left", steps, 2), put(A, 2, 4, "right", &base, 1), "base");
}

/* The base was admitted under a later time than what was put over it. */
static void a_clock_that_was_wrong_hides_no_base(void **state)
{
    (void)state;
    struct entry_id base = put(A, 1, 100, "base", NULL, 0);
    expect(put(B, 1, 10, "left", &base, 1), put(C, 1, 5, "right", &base, 1), "base");
}

static void texts_of_one_time_go_by_name(void **state)
{
    (void)state;
    struct entry_id bases[] = {put(A, 1, 1, "first", NULL, 0), put(A, 2, 1, "second", NULL, 0)};
    expect(put(B, 1, 2, "left", bases, 2), put(C, 1, 2, "right", bases, 2), "second");
}

static void one_of_the_two_is_no_base(void **state)
{
    (void)state;
    struct entry_id base = put(A, 1, 1, "base", NULL, 0), left = put(B, 1, 2, "left", &base, 1);
    expect(left, put(C, 1, 3, "right", &left, 1), NULL);
}

static void texts_of_nothing_have_no_base(void **state)
{
    (void)state;
    expect(put(A, 1, 1, "left", NULL, 0), put(B, 1, 2, "right", NULL, 0), NULL);
}

static void what_the_log_does_not_say_is_no_base(void **state)
{
    (void)state;
    struct entry_id base = put(A, 1, 1, "base", NULL, 0), right = put(C, 1, 2, "right", &base, 1);
    struct entry_id missing[] = {id_of(A, 7), base}, spoiled = id_of(A, 2), no_op = {{A, 1}, 3};
    expect(put(B, 1, 3, "left", missing, 2), right, NULL);
    expect(id_of(B, 99), right, NULL);
    put_logged(spoiled, 1, text("no change"));
    expect(put(B, 2, 3, "left", &spoiled, 1), right, NULL);
    expect(put(B, 3, 3, "left", &no_op, 1), right, NULL);
    assert_false(transaction.failed);
}

/* Two edits of three operations, two of whose values are gone. */
static void an_erased_text_is_no_base(void **state)
{
    (void)state;
    static const bool takes[] = {false, true, true};
    struct new_op first[] = {{.field = STORY, .value = text("first")},
                             {.field = NAME, .value = text("second")}},
                  third = {.field = STORY, .value = text("third")};
    struct new_edit edits[] = {{.type = THING, .record = {1}, .ops = first, .op_count = 2},
                               {.type = THING, .record = {2}, .ops = &third, .op_count = 1}};
    struct bytes stored = packed(A, edits, 2), erased;
    struct change change;
    struct entry_id at = id_of(A, 1);
    static const char *const values[] = {"first", "second", "third"};
    for (unsigned gone = 0; gone < 2; gone++)
        for (uint32_t index = 0; index < LENGTH(values); index++) {
            put_logged(at, 1, stored);
            at.index = index;
            struct entry_id left = put(B, 1, 2, "left", &at, 1), right = put(C, 1, 2, "right", &at, 1);
            if (gone) {
                assert_true(change_unpack(&change, at.dot, stored, &arena, &error));
                assert_true(change_erase(&change, takes, &arena, &erased, &error));
                put_logged(at, 1, erased);
            }
            expect(left, right, gone && takes[index] ? NULL : values[index]);
        }
}

static void who_saw_all_that_was_merged_has_decided(void **state)
{
    (void)state;
    struct entry_id base = put(A, 1, 1, "base", NULL, 0);
    struct entry_id both[] = {put(B, 1, 2, "x", &base, 1), put(C, 1, 3, "y", &base, 1)};
    struct entry_id made = put(A, 2, 4, "xy", both, 2), all = put(B, 2, 5, "saw both", both, 2),
                    some = put(B, 3, 6, "saw one", both, 1);
    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned by_hub = 0; by_hub < 2; by_hub++)
            for (unsigned saw_all = 0; saw_all < 2; saw_all++) {
                const Hopnhat__Entry merged = entry_of(made, true),
                                     other = entry_of(saw_all ? all : some, by_hub);
                struct text_base found;
                assert_true(text_base_find(&transaction, turn ? &other : &merged, turn ? &merged : &other,
                                           &arena, &found, &error));
                assert_int_equal(found.found, saw_all && !by_hub ? TEXT_BASE_DECIDED : TEXT_BASE_COMMON);
                assert_ptr_equal(found.decision, saw_all && !by_hub ? &other : NULL);
            }
}

/* The merged text was admitted under an earlier time than what it was made of. */
static void a_clock_that_was_wrong_hides_no_decision(void **state)
{
    (void)state;
    struct entry_id base = put(A, 1, 50, "base", NULL, 0);
    struct entry_id steps[] = {base, put(B, 1, 60, "x", &base, 1)};
    struct entry_id made = put(A, 2, 10, "merged", &steps[1], 1), other = put(C, 1, 70, "other", steps, 2);
    const Hopnhat__Entry merged = entry_of(made, true), one = entry_of(other, false);
    struct text_base found;
    assert_true(text_base_find(&transaction, &merged, &one, &arena, &found, &error));
    assert_int_equal(found.found, TEXT_BASE_DECIDED);
}

/* With room for ever more of it: it is told each time, until it succeeds. */
static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    struct entry_id base = put(A, 1, 1, "base", NULL, 0), left = put(B, 1, 2, "left", &base, 1),
                    right = put(C, 1, 3, "right", &base, 1);
    const Hopnhat__Entry one = entry_of(left, false), other = entry_of(right, false);
    bool done = false;
    assert_true(transaction_commit(&transaction, &error));
    for (size_t limit = 0; !done; limit += 16) {
        struct arena small;
        struct text_base found;
        arena_init(&small, limit);
        assert_true(transaction_begin(&transaction, environment, false, &error));
        done = text_base_find(&transaction, &one, &other, &small, &found, &error);
        if (!done)
            assert_int_equal(error.code, ERROR_MEMORY);
        else
            assert_int_equal(found.found, TEXT_BASE_COMMON);
        transaction_abort(&transaction);
        arena_release(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_way_may_lead_there_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_was_wrong_hides_no_base, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_of_one_time_go_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(one_of_the_two_is_no_base, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_of_nothing_have_no_base, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_log_does_not_say_is_no_base, setup, teardown),
        cmocka_unit_test_setup_teardown(an_erased_text_is_no_base, setup, teardown),
        cmocka_unit_test_setup_teardown(who_saw_all_that_was_merged_has_decided, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_was_wrong_hides_no_decision, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_that_ends_is_told_as_that, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
