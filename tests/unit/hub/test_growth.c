/* A machine that is restored for ever, each time under another replica number, leaves the records and the
 * messages of its hub no larger: only a row for each number that there was. With HOPNHAT_FULL=1 ten thousand
 * times, else a twentieth. */
#include "unit/hub/fixture.h"

#include "hub/journal.h"
#include "model/office.h"
#include "store/rows.h"

#include <time.h>

enum { RESTORES = 10 * 1000, PARTS = 10, FULL_SHARE = 20 };

/* The largest of what grew or did not in one part of the run. */
struct sizes {
    size_t record_bytes, office_bytes, welcome_bytes, members;
    double seconds;
};

static long restores(void)
{
    const char *asked = getenv("HOPNHAT_FULL");
    return asked && strcmp(asked, "1") == 0 ? RESTORES : RESTORES / FULL_SHARE;
}

static const Hopnhat__Record *office_record(struct fixture *fixture)
{
    struct transaction snapshot;
    struct error error;
    uint8_t id[RECORD_ID_BYTES];
    office_record_id("an", id);
    assert_true(transaction_begin(&snapshot, fixture->hub->environment, false, &error));
    const Hopnhat__Record *record =
        hub_record(&snapshot, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, &fixture->arena);
    transaction_abort(&snapshot);
    assert_non_null(record);
    return record;
}

/* Writes the name over what stands there, or beside it. */
static struct bytes rename_record(struct fixture *fixture, const struct hand *hand, const char *name,
                                  bool over)
{
    const Hopnhat__Field *field = record_field(hub_has(fixture, PARTNER, 1), NAME);
    struct new_op op = {.field = NAME, .value = bytes_of_string(name)};
    struct new_edit edit = {.type = PARTNER, .record = {1}, .ops = &op, .op_count = 1};
    op.superseded.ids = arena_alloc(&fixture->arena, field->n_entries * sizeof *op.superseded.ids);
    assert_non_null(op.superseded.ids);
    for (size_t i = 0; over && i < field->n_entries; i++)
        op.superseded.ids[op.superseded.count++] = entry_id_of(field->entries[i]);
    return make_change(fixture, hand, &edit, 1, fixture->wall_ms << 16);
}

static void is_taken(const Hopnhat__Message *answer)
{
    assert_non_null(answer);
    assert_int_equal(answer->body_case, HOPNHAT__MESSAGE__BODY_ACK);
    assert_int_equal(answer->ack->n_refusals, 0);
}

static void keep_most(size_t *most, size_t one)
{
    if (one > *most)
        *most = one;
}

