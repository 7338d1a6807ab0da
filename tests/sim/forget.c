/* What headquarters forgets and changes for all: erasures, purges, retirements, catalogs. And what must hold
 * afterwards. */
#include "people.h"

#include "agent/erasure.h"
#include "agent/log.h"
#include "agent/mirror.h"
#include "hub/erasure.h"
#include "hub/purge.h"
#include "hub/registry.h"
#include "model/erasure.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdlib.h>

enum { MINUTE_MS = 60 * 1000, STEP_ROWS = 7 };

void world_erases(struct world *world)
{
    static const uint32_t fields[] = {16, 17, 19, 20, 21, 22};
    struct erasing erasing = {.reason = "case", .author = "hq"};
    struct error error;
    size_t key = world_random(world, KEYS), field = world_random(world, 7);
    erasing.type = type_of_key(key);
    memcpy(erasing.record, world->keys[key], RECORD_ID_BYTES);
    if (erasing.type == TYPE_PAPER && field > 1)
        field = 6;
    if (field < 6) {
        erasing.fields = &fields[field];
        erasing.field_count = 1;
    }
    bool done = erasure_write(world->hub, &erasing, world->now_ms, &error);
    if (!done && error.code != ERROR_NOT_FOUND)
        world_fail(world, "headquarters cannot erase: %s", error.text);
    world_trace(world, "hq erases %zu, field %u: %s", key, field < 6 ? fields[field] : 0,
                done ? "done" : error.text);
}

/* How a record stands at the hub. */
struct standing {
    uint64_t rev; /* 0: it is not there */
    struct digest digest;
};

static struct standing standing_at_hub(struct world *world, size_t key)
{
    struct standing standing = {0};
    struct transaction transaction;
    struct error error;
    struct arena arena;
    if (!transaction_begin(&transaction, world->hub->environment, false, &error))
        return standing;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    const Hopnhat__Record *record = hub_record(&transaction, type_of_key(key), world->keys[key], &arena);
    if (record)
        standing = (struct standing){record->rev, digest_record(record)};
    transaction_abort(&transaction);
    arena_release(&arena);
    return standing;
}

/* Whoever is waited for has read that the record was deleted before it is purged. A comparison moves only
 * what differs, so the same content may stand under an older rev. */
static void check_waited(struct world *world, size_t key, const struct standing *purged)
{
    for (size_t i = 0; i < AGENTS; i++) {
        const struct installation *installation = registry_installation(world->hub, world->nodes[i].key);
        struct transaction transaction;
        struct error error;
        struct arena arena;
        if (!installation || installation->retired_at ||
            !agent_read(world->nodes[i].agent, &transaction, &error))
            continue;
        arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
        const Hopnhat__Record *mirrored =
            mirror_get(&transaction, type_of_key(key), world->keys[key], &arena);
        const struct digest digest = mirrored ? digest_record(mirrored) : purged->digest;
        if (mirrored && mirrored->rev < purged->rev && !digest_equal(&digest, &purged->digest))
            world_fail(world, "a record was purged before agent %c had read that it was deleted",
                       (char)('a' + i));
        transaction_abort(&transaction);
        arena_release(&arena);
    }
}

static void delete_record(struct world *world, size_t key)
{
    struct transaction transaction;
    struct error error;
    struct arena arena;
    struct new_edit edit;
    if (!transaction_begin(&transaction, world->hub->environment, false, &error))
        return;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    const Hopnhat__Record *record = hub_record(&transaction, type_of_key(key), world->keys[key], &arena);
    transaction_abort(&transaction);
    if (record && (!edit_make_deletion(record, &arena, &edit, &error) ||
                   !headquarters_write(world->hub, &edit, 1, "hq", world->now_ms, &error)))
        world_fail(world, "headquarters cannot delete: %s", error.text);
    arena_release(&arena);
}

