/* A record that is edited for ever, and offices that are restored for ever, leave a record no larger and no
 * slower: what stands in it is what was written side by side, never what was written before. With
 * HOPNHAT_FULL=1 a million edits and ten thousand restores, else a tenth of each. */
#include "model/edit.h"
#include "model/merge.h"
#include "unit/lib/model.h"

#include <stdio.h>
#include <time.h>

enum { OFFICES = 10, EDITS = 1000 * 1000, RESTORES = 10 * 1000, EDITS_OF_A_RESTORED = 3, SAMPLES = 10 };

/* One office: what it last read of the hub's record, and its log. */
struct office_like {
    Hopnhat__Record *mirror; /* in its own arena */
    struct arena arena;
    uint64_t replica, seq;
};

struct growth {
    struct office_like offices[OFFICES];
    Hopnhat__Record *record; /* the hub's, in `arena` */
    struct arena arena, step;
    struct dice dice;
    const struct catalog_type *type;
    uint64_t rev, replicas;
    long counted; /* what the counter has to come to */
};

static struct growth growth;
static struct catalog *catalog;

/* Every change of the hub's record is one of this: nothing is absent, nothing refused. */
static bool always(void *context, struct entry_id id)
{
    (void)context;
    (void)id;
    return true;
}

/* The record as it comes back from the disk. */
static Hopnhat__Record *stored(const Hopnhat__Record *record, struct arena *arena)
{
    size_t size = hopnhat__record__get_packed_size(record);
    uint8_t *packed = arena_alloc(&growth.step, size + 1);
    assert_non_null(packed);
    hopnhat__record__pack(record, packed);
    arena_reset(arena);
    Hopnhat__Record *copy = hopnhat__record__unpack(&arena->protobuf, size, packed);
    assert_non_null(copy);
    return copy;
}

static void read_feed(struct office_like *office)
{
    office->mirror = stored(growth.record, &office->arena);
}

static size_t wish(struct assignment *list, size_t count, uint32_t field, enum assignment_kind kind,
                   const struct bytes *value)
{
    list[count] = (struct assignment){type_field(growth.type, field), kind, value, 1};
    return count + 1;
}

/* Writes something of every policy that is kept small by itself (a thread holds all that is said in it). */
static void write_edit(struct office_like *office)
{
    static char words[] = "a\0b\0c\0d", numbers[] = "1\0002\0003\0004";
    const struct bytes word = text(words + 2 * dice_below(&growth.dice, 4)),
                       number = text(numbers + 2 * dice_below(&growth.dice, 4));
    const struct merge_source source = {.seen = always};
    const struct merge_stamp stamp = {.time = ++growth.rev, .rev = growth.rev};
    struct assignment list[4];
    struct new_edit edit;
    struct error error;
    size_t count = 0;
    bool made;
    if (dice_percent(&growth.dice, 3)) {
        made = edit_make_deletion(office->mirror, &growth.step, &edit, &error);
    } else {
        count = wish(list, count, NAME, ASSIGN_SET, &word);
        count = wish(list, count, STATE, ASSIGN_SET, &number);
        count = wish(list, count, TAGS, dice_percent(&growth.dice, 50) ? ASSIGN_ADD : ASSIGN_REMOVE, &word);
        count = wish(list, count, COUNT, ASSIGN_ADD, &number);
        growth.counted += number.data[0] - '0';
        made = edit_make(growth.type, office->mirror, list, count, &growth.step, &edit, &error);
    }
    if (!made)
        fail_msg("%s", error.text);
    memcpy(edit.record, TEST_ID, sizeof edit.record);
    struct change change = change_of(
        &growth.step, &(struct new_change){.replica = office->replica, .edits = &edit, .edit_count = 1},
        ++office->seq);
    if (!merge_edit(growth.record, &change, 0, &stamp, &source, &growth.step, &error))
        fail_msg("%s", error.text);
    growth.record = stored(growth.record, &growth.arena);
    if (!merge_edit(office->mirror, &change, 0, &stamp, &source, &growth.step, &error)) /* its draft */
        fail_msg("%s", error.text);
    office->mirror = stored(office->mirror, &office->arena);
    arena_reset(&growth.step);
}