static void restore_and_write(struct fixture *fixture, struct hand *an, struct sizes *sizes)
{
    arena_reset(&fixture->arena);
    an->replica++;
    an->seq = 0;
    chain_start(an->replica, an->link);
    fixture->wall_ms += 1000;
    const Hopnhat__Message *welcome = say_hello(fixture, an);
    assert_int_equal(welcome->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    keep_most(&sizes->welcome_bytes, hopnhat__message__get_packed_size(welcome));
    is_taken(push(fixture, an, rename_record(fixture, an, "a name", true)));
    keep_most(&sizes->record_bytes, hopnhat__record__get_packed_size(hub_has(fixture, PARTNER, 1)));
    const Hopnhat__Record *office = office_record(fixture);
    keep_most(&sizes->office_bytes, hopnhat__record__get_packed_size(office));
    keep_most(&sizes->members, record_field(office, OFFICE_REPLICAS)->n_entries);
}

static void a_machine_may_be_restored_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct hand *an = &fixture->an;
    struct sizes parts[PARTS] = {{0}};
    an->replica = UINT64_C(1) << 32;
    chain_start(an->replica, an->link);
    assert_int_equal(say_hello(fixture, an)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    is_taken(push(fixture, an, make_record(fixture, an, PARTNER, 1, "everyone", "an", "first")));
    for (size_t i = 0; i < PARTS; i++) {
        clock_t start = clock();
        for (long j = 0; j < restores() / PARTS; j++)
            restore_and_write(fixture, an, &parts[i]);
        parts[i].seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    }
    const struct sizes *last = &parts[PARTS - 1], *first = &parts[0];
    print_message("record %zu, office %zu, welcome %zu bytes; %.2f s, then %.2f s for as many\n",
                  last->record_bytes, last->office_bytes, last->welcome_bytes, first->seconds, last->seconds);
    assert_true(last->record_bytes <= first->record_bytes + 16); /* numbers take a byte or two more */
    assert_true(last->welcome_bytes <= first->welcome_bytes + 16);
    assert_true(last->members <= LIMIT_OFFICE_REPLICAS);
    assert_true(last->office_bytes <= 64 * LIMIT_OFFICE_REPLICAS + 1024);
    assert_true(last->seconds <= 4 * first->seconds + 0.5);
    fixture->wall_ms += 1000;
    assert_int_equal(say_hello(fixture, &fixture->binh)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
}

/* The journal's one row of the record's name, and how many rows there are. */
static const Hopnhat__Resolution *journal_row(struct fixture *fixture, uint64_t *rows)
{
    struct transaction snapshot;
    struct cursor cursor;
    struct error error;
    const Hopnhat__Resolution *row = NULL;
    assert_true(transaction_begin(&snapshot, fixture->hub->environment, false, &error));
    *rows = transaction_count(&snapshot, HUB_CONFLICT);
    cursor_open(&cursor, &snapshot, HUB_CONFLICT);
    if (cursor_seek(&cursor, bytes_of(NULL, 0)))
        row = row_unpack(&snapshot, cursor.value, &hopnhat__resolution__descriptor, &fixture->arena);
    cursor_close(&cursor);
    transaction_abort(&snapshot);
    assert_non_null(row);
    return row;
}

/* More than a Resolution lists: the bag holds all of them, the latest is read, and one who saw all settles
 * it.
 */
static void a_hundred_write_one_field_side_by_side(void **state)
{
    enum { WRITERS = 100 };
    struct fixture *fixture = *state;
    static struct hand writers[WRITERS];
    char name[32];
    uint64_t rows;
    assert_int_equal(say_hello(fixture, &fixture->an)->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
    is_taken(
        push(fixture, &fixture->an, make_record(fixture, &fixture->an, PARTNER, 1, "everyone", "an", "x")));
    for (size_t i = 0; i < WRITERS; i++) {
        install(fixture, &writers[i], i % 2 ? "an" : "binh", (uint8_t)(i + 10));
        fixture->wall_ms += 1000;
        assert_int_equal(say_hello(fixture, &writers[i])->body_case, HOPNHAT__MESSAGE__BODY_WELCOME);
        snprintf(name, sizeof name, "of writer %zu", i);
        is_taken(push(fixture, &writers[i], rename_record(fixture, &writers[i], name, false)));
    }
    assert_int_equal(record_field(hub_has(fixture, PARTNER, 1), NAME)->n_entries, WRITERS + 1);
    assert_true(bytes_equal(entry_value(hub_name(fixture, PARTNER, 1)), bytes_of_string("of writer 99")));
    assert_int_equal(journal_row(fixture, &rows)->n_candidates, JOURNAL_CANDIDATES);
    assert_int_equal(rows, 1);
    is_taken(push(fixture, &fixture->an, rename_record(fixture, &fixture->an, "settled", true)));
    assert_int_equal(record_field(hub_has(fixture, PARTNER, 1), NAME)->n_entries, 1);
    const Hopnhat__Resolution *row = journal_row(fixture, &rows);
    assert_int_equal(row->state, HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED);
    assert_int_equal(rows, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hundred_write_one_field_side_by_side, fixture_start, fixture_end),
        cmocka_unit_test_setup_teardown(a_machine_may_be_restored_for_ever, fixture_start, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
