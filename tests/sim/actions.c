/* What happens in the world: people write, links come and go, machines crash and come back. */
#include "world.h"

#include "agent/erasure.h"
#include "agent/log.h"
#include "hub/admission.h"
#include "hub/quarantine.h"
#include "hub/registry.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdio.h>

enum { EDIT_ARENA_BYTES = 64 * 1024 * 1024, MOST_ASSIGNMENTS = 4, SETTLE_ROUNDS = 4000 };

static const char *const GROUPS[] = {"everyone", "cluster:1", "cluster:2", "network:n"};
static const char *const OWNERS[] = {"an", "binh", "chau", "dung"};

/* Assignments under construction; values lie in the arena. */
struct wishes {
    const struct catalog_type *type;
    struct arena *arena;
    struct assignment list[MOST_ASSIGNMENTS + 2];
    size_t count;
};

static uint32_t type_of_key(size_t key)
{
    return key == KEYS - 1 ? TYPE_PAPER : TYPE_THING;
}

static void wish(struct wishes *wishes, uint32_t field, enum assignment_kind kind, const char *value)
{
    struct bytes *bytes = arena_alloc(wishes->arena, sizeof *bytes);
    const Hopnhat__FieldDefinition *definition = type_field(wishes->type, field);
    if (!bytes || !definition)
        return;
    for (size_t i = 0; i < wishes->count; i++)
        if (wishes->list[i].definition == definition)
            return;
    *bytes = bytes_of_string(value);
    wishes->list[wishes->count++] = (struct assignment){
        .definition = definition, .kind = kind, .values = bytes, .count = value[0] ? 1 : 0};
}

static const char *word(struct world *world, struct arena *arena)
{
    static const char *const letters[] = {"a", "b", "c", "d"};
    if (world_chance(world, 5))
        return "";
    return arena_format(arena, "%s%llu.%u", letters[world_random(world, 4)], (unsigned long long)world->steps,
                        world->words++);
}

/* The text with one paragraph altered, put in or taken out. Each paragraph is written once only. */
static const char *rewrite(struct world *world, struct bytes text, struct arena *arena)
{
    size_t count = 1, at = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '\n';
    size_t place = world_random(world, count);
    unsigned what = (unsigned)world_random(world, count > 8 ? 2 : 4);
    for (; place && at < text.size; at++)
        place -= text.data[at] == '\n';
    const uint8_t *end = at < text.size ? memchr(text.data + at, '\n', text.size - at) : NULL;
    size_t size = end ? (size_t)(end - (text.data + at)) : text.size - at;
    int before = (int)at, after = (int)(text.size - at - size);
    const char *head = (const char *)text.data, *tail = head + at + size, *fresh = word(world, arena);
    if (!*fresh)
        fresh = arena_format(arena, "e%llu.%u", (unsigned long long)world->steps, world->words++);
    if (text.size == 0)
        return arena_format(arena, "%s1\n%s2\n%s3\n%s4\n%s5", fresh, fresh, fresh, fresh, fresh);
    if (what == 0 && after) /* the paragraph goes, with its line feed */
        return arena_format(arena, "%.*s%.*s", before, head, after - 1, tail + 1);
    if (what == 3) /* one more behind it */
        return arena_format(arena, "%.*s\n%s%.*s", (int)(at + size), head, fresh, after, tail);
    return arena_format(arena, "%.*s%s%.*s", before, head, fresh, after, tail);
}

/* Alters a text as it is shown. */
static void wish_text(struct world *world, struct wishes *wishes, uint32_t field,
                      const Hopnhat__Record *shown)
{
    struct reading reading;
    struct error error;
    if (!fold_field(wishes->type, shown, type_field(wishes->type, field), wishes->arena, &reading, &error))
        world_fail(world, "a text cannot be read: %s", error.text);
    else
        wish(wishes, field, ASSIGN_SET,
             rewrite(world, reading.count ? reading.values[0] : bytes_of(NULL, 0), wishes->arena));
}

