/* Erased values: who had been told keeps what he wrote, and the chain does not notice. */
#include "../lib/model.h"
#include "../lib/test_arena.h"

#include "model/erasure.h"
#include "model/merge.h"

#include <stdio.h>

static struct error error;

enum { HQ = 9, OWN = 1 };

static Hopnhat__Record *erasure_of(const char *fields, uint64_t rev)
{
    char target[ERASURE_TARGET_TEXT_BYTES];
    Hopnhat__Record *erasure;
    uint8_t id[RECORD_ID_BYTES];
    erasure_target_text(THING, TEST_ID, target);
    erasure_record_id(THING, TEST_ID, id);
    erasure = record_new(&arena, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, id);
    assert_non_null(erasure);
    put_row(&arena, erasure,
            &(struct row){.field = ERASURE_FIELDS, .replica = HQ, .seq = 3, .value = fields, .rev = rev});
    put_row(&arena, erasure,
            &(struct row){.field = ERASURE_TARGET, .replica = HQ, .seq = 3, .value = target});
    return erasure;
}

static void the_target_is_found_again(void **state)
{
    (void)state;
    Hopnhat__Record *erasure = erasure_of("16", 1);
    uint8_t id[RECORD_ID_BYTES];
    uint32_t type;
    assert_true(erasure_target(erasure, &type, id));
    assert_int_equal(type, THING);
    assert_memory_equal(id, TEST_ID, sizeof id);
    erasure->id.data[0] ^= 1; /* the record of another's erasure */
    assert_false(erasure_target(erasure, &type, id));
    assert_false(erasure_target(record_new(&arena, 4, TEST_ID), &type, id));
}

/* The record that this text would be the target of, by its own id. */
static bool reads_target(const char *target, uint32_t type)
{
    uint8_t id[RECORD_ID_BYTES], read[RECORD_ID_BYTES];
    uint32_t read_type;
    erasure_record_id(type, TEST_ID, id);
    Hopnhat__Record *erasure = record_new(&arena, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, id);
    put_row(&arena, erasure,
            &(struct row){.field = ERASURE_TARGET, .replica = HQ, .seq = 3, .value = target});
    return erasure_target(erasure, &read_type, read) && read_type == type &&
           memcmp(read, TEST_ID, sizeof read) == 0;
}

static void a_target_that_cannot_be_is_none(void **state)
{
    (void)state;
    char good[ERASURE_TARGET_TEXT_BYTES], spoiled[ERASURE_TARGET_TEXT_BYTES + 1];
    erasure_target_text(THING, TEST_ID, good);
    assert_true(reads_target(good, THING));
    snprintf(spoiled, sizeof spoiled, "%s", good);
    *strchr(spoiled, '/') = '.';
    assert_false(reads_target(spoiled, THING));
    snprintf(spoiled, sizeof spoiled, "%s", good);
    *strchr(spoiled, '-') = '.';
    assert_false(reads_target(spoiled, THING));
    memset(spoiled, '1', ERASURE_TARGET_TEXT_BYTES);
    spoiled[ERASURE_TARGET_TEXT_BYTES] = '\0';
    assert_false(reads_target(spoiled, THING));
    assert_false(reads_target(NULL, THING));
    erasure_target_text(THING - 1, TEST_ID, good); /* built-in records are never erased from */
    assert_false(reads_target(good, THING - 1));
    Hopnhat__Record *erasure = erasure_of("16", 1);
    Hopnhat__Record *unnamed = record_new(&arena, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, erasure->id.data);
    assert_non_null(record_field_make(&arena, unnamed, ERASURE_TARGET)); /* all that stood there is gone */
    uint8_t id[RECORD_ID_BYTES];
    uint32_t type;
    assert_false(erasure_target(unnamed, &type, id));
}

/* What is gone without an erasure of its field was lost, or altered by somebody. */
static void only_erased_fields_explain_what_is_gone(void **state)
{
    (void)state;
    struct new_op ops[] = {{.field = NAME, .value = text("a")}, {.field = LEADER, .value = text("b")}};
    struct change change = change_of_ops(&arena, OWN, 1, THING, ops, LENGTH(ops));
    bool takes[] = {true, false};
    struct bytes stored;
    assert_true(erasure_explains(NULL, &change, 0));
    assert_true(change_erase(&change, takes, &arena, &stored, &error));
    assert_true(change_unpack(&change, (struct dot){OWN, 1}, stored, &arena, &error));
    assert_true(erasure_explains(erasure_of("16", 1), &change, 0));
    assert_false(erasure_explains(erasure_of("17", 1), &change, 0));
    assert_false(erasure_explains(NULL, &change, 0));
    assert_false(erasure_mark(erasure_of("16", 1), &change, 0, takes)); /* it is gone already */
    assert_false(erasure_mark(NULL, &change, 0, takes));
    assert_true(erasure_mark(erasure_of("17", 1), &change, 0, takes));
}

