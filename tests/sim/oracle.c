/* The order-free oracle: what the hub's records must hold, from its log alone. All puts that were not
 * refused, minus everything that was superseded, through refused operations too; counters as sums. Nothing
 * here knows of bags, absents or arrival. */
#include "world.h"

#include "hub/admission.h"
#include "hub/purge.h"
#include "hub/quarantine.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdlib.h>

struct cell {
    uint32_t type, field;
    uint8_t record[RECORD_ID_BYTES];
};

struct put {
    struct cell cell;
    struct entry_id id;
    struct bytes value;
    bool found;
};

struct refused {
    struct entry_id id;
    struct entry_list superseded;
};

struct total {
    struct cell cell;
    int64_t tenths, found_tenths;
    bool found;
};

struct drop {
    struct cell cell;
    struct entry_id id;
};

/* Growing lists, in the arena. */
struct oracle {
    struct world *world;
    struct arena arena;
    struct transaction transaction;
    struct put *puts;
    struct refused *refused;
    struct total *totals;
    struct drop *drops;
    size_t put_count, refused_count, total_count, drop_count;
};

enum { MOST = 20000 };

static bool same_cell(const struct cell *a, const struct cell *b)
{
    return a->type == b->type && a->field == b->field && memcmp(a->record, b->record, RECORD_ID_BYTES) == 0;
}

/* Increments here have one digit behind the point at most. */
static int64_t tenths(struct bytes text)
{
    char copy[32] = {0};
    memcpy(copy, text.data, text.size < sizeof copy - 1 ? text.size : sizeof copy - 1);
    double number = strtod(copy, NULL);
    return (int64_t)(number * 10 + (number < 0 ? -0.5 : 0.5));
}

static void drop(struct oracle *oracle, const struct cell *cell, struct entry_id id)
{
    for (size_t i = 0; i < oracle->drop_count; i++)
        if (same_cell(&oracle->drops[i].cell, cell) && entry_id_compare(oracle->drops[i].id, id) == 0)
            return;
    if (oracle->drop_count < MOST)
        oracle->drops[oracle->drop_count++] = (struct drop){*cell, id};
    for (size_t i = 0; i < oracle->refused_count; i++)
        if (entry_id_compare(oracle->refused[i].id, id) == 0)
            for (size_t j = 0; j < oracle->refused[i].superseded.count; j++)
                drop(oracle, cell, oracle->refused[i].superseded.ids[j]);
}

static void add_total(struct oracle *oracle, const struct cell *cell, struct bytes increment)
{
    size_t i = 0;
    while (i < oracle->total_count && !same_cell(&oracle->totals[i].cell, cell))
        i++;
    if (i == oracle->total_count)
        oracle->totals[oracle->total_count++] = (struct total){.cell = *cell};
    oracle->totals[i].tenths += tenths(increment);
}

/* Calls `visit` for each op of each change, with whether the change was refused. */
static void each_op(struct oracle *oracle,
                    void (*visit)(struct oracle *, const struct change *, const struct cell *,
                                  const Hopnhat__Op *, struct entry_id, bool refused))
{
    struct cursor cursor;
    cursor_open(&cursor, &oracle->transaction, HUB_LOG);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        struct dot dot = {get_u64_be(cursor.key.data), get_u64_be(cursor.key.data + 8)};
        struct change change;
        struct error error;
        bool refused = quarantine_holds(&oracle->transaction, dot, &oracle->arena);
        const Hopnhat__LogRow *row =
            row_unpack(&oracle->transaction, cursor.value, &hopnhat__log_row__descriptor, &oracle->arena);
        if (!row || !change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), &oracle->arena,
                                   &error)) {
            world_fail(oracle->world, "a logged change cannot be read");
            break;
        }
        for (size_t i = 0; i < change.body->n_edits; i++)
            for (size_t j = 0; j < change.body->edits[i]->n_ops; j++) {
                const Hopnhat__Op *op = change.body->edits[i]->ops[j];
                struct cell cell = {.type = change.body->edits[i]->type, .field = op->field};
                struct entry_id id = {dot, (uint32_t)(change.first_op[i] + j)};
                memcpy(cell.record, change.body->edits[i]->record.data, RECORD_ID_BYTES);
                visit(oracle, &change, &cell, op, id, refused);
            }
    }
    cursor_close(&cursor);
}

