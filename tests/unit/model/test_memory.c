/* The merge, the folds and the codecs where memory runs out: each is run with room for nothing, then for a
 * little more and more until it succeeds. Every failure is told as one, and takes nothing with it. */
#include "base/limits.h"
#include "model/brief.h"
#include "model/edit.h"
#include "model/erasure.h"
#include "model/fold.h"
#include "model/merge.h"
#include "unit/lib/model.h"

#include <stdio.h>

enum { STEP_BYTES = 16, MOST_BYTES = 1 << 22 };

/* What is made before, with all the memory it needs. */
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

typedef bool operation(const void *input, struct arena *scarce, struct error *error);

/* Runs it with ever more memory; returns how often it failed before. */
static unsigned starve(operation *run, const void *input)
{
    unsigned failed = 0;
    for (size_t bytes = 0; bytes < MOST_BYTES; bytes += STEP_BYTES) {
        struct arena scarce;
        struct error error = {0};
        arena_init(&scarce, bytes);
        bool done = run(input, &scarce, &error);
        arena_release(&scarce);
        if (done)
            return failed;
        failed++;
        if (error.code != ERROR_MEMORY && error.code != ERROR_LIMIT && error.code != ERROR_CORRUPT)
            fail_msg("%zu bytes: %s", bytes, error.text);
    }
    fail_msg("it never succeeds");
    return 0;
}

static const struct row full_rows[] = {
    {NAME, 1, 2, 1, "a", 0, 5},    {NAME, 3, 4, 2, "b", 0, 9},      {LEADER, 1, 3, 1, "l", 2, 5},
    {LEADER, 2, 3, 1, "m", 1, 5},  {TOP, 1, 4, 1, "1.5", 0, 5},     {TOP, 2, 4, 1, "2", 0, 5},
    {BOTTOM, 1, 5, 1, "1", 0, 5},  {BOTTOM, 2, 5, 1, "2", 0, 5},    {COUNT, 1, 6, 1, "1", 0, 5},
    {COUNT, 2, 6, 1, "2", 0, 5},   {TAGS, 1, 7, 1, "x", 0, 5},      {TAGS, 2, 7, 1, "y", 0, 5},
    {POSTS, 1, 8, 1, "p", 0, 5},   {POSTS, 2, 8, 2, "q", 0, 5},     {STORY, 1, 9, 1, "s", 0, 5},
    {STORY, 2, 9, 2, "t", 0, 5},   {STATE, 1, 10, 1, "u", 0, 5},    {STATE, 2, 10, 2, "v", 0, 5},
    {AMOUNT, 1, 11, 1, "5", 0, 5}, {CURRENCY, 2, 11, 1, "$", 0, 5}, {SEAT, 1, 12, 1, "h", 0, 5},
    {REGION, 1, 12, 1, "r", 0, 5}, {HEAD, 1, 13, 1, "i", 1, 5},     {HEAD_OFFICE, 1, 13, 1, "o", 1, 5},
};

static bool make_and_copy(const void *input, struct arena *scarce, struct error *error)
{
    const Hopnhat__Record *record = input;
    error->code = ERROR_MEMORY; /* these say it by NULL */
    Hopnhat__Record *copy = record_copy(scarce, record), *made = record_new(scarce, THING, TEST_ID);
    struct shown shown = {.rev = 6};
    Hopnhat__Field *field = made ? record_field_make(scarce, made, NAME) : NULL;
    return copy && field && record_field_replace(scarce, made, record->fields[1]) &&
           record_as_shown(record, &shown, scarce);
}

static void records(void **state)
{
    (void)state;
    assert_true(starve(make_and_copy, record_of(&arena, THING, full_rows, LENGTH(full_rows))) > 3);
}

static bool read_all(const void *input, struct arena *scarce, struct error *error)
{
    const Hopnhat__Record *record = input;
    const Hopnhat__TypeDefinition *definition = type_definition(thing);
    struct reading reading;
    bool deleted, altered;
    for (size_t i = 0; i < definition->n_fields; i++)
        if (!fold_field(thing, record, definition->fields[i], scarce, &reading, error))
            return false;
    return fold_deleted(thing, record, scarce, &deleted, &altered, error);
}

static bool pack_tombstone(const void *input, struct arena *scarce, struct error *error)
{
    struct bytes value;
    struct new_edit edit;
    return tombstone_pack(input, scarce, &value, error) && edit_make_deletion(input, scarce, &edit, error);
}

