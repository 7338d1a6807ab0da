/* For every policy: whatever the order in which concurrent changes arrive, in which batches, and however
 * often one is offered again, the bag and the reading are the same, and they are what a plain look at all
 * changes says. That look knows of no bag and no merge: it takes all values that were put and leaves out
 * those that somebody superseded. */
#include "model/digest.h"
#include "model/fold.h"
#include "model/merge.h"

#include "unit/lib/model.h"

#include <stdio.h>

enum { REPLICAS = 4, SEQS = 3, CHANGES = REPLICAS * SEQS, MEMBERS = 2, ORDERS = 6, HISTORIES = 1500 };

/* One change: the same kind of op in the field, or in both of a unit. */
struct plain_change {
    bool written;
    uint64_t time;
    uint32_t rank;
    Hopnhat__OpKind kind;
    const char *values[MEMBERS];
    bool seen[CHANGES]; /* what its author was shown, and what those had been */
    bool superseded[CHANGES];
    struct change change;
};

struct history {
    struct arena arena;
    struct dice dice;
    struct plain_change changes[CHANGES];
    uint32_t fields[MEMBERS];
    size_t field_count;
    Hopnhat__MergePolicy policy;
};

static struct history history;
static struct catalog *catalog;
static const struct catalog_type *thing;

static uint64_t replica_of(size_t change)
{
    return 100 + change / SEQS;
}

static uint64_t seq_of(size_t change)
{
    return 1 + change % SEQS;
}

static bool is_many(void)
{
    return history.policy == HOPNHAT__MERGE_POLICY__UNION || history.policy == HOPNHAT__MERGE_POLICY__THREAD;
}

static const char *draw_value(uint32_t field)
{
    static const char *const numbers[] = {"1", "2", "2.5", "-3", "10"},
                             *const days[] = {"2024", "2025-01", "2025"},
                             *const words[] = {"a", "b", "c", "d"};
    if (!is_many() && history.policy != HOPNHAT__MERGE_POLICY__SUM && dice_percent(&history.dice, 8))
        return "";
    if (field == TOP || field == BOTTOM || field == TOTAL || field == AMOUNT)
        return numbers[dice_below(&history.dice, LENGTH(numbers))];
    if (field == BEGUN || field == ENDED)
        return days[dice_below(&history.dice, LENGTH(days))];
    return words[dice_below(&history.dice, LENGTH(words))];
}

/* Whether it stands in what the author of `by` was shown; of a counter, may stand. */
static bool stands_for(size_t change, size_t by)
{
    if (!history.changes[by].seen[change] || history.changes[change].kind == HOPNHAT__OP_KIND__DROP)
        return false;
    for (size_t i = 0; i < CHANGES; i++)
        if (history.changes[by].seen[i] && history.changes[i].superseded[change])
            return false;
    return true;
}

/* The author has seen the own log so far, and beginnings of the others, with what these had seen. */
static void look_around(size_t change)
{
    struct plain_change *plain = &history.changes[change];
    for (size_t other = 0; other < CHANGES; other++) {
        bool own = other / SEQS == change / SEQS;
        if (!history.changes[other].written || (!own && !dice_percent(&history.dice, 20)))
            continue;
        plain->seen[other] = true;
        for (size_t i = 0; i < CHANGES; i++)
            plain->seen[i] = plain->seen[i] || history.changes[other].seen[i];
    }
}

