/* The journal of conflicts says just what the records do: a field is open there exactly while it reads as
 * open and its record is not deleted, and every office lists those of the records that it sees. */
#include "world.h"

#include "hub/admission.h"
#include "hub/journal.h"
#include "hub/registry.h"
#include "model/fold.h"
#include "store/rows.h"

struct looking {
    struct world *world;
    struct arena arena;
    struct transaction transaction;
    uint64_t open, seen[AGENTS]; /* fields; of them those in records that the office sees */
    uint64_t settled;            /* rows that somebody settled with a note */
};

static bool is_open(struct looking *looking, const Hopnhat__Record *record,
                    const Hopnhat__FieldDefinition *definition)
{
    const struct catalog_type *type = catalog_type(looking->world->hub->catalog, record->type);
    struct reading reading;
    struct error error;
    bool deleted;
    if (!fold_field(type, record, definition, &looking->arena, &reading, &error) ||
        !fold_deleted(type, record, &looking->arena, &deleted, NULL, &error))
        return world_fail(looking->world, "cannot read a record: %s", error.text);
    return reading.open && !deleted;
}

/* How many open rows the journal has of the field. */
static unsigned open_rows(struct looking *looking, const Hopnhat__Record *record, uint32_t field)
{
    struct key prefix;
    struct cursor cursor;
    unsigned count = 0;
    key_record(&prefix, record->type, record->id.data);
    key_add_u32(&prefix, field);
    cursor_open(&cursor, &looking->transaction, HUB_CONFLICT);
    for (bool here = cursor_seek(&cursor, key_bytes(&prefix));
         here && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor)) {
        const Hopnhat__Resolution *row = row_unpack(&looking->transaction, cursor.value,
                                                    &hopnhat__resolution__descriptor, &looking->arena);
        struct key state;
        struct bytes listed;
        if (!row)
            break;
        journal_state_key(&state, row);
        if (!transaction_get(&looking->transaction, HUB_CONFLICT_STATE, key_bytes(&state), &listed))
            world_fail(looking->world, "a row of the journal is not listed under its state");
        count += row->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN;
    }
    cursor_close(&cursor);
    return count;
}

/* What people settled is put down to those who did. */
static void check_settled(struct looking *looking)
{
    struct world *world = looking->world;
    struct cursor cursor;
    cursor_open(&cursor, &looking->transaction, HUB_CONFLICT);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        const Hopnhat__Resolution *row = row_unpack(&looking->transaction, cursor.value,
                                                    &hopnhat__resolution__descriptor, &looking->arena);
        if (!row || !row->note || strncmp(row->note, "settled ", 8) != 0)
            continue;
        const struct settled *settled = truth_settlement(world, row->note);
        if (!settled || row->state != HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED ||
            !row->settled_by_office || strcmp(row->settled_by_office, settled->office) != 0 ||
            !row->settled_by_author || strcmp(row->settled_by_author, "settler") != 0)
            world_fail(world, "what %s settled (%s) is put down to %s %s",
                       settled ? settled->office : "nobody", row->note,
                       row->settled_by_office ? row->settled_by_office : "nobody",
                       row->settled_by_author ? row->settled_by_author : "");
        looking->settled++;
    }
    cursor_close(&cursor);
    world_trace(world, "%llu conflicts were settled", (unsigned long long)looking->settled);
}

static void look_at(struct looking *looking, const Hopnhat__Record *record)
{
    struct world *world = looking->world;
    const struct catalog_type *type = catalog_type(world->hub->catalog, record->type);
    const Hopnhat__TypeDefinition *definition = type ? type_definition(type) : NULL;
    for (size_t i = 0; definition && i < definition->n_fields; i++) {
        const Hopnhat__FieldDefinition *field = definition->fields[i];
        bool person =
            field->policy == HOPNHAT__MERGE_POLICY__REVIEW || field->policy == HOPNHAT__MERGE_POLICY__TEXT;
        bool open = person && is_open(looking, record, field);
        if (open_rows(looking, record, field->number) != open)
            world_fail(world, "field %u of %02x%02x… is %s, and the journal says otherwise", field->number,
                       record->id.data[0], record->id.data[1], open ? "open" : "not open");
        looking->open += open;
        for (size_t j = 0; j < AGENTS && open; j++) {
            const struct installation *installation = registry_installation(world->hub, world->nodes[j].key);
            const struct office *office =
                installation ? registry_office(world->hub, installation->office) : NULL;
            looking->seen[j] +=
                office && record->group && office_is_in(office, bytes_of_string(record->group));
        }
    }
}

static void check_counts(struct looking *looking)
{
    struct world *world = looking->world;
    if (looking->open != world->hub->conflicts_open)
        world_fail(world, "%llu fields are open, and %llu are counted", (unsigned long long)looking->open,
                   (unsigned long long)world->hub->conflicts_open);
    for (size_t i = 0; i < AGENTS; i++) {
        struct agent_status status;
        struct error error;
        if (!agent_status(world->nodes[i].agent, &status, &error))
            world_fail(world, "status: %s", error.text);
        else if (status.conflicts_open != looking->seen[i])
            world_fail(world, "agent %c lists %llu open conflicts and should %llu", (char)('a' + i),
                       (unsigned long long)status.conflicts_open, (unsigned long long)looking->seen[i]);
    }
}

void check_journal(struct world *world)
{
    struct looking looking = {.world = world};
    struct cursor cursor;
    struct error error;
    arena_init(&looking.arena, (size_t)1 << 30);
    if (!transaction_begin(&looking.transaction, world->hub->environment, false, &error)) {
        world_fail(world, "%s", error.text);
    } else {
        cursor_open(&cursor, &looking.transaction, HUB_RECORD);
        for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
            const Hopnhat__Record *record =
                row_unpack(&looking.transaction, cursor.value, &hopnhat__record__descriptor, &looking.arena);
            if (record)
                look_at(&looking, record);
        }
        cursor_close(&cursor);
        check_counts(&looking);
        check_settled(&looking);
        transaction_abort(&looking.transaction);
    }
    arena_release(&looking.arena);
}
