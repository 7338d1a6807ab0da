/* An office is told of each value of its own that is not what is read in a field that reads one, of each that
 * a deletion took along, and of each of its deletions that was overruled, as all that stands now; and of no
 * other. (What somebody wrote over before it was seen standing there is told too, and not checked here.) */
#include "world.h"

#include "agent/log.h"
#include "agent/outvoted.h"
#include "model/fold.h"
#include "store/rows.h"

struct told {
    struct world *world;
    const struct agent *agent;
    struct transaction transaction;
    struct arena arena;
    const Hopnhat__Record *record;
    struct tombstones tombstones;
    bool deleted, overruled;
};

/* The office's latest entry of the bag; `listed` says whether those that a tombstone lists count. */
static const Hopnhat__Entry *own_entry(const struct told *told, const Hopnhat__Field *field, bool listed)
{
    const Hopnhat__Entry *latest = NULL;
    for (size_t i = 0; field && i < field->n_entries; i++)
        if (agent_log(told->agent, field->entries[i]->replica) &&
            (listed || !tombstones_list(&told->tombstones, entry_id_of(field->entries[i]))) &&
            (!latest || field->entries[i]->time >= latest->time))
            latest = field->entries[i];
    return latest;
}

/* Whether the office took the value for erased (or may have, before it trimmed its log), though the hub has
 * lost the erasure since and kept the value: it came back from a copy that it did not count as a backup. */
static bool was_erased(struct told *told, const Hopnhat__Entry *own)
{
    struct change change;
    return !log_change(&told->transaction, entry_id_of(own).dot, &told->arena, &change) ||
           (own->index < change.op_count && change_is_erased(&change, own->index));
}

/* Whether the office has a row that stands for the entry, or need have none. */
static bool is_told(struct told *told, const Hopnhat__Outvoted *row, const Hopnhat__Entry *own, bool deleted)
{
    if (told->world->gap_allowed && was_erased(told, own))
        return true;
    return row && row->lost && !row->settled && row->deleted == deleted && row->replica == own->replica &&
           row->seq == own->seq && row->index == own->index;
}

static void complain(struct told *told, uint32_t field, const char *what)
{
    world_fail(told->world, "%s %s: field %u of %02x%02x…", told->agent->office_code, what, field,
               told->record->id.data[0], told->record->id.data[1]);
}

static bool is_outvoted(struct told *told, const struct catalog_type *type,
                        const Hopnhat__FieldDefinition *definition, const Hopnhat__Field *field,
                        const Hopnhat__Entry *own)
{
    struct reading reading;
    struct error error;
    if (!own || !fold_reads_one(definition->policy) || fold_distinct(field) < 2)
        return false;
    if (!fold_field(type, told->record, definition, &told->arena, &reading, &error))
        return world_fail(told->world, "cannot read a record: %s", error.text);
    return !bytes_equal(entry_value(own), reading.count ? reading.values[0] : bytes_of(NULL, 0));
}

static void check_field(struct told *told, const struct catalog_type *type,
                        const Hopnhat__FieldDefinition *definition)
{
    const Hopnhat__Field *field = record_field(told->record, definition->number);
    const Hopnhat__Entry *own = own_entry(told, field, true), *taken = own_entry(told, field, false);
    const Hopnhat__Outvoted *row = outvoted_row(&told->transaction, told->record->type, told->record->id.data,
                                                definition->number, &told->arena);
    if (told->deleted && taken) {
        if (!is_told(told, row, taken, true))
            complain(told, definition->number, "is not told of a value that a deletion took along");
    } else if (is_outvoted(told, type, definition, field, own)) {
        if (!is_told(told, row, own, false) && !(told->deleted && row && row->deleted))
            complain(told, definition->number, "is not told of a value that was outvoted");
    } else if (row && row->lost && !row->settled && !(row->deleted && told->deleted)) {
        complain(told, definition->number, "is told of a value that is what is read");
    }
}

static void check_deletion(struct told *told)
{
    const uint32_t number = HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED;
    const Hopnhat__Entry *own = own_entry(told, record_field(told->record, number), true);
    const Hopnhat__Outvoted *row =
        outvoted_row(&told->transaction, told->record->type, told->record->id.data, number, &told->arena);
    if (told->overruled && own && !is_told(told, row, own, false))
        complain(told, number, "is not told of a deletion that was overruled");
    else if (!(told->overruled && own) && row && !row->settled)
        complain(told, number, "is told of a deletion that was not overruled");
}

static void check_record(struct told *told)
{
    const struct catalog_type *type = catalog_type(told->agent->catalog, told->record->type);
    const Hopnhat__TypeDefinition *definition = type ? type_definition(type) : NULL;
    struct error error;
    if (!definition)
        return;
    if (!fold_deleted(type, told->record, &told->arena, &told->deleted, &told->overruled, &error) ||
        !tombstones_read(told->record, &told->arena, &told->tombstones, &error)) {
        world_fail(told->world, "cannot read a record: %s", error.text);
        return;
    }
    check_deletion(told);
    for (size_t i = 0; i < definition->n_fields; i++)
        if (!definition->fields[i]->retired)
            check_field(told, type, definition->fields[i]);
}

void check_told(struct world *world)
{
    struct told told = {.world = world};
    struct error error;
    arena_init(&told.arena, LIMIT_MESSAGE_ARENA_BYTES);
    for (size_t i = 0; i < AGENTS; i++) {
        struct cursor cursor;
        told.agent = world->nodes[i].agent;
        if (!agent_read(world->nodes[i].agent, &told.transaction, &error)) {
            world_fail(world, "%s", error.text);
            break;
        }
        cursor_open(&cursor, &told.transaction, AGENT_MIRROR);
        for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
            arena_reset(&told.arena);
            told.record =
                row_unpack(&told.transaction, cursor.value, &hopnhat__record__descriptor, &told.arena);
            if (told.record)
                check_record(&told);
        }
        cursor_close(&cursor);
        transaction_abort(&told.transaction);
    }
    arena_release(&told.arena);
}
