/* Random histories of several replicas over one record, applied at a hub in many orders, against an oracle
 * that knows no order: all puts of admitted changes without what admitted changes superseded. */
#include "model/merge.h"

#include "base/limits.h"
#include "model/digest.h"
#include "unit/lib/model.h"

#include <stdio.h>

enum {
    REPLICAS = 4,
    SEQS = 8, /* of each replica */
    OPS = 4,  /* at most, of each change */
    IDS = REPLICAS * SEQS * OPS,
    ORDERS = 6,
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__) /* many times slower */
    ORACLE_HISTORIES = 5000,
#else
    ORACLE_HISTORIES = 100000,
#endif
    HISTORIES = 1500, /* of the other properties */
    FIELDS = 3,
};

static const uint32_t field_numbers[FIELDS] = {NAME, TAGS, COUNT};

/* One op in the plain form that the oracle reads; its place in history.ops is its id. */
struct plain_op {
    bool there, superseded[IDS];
    uint32_t field;
    Hopnhat__OpKind kind;
    int number; /* the increment, or which letter */
};

struct history {
    struct dice dice;
    struct plain_op ops[IDS];
    bool refused[REPLICAS][SEQS];
    unsigned length[REPLICAS];
    struct change changes[REPLICAS][SEQS];
    struct arena arena;
};

static struct history history;

static unsigned id_number(unsigned replica, unsigned seq, unsigned index)
{
    return (replica * SEQS + seq) * OPS + index;
}

static uint64_t replica_number(unsigned replica)
{
    static const uint64_t numbers[REPLICAS] = {7, UINT64_C(0xfedcba9876543210), 3, UINT64_C(1) << 63};
    return numbers[replica];
}

static struct entry_id id_of(unsigned number)
{
    unsigned change = number / OPS;
    return (struct entry_id){{replica_number(change / SEQS), change % SEQS + 1}, number % OPS};
}

static unsigned number_of(struct entry_id id)
{
    unsigned replica = 0;
    while (replica_number(replica) != id.dot.replica)
        replica++;
    return id_number(replica, (unsigned)id.dot.seq - 1, id.index);
}

static bool is_refused(unsigned number)
{
    return history.refused[number / OPS / SEQS][number / OPS % SEQS];
}

static bool is_expanded(const unsigned known[REPLICAS], unsigned number)
{
    return is_refused(number) && number / OPS % SEQS < known[number / OPS / SEQS];
}

/* The oracle. `known` bounds what is looked at, per replica. */
static void oracle_superseded(const unsigned known[REPLICAS], bool mind_refusals, uint32_t field,
                              bool gone[IDS])
{
    memset(gone, 0, IDS * sizeof *gone);
    for (unsigned i = 0; i < IDS; i++) {
        const struct plain_op *op = &history.ops[i];
        if (op->there && op->field == field && i / OPS % SEQS < known[i / OPS / SEQS] &&
            !(mind_refusals && is_refused(i)))
            for (unsigned j = 0; j < IDS; j++)
                gone[j] |= op->superseded[j];
    }
    for (bool more = mind_refusals; more;) {
        more = false;
        for (unsigned i = 0; i < IDS; i++)
            for (unsigned j = 0; is_expanded(known, i) && gone[i] && j < IDS; j++)
                if (history.ops[i].superseded[j] && !gone[j])
                    more = gone[j] = true;
    }
}

static void oracle_bag(const unsigned known[REPLICAS], bool mind_refusals, uint32_t field, bool bag[IDS])
{
    bool gone[IDS];
    oracle_superseded(known, mind_refusals, field, gone);
    for (unsigned i = 0; i < IDS; i++) {
        const struct plain_op *op = &history.ops[i];
        bag[i] = op->there && op->field == field && op->kind == HOPNHAT__OP_KIND__PUT && !gone[i] &&
                 i / OPS % SEQS < known[i / OPS / SEQS] && !(mind_refusals && is_refused(i));
    }
}