static void write_change(size_t number)
{
    struct plain_change *plain = &history.changes[number];
    struct new_op ops[MEMBERS] = {{0}};
    struct entry_id ids[CHANGES];
    look_around(number);
    plain->time = 1 + dice_below(&history.dice, 6); /* equal ones are frequent */
    plain->rank = dice_below(&history.dice, 3);
    plain->kind =
        history.policy == HOPNHAT__MERGE_POLICY__SUM ? HOPNHAT__OP_KIND__ADD : HOPNHAT__OP_KIND__PUT;
    if (is_many() && dice_percent(&history.dice, 30))
        plain->kind = HOPNHAT__OP_KIND__DROP;
    for (size_t m = 0; m < history.field_count; m++)
        plain->values[m] = draw_value(history.fields[m]);
    for (size_t i = 0; i < CHANGES; i++)
        plain->superseded[i] = i != number && stands_for(i, number) &&
                               (!is_many() || (plain->kind == HOPNHAT__OP_KIND__DROP &&
                                               strcmp(history.changes[i].values[0], plain->values[0]) == 0));
    for (size_t m = 0; m < history.field_count; m++) {
        size_t count = 0;
        struct entry_id *list = arena_alloc(&history.arena, sizeof ids);
        assert_non_null(list);
        for (size_t i = 0; i < CHANGES; i++)
            if (plain->superseded[i])
                list[count++] = (struct entry_id){{replica_of(i), seq_of(i)}, (uint32_t)m};
        ops[m] = (struct new_op){.field = history.fields[m],
                                 .kind = plain->kind,
                                 .value = text(plain->kind == HOPNHAT__OP_KIND__DROP ? "" : plain->values[m]),
                                 .superseded = {list, count}};
    }
    plain->change =
        change_of_ops(&history.arena, replica_of(number), seq_of(number), THING, ops, history.field_count);
    plain->written = true;
}

/* Each replica's changes in their order, the replicas by turns. */
static void write_history(uint64_t seed)
{
    arena_reset(&history.arena);
    history.dice = (struct dice){seed};
    memset(history.changes, 0, sizeof history.changes);
    for (size_t left = CHANGES; left > 0;) {
        size_t number = dice_below(&history.dice, REPLICAS) * SEQS;
        size_t last = number + SEQS - 1;
        while (number < last && history.changes[number].written)
            number++;
        if (history.changes[number].written)
            continue;
        write_change(number);
        left--;
    }
}

/* --- the plain look --- */

static bool is_alive(size_t change)
{
    for (size_t i = 0; i < CHANGES; i++)
        if (history.changes[i].superseded[change])
            return false;
    return history.changes[change].kind == HOPNHAT__OP_KIND__PUT;
}

/* Whether `a` was written after `b`, as LATEST has it. */
static bool is_after(size_t a, size_t b)
{
    uint64_t left = history.changes[a].time, right = history.changes[b].time;
    return left != right ? left > right : a > b;
}

static double number_of(size_t change)
{
    return strtod(history.changes[change].values[0], NULL);
}

/* Whether `a` is read rather than `b`. */
static bool goes_before(size_t a, size_t b)
{
    const struct plain_change *left = &history.changes[a], *right = &history.changes[b];
    bool high = history.policy == HOPNHAT__MERGE_POLICY__HIGHEST;
    bool unit = history.field_count > 1;
    if (history.policy == HOPNHAT__MERGE_POLICY__AUTHORITY && left->rank != right->rank)
        return left->rank > right->rank;
    if (!unit && (high || history.policy == HOPNHAT__MERGE_POLICY__LOWEST)) {
        if (!*left->values[0] || !*right->values[0])
            return *left->values[0] != '\0' || (!*right->values[0] && is_after(a, b));
        bool days = history.fields[0] == BEGUN || history.fields[0] == ENDED;
        double order = days ? strcmp(left->values[0], right->values[0]) : number_of(a) - number_of(b);
        if (order != 0)
            return high ? order > 0 : order < 0;
    }
    return is_after(a, b);
}

static size_t chosen(void)
{
    size_t best = CHANGES;
    for (size_t i = 0; i < CHANGES; i++)
        if (is_alive(i) && (best == CHANGES || goes_before(i, best)))
            best = i;
    return best;
}

