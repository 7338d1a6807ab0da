/* Headquarters edits, decides and forgets. */
#include "people.h"

#include "hub/admission.h"
#include "hub/quarantine.h"
#include "hub/registry.h"
#include "store/key.h"
#include "store/rows.h"

static const char *const GROUPS[] = {"everyone", "cluster:1", "cluster:2", "network:n"};
static const char *const OWNERS[] = {"an", "binh", "chau", "dung"};

static Hopnhat__Record *hub_sees(struct world *world, uint32_t type, const uint8_t *id, struct arena *arena)
{
    struct transaction transaction;
    struct error error;
    if (!transaction_begin(&transaction, world->hub->environment, false, &error))
        return NULL;
    Hopnhat__Record *record = hub_record(&transaction, type, id, arena);
    transaction_abort(&transaction);
    return record;
}

/* Headquarters edits a record, moves it to another group, gives it another owner. */
static void headquarters_edits(struct world *world, struct arena *arena)
{
    struct error error;
    struct new_edit edit;
    size_t key = world_random(world, KEYS);
    uint32_t type = type_of_key(key);
    struct wishes wishes = {.type = catalog_type(world->hub->catalog, type), .arena = arena};
    Hopnhat__Record *record = hub_sees(world, type, world->keys[key], arena);
    if (!record)
        return;
    if (world_chance(world, 25))
        wish(&wishes, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, ASSIGN_SET, GROUPS[world_random(world, 4)]);
    if (world_chance(world, 20))
        wish(&wishes, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, ASSIGN_SET, OWNERS[world_random(world, 4)]);
    wish_anything(world, &wishes, record);
    if (!edit_make(wishes.type, record, wishes.list, wishes.count, arena, &edit, &error))
        world_fail(world, "headquarters cannot make an edit: %s", error.text);
    else if (edit.op_count && !headquarters_write(world->hub, &edit, 1, "hq", world->now_ms, &error) &&
             error.code != ERROR_INPUT)
        world_fail(world, "headquarters cannot save: %s", error.text);
    else
        world_trace(world, "hq writes %zu:%s", key, edit_told(&edit, arena));
}

/* The journal has put down who settled the field. */
static void check_settled(struct world *world, const struct new_edit *edit, uint32_t field,
                          struct arena *arena)
{
    struct transaction transaction;
    struct cursor cursor;
    struct error error;
    struct key prefix;
    bool found = false;
    if (!transaction_begin(&transaction, world->hub->environment, false, &error))
        return;
    key_record(&prefix, edit->type, edit->record);
    key_add_u32(&prefix, field);
    cursor_open(&cursor, &transaction, HUB_CONFLICT);
    for (bool here = cursor_seek(&cursor, key_bytes(&prefix));
         here && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor)) {
        const Hopnhat__Resolution *row =
            row_unpack(&transaction, cursor.value, &hopnhat__resolution__descriptor, arena);
        found = found || (row && row->note && strcmp(row->note, edit->note) == 0 &&
                          row->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_SETTLED);
    }
    cursor_close(&cursor);
    transaction_abort(&transaction);
    if (!found)
        world_fail(world, "headquarters settled field %u, and the journal has no row of it", field);
}

/* Headquarters settles an open field of some record. */
static void headquarters_resolves(struct world *world, struct arena *arena)
{
    size_t first = world_random(world, KEYS);
    for (size_t i = 0; i < KEYS && !world->failure[0]; i++) {
        struct new_edit edit;
        struct error error;
        size_t key = (first + i) % KEYS;
        uint32_t field;
        const struct catalog_type *type = catalog_type(world->hub->catalog, type_of_key(key));
        const Hopnhat__Record *record = hub_sees(world, type_of_key(key), world->keys[key], arena);
        if (!record || !resolve_make(world, type, record, arena, &edit, &field))
            continue;
        bool done = headquarters_write(world->hub, &edit, 1, "settler", world->now_ms, &error);
        world_trace(world, "hq settles %zu:%s %s", key, edit_told(&edit, arena), done ? "" : error.text);
        if (!done && error.code != ERROR_INPUT) {
            world_fail(world, "headquarters cannot settle: %s", error.text);
        } else if (done) {
            resolve_note(world, HEADQUARTERS_OWNER, &edit, field);
            record = hub_sees(world, type_of_key(key), world->keys[key], arena);
            if (record && resolve_is_open(world, type, record, field, arena))
                world_fail(world, "field %u is open although headquarters has just settled it", field);
            check_settled(world, &edit, field, arena);
        }
        return;
    }
}