/* In whose total an increment has gone is a matter of the order; what all come to is not. */
static void check_counter(const Hopnhat__Record *record, const unsigned known[REPLICAS])
{
    const Hopnhat__Field *field = record_field(record, COUNT);
    long expected = 0, sum = 0;
    bool any = false;
    for (unsigned i = 0; i < IDS; i++)
        if (history.ops[i].there && history.ops[i].kind == HOPNHAT__OP_KIND__ADD && !is_refused(i) &&
            i / OPS % SEQS < known[i / OPS / SEQS]) {
            expected += history.ops[i].number;
            any = true;
        }
    for (size_t i = 0; field && i < field->n_entries; i++) {
        struct bytes value = entry_value(field->entries[i]);
        const struct plain_op *op = &history.ops[number_of(entry_id_of(field->entries[i]))];
        char number[16] = "";
        assert_true(op->there && op->kind == HOPNHAT__OP_KIND__ADD && value.size < sizeof number);
        memcpy(number, value.data, value.size);
        sum += strtol(number, NULL, 10);
        assert_true(i == 0 || field->entries[i]->replica != field->entries[i - 1]->replica);
    }
    assert_int_equal(sum, expected);
    assert_int_equal(field && field->n_entries > 0, any);
}

static void check_record(const Hopnhat__Record *record, const unsigned known[REPLICAS])
{
    for (unsigned f = 0; f < FIELDS; f++) {
        const Hopnhat__Field *field = record_field(record, field_numbers[f]);
        bool bag[IDS];
        size_t expected = 0;
        if (field_numbers[f] == COUNT) {
            check_counter(record, known);
            continue;
        }
        oracle_bag(known, true, field_numbers[f], bag);
        for (unsigned i = 0; i < IDS; i++) {
            char letter[2] = {(char)('a' + history.ops[i].number), 0};
            const Hopnhat__Entry *entry = field ? bag_find(field, id_of(i)) : NULL;
            assert_int_equal(entry != NULL, bag[i]);
            if (entry)
                assert_true(bytes_equal(entry_value(entry), text(letter)));
            expected += bag[i];
        }
        assert_int_equal(field ? field->n_entries : 0, expected);
    }
}

/* When all has come, what is remembered as absent is what was refused and superseded: it may be released. */
static void check_absent(const Hopnhat__Record *record)
{
    const unsigned all[REPLICAS] = {SEQS, SEQS, SEQS, SEQS};
    for (unsigned f = 0; f < FIELDS; f++) {
        const Hopnhat__Field *field = record_field(record, field_numbers[f]);
        bool gone[IDS];
        oracle_superseded(all, true, field_numbers[f], gone);
        size_t expected = 0;
        for (unsigned i = 0; i < IDS; i++)
            expected += field_numbers[f] != COUNT && gone[i] && is_refused(i);
        assert_int_equal(field ? field->n_absent : 0, expected);
        for (size_t i = 0; i < expected; i++) {
            unsigned number = number_of(entry_id_unpacked(field->absent[i]));
            assert_true(gone[number] && is_refused(number));
        }
    }
}

/* Whether it may be a total that the author of `by` was shown: more are named here than stand there. */
static bool is_shown_total(const unsigned known[REPLICAS], unsigned number, unsigned by)
{
    return history.ops[number].there && history.ops[number].kind == HOPNHAT__OP_KIND__ADD && number != by &&
           number / OPS % SEQS < known[number / OPS / SEQS] && dice_percent(&history.dice, 60);
}

/* One change of a replica that knows `known` of each log, its own included. */
static void write_change(unsigned replica, const unsigned known[REPLICAS])
{
    struct dice *dice = &history.dice;
    unsigned seq = history.length[replica];
    bool heard = dice_percent(dice, 50); /* has it heard what was refused? */
    struct new_op ops[OPS] = {0};
    unsigned count = 1 + dice_below(dice, OPS);
    for (unsigned index = 0; index < count; index++) {
        static char letters[] = "a\0b\0c";
        static char increments[] = "1\0002\0003";
        struct plain_op *op = &history.ops[id_number(replica, seq, index)];
        bool bag[IDS];
        *op = (struct plain_op){.there = true, .field = field_numbers[dice_below(dice, FIELDS)]};
        op->kind = op->field == COUNT                            ? HOPNHAT__OP_KIND__ADD
                   : op->field == TAGS && dice_percent(dice, 40) ? HOPNHAT__OP_KIND__DROP
                                                                 : HOPNHAT__OP_KIND__PUT;
        op->number = (int)dice_below(dice, 3) + (op->field == COUNT);
        ops[index] = (struct new_op){.field = op->field, .kind = op->kind};
        if (op->kind == HOPNHAT__OP_KIND__ADD)
            ops[index].value = text(increments + 2 * (op->number - 1));
        else if (op->kind == HOPNHAT__OP_KIND__PUT)
            ops[index].value = text(letters + 2 * op->number);
        oracle_bag(known, heard, op->field, bag);
        struct entry_list *list = &ops[index].superseded;
        list->ids = arena_alloc(&history.arena, IDS * sizeof *list->ids);
        for (unsigned i = 0; i < IDS; i++) {
            bool shown = op->kind == HOPNHAT__OP_KIND__ADD
                             ? is_shown_total(known, i, id_number(replica, seq, index))
                             : bag[i] && (op->field == NAME || history.ops[i].number == op->number);
            op->superseded[i] = shown;
            if (shown)
                list->ids[list->count++] = id_of(i);
        }
    }
    history.changes[replica][seq] =
        change_of_ops(&history.arena, replica_number(replica), seq + 1, THING, ops, count);
    history.refused[replica][seq] = dice_percent(dice, 20);
    history.length[replica]++;
}

