/* Offices write. */
#include "people.h"

#include "agent/erasure.h"
#include "agent/log.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

/* The record as this office sees it; NULL: not at all. */
Hopnhat__Record *office_sees(struct node *node, uint32_t type, const uint8_t *id, struct arena *arena)
{
    struct transaction transaction;
    struct error error;
    if (!agent_read(node->agent, &transaction, &error)) {
        world_fail(node->world, "cannot read: %s", error.text);
        return NULL;
    }
    Hopnhat__Record *record = agent_record(&transaction, type, id, arena);
    transaction_abort(&transaction);
    return record;
}

/* Somebody opens a form. */
static void look(struct node *node, size_t key, const Hopnhat__Record *record)
{
    struct view *view = &node->views[key];
    *view = (struct view){.token = agent_shown_now(node->agent), .valid = true};
    for (size_t i = 0; i < record->n_fields; i++)
        for (size_t j = 0; j < record->fields[i]->n_entries; j++) {
            if (view->count == sizeof view->ids / sizeof *view->ids) {
                view->valid = false;
                return;
            }
            view->ids[view->count++] = entry_id_of(record->fields[i]->entries[j]);
        }
}

static bool saw(const struct view *view, struct entry_id id)
{
    for (size_t i = 0; i < view->count; i++)
        if (entry_id_compare(view->ids[i], id) == 0)
            return true;
    return false;
}

static bool supersedes(const struct change *change, struct entry_id id)
{
    for (size_t i = 0; i < change->body->n_edits; i++)
        for (size_t j = 0; j < change->body->edits[i]->n_ops; j++)
            for (size_t k = 0; k < op_superseded_count(change->body->edits[i]->ops[j]); k++)
                if (entry_id_compare(op_superseded(change, change->body->edits[i]->ops[j], k), id) == 0)
                    return true;
    return false;
}

/* Whether it was shown, or else hidden by an own change whose author had seen it and which was refused since.
 */
static bool knew(struct node *node, const struct view *view, struct entry_id id, struct arena *arena)
{
    struct transaction transaction;
    struct error error;
    struct cursor cursor;
    bool known = saw(view, id);
    if (known || !agent_read(node->agent, &transaction, &error))
        return known;
    cursor_open(&cursor, &transaction, AGENT_REFUSED);
    for (bool more = cursor_seek(&cursor, bytes_of(NULL, 0)); more && !known; more = cursor_next(&cursor)) {
        struct dot dot = {get_u64_be(cursor.key.data), get_u64_be(cursor.key.data + 8)};
        struct change change;
        known = log_change(&transaction, dot, arena, &change) && supersedes(&change, id);
    }
    cursor_close(&cursor);
    transaction_abort(&transaction);
    return known;
}

/* An edit from a form claims to have seen only what the form showed. What an addition names is added into its
 * own total, and no claim. */
static void check_claims(struct node *node, const struct view *view, const struct new_edit *edit,
                         struct arena *arena)
{
    for (size_t i = 0; i < edit->op_count; i++)
        for (size_t j = 0; j < edit->ops[i].superseded.count && edit->ops[i].kind != HOPNHAT__OP_KIND__ADD;
             j++)
            if (!knew(node, view, edit->ops[i].superseded.ids[j], arena))
                world_fail(node->world, "an edit supersedes what was not shown, in field %u: %016llx:%llu",
                           edit->ops[i].field, (unsigned long long)edit->ops[i].superseded.ids[j].dot.replica,
                           (unsigned long long)edit->ops[i].superseded.ids[j].dot.seq);
}

/* Whether something that the edit writes was erased since it was shown. */
static bool erased_since(struct node *node, const struct new_edit *edit, const struct shown *shown,
                         struct arena *arena)
{
    struct transaction transaction;
    struct error error;
    if (!agent_read(node->agent, &transaction, &error))
        return false;
    const Hopnhat__Record *erasure = agent_erasure(&transaction, edit->type, edit->record, arena);
    transaction_abort(&transaction);
    return !erasure_was_shown(erasure, edit, shown, &error);
}

/* As after an import: what follows need not wait for what is in the log. */
static void begin_log(struct node *node)
{
    struct transaction transaction;
    struct error error;
    if (!agent_begin(node->agent, &transaction, &error) || !agent_pass(node->agent) ||
        !agent_commit(node->agent, &transaction, &error))
        world_fail(node->world, "cannot begin a log: %s", error.text);
}