static void what_was_seen_stays_named(void **state)
{
    (void)state;
    struct entry_id seen[] = {{{OWN, 1}, 0}, {{HQ, 4}, 0}};
    struct new_op ops[] = {{.field = NAME, .value = text("a"), .superseded = {seen, 2}},
                           {.field = LEADER, .value = text("b"), .superseded = {seen, 1}},
                           {.field = NAME, .kind = HOPNHAT__OP_KIND__DROP, .superseded = {seen, 1}}};
    struct new_edit edit = {.type = THING, .ops = ops, .op_count = LENGTH(ops)};
    assert_true(erasure_name(NULL, &edit, &arena, &error));
    assert_ptr_equal(edit.ops, ops);
    struct change change = change_of_ops(&arena, OWN, 2, THING, ops, 1);
    assert_true(erasure_takes(erasure_of("16", 1), &change, change.body->edits[0]->ops[0]));
    assert_true(erasure_name(erasure_of("16", 1), &edit, &arena, &error));
    assert_int_equal(edit.ops[0].superseded.count, 3);
    assert_memory_equal(edit.ops[0].superseded.ids, seen, sizeof seen);
    assert_int_equal(entry_id_compare(edit.ops[0].superseded.ids[2], (struct entry_id){{HQ, 3}, 0}), 0);
    assert_int_equal(edit.ops[1].superseded.count, 1); /* not erased */
    assert_int_equal(edit.ops[2].superseded.count, 1); /* it writes nothing */
    change = change_of_ops(&arena, OWN, 2, THING, edit.ops, 1);
    assert_false(erasure_takes(erasure_of("16", 1), &change, change.body->edits[0]->ops[0]));
}

static void fields_are_covered_one_by_one_or_all(void **state)
{
    (void)state;
    assert_true(erasure_covers(erasure_of("16", 1), NAME));
    assert_false(erasure_covers(erasure_of("16", 1), LEADER));
    assert_true(erasure_covers(erasure_of("*", 1), LEADER));
    assert_false(erasure_covers(erasure_of("*", 1), HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP));
    assert_false(erasure_covers(NULL, NAME));
    assert_false(erasure_covers(record_new(&arena, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, TEST_ID), NAME));
}

static void its_entries_are_told_from_others(void **state)
{
    (void)state;
    const Hopnhat__Record *erasure = erasure_of("16", 1);
    struct entry_id id = entry_id_of(record_field(erasure, ERASURE_FIELDS)->entries[0]), other = id;
    other.dot.seq++;
    assert_true(erasure_has(erasure, id));
    assert_false(erasure_has(erasure, other));
    assert_false(erasure_has(NULL, id));
    assert_false(erasure_has(record_new(&arena, HOPNHAT__BUILT_IN_TYPE__TYPE_ERASURE, TEST_ID), id));
}

static void who_has_been_told_keeps_what_he_wrote(void **state)
{
    (void)state;
    Hopnhat__Record *erasure = erasure_of("*", 1);
    struct new_op ops[] = {
        {.field = NAME, .value = text("phone")},
        {.field = COUNT, .kind = HOPNHAT__OP_KIND__ADD, .value = text("3")},
        {.field = TAGS, .kind = HOPNHAT__OP_KIND__DROP},
    };
    struct new_edit edit = {.type = THING, .ops = ops, .op_count = LENGTH(ops)};
    bool takes[LENGTH(ops)];
    memcpy(edit.record, TEST_ID, sizeof edit.record);
    struct change before =
        change_of(&arena, &(struct new_change){.replica = OWN, .edits = &edit, .edit_count = 1}, 1);
    assert_true(erasure_mark(erasure, &before, 0, takes));
    assert_true(takes[0] && takes[1] && !takes[2]);
    assert_true(erasure_name(erasure, &edit, &arena, &error));
    struct change after =
        change_of(&arena, &(struct new_change){.replica = OWN, .edits = &edit, .edit_count = 1}, 1);
    assert_false(erasure_mark(erasure, &after, 0, takes));
    /* a second erasure takes it after all */
    put_row(&arena, erasure, &(struct row){.field = ERASURE_FIELDS, .replica = HQ, .seq = 8, .value = "16"});
    assert_true(erasure_mark(erasure, &after, 0, takes));
    assert_true(takes[0] && !takes[1]);
}