/* What stands there, one line for each value, by time. */
static void look_at_many(char to[512])
{
    bool done[CHANGES] = {false};
    size_t size = 0;
    for (;;) {
        size_t next = CHANGES;
        for (size_t i = 0; i < CHANGES; i++)
            if (is_alive(i) && !done[i] && (next == CHANGES || is_after(next, i)))
                next = i;
        if (next == CHANGES)
            return;
        done[next] = true;
        bool again = false;
        for (size_t i = 0; i < CHANGES; i++)
            again = again || (i != next && is_alive(i) && done[i] &&
                              strcmp(history.changes[i].values[0], history.changes[next].values[0]) == 0);
        if (!again || history.policy == HOPNHAT__MERGE_POLICY__THREAD)
            size += (size_t)snprintf(to + size, 512 - size, "%s\n", history.changes[next].values[0]);
    }
}

static void look(size_t member, char to[512])
{
    double sum = 0;
    bool added = false;
    to[0] = '\0';
    if (is_many()) {
        look_at_many(to);
        return;
    }
    for (size_t i = 0; i < CHANGES; i++)
        if (history.changes[i].kind == HOPNHAT__OP_KIND__ADD) {
            sum += number_of(i);
            added = true;
        }
    size_t best = chosen();
    if (added)
        snprintf(to, 512, "%g\n", sum);
    else if (best < CHANGES && *history.changes[best].values[member])
        snprintf(to, 512, "%s\n", history.changes[best].values[member]);
}

static bool differ(void)
{
    const struct plain_change *first = NULL;
    for (size_t i = 0; i < CHANGES; i++) {
        if (!is_alive(i))
            continue;
        if (!first)
            first = &history.changes[i];
        for (size_t m = 0; m < history.field_count; m++)
            if (strcmp(first->values[m], history.changes[i].values[m]) != 0)
                return true;
    }
    return false;
}

/* --- the program --- */

struct hub_like {
    Hopnhat__Record *record;
    unsigned watermark[REPLICAS];
    uint64_t rev;
};

static bool was_seen(void *context, struct entry_id id)
{
    const struct hub_like *hub = context;
    return id.dot.seq <= hub->watermark[id.dot.replica - 100];
}

/* Takes a change if it is the next one of its replica; what came before is not taken again. */
static bool offer(struct hub_like *hub, size_t number)
{
    const struct plain_change *plain = &history.changes[number];
    const struct merge_source source = {.context = hub, .seen = was_seen};
    const struct merge_stamp stamp = {.time = plain->time, .rank = plain->rank, .rev = ++hub->rev};
    struct error error;
    if (number % SEQS != hub->watermark[number / SEQS])
        return false;
    if (!merge_edit(hub->record, &plain->change, 0, &stamp, &source, &history.arena, &error))
        fail_msg("%s", error.text);
    hub->watermark[number / SEQS]++;
    return true;
}

/* A batch ends: the record goes to the disk and comes back. */
static void end_batch(struct hub_like *hub)
{
    size_t size = hopnhat__record__get_packed_size(hub->record);
    uint8_t *packed = arena_alloc(&history.arena, size + 1);
    assert_non_null(packed);
    hopnhat__record__pack(hub->record, packed);
    hub->record = hopnhat__record__unpack(&history.arena.protobuf, size, packed);
    assert_non_null(hub->record);
}

/* All changes in some order: each replica's own one, some offered again, in batches of any size. */
static Hopnhat__Record *arrive(void)
{
    struct hub_like hub = {.record = record_new(&history.arena, THING, TEST_ID)};
    unsigned batch = 1 + dice_below(&history.dice, CHANGES);
    assert_non_null(hub.record);
    for (size_t taken = 0; taken < CHANGES;) {
        if (!offer(&hub, dice_below(&history.dice, CHANGES)))
            continue;
        taken++;
        if (taken % batch == 0)
            end_batch(&hub);
    }
    for (size_t i = 0; i < CHANGES; i++)
        assert_false(offer(&hub, i)); /* a log that is sent once more */
    for (size_t m = 0; m < history.field_count; m++)
        assert_int_equal(record_field(hub.record, history.fields[m])->n_absent, 0);
    return hub.record;
}