static void housekeep(struct world *world, const struct purge_rules *rules)
{
    struct purge_pass pass = {0};
    struct error error;
    struct standing before[KEYS];
    for (size_t i = 0; i < KEYS; i++)
        before[i] = standing_at_hub(world, i);
    do {
        if (!purge_step(world->hub, rules, world->now_ms, STEP_ROWS, &pass, &error)) {
            world_fail(world, "headquarters cannot purge: %s", error.text);
            return;
        }
    } while (pass.under_way);
    for (size_t i = 0;
         i < KEYS && !world->mode->agent_restore && !world->mode->agent_put_back && !world->mode->hub_restore;
         i++)
        if (before[i].rev && !standing_at_hub(world, i).rev)
            check_waited(world, i, &before[i]);
    world_trace(world, "hq purges %llu, retires %llu, forgets %llu", (unsigned long long)pass.purged,
                (unsigned long long)pass.retired, (unsigned long long)pass.forgotten);
}

void world_housekeeps(struct world *world)
{
    const struct purge_rules rules = {.purge_after_ms = world_random(world, 2) * MINUTE_MS,
                                      .retire_after_ms = (1 + world_random(world, 8)) * MINUTE_MS};
    if (world_chance(world, 60))
        delete_record(world, world_random(world, KEYS));
    housekeep(world, &rules);
}

void world_forgets(struct world *world, unsigned set)
{
    const struct purge_rules rules = {.purge_after_ms = 0, .retire_after_ms = MINUTE_MS};
    delete_record(world, world_random(world, KEYS));
    delete_record(world, world_random(world, KEYS));
    world->now_ms += 2 * MINUTE_MS;
    if (!world_sync(world, set))
        return;
    housekeep(world, &rules);
    world_sync(world, set);
    housekeep(world, &rules);
}

/* --- catalogs --- */

/* In the unit, or in none if it is in one. */
static bool turn_unit(Hopnhat__FieldDefinition *field, const char *unit)
{
    bool out = field->unit != NULL;
    free(field->unit);
    field->unit = out ? NULL : strdup(unit);
    return out || field->unit;
}

static void turn_retired(Hopnhat__FieldDefinition *field)
{
    field->has_retired = true;
    field->retired = !field->retired;
}

static void turn_deletion(Hopnhat__TypeDefinition *type)
{
    type->has_deletion = true;
    type->deletion = type->deletion == HOPNHAT__DELETE_POLICY__DELETE_WINS
                         ? HOPNHAT__DELETE_POLICY__EDIT_WINS
                         : HOPNHAT__DELETE_POLICY__DELETE_WINS;
}

/* What reads the same bags otherwise, one after the other from any on. */
static bool alter(Hopnhat__Catalog *catalog, uint64_t step)
{
    static const Hopnhat__MergePolicy policies[] = {
        HOPNHAT__MERGE_POLICY__REVIEW, HOPNHAT__MERGE_POLICY__UNION, HOPNHAT__MERGE_POLICY__AUTHORITY};
    enum { X = 0, Y = 1, W = 10, I = 12, J = 13 };
    Hopnhat__TypeDefinition *thing = catalog->types[0], *paper = catalog->types[1];
    switch (step % ALTERATIONS) {
    case 1:
        turn_deletion(thing);
        return true;
    case 2:
        turn_retired(thing->fields[X]);
        turn_retired(thing->fields[W]);
        return true;
    case 4:
        return turn_unit(thing->fields[I], "deal") && turn_unit(thing->fields[J], "deal");
    case 5:
        turn_deletion(paper);
        return true;
    default:
        thing->fields[Y]->has_policy = true;
        thing->fields[Y]->policy = policies[step / 3 % (sizeof policies / sizeof *policies)];
        return true;
    }
}

/* The next version. */
static bool next_catalog(struct world *world, struct bytes *packed)
{
    struct bytes last = world->catalogs[world->catalog_count - 1];
    Hopnhat__Catalog *catalog = hopnhat__catalog__unpack(NULL, last.size, last.data);
    if (!catalog)
        return false;
    uint8_t *data = alter(catalog, world->seed + catalog->version++)
                        ? malloc(hopnhat__catalog__get_packed_size(catalog))
                        : NULL;
    if (data)
        *packed = bytes_of(data, hopnhat__catalog__pack(catalog, data));
    hopnhat__catalog__free_unpacked(catalog, NULL);
    return data != NULL;
}

