/* The brief form of changes: it comes to the same bytes, or there is none. */
#include "model/brief.h"

#include "base/limits.h"
#include "unit/lib/model.h"
#include "unit/lib/test_arena.h"

static struct error error;

static const uint64_t OWN = UINT64_C(0x0123456789abcdef), OTHER = 5;
static const uint8_t KEY[SEED_KEY_BYTES] = {1, 2, 3};
static const struct dot DOT = {UINT64_C(0x0123456789abcdef), 41};

enum { TYPE = 16, BEFORE_MS = 1700000000 };

/* What a test alters, and what is made of it. */
struct made {
    struct new_op ops[2];
    struct new_edit edits[2];
    struct new_change change;
    struct entry_id seen[2];
    struct change unpacked;
    struct bytes stored;
};

/* A change of one field of a record, which supersedes an own entry and another's; its seed is the key's. */
static void begin(struct made *made, const char *author)
{
    *made = (struct made){.seen = {{{OWN, 12}, 1}, {{OTHER, 7}, 0}}};
    made->ops[0] =
        (struct new_op){.field = 17, .value = bytes_of_string("Đà Nẵng"), .superseded = {made->seen, 2}};
    made->ops[1] = (struct new_op){.field = 18, .value = bytes_of_string("5")};
    made->edits[0] = (struct new_edit){.type = TYPE, .record = {9, 9}, .ops = made->ops, .op_count = 1};
    made->edits[1] = (struct new_edit){.type = TYPE, .record = {8}, .ops = made->ops + 1, .op_count = 1};
    made->change = (struct new_change){.replica = OWN,
                                       .time = (uint64_t)(BEFORE_MS + 5000) << 16 | 3,
                                       .catalog_tag = 77,
                                       .author = author,
                                       .edits = made->edits,
                                       .edit_count = 1};
    brief_seed(KEY, DOT, made->change.seed);
}

static void finish(struct made *made)
{
    if (!change_pack(&made->change, &arena, &made->stored, &error) ||
        !change_unpack(&made->unpacked, DOT, made->stored, &arena, &error))
        fail_msg("%s", error.text);
}

static Hopnhat__Change before_by(const char *author)
{
    Hopnhat__Change before = HOPNHAT__CHANGE__INIT;
    before.time = (uint64_t)BEFORE_MS << 16 | 9;
    before.catalog = 77;
    before.author = (char *)(uintptr_t)author;
    return before;
}

/* Makes the brief form, sends it through its packed bytes and expands it with `key`: its size, or 0 where
 * there is none. */
static size_t sent(struct made *made, const char *author_before, const uint8_t *key)
{
    const Hopnhat__Change before = before_by(author_before);
    struct entry_id entry;
    struct bytes again;
    finish(made);
    const Hopnhat__BriefChange *brief = brief_make(&made->unpacked, made->stored, &before, key, &arena);
    if (!brief)
        return 0;
    size_t size = hopnhat__brief_change__get_packed_size(brief);
    uint8_t *packed = arena_alloc(&arena, size);
    hopnhat__brief_change__pack(brief, packed);
    brief = hopnhat__brief_change__unpack(&arena.protobuf, size, packed);
    assert_non_null(brief);
    assert_true(brief_names(brief, DOT, &entry));
    assert_int_equal(entry_id_compare(entry, made->ops[0].superseded.ids[0]), 0);
    const struct brief whole = {brief, DOT, &before, TYPE, made->edits[0].record, key};
    if (!brief_expand(&whole, &arena, &again, &error))
        fail_msg("%s", error.text);
    assert_true(bytes_equal(again, made->stored));
    return size;
}

static void comes_to_the_same_bytes(void **state)
{
    struct made made;
    (void)state;
    begin(&made, "lan");
    size_t size = sent(&made, "lan", KEY);
    assert_in_range(size, 1, 50);
    begin(&made, "lan");
    assert_int_equal(sent(&made, "mai", KEY), size + 5); /* another author */
    begin(&made, "lan");
    assert_int_equal(sent(&made, NULL, KEY), size + 5);
    begin(&made, "lan");
    made.change.seed[0] ^= 1; /* made before the session had a key */
    assert_int_equal(sent(&made, "lan", KEY), size + 2 + SEED_BYTES);
    begin(&made, "lan");
    assert_int_equal(sent(&made, "lan", NULL), size + 2 + SEED_BYTES);
    begin(&made, NULL);
    made.change.time = (uint64_t)(BEFORE_MS - 60000) << 16; /* the clock fell back; no counter, no author */
    made.edits[0].op_count = 2;
    assert_in_range(sent(&made, NULL, KEY), 1, 70);
}