/* `shown` is what the writer looks at. */
static void wish_anything(struct world *world, struct wishes *wishes, const Hopnhat__Record *shown)
{
    static const char *const members[] = {"p", "q", "r"};
    bool thing = type_definition(wishes->type)->number == TYPE_THING;
    uint32_t field = 16 + (uint32_t)world_random(world, thing ? 13 : 2);
    const char *member = members[world_random(world, 3)];
    switch (thing ? field : 16) {
    case 26:
    case 28: /* more often than others: most texts have nothing beside them */
        wish_text(world, wishes, 26, shown);
        break;
    case 27:
        wish(wishes, field, ASSIGN_SET, world_chance(world, 50) ? "true" : "");
        break;
    case 19:
        wish(wishes, field, world_chance(world, 50) ? ASSIGN_ADD : ASSIGN_REMOVE, member);
        break;
    case 20:
        wish(wishes, field, ASSIGN_ADD, world_chance(world, 50) ? "1" : "2.5");
        break;
    case 21:
        wish(wishes, field, ASSIGN_ADD,
             arena_format(wishes->arena, "post %llu", (unsigned long long)world->steps));
        break;
    case 24:
        wish(wishes, field, ASSIGN_SET,
             arena_format(wishes->arena, "%llu", (unsigned long long)world_random(world, 90)));
        break;
    default:
        wish(wishes, field, ASSIGN_SET, word(world, wishes->arena));
    }
}

/* The record as this office sees it; NULL: not at all. */
static Hopnhat__Record *see(struct node *node, uint32_t type, const uint8_t *id, struct arena *arena)
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

/* An edit from a form claims to have seen only what the form showed. */
static void check_claims(struct node *node, const struct view *view, const struct new_edit *edit,
                         struct arena *arena)
{
    for (size_t i = 0; i < edit->op_count; i++)
        for (size_t j = 0; j < edit->ops[i].superseded.count; j++)
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
    Hopnhat__Record *record = see(node, type, world->keys[key], arena), *shown = record;
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
        world_trace(world, "%c writes %zu: %016llx:%llu", (char)('a' + (node - world->nodes)), key,
                    (unsigned long long)dot.replica, (unsigned long long)dot.seq);
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

static void office_writes(struct node *node)
{
    struct arena arena;
    arena_init(&arena, EDIT_ARENA_BYTES);
    write_edit(node, world_random(node->world, KEYS), &arena);
    arena_release(&arena);
}

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
        world_trace(world, "hq writes %zu", key);
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

static void headquarters_writes(struct world *world)
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
    else if (world_chance(world, 15))
        headquarters_moves_office(world, &arena);
    else
        headquarters_edits(world, &arena);
    arena_release(&arena);
}

static void tick(struct node *node)
{
    agent_session_tick(node->session, node_wall_ms(node));
}

/* A while on the link: messages go to and fro, and then perhaps it breaks. */
static void link_works(struct node *node)
{
    struct world *world = node->world;
    node_connect(node);
    for (size_t i = world_random(world, 24); i && !world->failure[0]; i--) {
        switch (world_random(world, 5)) {
        case 0:
            node_deliver_to_hub(node);
            break;
        case 1:
            node_deliver_to_agent(node);
            break;
        case 2:
            node_deliver_to_hub(node);
            world_hub_turn(world);
            node_deliver_to_agent(node);
            break;
        case 3:
            tick(node);
            break;
        default:
            world->now_ms += world_random(world, 100);
        }
    }
    if (world_chance(world, 5))
        agent_session_poke(node->session, node_wall_ms(node));
    if (world_chance(world, 25))
        node_cut(node);
}

static void machine_fails(struct world *world, struct node *node)
{
    switch (world_random(world, 4)) {
    case 0:
        world_crash_hub(world); /* what it took in and has not committed is gone */
        break;
    case 1: /* it commits, and its answers are lost */
        world->hub_mute = true;
        world_hub_turn(world);
        world->hub_mute = false;
        world_crash_hub(world);
        break;
    default:
        node_crash(node);
    }
}

static void time_passes(struct world *world, struct node *node)
{
    world->now_ms += world_random(world, 10) == 0 ? world_random(world, 600000) : world_random(world, 3000);
    if (world_chance(world, 4))
        node->clock_off_ms = (int64_t)world_random(world, 2 * 86400000) - 86400000;
    if (world_chance(world, 2)) /* by ten years, one way or the other */
        node->clock_off_ms = (world_chance(world, 50) ? 1 : -1) * INT64_C(315576000000);
    if (world_chance(world, 4))
        node->stopped_ms = node->stopped_ms ? 0 : node_wall_ms(node);
    tick(node);
    world_hub_turn(world);
}