static void write_history(uint64_t seed)
{
    unsigned known[REPLICAS][REPLICAS] = {{0}};
    arena_reset(&history.arena);
    memset(history.ops, 0, sizeof history.ops);
    memset(history.refused, 0, sizeof history.refused);
    memset(history.length, 0, sizeof history.length);
    history.dice.state = seed;
    for (unsigned step = 0; step < REPLICAS * SEQS; step++) {
        unsigned replica = dice_below(&history.dice, REPLICAS);
        if (history.length[replica] == SEQS)
            continue;
        for (unsigned other = 0; other < REPLICAS; other++)
            if (dice_percent(&history.dice, 40))
                known[replica][other] = history.length[other];
        known[replica][replica] = history.length[replica];
        write_change(replica, known[replica]);
    }
}

/* The hub: how far each log has come, and that refusals may be taken back. */
struct hub_like {
    unsigned come[REPLICAS];
    bool released[REPLICAS][SEQS];
    Hopnhat__Record *record;
    uint64_t rev;
};

static bool has_come(const struct hub_like *hub, unsigned number)
{
    return number / OPS % SEQS < hub->come[number / OPS / SEQS];
}

static bool hub_seen(void *context, struct entry_id id)
{
    return has_come(context, number_of(id));
}

static bool hub_refused(void *context, struct entry_id id, struct arena *arena, struct entry_list *superseded)
{
    const struct hub_like *hub = context;
    unsigned number = number_of(id), change = number / OPS;
    if (!has_come(hub, number) || !is_refused(number) || hub->released[change / SEQS][change % SEQS])
        return false;
    superseded->ids = arena_alloc(arena, IDS * sizeof *superseded->ids);
    for (unsigned i = 0; superseded->ids && i < IDS; i++)
        if (history.ops[number].superseded[i])
            superseded->ids[superseded->count++] = id_of(i);
    return true;
}

static struct merge_source source_of(struct hub_like *hub)
{
    return (struct merge_source){.context = hub, .seen = hub_seen, .refused = hub_refused};
}

static void merge_one(struct hub_like *hub, unsigned replica, unsigned seq)
{
    struct error error;
    const struct merge_source source = source_of(hub);
    const struct merge_stamp stamp = {.time = (seq + 1) << 16, .rank = replica % 3, .rev = ++hub->rev};
    if (!merge_edit(hub->record, &history.changes[replica][seq], 0, &stamp, &source, &history.arena, &error))
        fail_msg("%s", error.text);
}

static void take_change(struct hub_like *hub, unsigned replica)
{
    unsigned seq = hub->come[replica];
    const struct merge_source source = source_of(hub);
    struct error error;
    bool altered;
    if (!history.refused[replica][seq]) {
        merge_one(hub, replica, seq);
        hub->come[replica]++;
        return;
    }
    hub->come[replica]++;
    if (!merge_refused_edit(hub->record, &history.changes[replica][seq], 0, ++hub->rev, &source,
                            &history.arena, &altered, &error))
        fail_msg("%s", error.text);
}

static void start_hub(struct hub_like *hub)
{
    *hub = (struct hub_like){.record = record_new(&history.arena, THING, TEST_ID)};
    assert_non_null(hub->record);
}

static bool take_any(struct hub_like *hub)
{
    unsigned left = 0, replica = 0;
    for (unsigned i = 0; i < REPLICAS; i++)
        left += hub->come[i] < history.length[i];
    if (!left)
        return false;
    unsigned chosen = dice_below(&history.dice, left);
    while (hub->come[replica] == history.length[replica] || chosen-- > 0)
        replica++;
    take_change(hub, replica);
    return true;
}

