/* What the hub makes of texts that stand side by side, and over which base. All are written by headquarters
 * itself here: who supersedes what is all that counts. */
#include "hub/headquarters.h"
#include "hub/registry.h"
#include "hub/repair.h"
#include "hub/texts.h"
#include "model/edit.h"
#include "net/keys.h"
#include "store/key.h"
#include "store/rows.h"

#include "unit/lib/model.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char BASE[] = "a\nb\nc\nd\ne";
static const uint64_t WALL_MS = UINT64_C(1750000000000);

static struct hub *hub;
static struct arena arena;
static char directory[64];

/* How headquarters' own change fails: the linker puts this one in the place of the real one
 * (tests/CMakeLists.txt). ERROR_NONE: it does not; ERROR_FULL: the store fails under it. */
static enum error_code fault;

bool __real_headquarters_write_in(struct hub *to, struct admission *admission, const struct new_edit *edits,
                                  size_t count, const char *author, struct dot *dot, struct error *error);
bool __wrap_headquarters_write_in(struct hub *to, struct admission *admission, const struct new_edit *edits,
                                  size_t count, const char *author, struct dot *dot, struct error *error);

bool __wrap_headquarters_write_in(struct hub *to, struct admission *admission, const struct new_edit *edits,
                                  size_t count, const char *author, struct dot *dot, struct error *error)
{
    if (fault != ERROR_NONE && fault != ERROR_FULL)
        return error_set(error, fault, "not taken");
    bool done = __real_headquarters_write_in(to, admission, edits, count, author, dot, error);
    if (fault == ERROR_FULL) {
        error_set(error, fault, "the disk is full");
        transaction_fail(&admission->transaction, error);
    }
    return done;
}