void world_step(struct world *world, uint64_t step)
{
    world_reseed(world, step - 1);
    struct node *node = &world->nodes[world_random(world, AGENTS)];
    uint64_t what = world_random(world, 1000);
    world->steps = step;
    world->words = 0;
    if (what < 400)
        office_writes(node);
    else if (what < 460)
        headquarters_writes(world);
    else if (what < 780)
        link_works(node);
    else if (what < 830)
        time_passes(world, node);
    else if (what < 860)
        node_deliver_late(node);
    else if (what < 880)
        node_carry(node);
    else if (what < 905)
        machine_fails(world, node);
    else if (what < 940)
        node_copy(node);
    else if (what < 955)
        world_copy_hub(world);
    else if (what < 980 && (world->mode->agent_restore || world->mode->agent_put_back))
        node_come_back(node, world->mode->agent_restore);
    else if (what < 987 && world->mode->hub_restore)
        world_restore_hub(world);
}

/* Whether those of the set have caught up; bit i stands for agent i. */
static bool all_caught_up(struct world *world, unsigned set)
{
    for (size_t i = 0; i < AGENTS; i++) {
        struct agent_status status;
        struct error error;
        if (!(set >> i & 1))
            continue;
        if (!agent_status(world->nodes[i].agent, &status, &error))
            return world_fail(world, "status: %s", error.text);
        if (!status.caught_up)
            return false;
    }
    return true;
}

/* Everything that is under way arrives. */
static void flush(struct world *world)
{
    bool moved = true;
    for (size_t turns = 0; moved && turns < 200 && !world->failure[0]; turns++) {
        moved = false;
        for (size_t i = 0; i < AGENTS; i++)
            while (node_deliver_to_hub(&world->nodes[i]))
                moved = true;
        world_hub_turn(world);
        for (size_t i = 0; i < AGENTS; i++)
            while (node_deliver_to_agent(&world->nodes[i]))
                moved = true;
    }
}

bool world_sync(struct world *world, unsigned set)
{
    unsigned calm = 0;
    for (size_t round = 0; round < SETTLE_ROUNDS && !world->failure[0]; round++) {
        world->steps++;
        for (size_t i = 0; i < AGENTS; i++) {
            if (!(set >> i & 1))
                continue;
            node_connect(&world->nodes[i]);
            tick(&world->nodes[i]);
        }
        flush(world);
        world->now_ms += round < 50 ? 500 : 30000;
        calm = all_caught_up(world, set) ? calm + 1 : 0;
        for (size_t i = 0; i < AGENTS && calm == 1; i++)
            if (set >> i & 1) /* what others settled meanwhile is asked for once more */
                agent_session_poke(world->nodes[i].session, node_wall_ms(&world->nodes[i]));
        if (calm == 4)
            return true;
    }
    for (size_t i = 0; i < AGENTS; i++) {
        struct agent_status status;
        struct error error;
        if ((set >> i & 1) && agent_status(world->nodes[i].agent, &status, &error) && !status.caught_up)
            world_fail(world,
                       "agent %c does not catch up: %s, online %d pending %llu drafts %llu digests %d; %s",
                       (char)('a' + i), agent_session_state(world->nodes[i].session), status.hub_online,
                       (unsigned long long)status.pending, (unsigned long long)status.drafts,
                       status.digests_equal, status.trouble);
    }
    return false;
}

void world_settle(struct world *world)
{
    const unsigned all = (1u << AGENTS) - 1;
    world->calm = true;
    world_reseed(world, UINT32_MAX - 1);
    world_applies_catalogs(world);
    for (size_t i = 0; i < AGENTS; i++)
        world->nodes[i].stopped_ms = 0; /* a session's waits are measured by it */
    for (size_t i = 0; i < AGENTS; i++)
        while (world->nodes[i].late.count || world->nodes[i].late_to_agent.count)
            node_deliver_late(&world->nodes[i]);
    if (!world_sync(world, all) || world_chance(world, 50))
        return;
    /* Some go away and write; the others go on without them, and what they delete is purged. */
    unsigned away = 1 + (unsigned)world_random(world, all - 1);
    for (size_t i = 0; i < AGENTS; i++)
        if (away >> i & 1)
            node_cut(&world->nodes[i]);
    for (size_t i = 0; i < 4; i++)
        office_writes(&world->nodes[world_random(world, AGENTS)]);
    world_forgets(world, all & ~away);
    world_sync(world, all);
}