static struct digest digest_without(const Hopnhat__Record *record, uint32_t number)
{
    Hopnhat__Record *copy = record_copy(&history.arena, record);
    assert_non_null(copy);
    if (record_field(copy, number))
        record_field(copy, number)->n_entries = 0;
    return digest_record(copy);
}

static void every_order_gives_the_oracles_bags(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ORACLE_HISTORIES; seed++) {
        struct digest first = {0, 0};
        write_history(seed);
        for (unsigned order = 0; order < ORDERS; order++) {
            struct hub_like hub;
            start_hub(&hub);
            while (take_any(&hub))
                if (order == 0 && dice_percent(&history.dice, 10))
                    check_record(hub.record, hub.come); /* on the way too */
            check_record(hub.record, history.length);
            check_absent(hub.record);
            struct digest digest = digest_without(hub.record, COUNT);
            bool same_times = order == 0 || digest_equal(&first, &digest);
            first = digest;
            assert_true(same_times);
        }
    }
}

static void what_is_released_is_as_if_admitted(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES / 3; seed++) {
        struct hub_like hub;
        write_history(seed);
        start_hub(&hub);
        while (take_any(&hub))
            ;
        for (unsigned replica = 0; replica < REPLICAS; replica++)
            for (unsigned seq = 0; seq < history.length[replica]; seq++) {
                if (!history.refused[replica][seq] || dice_percent(&history.dice, 30))
                    continue;
                hub.released[replica][seq] = true;
                merge_one(&hub, replica, seq);
                history.refused[replica][seq] = false;
                check_record(hub.record, history.length);
                check_absent(hub.record);
            }
    }
}

static void applied_again_nothing_is_new(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES / 3; seed++) {
        struct hub_like hub;
        write_history(seed);
        memset(history.refused, 0, sizeof history.refused);
        start_hub(&hub);
        for (unsigned replica = 0; replica < REPLICAS; replica++)
            while (hub.come[replica] < history.length[replica]) {
                unsigned seq = hub.come[replica];
                Hopnhat__Record *before = record_copy(&history.arena, hub.record);
                bool awaited = false;
                for (unsigned f = 0; f < FIELDS; f++)
                    for (unsigned i = 0; record_field(before, field_numbers[f]) && i < OPS; i++)
                        awaited |= absent_take(record_field(before, field_numbers[f]),
                                               id_of(id_number(replica, seq, i)));
                take_change(&hub, replica);
                struct digest once = digest_record(hub.record);
                if (!awaited)
                    merge_one(&hub, replica, seq);
                struct digest twice = digest_record(hub.record);
                assert_true(digest_equal(&once, &twice));
            }
    }
}

/* An agent applies its own later changes to the hub's bags: all has been seen, nothing was refused. */
static void a_draft_is_the_mirror_with_own_changes(void **state)
{
    (void)state;
    const struct merge_source none = {0};
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        struct hub_like hub;
        struct error error;
        write_history(seed);
        start_hub(&hub);
        for (unsigned i = dice_below(&history.dice, REPLICAS * SEQS); i > 0 && take_any(&hub); i--)
            ;
        unsigned own = dice_below(&history.dice, REPLICAS);
        Hopnhat__Record *draft = record_copy(&history.arena, hub.record);
        for (size_t f = 0; f < draft->n_fields; f++)
            draft->fields[f]->n_absent = 0;
        bool expected[FIELDS][IDS] = {{0}};
        for (unsigned f = 0; f < FIELDS; f++)
            for (unsigned i = 0; record_field(draft, field_numbers[f]) && i < IDS; i++)
                expected[f][i] = bag_find(record_field(draft, field_numbers[f]), id_of(i)) != NULL;
        for (unsigned seq = hub.come[own]; seq < history.length[own]; seq++) {
            const struct merge_stamp stamp = {.time = 1};
            assert_true(
                merge_edit(draft, &history.changes[own][seq], 0, &stamp, &none, &history.arena, &error));
            for (unsigned index = 0; index < OPS; index++) {
                const struct plain_op *op = &history.ops[id_number(own, seq, index)];
                unsigned f = op->field == NAME ? 0 : 1;
                if (!op->there || op->field == COUNT)
                    continue;
                for (unsigned i = 0; i < IDS; i++)
                    expected[f][i] &= !op->superseded[i];
                expected[f][id_number(own, seq, index)] = op->kind == HOPNHAT__OP_KIND__PUT;
            }
        }
        for (unsigned f = 0; f < 2; f++)
            for (unsigned i = 0; record_field(draft, field_numbers[f]) && i < IDS; i++) {
                const Hopnhat__Field *field = record_field(draft, field_numbers[f]);
                assert_int_equal(field->n_absent, 0);
                assert_int_equal(bag_find(field, id_of(i)) != NULL, expected[f][i]);
            }
    }
}