/* The record with a tombstone over all that it holds. */
static Hopnhat__Record *deleted_record(void)
{
    struct error error;
    struct bytes value;
    Hopnhat__Record *record = record_of(&arena, THING, full_rows, LENGTH(full_rows));
    assert_true(tombstone_pack(record, &arena, &value, &error));
    struct row row = {HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED, 4, 1, 9, "", 0, 9};
    Hopnhat__Entry *entry = put_row(&arena, record, &row);
    entry->value = (ProtobufCBinaryData){value.size, (uint8_t *)(uintptr_t)value.data};
    return record;
}

static void folds(void **state)
{
    (void)state;
    Hopnhat__Record *record = record_of(&arena, THING, full_rows, LENGTH(full_rows));
    assert_true(starve(read_all, record) > 3);
    assert_true(starve(read_all, deleted_record()) > 3);
    assert_true(starve(pack_tombstone, record) > 3);
}

struct wish {
    const Hopnhat__Record *shown;
    struct assignment assignments[8];
    size_t count;
};

static bool make_edit(const void *input, struct arena *scarce, struct error *error)
{
    const struct wish *wish = input;
    struct new_edit edit;
    return edit_make(thing, wish->shown, wish->assignments, wish->count, scarce, &edit, error);
}

static void edits(void **state)
{
    (void)state;
    struct bytes two[] = {text("8"), text("9")};
    struct wish wish = {
        .shown = record_of(&arena, THING, full_rows, LENGTH(full_rows)),
        .assignments = {{type_field(thing, NAME), ASSIGN_SET, two, 1},
                        {type_field(thing, AMOUNT), ASSIGN_SET, two, 1},
                        {type_field(thing, COUNT), ASSIGN_SET, two, 1},
                        {type_field(thing, TOTAL), ASSIGN_ADD, two, 1},
                        {type_field(thing, TAGS), ASSIGN_SET, two, 2},
                        {type_field(thing, POSTS), ASSIGN_ADD, two, 1},
                        {type_field(thing, SEAT), ASSIGN_SET, two, 1}},
        .count = 7,
    };
    assert_true(starve(make_edit, &wish) > 10);
    wish.assignments[4].kind = ASSIGN_ADD;
    wish.assignments[2].kind = ASSIGN_REMOVE;
    wish.shown = deleted_record();
    assert_true(starve(make_edit, &wish) > 10);
    two[0] = text("x");
    wish.assignments[0] = (struct assignment){type_field(thing, TAGS), ASSIGN_REMOVE, two, 1};
    wish.count = 1;
    assert_true(starve(make_edit, &wish) > 1);
    struct bytes many[18], empty = text("");
    char letters[] = "abcdefghijklmnopqr";
    for (size_t i = 0; i < LENGTH(many); i++)
        many[i] = bytes_of(letters + i, 1);
    many[17] = empty;
    for (size_t count = 12; count <= LENGTH(many); count++) { /* the list of ops grows at each kind of op */
        wish.assignments[0] = (struct assignment){type_field(thing, TAGS), ASSIGN_SET, many, count};
        wish.count = 1;
        assert_true(starve(make_edit, &wish) > 10);
    }
    wish.assignments[0] = (struct assignment){type_field(thing, TOTAL), ASSIGN_ADD, two + 1, 1};
    assert_true(starve(make_edit, &wish) > 3);
    wish.count = 0; /* nothing but its return */
    assert_true(starve(make_edit, &wish) < 4);
}

static struct new_change full_change(struct new_op *ops, size_t count)
{
    struct new_edit *edits_ = arena_alloc(&arena, sizeof *edits_);
    *edits_ = (struct new_edit){.type = THING, .ops = ops, .op_count = count, .note = "settled"};
    memcpy(edits_->record, TEST_ID, sizeof edits_->record);
    return (struct new_change){
        .replica = 9, .time = 1, .author = "somebody", .edits = edits_, .edit_count = 1, .seed = {1}};
}

static bool pack(const void *input, struct arena *scarce, struct error *error)
{
    struct bytes stored;
    return change_pack(input, scarce, &stored, error);
}

static bool unpack(const void *input, struct arena *scarce, struct error *error)
{
    struct change change;
    return change_unpack(&change, (struct dot){9, 5}, *(const struct bytes *)input, scarce, error);
}