static void check_reading(const Hopnhat__Record *record, uint64_t seed, unsigned order)
{
    for (size_t m = 0; m < history.field_count; m++) {
        const Hopnhat__FieldDefinition *definition = type_field(thing, history.fields[m]);
        struct reading reading;
        struct error error;
        char expected[512], read[512] = "";
        size_t size = 0;
        if (!fold_field(thing, record, definition, &history.arena, &reading, &error))
            fail_msg("%s", error.text);
        for (size_t i = 0; i < reading.count; i++)
            size += (size_t)snprintf(read + size, sizeof read - size, "%.*s\n", (int)reading.values[i].size,
                                     (const char *)reading.values[i].data);
        look(m, expected);
        if (strcmp(read, expected) != 0)
            fail_msg("%s, seed %llu, order %u: reads \"%s\" and not \"%s\"", definition->name,
                     (unsigned long long)seed, order, read, expected);
        bool person =
            history.policy == HOPNHAT__MERGE_POLICY__REVIEW || history.policy == HOPNHAT__MERGE_POLICY__TEXT;
        assert_int_equal(reading.open, person && differ());
    }
}

static void every_order_reads_the_same(uint32_t field, uint32_t other)
{
    history.fields[0] = field;
    history.fields[1] = other;
    history.field_count = other ? 2 : 1;
    history.policy = type_field(thing, field)->policy;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        struct digest first = {0, 0};
        write_history(seed);
        for (unsigned order = 0; order < ORDERS; order++) {
            const Hopnhat__Record *record = arrive();
            struct digest digest = digest_record(record);
            if (order &&
                history.policy != HOPNHAT__MERGE_POLICY__SUM) /* whose total took which is no matter */
                assert_true(digest_equal(&first, &digest));   /* the bag, with every id and time */
            first = digest;
            check_reading(record, seed, order);
        }
    }
}

#define POLICY_TEST(name, field, other)                                                                      \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        every_order_reads_the_same(field, other);                                                            \
    }

POLICY_TEST(latest, NAME, 0)
POLICY_TEST(authority, LEADER, 0)
POLICY_TEST(highest, TOP, 0)
POLICY_TEST(highest_of_days, ENDED, 0)
POLICY_TEST(lowest, BOTTOM, 0)
POLICY_TEST(lowest_of_days, BEGUN, 0)
POLICY_TEST(sum, TOTAL, 0)
POLICY_TEST(set, TAGS, 0)
POLICY_TEST(thread, POSTS, 0)
POLICY_TEST(a_text, STORY, 0)
POLICY_TEST(review, STATE, 0)
POLICY_TEST(a_unit, AMOUNT, CURRENCY)
POLICY_TEST(a_unit_to_review, SEAT, REGION)
POLICY_TEST(a_unit_by_authority, HEAD, HEAD_OFFICE)

static int setup(void **state)
{
    (void)state;
    arena_init(&history.arena, 256 * 1024 * 1024);
    catalog = catalog_of(TEST_CATALOG);
    thing = catalog_type(catalog, THING);
    return thing ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    catalog_free(catalog);
    arena_release(&history.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latest),
        cmocka_unit_test(authority),
        cmocka_unit_test(highest),
        cmocka_unit_test(highest_of_days),
        cmocka_unit_test(lowest),
        cmocka_unit_test(lowest_of_days),
        cmocka_unit_test(sum),
        cmocka_unit_test(set),
        cmocka_unit_test(thread),
        cmocka_unit_test(a_text),
        cmocka_unit_test(review),
        cmocka_unit_test(a_unit),
        cmocka_unit_test(a_unit_to_review),
        cmocka_unit_test(a_unit_by_authority),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