/* What a restored hub has lost of them is applied again, in their order; changes wait for it. */
void world_applies_catalogs(struct world *world)
{
    struct error error;
    world_hub_turn(world); /* one writer: the daemon commits before it takes an own edit */
    for (size_t i = 0; i < world->catalog_count; i++) {
        struct catalog *catalog = catalog_load(world->catalogs[i], &error);
        uint32_t version = catalog ? catalog_version(catalog) : 0;
        catalog_free(catalog);
        if (version > catalog_version(world->hub->catalog) &&
            !headquarters_apply_catalog(world->hub, world->catalogs[i], "hq", world->now_ms, &error))
            world_fail(world, "headquarters cannot apply a catalog: %s", error.text);
    }
}

static void change_catalog(struct world *world)
{
    struct bytes packed;
    if (!next_catalog(world, &packed))
        return;
    world->catalogs[world->catalog_count++] = packed;
    world_applies_catalogs(world);
    world_trace(world, "hq applies version %u of the catalog", catalog_version(world->hub->catalog));
}

void world_changes_catalog(struct world *world)
{
    world_applies_catalogs(world);
    if (world->catalog_count < MOST_CATALOGS)
        change_catalog(world);
}

void world_check_catalogs(struct world *world)
{
    for (size_t i = 0; i < ALTERATIONS && !world->failure[0]; i++) {
        change_catalog(world);
        if (world_sync(world, (1u << AGENTS) - 1))
            check_journal(world);
    }
}

/* --- what must hold --- */

struct looking {
    struct world *world;
    struct transaction *hub; /* where erasures are looked up */
    struct arena arena;
    const char *where;
};

static const Hopnhat__Record *erasure_at_hub(struct looking *looking, uint32_t type, const uint8_t *id)
{
    return hub_erasure(looking->world->hub, looking->hub, type, id, &looking->arena);
}

/* No log holds a value that was erased. */
static void check_log(struct looking *looking, struct transaction *transaction, unsigned database)
{
    struct cursor cursor;
    cursor_open(&cursor, transaction, database);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        struct dot dot = {get_u64_be(cursor.key.data), get_u64_be(cursor.key.data + 8)};
        struct change change;
        struct error error;
        arena_reset(&looking->arena);
        const Hopnhat__LogRow *row =
            row_unpack(transaction, cursor.value, &hopnhat__log_row__descriptor, &looking->arena);
        if (!row || !change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), &looking->arena,
                                   &error))
            continue;
        bool *takes = arena_alloc(&looking->arena, change.op_count * sizeof *takes);
        for (size_t i = 0; takes && i < change.body->n_edits; i++) {
            const Hopnhat__Edit *edit = change.body->edits[i];
            if (erasure_mark(erasure_at_hub(looking, edit->type, edit->record.data), &change, i, takes))
                world_fail(looking->world, "an erased value is left in the log of %s: %016llx:%llu",
                           looking->where, (unsigned long long)dot.replica, (unsigned long long)dot.seq);
        }
    }
    cursor_close(&cursor);
}

/* Whether the entry's value has been erased from the hub's log. */
static bool was_erased(struct looking *looking, struct entry_id id)
{
    struct key key;
    struct change change;
    struct error error;
    key_dot(&key, id.dot.replica, id.dot.seq);
    const Hopnhat__LogRow *row =
        row_get(looking->hub, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, &looking->arena);
    return row &&
           change_unpack(&change, id.dot, bytes_of(row->logged.data, row->logged.len), &looking->arena,
                         &error) &&
           id.index < change.op_count && change_is_erased(&change, id.index);
}

static void check_record(struct looking *looking, const Hopnhat__Record *record)
{
    for (size_t i = 0; i < record->n_fields; i++)
        for (size_t j = 0; j < record->fields[i]->n_entries; j++)
            if (was_erased(looking, entry_id_of(record->fields[i]->entries[j])))
                world_fail(looking->world, "an erased value is left in a record at %s", looking->where);
}