static bool answer_seen(void *context, struct entry_id id)
{
    (void)context;
    return id.dot.seq != 77;
}

/* What has a seq of 90 or more was refused; what it superseded were its five predecessors, or in the end the
 * entry that is in the bag. */
static bool answer_refused(void *context, struct entry_id id, struct arena *scarce,
                           struct entry_list *superseded)
{
    (void)context;
    if (id.dot.seq < 90)
        return false;
    superseded->ids = arena_alloc(scarce, 5 * sizeof *superseded->ids);
    superseded->count = superseded->ids ? 5 : 0;
    for (uint32_t i = 0; i < superseded->count; i++)
        superseded->ids[i] = (struct entry_id){{1, id.dot.seq == 90 ? 2 : id.dot.seq - 1}, i};
    return true;
}

struct merging {
    const struct change *change;
    bool refused;
};

static bool merge(const void *input, struct arena *scarce, struct error *error)
{
    const struct merging *merging = input;
    const struct merge_source source = {.seen = answer_seen, .refused = answer_refused};
    const struct merge_stamp stamp = {.time = 1, .rank = 1, .rev = 3};
    struct arena plenty;
    arena_init(&plenty, TEST_ARENA_BYTES);
    Hopnhat__Record *record = record_of(&plenty, THING, full_rows, LENGTH(full_rows));
    bool done, altered = false;
    if (merging->refused)
        done = absent_put(scarce, record_field(record, NAME), (struct entry_id){{9, 5}, 0}, error) &&
               merge_refused_edit(record, merging->change, 0, 4, &source, scarce, &altered, error) && altered;
    else
        done = merge_edit(record, merging->change, 0, &stamp, &source, scarce, error);
    arena_release(&plenty);
    return done;
}

static void changes(void **state)
{
    (void)state;
    struct error error;
    struct entry_id seen[] = {{{1, 2}, 0}, {{1, 77}, 0}, {{1, 99}, 0}, {{3, 4}, 0}};
    struct new_op ops[] = {
        {.field = NAME, .value = text("new"), .superseded = {seen, 4}},
        {.field = TAGS, .kind = HOPNHAT__OP_KIND__DROP, .superseded = {seen, 2}},
        {.field = COUNT, .kind = HOPNHAT__OP_KIND__ADD, .value = text("3")},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = text("everyone")},
    };
    struct new_change made = full_change(ops, LENGTH(ops));
    struct bytes stored;
    assert_true(starve(pack, &made) > 3);
    assert_true(change_pack(&made, &arena, &stored, &error));
    assert_true(starve(unpack, &stored) > 3);
    struct change change = change_of(&arena, &made, 5);
    struct merging merging = {&change, false};
    assert_true(starve(merge, &merging) > 3);
    merging.refused = true;
    assert_true(starve(merge, &merging) > 3);
}

static bool erase(const void *input, struct arena *scarce, struct error *error)
{
    static const bool takes[] = {true, false, true, false, true};
    struct bytes stored;
    return change_erase(input, takes, scarce, &stored, error);
}

struct naming {
    const Hopnhat__Record *erasure;
    struct new_edit edit;
};

static bool name_erasures(const void *input, struct arena *scarce, struct error *error)
{
    const struct naming *naming = input;
    struct new_edit edit = naming->edit;
    return erasure_name(naming->erasure, &edit, scarce, error);
}

static void erasures(void **state)
{
    (void)state;
    const struct row rows[] = {{ERASURE_FIELDS, 1, 2, 1, "16", 0, 5}, {ERASURE_FIELDS, 1, 3, 1, "17", 0, 5}};
    struct new_op ops[5];
    for (uint32_t i = 0; i < LENGTH(ops); i++)
        ops[i] = (struct new_op){.field = NAME + i, .value = text("x")};
    struct change change = change_of_ops(&arena, 9, 5, THING, ops, LENGTH(ops));
    assert_true(starve(erase, &change) > 5);
    struct naming naming = {record_of(&arena, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, rows, LENGTH(rows)),
                            {.type = THING, .ops = ops, .op_count = LENGTH(ops)}};
    assert_true(starve(name_erasures, &naming) > 3);
}

struct shortening {
    struct change change;
    struct bytes stored;
    Hopnhat__Change before;
    const Hopnhat__BriefChange *brief; /* NULL: it is to be made */
};