static void a_form_from_before_is_told(void **state)
{
    (void)state;
    struct new_op op = {.field = NAME, .value = text("phone")};
    const struct new_edit edit = {.type = THING, .ops = &op, .op_count = 1};
    assert_false(erasure_was_shown(erasure_of("16", 7), &edit, &(struct shown){.rev = 6}, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_true(erasure_was_shown(erasure_of("16", 7), &edit, &(struct shown){.rev = 7}, &error));
    assert_true(erasure_was_shown(erasure_of("17", 7), &edit, &(struct shown){.rev = 6}, &error));
}

/* In every combination of values, also in two steps: the link stays, the rest is as it was. */
static void erasing_leaves_the_link(void **state)
{
    (void)state;
    struct new_op ops[6];
    for (size_t i = 0; i < LENGTH(ops); i++)
        ops[i] = (struct new_op){.field = NAME + (uint32_t)i, .value = text("a value")};
    struct change change = change_of_ops(&arena, OWN, 1, THING, ops, LENGTH(ops));
    uint8_t start[LINK_BYTES], link[LINK_BYTES], again[LINK_BYTES];
    chain_start(OWN, start);
    assert_true(chain_next(start, change.logged, link, &error));
    for (unsigned set = 0; set < 1u << LENGTH(ops); set++) {
        struct change step = change;
        for (unsigned half = 0; half < 2; half++) {
            bool takes[LENGTH(ops)];
            struct bytes stored;
            for (size_t i = 0; i < LENGTH(ops); i++)
                takes[i] = (set >> i & 1) && i % 2 == half && !change_is_erased(&step, i);
            assert_true(change_erase(&step, takes, &arena, &stored, &error));
            assert_null(set == 63 && half ? memmem(stored.data, stored.size, "a value", 7) : NULL);
            assert_true(change_unpack(&step, (struct dot){OWN, 1}, stored, &arena, &error));
        }
        for (size_t i = 0; i < LENGTH(ops); i++) {
            assert_int_equal(change_is_erased(&step, i), set >> i & 1);
            assert_int_equal(change_value(&step, i).size, set >> i & 1 ? 0 : 7);
        }
        assert_true(chain_next(start, step.logged, again, &error));
        assert_memory_equal(again, link, LINK_BYTES);
    }
}

static void an_erased_op_puts_nothing_and_still_supersedes(void **state)
{
    (void)state;
    const struct row rows[] = {{.field = NAME, .replica = OWN, .seq = 1, .time = 1, .value = "old"},
                               {.field = COUNT, .replica = OWN, .seq = 1, .time = 1, .value = "5"}};
    struct entry_id old = {{OWN, 1}, 0};
    struct new_op ops[] = {
        {.field = NAME, .value = text("new"), .superseded = {&old, 1}},
        {.field = COUNT, .kind = HOPNHAT__OP_KIND__ADD, .value = text("3")},
    };
    struct change change = change_of_ops(&arena, OWN, 2, THING, ops, LENGTH(ops));
    Hopnhat__Record *record = record_of(&arena, THING, rows, LENGTH(rows));
    bool takes[] = {true, true};
    struct bytes stored;
    assert_true(change_erase(&change, takes, &arena, &stored, &error));
    assert_true(change_unpack(&change, (struct dot){OWN, 2}, stored, &arena, &error));
    assert_true(merge_edit(record, &change, 0, &(struct merge_stamp){.time = 2}, &(struct merge_source){0},
                           &arena, &error));
    assert_int_equal(record_field(record, NAME)->n_entries, 0);
    assert_true(bytes_equal(entry_value(record_field(record, COUNT)->entries[0]), text("5")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_target_is_found_again),
        cmocka_unit_test(a_target_that_cannot_be_is_none),
        cmocka_unit_test(only_erased_fields_explain_what_is_gone),
        cmocka_unit_test(what_was_seen_stays_named),
        cmocka_unit_test(fields_are_covered_one_by_one_or_all),
        cmocka_unit_test(its_entries_are_told_from_others),
        cmocka_unit_test(who_has_been_told_keeps_what_he_wrote),
        cmocka_unit_test(a_form_from_before_is_told),
        cmocka_unit_test(erasing_leaves_the_link),
        cmocka_unit_test(an_erased_op_puts_nothing_and_still_supersedes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