/* An office comes into, or goes out of, the network. */
static void headquarters_moves_office(struct world *world, struct arena *arena)
{
    uint8_t id[RECORD_ID_BYTES];
    struct error error;
    struct new_edit edit;
    size_t office = world_random(world, AGENTS);
    struct wishes wishes = {.type = catalog_type(world->hub->catalog, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE),
                            .arena = arena};
    office_record_id(OWNERS[office], id);
    Hopnhat__Record *record = hub_sees(world, HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, id, arena);
    if (!record)
        return;
    wish(&wishes, OFFICE_GROUPS, world_chance(world, 50) ? ASSIGN_ADD : ASSIGN_REMOVE, "network:n");
    if (!edit_make(wishes.type, record, wishes.list, wishes.count, arena, &edit, &error) ||
        (edit.op_count && !headquarters_write(world->hub, &edit, 1, "hq", world->now_ms, &error)))
        world_fail(world, "headquarters cannot move an office: %s", error.text);
    world_trace(world, "hq moves office %zu", office);
}

/* A change in quarantine that nobody has decided on, by chance; seq 0: none. */
static struct dot draw_refused(struct world *world, struct arena *arena)
{
    struct transaction transaction;
    struct cursor cursor;
    struct error error;
    struct dot found = {0, 0};
    uint64_t skip = world_random(world, 4);
    if (!transaction_begin(&transaction, world->hub->environment, false, &error))
        return found;
    cursor_open(&cursor, &transaction, HUB_QUARANTINE);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more; more = cursor_next(&cursor)) {
        const Hopnhat__Quarantined *row =
            row_unpack(&transaction, cursor.value, &hopnhat__quarantined__descriptor, arena);
        if (!row || row->state != HOPNHAT__QUARANTINE_STATE__QUARANTINE_WAITING)
            continue;
        found = (struct dot){row->refusal->replica, row->refusal->seq};
        if (skip-- == 0)
            break;
    }
    cursor_close(&cursor);
    transaction_abort(&transaction);
    return found;
}

/* Headquarters takes away what stood against the change: gives its record to whoever wrote it, for everyone
 * to see. */
static void make_room(struct world *world, struct dot dot, struct arena *arena)
{
    struct transaction transaction;
    struct error error;
    struct change change;
    struct new_edit edit;
    struct key key;
    const struct replica *replica = registry_replica(world->hub, dot.replica);
    if (!replica || !transaction_begin(&transaction, world->hub->environment, false, &error))
        return;
    key_dot(&key, dot.replica, dot.seq);
    const Hopnhat__LogRow *row =
        row_get(&transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
    bool read =
        row && change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), arena, &error);
    transaction_abort(&transaction);
    if (!read)
        return;
    const Hopnhat__Edit *first = change.body->edits[0];
    struct wishes wishes = {.type = catalog_type(world->hub->catalog, first->type), .arena = arena};
    Hopnhat__Record *record = hub_sees(world, first->type, first->record.data, arena);
    if (!record || !wishes.type || replica->office[0] == 0)
        return; /* a change of headquarters' own from before a restore has no office to give it to */
    wish(&wishes, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, ASSIGN_SET, "everyone");
    wish(&wishes, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, ASSIGN_SET, replica->office);
    if (!edit_make(wishes.type, record, wishes.list, wishes.count, arena, &edit, &error) ||
        (edit.op_count && !headquarters_write(world->hub, &edit, 1, "hq", world->now_ms, &error) &&
         error.code != ERROR_INPUT)) /* a record whose first change was lost lacks what a new one needs */
        world_fail(world, "headquarters cannot give a record away: %s", error.text);
}

/* Headquarters decides on a change that was refused; what still stands against it keeps it there. */
static void headquarters_decides(struct world *world, struct arena *arena)
{
    const struct decision decision = {.author = "hq", .wall_ms = world->now_ms};
    struct error error;
    struct dot dot = draw_refused(world, arena);
    if (!dot.seq)
        return;
    bool release = world_chance(world, 80);
    if (release && world_chance(world, 70))
        make_room(world, dot, arena);
    bool done = release ? quarantine_release(world->hub, dot, &decision, &error)
                        : quarantine_drop(world->hub, dot, &decision, &error);
    if (!done && error.code != ERROR_REFUSED && error.code != ERROR_INPUT && error.code != ERROR_LIMIT)
        world_fail(world, "headquarters cannot decide: %s", error.text);
    world_trace(world, "hq %s a refused change: %s", release ? "releases" : "drops",
                done ? "done" : error.text);
}

void headquarters_acts(struct world *world)
{
    struct arena arena;
    world_hub_turn(world); /* one writer: the daemon commits before it takes an own edit */
    arena_init(&arena, EDIT_ARENA_BYTES);
    if (world_chance(world, 8))
        world_erases(world);
    else if (world_chance(world, 25))
        world_housekeeps(world);
    else if (world_chance(world, 4))
        world_changes_catalog(world);
    else if (world_chance(world, 20))
        headquarters_decides(world, &arena);
    else if (world_chance(world, 20))
        headquarters_resolves(world, &arena);
    else if (world_chance(world, 15))
        headquarters_moves_office(world, &arena);
    else
        headquarters_edits(world, &arena);
    arena_release(&arena);
}