static void check_records(struct looking *looking, struct transaction *transaction, unsigned database)
{
    struct cursor cursor;
    cursor_open(&cursor, transaction, database);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        arena_reset(&looking->arena);
        const Hopnhat__Record *record =
            row_unpack(transaction, cursor.value, &hopnhat__record__descriptor, &looking->arena);
        if (record && record->type >= FIRST_CATALOG_TYPE)
            check_record(looking, record);
    }
    cursor_close(&cursor);
}

static void check_resolutions(struct looking *looking)
{
    struct cursor cursor;
    cursor_open(&cursor, looking->hub, HUB_CONFLICT);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        arena_reset(&looking->arena);
        const Hopnhat__Resolution *row =
            row_unpack(looking->hub, cursor.value, &hopnhat__resolution__descriptor, &looking->arena);
        for (size_t i = 0; row && i < row->n_candidates; i++)
            if (row->candidates[i]->entry->has_value &&
                was_erased(looking, entry_id_of(row->candidates[i]->entry)))
                world_fail(looking->world, "an erased value is left in the journal");
    }
    cursor_close(&cursor);
}

static void check_outvoted(struct looking *looking, struct transaction *transaction)
{
    struct cursor cursor;
    cursor_open(&cursor, transaction, AGENT_OUTVOTED);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        arena_reset(&looking->arena);
        const Hopnhat__Outvoted *row =
            row_unpack(transaction, cursor.value, &hopnhat__outvoted__descriptor, &looking->arena);
        if (row && row->has_value &&
            was_erased(looking, (struct entry_id){{row->replica, row->seq}, row->index}))
            world_fail(looking->world, "an erased value is left among the outvoted of %s: %016llx:%llu:%u",
                       looking->where, (unsigned long long)row->replica, (unsigned long long)row->seq,
                       row->index);
    }
    cursor_close(&cursor);
}

/* What was purged is not there, and stays so. */
static void check_purged(struct looking *looking)
{
    struct cursor cursor;
    struct bytes row;
    cursor_open(&cursor, looking->hub, HUB_PURGED);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor))
        if (transaction_get(looking->hub, HUB_RECORD, cursor.key, &row))
            world_fail(looking->world, "a purged record is back");
    cursor_close(&cursor);
}

/* A wrong clock neither wins nor loses for long: no entry is of a time that has not come, or before anybody
 * was there. */
static void check_times(struct looking *looking)
{
    struct cursor cursor;
    uint64_t now_ms = time_ms(clock_reading(&looking->world->hub->clock, looking->world->now_ms));
    cursor_open(&cursor, looking->hub, HUB_RECORD);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        arena_reset(&looking->arena);
        const Hopnhat__Record *record =
            row_unpack(looking->hub, cursor.value, &hopnhat__record__descriptor, &looking->arena);
        for (size_t i = 0; record && i < record->n_fields; i++)
            for (size_t j = 0; j < record->fields[i]->n_entries; j++) {
                uint64_t time = time_ms(record->fields[i]->entries[j]->time);
                if (time > now_ms || time < WORLD_BEGINS_MS)
                    world_fail(looking->world, "an entry was admitted at a time that never was: %llu",
                               (unsigned long long)time);
            }
    }
    cursor_close(&cursor);
}

void check_forgotten(struct world *world)
{
    struct transaction hub, agent;
    struct error error;
    struct looking looking = {.world = world, .hub = &hub, .where = "the hub"};
    if (!transaction_begin(&hub, world->hub->environment, false, &error)) {
        world_fail(world, "%s", error.text);
        return;
    }
    arena_init(&looking.arena, LIMIT_MESSAGE_ARENA_BYTES);
    check_log(&looking, &hub, HUB_LOG);
    check_records(&looking, &hub, HUB_RECORD);
    check_resolutions(&looking);
    check_purged(&looking);
    check_times(&looking);
    for (size_t i = 0; i < AGENTS; i++) {
        looking.where = world->nodes[i].agent->office_code;
        if (!agent_read(world->nodes[i].agent, &agent, &error))
            continue;
        check_log(&looking, &agent, AGENT_LOG);
        check_records(&looking, &agent, AGENT_MIRROR);
        check_outvoted(&looking, &agent);
        transaction_abort(&agent);
    }
    arena_release(&looking.arena);
    transaction_abort(&hub);
}