static void what_differs_in_more_is_sent_whole(void **state)
{
    struct made made;
    (void)state;
    begin(&made, "lan");
    made.ops[0].superseded.count = 0; /* a new record: nothing tells which it is */
    assert_int_equal(sent(&made, "lan", KEY), 0);
    begin(&made, "lan");
    made.change.edit_count = 2;
    assert_int_equal(sent(&made, "lan", KEY), 0);
    begin(&made, "lan");
    made.edits[0].note = "why";
    assert_int_equal(sent(&made, "lan", KEY), 0);
    begin(&made, "lan");
    made.change.catalog_tag = 78;
    assert_int_equal(sent(&made, "lan", KEY), 0);
    begin(&made, NULL); /* nobody, after somebody */
    assert_int_equal(sent(&made, "lan", KEY), 0);
}

static void an_erased_value_has_no_brief_form(void **state)
{
    const Hopnhat__Change before = before_by("lan");
    const bool takes[] = {true};
    struct made made;
    struct bytes erased;
    struct change change;
    (void)state;
    begin(&made, "lan");
    finish(&made);
    assert_true(change_erase(&made.unpacked, takes, &arena, &erased, &error));
    assert_true(change_unpack(&change, DOT, erased, &arena, &error));
    assert_null(brief_make(&change, erased, &before, KEY, &arena));
}

static void what_it_rests_on_has_to_be_there(void **state)
{
    const Hopnhat__Change before = before_by("lan");
    struct made made;
    struct entry_id entry;
    struct bytes again;
    (void)state;
    begin(&made, "lan");
    finish(&made);
    Hopnhat__BriefChange *brief = brief_make(&made.unpacked, made.stored, &before, KEY, &arena);
    assert_non_null(brief);
    struct brief whole = {brief, DOT, &before, TYPE, made.edits[0].record, NULL};
    assert_false(brief_expand(&whole, &arena, &again, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    static const uint8_t other_key[SEED_KEY_BYTES] = {9};
    whole.seed_key = other_key; /* the bytes differ, so the signature will not hold */
    assert_true(brief_expand(&whole, &arena, &again, &error));
    assert_false(bytes_equal(again, made.stored));
    brief->ops[0]->supersedes[0] = 7; /* a replica that is not in the list */
    assert_false(brief_names(brief, DOT, &entry));
}

static void what_names_no_entry_has_no_record(void **state)
{
    Hopnhat__Op op = HOPNHAT__OP__INIT, *ops[] = {&op};
    Hopnhat__BriefChange brief = HOPNHAT__BRIEF_CHANGE__INIT;
    uint64_t supersedes[] = {0, 7, UINT64_C(1) << 32};
    struct entry_id entry;
    (void)state;
    assert_false(brief_names(&brief, DOT, &entry)); /* no op */
    brief.ops = ops;
    brief.n_ops = 1;
    op.supersedes = supersedes;
    op.n_supersedes = 2;
    assert_false(brief_names(&brief, DOT, &entry));
    op.n_supersedes = 3;
    assert_false(brief_names(&brief, DOT, &entry)); /* there is no such index */
    supersedes[2] = UINT32_MAX;
    assert_true(brief_names(&brief, DOT, &entry));
    assert_int_equal(entry_id_compare(entry, (struct entry_id){{OWN, 7}, UINT32_MAX}), 0);
}

/* Computed with Python's hashlib.blake2b too. */
static void seeds_are_as_documented(void **state)
{
    static const uint8_t expected[SEED_BYTES] = {0x24, 0x77, 0x53, 0x49, 0x34, 0x7f, 0xfc, 0x61,
                                                 0x3a, 0x4c, 0x27, 0x4f, 0x9e, 0x5e, 0x55, 0xe9};
    uint8_t key[SEED_KEY_BYTES], seed[SEED_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    brief_seed(key, (struct dot){OWN, 2}, seed);
    assert_memory_equal(seed, expected, sizeof seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_to_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_differs_in_more_is_sent_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(an_erased_value_has_no_brief_form, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_rests_on_has_to_be_there, setup, teardown),
        cmocka_unit_test_setup_teardown(what_names_no_entry_has_no_record, setup, teardown),
        cmocka_unit_test_setup_teardown(seeds_are_as_documented, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