/* The original is still what it was, whatever is merged into the copy. */
static void a_copy_leaves_the_original_alone(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES / 3; seed++) {
        struct hub_like hub;
        write_history(seed);
        start_hub(&hub);
        for (unsigned i = 0; i < REPLICAS * SEQS / 2; i++)
            take_any(&hub);
        Hopnhat__Record *original = hub.record;
        unsigned known[REPLICAS];
        memcpy(known, hub.come, sizeof known);
        hub.record = record_copy(&history.arena, original);
        assert_non_null(hub.record);
        while (take_any(&hub))
            ;
        check_record(original, known);
    }
}

static void a_counter_that_is_no_number_is_an_error(void **state)
{
    (void)state;
    struct error error;
    const struct merge_source none = {0};
    const struct merge_stamp stamp = {.time = 1};
    struct new_op add = {.field = COUNT, .kind = HOPNHAT__OP_KIND__ADD, .value = text("x")};
    struct change change = change_of_ops(&history.arena, 1, 2, THING, &add, 1);
    Hopnhat__Record *record = record_new(&history.arena, THING, TEST_ID);
    assert_false(merge_edit(record, &change, 0, &stamp, &none, &history.arena, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
    add.value = text("5");
    change = change_of_ops(&history.arena, 1, 2, THING, &add, 1);
    record = record_of(&history.arena, THING, &(struct row){COUNT, 1, 1, 1, "y", 0, 0}, 1);
    assert_false(merge_edit(record, &change, 0, &stamp, &none, &history.arena, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
}

static void a_bag_that_is_full_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct error error;
    const struct merge_source none = {0};
    Hopnhat__Record *record = record_new(&history.arena, THING, TEST_ID);
    arena_reset(&history.arena);
    record = record_new(&history.arena, THING, TEST_ID);
    struct new_op put = {.field = TAGS, .value = text("a")};
    for (uint64_t seq = 1; seq <= LIMIT_ENTRIES_PER_FIELD; seq++)
        put_row(&history.arena, record, &(struct row){TAGS, 1, seq, 1, "t", 0, 0});
    struct change change = change_of_ops(&history.arena, 2, 1, THING, &put, 1);
    assert_false(
        merge_edit(record, &change, 0, &(struct merge_stamp){.time = 1}, &none, &history.arena, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    assert_int_equal(record_field(record, TAGS)->n_entries, LIMIT_ENTRIES_PER_FIELD);
}

static void memory_that_ends_is_told_as_that(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct hub_like hub;
        bool done = false;
        write_history(seed);
        start_hub(&hub);
        for (unsigned i = 0; i < REPLICAS * SEQS / 2; i++)
            take_any(&hub);
        unsigned own = 0;
        while (own < REPLICAS - 1 && hub.come[own] == history.length[own])
            own++;
        if (hub.come[own] == history.length[own])
            continue;
        for (size_t limit = 0; !done; limit += 16) {
            struct arena small;
            struct error error;
            const struct merge_source source = source_of(&hub);
            const struct merge_stamp stamp = {.time = 1, .rev = 1};
            Hopnhat__Record *record = record_copy(&history.arena, hub.record);
            arena_init(&small, limit);
            done =
                merge_edit(record, &history.changes[own][hub.come[own]], 0, &stamp, &source, &small, &error);
            if (!done)
                assert_int_equal(error.code, ERROR_MEMORY);
            arena_release(&small);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    arena_init(&history.arena, 256 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&history.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_gives_the_oracles_bags),
        cmocka_unit_test(what_is_released_is_as_if_admitted),
        cmocka_unit_test(applied_again_nothing_is_new),
        cmocka_unit_test(a_draft_is_the_mirror_with_own_changes),
        cmocka_unit_test(a_copy_leaves_the_original_alone),
        cmocka_unit_test(a_counter_that_is_no_number_is_an_error),
        cmocka_unit_test(memory_that_ends_is_told_as_that),
        cmocka_unit_test(a_bag_that_is_full_refuses_and_keeps_what_it_has),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