/* Makes and saves one edit; a stale one claims only what was shown some time ago. */
static void write_edit(struct node *node, size_t key, struct arena *arena)
{
    struct world *world = node->world;
    struct error error;
    uint32_t type = type_of_key(key);
    struct wishes wishes = {.type = catalog_type(node->agent->catalog, type), .arena = arena};
    Hopnhat__Record *record = office_sees(node, type, world->keys[key], arena), *shown = record;
    struct new_edit edit;
    struct dot dot;
    const struct view *view = &node->views[key];
    bool from_form = record && view->valid && view->token.replica == agent_shown_now(node->agent).replica &&
                     world_chance(world, 40);
    if (from_form)
        shown = record_as_shown(record, &view->token, arena);
    if (!record)
        shown = record_new(arena, type, world->keys[key]);
    if (!record || fold_group(record).size == 0) {
        wish(&wishes, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, ASSIGN_SET,
             node->agent->office.groups[world_random(world, node->agent->office.group_count)]);
        wish(&wishes, HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, ASSIGN_SET, node->agent->office.code);
    } else if (world_chance(world, 12)) {
        wish(&wishes, HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, ASSIGN_SET,
             node->agent->office.groups[world_random(world, node->agent->office.group_count)]);
    }
    for (size_t i = world_random(world, 2) + 1; i; i--)
        wish_anything(world, &wishes, shown);
    if (from_form && !edit_sums_were_shown(record, &view->token, wishes.list, wishes.count, &error))
        return; /* the person is told to look again */
    bool made = record && world_chance(world, 6)
                    ? edit_make_deletion(shown, arena, &edit, &error)
                    : edit_make(wishes.type, shown, wishes.list, wishes.count, arena, &edit, &error);
    if (!made) {
        world_fail(world, "cannot make an edit: %s", error.text);
        return;
    }
    if (from_form && erased_since(node, &edit, &view->token, arena))
        return; /* the person is told to look again */
    if (from_form)
        check_claims(node, view, &edit, arena);
    if (record && world_chance(world, 30))
        look(node, key, record);
    if (edit.op_count == 0)
        return;
    if (agent_write(node->agent, &edit, 1, "tester", node_wall_ms(node), &dot, &error)) {
        world_trace(world, "%c writes %zu: %016llx:%llu%s", (char)('a' + (node - world->nodes)), key,
                    (unsigned long long)dot.replica, (unsigned long long)dot.seq, edit_told(&edit, arena));
        truth_saved(world, node, dot);
        truth_superseded(world, &edit, shown);
        if (world_chance(world, 4))
            begin_log(node);
        if (world_chance(world, 70))
            agent_session_tick(node->session, node_wall_ms(node));
    } else if (error.code != ERROR_REFUSED && error.code != ERROR_INPUT) {
        world_fail(world, "cannot save: %s", error.text);
    }
}

void office_writes(struct node *node)
{
    struct arena arena;
    arena_init(&arena, EDIT_ARENA_BYTES);
    write_edit(node, world_random(node->world, KEYS), &arena);
    arena_release(&arena);
}

/* Settles an open field of the record; one from a form goes by what that showed. False: none is open. */
static bool resolve_key(struct node *node, size_t key, struct arena *arena)
{
    struct world *world = node->world;
    struct error error;
    struct new_edit edit;
    struct dot dot;
    uint32_t type_number = type_of_key(key), field;
    const struct catalog_type *type = catalog_type(node->agent->catalog, type_number);
    const struct view *view = &node->views[key];
    const Hopnhat__Record *record = office_sees(node, type_number, world->keys[key], arena), *shown = record;
    bool from_form = record && view->valid && view->token.replica == agent_shown_now(node->agent).replica &&
                     world_chance(world, 30);
    if (from_form)
        shown = record_as_shown(record, &view->token, arena);
    if (!record || !resolve_make(world, type, shown, arena, &edit, &field) ||
        (from_form && erased_since(node, &edit, &view->token, arena)))
        return false;
    if (from_form)
        check_claims(node, view, &edit, arena);
    bool done = agent_write(node->agent, &edit, 1, "settler", node_wall_ms(node), &dot, &error);
    world_trace(world, "%c settles %zu:%s %s", (char)('a' + (node - world->nodes)), key,
                edit_told(&edit, arena), done ? "" : error.text);
    if (!done)
        return error.code == ERROR_REFUSED || error.code == ERROR_INPUT ||
               world_fail(world, "cannot save: %s", error.text);
    truth_saved(world, node, dot);
    resolve_note(world, node->agent->office_code, &edit, field);
    record = office_sees(node, type_number, world->keys[key], arena);
    if (!from_form && record && resolve_is_open(world, type, record, field, arena))
        world_fail(world, "field %u is open although its office has just settled it", field);
    return true;
}

void office_resolves(struct node *node)
{
    struct arena arena;
    size_t first = world_random(node->world, KEYS);
    for (size_t i = 0; i < KEYS && !node->world->failure[0]; i++) {
        arena_init(&arena, EDIT_ARENA_BYTES);
        bool done = resolve_key(node, (first + i) % KEYS, &arena);
        arena_release(&arena);
        if (done)
            return;
    }
}