static void begin(void)
{
    growth.type = catalog_type(catalog, THING);
    growth.dice = (struct dice){4711};
    growth.rev = growth.replicas = 0;
    growth.counted = 0;
    growth.record = record_new(&growth.arena, THING, TEST_ID);
    for (size_t i = 0; i < OFFICES; i++) {
        growth.offices[i].replica = ++growth.replicas;
        growth.offices[i].seq = 0;
        read_feed(&growth.offices[i]);
    }
}

static void check_counter(void)
{
    const Hopnhat__FieldDefinition *count = type_field(growth.type, COUNT);
    struct reading reading;
    struct error error;
    char expected[24];
    snprintf(expected, sizeof expected, "%ld", growth.counted);
    assert_true(fold_field(growth.type, growth.record, count, &growth.step, &reading, &error));
    assert_true(bytes_equal(reading.values[0], text(expected)));
}

/* The largest size that the record had in each part of the run, and how long the part took. */
struct sample {
    size_t bytes;
    double seconds;
};

static void measure(long steps, void (*step)(void), struct sample samples[SAMPLES])
{
    for (size_t i = 0; i < SAMPLES; i++) {
        clock_t start = clock();
        samples[i] = (struct sample){0, 0};
        for (long j = 0; j < steps / SAMPLES; j++) {
            step();
            size_t bytes = hopnhat__record__get_packed_size(growth.record);
            if (bytes > samples[i].bytes)
                samples[i].bytes = bytes;
        }
        samples[i].seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    }
    print_message("bytes %zu, %zu … %zu; %.1f us a step, %.1f at the end\n", samples[0].bytes,
                  samples[1].bytes, samples[SAMPLES - 1].bytes, samples[0].seconds / (double)steps * 1e7,
                  samples[SAMPLES - 1].seconds / (double)steps * 1e7);
    for (size_t i = 1; i < SAMPLES; i++) {
        assert_true(samples[i].bytes <= samples[0].bytes * 3 / 2);
        assert_true(samples[i].seconds <= samples[0].seconds * 4 + 0.1);
    }
}

static long times(long full)
{
    const char *asked = getenv("HOPNHAT_FULL");
    return asked && strcmp(asked, "1") == 0 ? full : full / 10;
}

/* Ten offices that read the feed now and then. */
static void edit_once(void)
{
    struct office_like *office = &growth.offices[dice_below(&growth.dice, OFFICES)];
    if (dice_percent(&growth.dice, 30))
        read_feed(office);
    write_edit(office);
}

static void a_record_may_be_edited_for_ever(void **state)
{
    (void)state;
    struct sample samples[SAMPLES];
    begin();
    measure(times(EDITS), edit_once, samples);
    check_counter();
}

/* An office comes back under another number, from a copy that may be old, and goes on. */
static void restore_once(void)
{
    struct office_like *office = &growth.offices[dice_below(&growth.dice, OFFICES)];
    for (unsigned i = dice_below(&growth.dice, EDITS_OF_A_RESTORED) + 1; i > 0; i--)
        write_edit(office);
    if (dice_percent(&growth.dice, 30))
        read_feed(&growth.offices[dice_below(&growth.dice, OFFICES)]);
    if (dice_percent(&growth.dice, 70))
        read_feed(office);
    office->replica = ++growth.replicas;
    office->seq = 0;
}

static void an_office_may_be_restored_for_ever(void **state)
{
    (void)state;
    struct sample samples[SAMPLES];
    begin();
    measure(times(RESTORES), restore_once, samples);
    check_counter();
}

static int setup(void **state)
{
    (void)state;
    catalog = catalog_of(TEST_CATALOG);
    arena_init(&growth.arena, TEST_ARENA_BYTES);
    arena_init(&growth.step, TEST_ARENA_BYTES);
    for (size_t i = 0; i < OFFICES; i++)
        arena_init(&growth.offices[i].arena, TEST_ARENA_BYTES);
    return catalog ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    catalog_free(catalog);
    arena_release(&growth.arena);
    arena_release(&growth.step);
    for (size_t i = 0; i < OFFICES; i++)
        arena_release(&growth.offices[i].arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_may_be_edited_for_ever),
        cmocka_unit_test(an_office_may_be_restored_for_ever),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