static struct entry_list superseded_of(struct oracle *oracle, const struct change *change,
                                       const Hopnhat__Op *op)
{
    struct entry_list list = {.ids = arena_alloc(&oracle->arena, op_superseded_count(op) * sizeof *list.ids)};
    for (size_t i = 0; list.ids && i < op_superseded_count(op); i++)
        list.ids[list.count++] = op_superseded(change, op, i);
    return list;
}

static void note_refused(struct oracle *oracle, const struct change *change, const struct cell *cell,
                         const Hopnhat__Op *op, struct entry_id id, bool refused)
{
    (void)cell;
    if (refused && oracle->refused_count < MOST)
        oracle->refused[oracle->refused_count++] = (struct refused){id, superseded_of(oracle, change, op)};
}

/* A purged record takes all of its values with it. */
static bool is_purged(struct oracle *oracle, const struct cell *cell)
{
    return purge_last(oracle->world->hub, &oracle->transaction, cell->type, cell->record).seq != 0;
}

static void note_admitted(struct oracle *oracle, const struct change *change, const struct cell *cell,
                          const Hopnhat__Op *op, struct entry_id id, bool refused)
{
    if (refused || oracle->put_count == MOST || oracle->total_count == MOST)
        return;
    struct entry_list superseded = superseded_of(oracle, change, op);
    for (size_t i = 0; i < superseded.count; i++)
        drop(oracle, cell, superseded.ids[i]);
    struct bytes value = change_value(change, id.index);
    if (change_is_erased(change, id.index) || is_purged(oracle, cell))
        return;
    if (op->kind == HOPNHAT__OP_KIND__PUT)
        oracle->puts[oracle->put_count++] = (struct put){.cell = *cell, .id = id, .value = value};
    else if (op->kind == HOPNHAT__OP_KIND__ADD)
        add_total(oracle, cell, value);
}

static bool was_dropped(const struct oracle *oracle, const struct put *put)
{
    for (size_t i = 0; i < oracle->drop_count; i++)
        if (same_cell(&oracle->drops[i].cell, &put->cell) &&
            entry_id_compare(oracle->drops[i].id, put->id) == 0)
            return true;
    return false;
}

static void check_entry(struct oracle *oracle, const struct cell *cell, const Hopnhat__Entry *entry)
{
    for (size_t i = 0; i < oracle->total_count; i++)
        if (same_cell(&oracle->totals[i].cell, cell)) {
            oracle->totals[i].found = true;
            oracle->totals[i].found_tenths += tenths(entry_value(entry));
            return;
        }
    for (size_t i = 0; i < oracle->put_count; i++) {
        struct put *put = &oracle->puts[i];
        if (entry_id_compare(put->id, entry_id_of(entry)) != 0 || !same_cell(&put->cell, cell))
            continue;
        if (was_dropped(oracle, put))
            world_fail(oracle->world, "what somebody saw superseded is back: field %u", cell->field);
        if (put->found || !bytes_equal(put->value, entry_value(entry)))
            world_fail(oracle->world, "an entry differs from what was written: field %u", cell->field);
        put->found = true;
        return;
    }
    world_fail(oracle->world, "an entry that nobody put: field %u", cell->field);
}

static bool matches(const struct put *put, const struct overwritten *over, const char *value)
{
    return put->cell.type == over->type && put->cell.field == over->field &&
           memcmp(put->cell.record, over->record, RECORD_ID_BYTES) == 0 &&
           bytes_equal(put->value, bytes_of_string(value));
}

/* How many entries that value was put as. More than one: an image that was put back a second time did not
 * know that its tail had been authored again before, and it was authored once more (docs/merge.md). */