static bool shorten(const void *input, struct arena *scarce, struct error *error)
{
    const struct shortening *it = input;
    const struct brief brief = {it->brief, it->change.dot, &it->before, THING, TEST_ID, NULL};
    struct bytes stored;
    if (it->brief)
        return brief_expand(&brief, scarce, &stored, error);
    error->code = ERROR_MEMORY; /* it says it by NULL, and the change is sent whole */
    return brief_make(&it->change, it->stored, &it->before, NULL, scarce) != NULL;
}

static void brief_forms(void **state)
{
    (void)state;
    struct error error;
    struct entry_id seen = {{1, 2}, 0};
    struct new_op op = {.field = NAME, .value = text("new"), .superseded = {&seen, 1}};
    struct new_change made = full_change(&op, 1);
    struct shortening it = {.before = HOPNHAT__CHANGE__INIT};
    struct new_edit edit = made.edits[0];
    edit.note = NULL; /* a note is in no brief form */
    made.edits = &edit;
    assert_true(change_pack(&made, &arena, &it.stored, &error));
    it.change = change_of(&arena, &made, 5);
    assert_true(starve(shorten, &it) > 3);
    it.brief = brief_make(&it.change, it.stored, &it.before, NULL, &arena);
    assert_true(starve(shorten, &it) > 3);
}

static bool refused_without_end(void *context, struct entry_id id, struct arena *scarce,
                                struct entry_list *superseded)
{
    (void)context;
    (void)id;
    (void)scarce;
    static struct entry_id ids[LIMIT_ENTRIES_PER_FIELD + LIMIT_ABSENT_PER_FIELD];
    for (size_t i = 0; i < LENGTH(ids); i++)
        ids[i] = (struct entry_id){{5, i + 2}, 0};
    *superseded = (struct entry_list){ids, LENGTH(ids)};
    return true;
}

/* What a refused operation says that it superseded is its author's word: it is bounded. */
static void refusals_do_not_expand_without_bound(void **state)
{
    (void)state;
    struct error error = {0};
    const struct merge_source source = {.seen = answer_seen, .refused = refused_without_end};
    const struct merge_stamp stamp = {.time = 1};
    struct entry_id first = {{5, 1}, 0};
    struct new_op op = {.field = NAME, .value = text("x"), .superseded = {&first, 1}};
    struct change change = change_of_ops(&arena, 9, 5, THING, &op, 1);
    Hopnhat__Record *record = record_new(&arena, THING, TEST_ID);
    assert_false(merge_edit(record, &change, 0, &stamp, &source, &arena, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    /* a refused change lets go of what would pass the bound */
    bool altered;
    record = record_new(&arena, THING, TEST_ID);
    assert_true(
        absent_put(&arena, record_field_make(&arena, record, NAME), (struct entry_id){{9, 5}, 0}, &error));
    assert_true(merge_refused_edit(record, &change, 0, 7, &source, &arena, &altered, &error));
    assert_true(altered);
}

static void a_total_has_a_bound(void **state)
{
    (void)state;
    struct error error = {0};
    const char most[] = "999999999999999999999999999";
    const struct merge_source source = {0};
    const struct merge_stamp stamp = {.time = 1};
    const struct row rows[] = {{TOTAL, 9, 1, 1, most, 0, 5}, {TOTAL, 8, 1, 1, most, 0, 5}};
    struct new_op op = {.field = TOTAL, .kind = HOPNHAT__OP_KIND__ADD, .value = text(most)};
    struct change change = change_of_ops(&arena, 9, 5, THING, &op, 1);
    assert_false(merge_edit(record_of(&arena, THING, rows, 1), &change, 0, &stamp, &source, &arena, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    struct reading reading;
    assert_false(fold_field(thing, record_of(&arena, THING, rows, 2), type_field(thing, TOTAL), &arena,
                            &reading, &error));
    struct bytes wanted = text("-999999999999999999999999999");
    struct wish wish = {.shown = record_of(&arena, THING, rows, 1),
                        .assignments = {{type_field(thing, TOTAL), ASSIGN_SET, &wanted, 1}},
                        .count = 1};
    assert_false(make_edit(&wish, &arena, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(folds),
        cmocka_unit_test(edits),
        cmocka_unit_test(changes),
        cmocka_unit_test(erasures),
        cmocka_unit_test(brief_forms),
        cmocka_unit_test(refusals_do_not_expand_without_bound),
        cmocka_unit_test(a_total_has_a_bound),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