static const struct hub_options *options(void)
{
    static struct hub_options given;
    given = (struct hub_options){.map_bytes = 1 << 28, .entropy = entropy_system()};
    return &given;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

static int setup(void **state)
{
    struct error error;
    (void)state;
    arena_init(&arena, TEST_ARENA_BYTES);
    struct catalog *catalog = catalog_of(TEST_CATALOG);
    snprintf(directory, sizeof directory, "/tmp/hopnhat-texts-XXXXXX");
    if (!mkdtemp(directory) || !keys_start(&error) ||
        !hub_init(directory, options(), catalog_packed(catalog), WALL_MS, &error))
        return -1;
    catalog_free(catalog);
    hub = hub_open(directory, options(), &error);
    return hub ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hub_close(hub);
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_release(&arena);
    return 0;
}

static uint64_t head(void)
{
    return registry_replica(hub, hub->own_replica)->watermark;
}

/* An admission under way: changes of one turn. */
static struct admission turn;

static void begin(void)
{
    struct error error;
    if (!admission_begin(&turn, hub, WALL_MS, &error))
        fail_msg("%s", error.text);
}

static void commit(void)
{
    struct error error;
    if (!admission_commit(&turn, &error))
        fail_msg("%s", error.text);
}

/* Writes the field over the entries. The new one. */
static struct entry_id put(uint32_t field, const char *value, const struct entry_id *over, size_t count)
{
    struct error error;
    struct dot dot;
    struct new_op op = {
        .field = field, .value = text(value), .superseded = {(struct entry_id *)(uintptr_t)over, count}};
    struct new_edit edit = {.type = THING, .ops = &op, .op_count = 1};
    memcpy(edit.record, TEST_ID, sizeof edit.record);
    if (!headquarters_write_in(hub, &turn, &edit, 1, "lan", &dot, &error))
        fail_msg("%s", error.text);
    return (struct entry_id){dot, 0};
}

static struct entry_id make_record(void)
{
    struct error error;
    struct dot dot;
    struct new_op ops[] = {{.field = STORY, .value = text(BASE)},
                           {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = text("everyone")},
                           {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = text("headquarters")}};
    struct new_edit edit = {.type = THING, .ops = ops, .op_count = 3};
    memcpy(edit.record, TEST_ID, sizeof edit.record);
    begin();
    if (!headquarters_write_in(hub, &turn, &edit, 1, "lan", &dot, &error))
        fail_msg("%s", error.text);
    commit();
    return (struct entry_id){dot, 0};
}

static const Hopnhat__Field *story(void)
{
    struct transaction snapshot;
    struct error error;
    assert_true(transaction_begin(&snapshot, hub->environment, false, &error));
    const Hopnhat__Record *record = hub_record(&snapshot, THING, TEST_ID, &arena);
    transaction_abort(&snapshot);
    assert_non_null(record);
    return record_field(record, STORY);
}

/* The one text that stands there. */
static void assert_text(const char *expected)
{
    const Hopnhat__Field *field = story();
    assert_int_equal(field->n_entries, 1);
    if (!bytes_equal(entry_value(field->entries[0]), text(expected)))
        fail_msg("\"%.*s\"", (int)field->entries[0]->value.len, (const char *)field->entries[0]->value.data);
    assert_int_equal(hub->conflicts_open, 0);
}

static void assert_open(size_t count)
{
    assert_int_equal(story()->n_entries, count);
    assert_int_equal(hub->conflicts_open, 1);
}

static void two_are_merged_in_their_transaction(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    begin();
    put(STORY, "A\nb\nc\nd\ne", &base, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    commit();
    assert_text("A\nb\nc\nd\nE");
    assert_true(story()->entries[0]->merged);
    uint64_t after = head();
    struct error error;
    hub_close(hub);
    hub = hub_open(directory, options(), &error);
    assert_non_null(hub);
    begin();
    put(NAME, "x", NULL, 0);
    commit();
    assert_int_equal(head(), after + 1); /* merged once */
}

static void the_second_may_come_later(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    begin();
    put(STORY, "A\nb\nc\nd\ne", &base, 1);
    commit();
    begin();
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    commit();
    assert_text("A\nb\nc\nd\nE");
}

/* Two texts stood side by side, and both authors were shown the later one of them. */
static void the_base_is_what_was_shown(void **state)
{
    (void)state;
    struct entry_id base = make_record(), both[2];
    begin();
    both[0] = put(STORY, "a\nb\nX\nd\ne", &base, 1);
    commit();
    begin();
    both[1] = put(STORY, "a\nb\nY\nd\ne", &base, 1);
    commit();
    assert_open(2);
    begin();
    put(STORY, "A\nb\nY\nd\ne", both, 2);
    put(STORY, "a\nb\nY\nd\nE", both, 2);
    commit();
    assert_text("A\nb\nY\nd\nE");
    begin();
    put(STORY, "A\nb\nY\nd\nE\nf", &(struct entry_id){{hub->own_replica, head()}, 0}, 1);
    commit();
    assert_text("A\nb\nY\nd\nE\nf");
}

/* The base lies under many edits of either side. */
static void a_base_far_back_is_found(void **state)
{
    (void)state;
    struct entry_id base = make_record(), left = base, right = base;
    begin();
    for (unsigned i = 0; i < 60; i++) {
        left = put(STORY, i % 2 ? "A\nb\nc\nd\ne" : "AA\nb\nc\nd\ne", &left, 1);
        right = put(STORY, i % 2 ? "a\nb\nc\nd\nE" : "a\nb\nc\nd\nEE", &right, 1);
    }
    commit();
    assert_text("A\nb\nc\nd\nE");
}

static void a_base_too_far_back_is_not(void **state)
{
    (void)state;
    struct entry_id base = make_record(), left = base;
    begin();
    for (unsigned i = 0; i < LIMIT_TEXT_ANCESTORS; i++)
        left = put(STORY, i % 2 ? "A\nb\nc\nd\ne" : "AA\nb\nc\nd\ne", &left, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    commit();
    assert_open(2);
}

static void no_base_no_merge(void **state)
{
    (void)state;
    make_record();
    begin();
    put(STORY, "other", NULL, 0); /* its author saw no text */
    commit();
    assert_open(2);
}

static void one_paragraph_altered_twice_stays(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    begin();
    put(STORY, "a\nb\nX\nd\ne", &base, 1);
    put(STORY, "a\nb\nY\nd\ne", &base, 1);
    commit();
    assert_open(2);
    begin();
    put(STORY, "a\nb\nX\nd\nE", &base, 1); /* fits to the first, and so it is made one with it */
    commit();
    assert_open(2);
}

static void cleared_is_no_text(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    begin();
    put(STORY, "", &base, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    commit();
    assert_open(2);
}

static void three_are_merged(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    begin();
    put(STORY, "A\nb\nc\nd\ne", &base, 1);
    put(STORY, "a\nb\nC\nd\ne", &base, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1); /* the same once more */
    commit();
    assert_text("A\nb\nC\nd\nE");
}

static void too_many_are_left(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    char value[32];
    begin();
    for (unsigned i = 0; i <= LIMIT_TEXT_VALUES; i++) {
        snprintf(value, sizeof value, "a\nb\nc\nd\ne\n%u", i);
        put(STORY, value, &base, 1);
    }
    commit();
    assert_open(LIMIT_TEXT_VALUES + 1);
}

/* Somebody saw both texts and not what was made of them, and left one's paragraph out: that was a decision.
 */
static void who_saw_both_goes_before_the_merged_one(void **state)
{
    (void)state;
    struct entry_id base = make_record(), both[2];
    begin();
    both[0] = put(STORY, "A\nb\nc\nd\ne", &base, 1);
    both[1] = put(STORY, "a\nb\nc\nd\nE", &base, 1);
    commit();
    begin();
    struct entry_id first = put(STORY, "a\nb\nc\nd\nE!", both, 2);
    put(STORY, "a\nb\nc\nd\nE!!", &first, 1);
    commit();
    assert_text("a\nb\nc\nd\nE!!");
}

/* Who saw one of them only has decided nothing. */
static void who_saw_one_is_merged_with_the_merged_one(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    begin();
    struct entry_id left = put(STORY, "A\nb\nc\nd\ne", &base, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    commit();
    begin();
    put(STORY, "A\nb\nC\nd\ne", &left, 1);
    commit();
    assert_text("A\nb\nC\nd\nE");
}

/* What stands on an entry that has not come waits for it. */
static void what_is_missing_is_waited_for(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    struct entry_id missing[2] = {base, {{77, 1}, 0}};
    begin();
    put(STORY, "A\nb\nc\nd\ne", missing, 2);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    commit();
    assert_open(2);
}

static struct new_op deletion(const Hopnhat__Record *record)
{
    struct error error;
    struct new_edit edit;
    if (!edit_make_deletion(record, &arena, &edit, &error))
        fail_msg("%s", error.text);
    return edit.ops[0];
}

/* A deleted record is left alone, and merged when it comes back. */
static void a_deleted_record_waits(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    struct error error;
    struct dot dot;
    begin();
    put(STORY, "A\nb\nc\nd\ne", &base, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    Hopnhat__Record *record = hub_record(&turn.transaction, THING, TEST_ID, &arena);
    struct new_op op = deletion(record);
    struct new_edit edit = {.type = THING, .ops = &op, .op_count = 1};
    memcpy(edit.record, TEST_ID, sizeof edit.record);
    assert_true(headquarters_write_in(hub, &turn, &edit, 1, "lan", &dot, &error));
    commit();
    assert_int_equal(story()->n_entries, 2);
    assert_int_equal(hub->conflicts_open, 0);
    struct entry_id tombstone = {dot, 0};
    op = (struct new_op){.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED,
                         .kind = HOPNHAT__OP_KIND__DROP,
                         .superseded = {&tombstone, 1}};
    begin();
    assert_true(headquarters_write_in(hub, &turn, &edit, 1, "lan", &dot, &error));
    commit();
    assert_text("A\nb\nc\nd\nE");
}

static void say_nothing(void *context, const char *line)
{
    (void)context, (void)line;
}

/* The list by state follows from the journal, also where it had been damaged. */
static void a_mended_store_lists_its_conflicts(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    struct error error;
    struct transaction snapshot;
    char store[80], fresh[80];
    begin();
    put(STORY, "", &base, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    commit();
    begin();
    transaction_clear(&turn.transaction, HUB_CONFLICT_STATE);
    commit();
    hub_close(hub);
    snprintf(store, sizeof store, "%s/store", directory);
    snprintf(fresh, sizeof fresh, "%s/fresh", directory);
    assert_int_equal(mkdir(fresh, 0700), 0);
    if (!hub_repair(store, fresh, say_nothing, NULL, &error))
        fail_msg("%s", error.text);
    hub = hub_open(fresh, options(), &error);
    assert_non_null(hub);
    assert_int_equal(hub->conflicts_open, 1);
    assert_true(transaction_begin(&snapshot, hub->environment, false, &error));
    assert_int_equal(transaction_count(&snapshot, HUB_CONFLICT_STATE),
                     transaction_count(&snapshot, HUB_CONFLICT));
    transaction_abort(&snapshot);
}

/* What is merged would be longer than a value may be: each of the two is not. */
static void too_long_together_stays(void **state)
{
    (void)state;
    enum { MORE = 15 };
    static char base_text[LIMIT_VALUE_BYTES - MORE], left[LIMIT_VALUE_BYTES + 1],
        right[LIMIT_VALUE_BYTES + 1];
    struct entry_id base = make_record();
    memset(base_text, 'm', sizeof base_text - 1);
    memcpy(base_text, "first\n", 6);
    snprintf(left, sizeof left, "a longer %s", base_text);
    snprintf(right, sizeof right, "%s\nand one more", base_text);
    begin();
    base = put(STORY, base_text, &base, 1);
    put(STORY, left, &base, 1);
    put(STORY, right, &base, 1);
    commit();
    assert_open(2);
}

static void a_place_is_noted_once(void **state)
{
    (void)state;
    struct admission noting = {0};
    struct error error;
    uint8_t id[LENGTH_OF_ID] = {0};
    for (unsigned round = 0; round < 2; round++)
        for (id[0] = 0; id[0] < 100; id[0]++)
            assert_true(texts_note(&noting, record_new(&arena, THING, id), STORY, &error));
    assert_int_equal(noting.text_count, 100);
    texts_forget(&noting);
    assert_int_equal(noting.text_count, 0);
    noting.text_count = LIMIT_TEXTS_PER_TURN; /* what is more stays open */
    assert_true(texts_note(&noting, record_new(&arena, THING, id), STORY, &error));
    assert_int_equal(noting.text_count, LIMIT_TEXTS_PER_TURN);
}

/* Stores a record with two values in the field, as no change makes it, notes the field `noted` and merges. */
static void merge_odd(uint32_t type, uint32_t field, uint32_t noted, const char *tombstone)
{
    struct error error;
    struct key key;
    const struct row rows[] = {{field, 71, 1, 5, "x", 0, 5},
                               {field, 72, 1, 3, "y", 0, 6},
                               {HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED, 71, 2, 5, tombstone, 0, 7}};
    uint64_t before = head();
    Hopnhat__Record *record = record_of(&arena, type, rows, tombstone ? 3 : 2);
    key_record(&key, type, TEST_ID);
    row_put(&turn.transaction, HUB_RECORD, key_bytes(&key), &record->base);
    assert_true(texts_note(&turn, record, noted, &error));
    assert_true(texts_merge(&turn, &error));
    assert_int_equal(head(), before);
}

static void what_is_no_text_is_left_alone(void **state)
{
    (void)state;
    enum { NOWHERE = 99 };
    struct error error;
    begin();
    merge_odd(THING, STORY, STORY, NULL); /* texts, of which the log says nothing */
    merge_odd(THING, NAME, NAME, NULL);
    merge_odd(THING, NAME, STORY, NULL);
    merge_odd(THING, NOWHERE, NOWHERE, NULL);
    merge_odd(NOWHERE, STORY, STORY, NULL);
    merge_odd(THING, STORY, STORY, "no tombstone");
    uint8_t other[LENGTH_OF_ID] = {9};
    assert_true(texts_note(&turn, record_new(&arena, THING, other), STORY, &error)); /* it is not there */
    assert_true(texts_merge(&turn, &error));
    assert_true(admission_abort(&turn, &error));
}

/* What is refused stays open; what broke off half-way takes the whole admission with it. */
static void a_merge_that_is_not_taken(void **state)
{
    (void)state;
    static const enum error_code refusals[] = {ERROR_REFUSED, ERROR_INPUT, ERROR_LIMIT, ERROR_STORE,
                                               ERROR_FULL};
    struct entry_id base = make_record();
    struct error error;
    for (size_t i = 0; i < LENGTH(refusals); i++) {
        uint64_t before = head();
        begin();
        put(STORY, "A\nb\nc\nd\ne", &base, 1);
        put(STORY, "a\nb\nc\nd\nE", &base, 1);
        fault = refusals[i];
        bool merged = texts_merge(&turn, &error);
        fault = ERROR_NONE;
        assert_int_equal(merged, i < 3);
        assert_int_equal(head(), before + 2 + (refusals[i] == ERROR_FULL));
        if (!merged)
            assert_int_equal(error.code, refusals[i]);
        assert_true(admission_abort(&turn, &error));
        assert_int_equal(head(), before);
    }
}

static void a_damaged_log_ends_the_admission(void **state)
{
    (void)state;
    struct entry_id base = make_record();
    uint8_t other[LENGTH_OF_ID] = {9};
    struct error error;
    struct key key;
    uint64_t before = head();
    begin();
    struct entry_id left = put(STORY, "A\nb\nc\nd\ne", &base, 1);
    put(STORY, "a\nb\nc\nd\nE", &base, 1);
    assert_true(texts_note(&turn, record_new(&arena, THING, other), STORY, &error));
    key_dot(&key, left.dot.replica, left.dot.seq);
    transaction_put(&turn.transaction, HUB_LOG, key_bytes(&key), text("no row"));
    assert_false(admission_commit(&turn, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_int_equal(head(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_are_merged_in_their_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(the_second_may_come_later, setup, teardown),
        cmocka_unit_test_setup_teardown(the_base_is_what_was_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_base_far_back_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_base_too_far_back_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(no_base_no_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(one_paragraph_altered_twice_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(cleared_is_no_text, setup, teardown),
        cmocka_unit_test_setup_teardown(three_are_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_are_left, setup, teardown),
        cmocka_unit_test_setup_teardown(who_saw_both_goes_before_the_merged_one, setup, teardown),
        cmocka_unit_test_setup_teardown(who_saw_one_is_merged_with_the_merged_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deleted_record_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mended_store_lists_its_conflicts, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long_together_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_place_is_noted_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_text_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_merge_that_is_not_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_log_ends_the_admission, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