static size_t count_puts(const struct oracle *oracle, const struct overwritten *over)
{
    size_t count = 0;
    for (size_t i = 0; i < oracle->put_count; i++)
        count += matches(&oracle->puts[i], over, over->value);
    return count;
}

/* What a person saw superseded stays superseded, whatever the entries are called since. */
static void check_overwritten(struct oracle *oracle)
{
    size_t count;
    const struct overwritten *all = truth_overwritten(oracle->world, &count);
    for (size_t i = 0; i < count; i++) {
        bool written = false;
        if (oracle->world->mode->agent_put_back && count_puts(oracle, &all[i]) > 1)
            continue;
        if (truth_was_taken(oracle->world, &all[i], all[i].value) ||
            truth_was_taken(oracle->world, &all[i], all[i].by))
            continue; /* who settles a conflict writes what another one wrote before */
        for (size_t j = 0; j < oracle->put_count && !written; j++)
            written = matches(&oracle->puts[j], &all[i], all[i].by);
        for (size_t j = 0; j < oracle->put_count && written; j++)
            if (matches(&oracle->puts[j], &all[i], all[i].value) && oracle->puts[j].found)
                world_fail(oracle->world, "%s was written over %s in field %u, and that is back", all[i].by,
                           all[i].value, all[i].field);
    }
}

static void check_records(struct oracle *oracle)
{
    struct cursor cursor;
    cursor_open(&cursor, &oracle->transaction, HUB_RECORD);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        const Hopnhat__Record *record =
            row_unpack(&oracle->transaction, cursor.value, &hopnhat__record__descriptor, &oracle->arena);
        for (size_t i = 0; record && i < record->n_fields; i++) {
            struct cell cell = {.type = record->type, .field = record->fields[i]->number};
            memcpy(cell.record, record->id.data, RECORD_ID_BYTES);
            for (size_t j = 0; j < record->fields[i]->n_entries; j++)
                check_entry(oracle, &cell, record->fields[i]->entries[j]);
        }
    }
    cursor_close(&cursor);
    for (size_t i = 0; i < oracle->put_count; i++)
        if (!oracle->puts[i].found && !was_dropped(oracle, &oracle->puts[i]))
            world_fail(oracle->world, "a value is lost: field %u, entry %016llx:%llu:%u",
                       oracle->puts[i].cell.field, (unsigned long long)oracle->puts[i].id.dot.replica,
                       (unsigned long long)oracle->puts[i].id.dot.seq, oracle->puts[i].id.index);
    for (size_t i = 0; i < oracle->total_count; i++)
        if (oracle->totals[i].found_tenths != oracle->totals[i].tenths)
            world_fail(oracle->world, "a counter differs from the oracle: field %u",
                       oracle->totals[i].cell.field);
}

void check_oracle(struct world *world)
{
    struct oracle oracle = {.world = world};
    struct error error;
    arena_init(&oracle.arena, (size_t)1 << 30);
    oracle.puts = arena_alloc(&oracle.arena, MOST * sizeof *oracle.puts);
    oracle.refused = arena_alloc(&oracle.arena, MOST * sizeof *oracle.refused);
    oracle.totals = arena_alloc(&oracle.arena, MOST * sizeof *oracle.totals);
    oracle.drops = arena_alloc(&oracle.arena, MOST * sizeof *oracle.drops);
    if (!oracle.puts || !oracle.refused || !oracle.totals || !oracle.drops ||
        !transaction_begin(&oracle.transaction, world->hub->environment, false, &error)) {
        world_fail(world, "no memory for the oracle");
    } else {
        each_op(&oracle, note_refused);
        each_op(&oracle, note_admitted);
        check_records(&oracle);
        if (!world->gap_allowed) /* what a gap has swallowed may have been written over something */
            check_overwritten(&oracle);
        transaction_abort(&oracle.transaction);
    }
    arena_release(&oracle.arena);
}
