/* What really happened: which changes were saved and acknowledged, and under which chain. */
#include "world.h"

#include "agent/custody.h"
#include "agent/log.h"
#include "hub/admission.h"
#include "hub/registry.h"
#include "model/fold.h"
#include "store/key.h"
#include "store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

/* A change that was acknowledged to its office, by its dot. */
struct acknowledged {
    struct dot dot;
    uint8_t link[LINK_BYTES];
    UT_hash_handle hh;
};

struct truth {
    struct acknowledged *acknowledged;
    struct acknowledged *custody; /* headquarters' changes that were handed to an agent to keep */
    struct overwritten *overwritten;
    size_t overwritten_count, overwritten_room;
    struct overwritten *taken; /* `by` is empty */
    size_t taken_count, taken_room;
    struct settled *settled;
    size_t settled_count, settled_room;
};

struct truth *truth_new(void)
{
    return calloc(1, sizeof(struct truth));
}

void truth_free(struct truth *truth)
{
    struct acknowledged *one, *next;
    if (!truth)
        return;
    HASH_ITER(hh, truth->acknowledged, one, next)
    {
        HASH_DEL(truth->acknowledged, one);
        free(one);
    }
    HASH_ITER(hh, truth->custody, one, next)
    {
        HASH_DEL(truth->custody, one);
        free(one);
    }
    free(truth->overwritten);
    free(truth->taken);
    free(truth->settled);
    free(truth);
}

/* Room for one more at the end of a list, cleared; the list may move. */
static void *add_one(void *list, size_t *count, size_t *room, size_t size)
{
    void **start = list;
    if (*count == *room) {
        size_t more = *room ? 2 * *room : 64;
        void *grown = realloc(*start, more * size);
        if (!grown)
            abort();
        *start = grown;
        *room = more;
    }
    return memset((char *)*start + size * (*count)++, 0, size);
}

static void add_overwritten(struct truth *truth, const struct new_edit *edit, const struct new_op *op,
                            struct bytes value)
{
    struct overwritten *one =
        add_one(&truth->overwritten, &truth->overwritten_count, &truth->overwritten_room, sizeof *one);
    one->type = edit->type;
    one->field = op->field;
    memcpy(one->record, edit->record, RECORD_ID_BYTES);
    memcpy(one->by, op->value.data, op->value.size);
    memcpy(one->value, value.data, value.size);
}

void truth_taken(struct world *world, const Hopnhat__Record *record, uint32_t field, struct bytes value)
{
    struct truth *truth = world->truth;
    if (value.size == 0 || value.size > 20)
        return; /* no word, so no value that is looked for */
    struct overwritten *one = add_one(&truth->taken, &truth->taken_count, &truth->taken_room, sizeof *one);
    one->type = record->type;
    one->field = field;
    memcpy(one->record, record->id.data, RECORD_ID_BYTES);
    if (value.size)
        memcpy(one->value, value.data, value.size);
}

bool truth_was_taken(const struct world *world, const struct overwritten *over, const char *value)
{
    for (size_t i = 0; i < world->truth->taken_count; i++) {
        const struct overwritten *one = &world->truth->taken[i];
        if (one->type == over->type && one->field == over->field &&
            memcmp(one->record, over->record, RECORD_ID_BYTES) == 0 && strcmp(one->value, value) == 0)
            return true;
    }
    return false;
}

void truth_settled(struct world *world, const char *office, const char *note, struct bytes value)
{
    struct truth *truth = world->truth;
    struct settled *one = add_one(&truth->settled, &truth->settled_count, &truth->settled_room, sizeof *one);
    snprintf(one->note, sizeof one->note, "%s", note);
    snprintf(one->office, sizeof one->office, "%s", office);
    snprintf(one->value, sizeof one->value, "%.*s", (int)value.size,
             value.size ? (const char *)value.data : "");
}

const struct settled *truth_settlement(const struct world *world, const char *note)
{
    for (size_t i = 0; i < world->truth->settled_count; i++)
        if (strcmp(world->truth->settled[i].note, note) == 0)
            return &world->truth->settled[i];
    return NULL;
}

void truth_superseded(struct world *world, const struct new_edit *edit, const Hopnhat__Record *shown)
{
    for (size_t i = 0; i < edit->op_count; i++) {
        const struct new_op *op = &edit->ops[i];
        const Hopnhat__Field *field = record_field(shown, op->field);
        bool unique = (op->field >= 16 && op->field <= 18) || op->field == 25;
        if (!unique || !field || op->kind != HOPNHAT__OP_KIND__PUT || op->value.size == 0 ||
            op->value.size > 20)
            continue;
        for (size_t j = 0; j < op->superseded.count; j++) {
            const Hopnhat__Entry *entry = bag_find(field, op->superseded.ids[j]);
            if (entry && entry->has_value && entry->value.len <= 20)
                add_overwritten(world->truth, edit, op, entry_value(entry));
        }
    }
}

const struct overwritten *truth_overwritten(const struct world *world, size_t *count)
{
    *count = world->truth->overwritten_count;
    return world->truth->overwritten;
}

/* The link of a change in a log database of that environment. */
static bool link_at(struct environment *environment, unsigned database, struct dot dot,
                    uint8_t link[LINK_BYTES])
{
    struct transaction transaction;
    struct error error;
    struct arena arena;
    struct key key;
    if (!transaction_begin(&transaction, environment, false, &error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_BYTES);
    key_dot(&key, dot.replica, dot.seq);
    const Hopnhat__LogRow *row =
        row_get(&transaction, database, key_bytes(&key), &hopnhat__log_row__descriptor, &arena);
    bool found = row && row->link.len == LINK_BYTES;
    if (found)
        memcpy(link, row->link.data, LINK_BYTES);
    transaction_abort(&transaction);
    arena_release(&arena);
    return found;
}

/* "Saved" has been said: the change is in the store, and so it is after a crash. */
void truth_saved(struct world *world, struct node *node, struct dot dot)
{
    uint8_t link[LINK_BYTES];
    if (!link_at(node->agent->environment, AGENT_LOG, dot, link))
        world_fail(world, "a saved change is not in its log");
    if (world->mode->agent_put_back || !world->truth)
        return;
    struct acknowledged *other;
    HASH_FIND(hh, world->truth->acknowledged, &dot, sizeof dot, other);
    if (other)
        world_fail(world, "the dot %016llx:%llu names two changes", (unsigned long long)dot.replica,
                   (unsigned long long)dot.seq);
}

void truth_acknowledged(struct world *world, struct node *node)
{
    for (size_t i = 0; node->agent && i < node->agent->log_count; i++) {
        const struct own_log *log = &node->agent->logs[i];
        for (uint64_t seq = log->acknowledged; seq > 0; seq--) {
            struct dot dot = {log->replica, seq};
            struct acknowledged *one;
            HASH_FIND(hh, world->truth->acknowledged, &dot, sizeof dot, one);
            if (one)
                break;
            one = calloc(1, sizeof *one);
            if (!one)
                return;
            one->dot = dot;
            if (!link_at(node->agent->environment, AGENT_LOG, dot, one->link)) {
                free(one);
                break;
            }
            HASH_ADD(hh, world->truth->acknowledged, dot, sizeof one->dot, one);
            uint8_t stored[LINK_BYTES];
            if (!world->hub_restores && (!link_at(world->hub->environment, HUB_LOG, dot, stored) ||
                                         memcmp(stored, one->link, LINK_BYTES) != 0))
                world_fail(world, "acknowledged and not on the hub's disk: %016llx:%llu",
                           (unsigned long long)dot.replica, (unsigned long long)dot.seq);
        }
    }
}

void truth_lost(struct world *world, struct node *node)
{
    (void)world;
    for (size_t i = 0; i < KEYS; i++)
        node->views[i].valid = false;
    node->generation++;
}

/* --- nobody is sent what is not theirs --- */

static void check_sent_record(struct world *world, struct node *node, const Hopnhat__Record *record,
                              const char *group)
{
    struct transaction transaction;
    struct error error;
    struct arena arena;
    const struct installation *installation = registry_installation(world->hub, node->key);
    const struct office *office = installation ? registry_office(world->hub, installation->office) : NULL;
    if (!transaction_begin(&transaction, world->hub->environment, false, &error))
        return;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    const Hopnhat__Record *now = hub_record(&transaction, record->type, record->id.data, &arena);
    if (!now || !office || !office_is_in(office, fold_group(now)) ||
        !bytes_equal(fold_group(now), bytes_of_string(group)))
        world_fail(world, "a leak: a record of another group was sent to %s",
                   office ? office->code : "nobody");
    transaction_abort(&transaction);
    arena_release(&arena);
}

static void note_custody(struct world *world, uint64_t replica, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        struct dot dot = {replica, seq};
        struct acknowledged *one;
        HASH_FIND(hh, world->truth->custody, &dot, sizeof dot, one);
        if (one || !(one = calloc(1, sizeof *one)))
            continue;
        one->dot = dot;
        if (!link_at(world->hub->environment, HUB_LOG, dot, one->link))
            world_fail(world, "a piece for custody holds what is not in the hub's log");
        HASH_ADD(hh, world->truth->custody, dot, sizeof one->dot, one);
    }
}

/* Pieces that an agent is to keep; of a part nobody knows what it is of, so it may be any change that is
 * there. */
static void note_pieces(struct world *world, const Hopnhat__Custody *custody)
{
    for (size_t i = 0; i < custody->n_pieces; i++)
        note_custody(world, custody->pieces[i]->replica, custody->pieces[i]->first, custody->pieces[i]->last);
    for (const struct replica *own = world->hub->replicas; own && custody->piece; own = own->hh.next)
        if (!own->office[0])
            for (uint64_t seq = 1; seq <= own->watermark; seq++)
                if (!gaps_at(&own->gaps, seq))
                    note_custody(world, own->number, seq, seq);
}

void truth_sent(struct world *world, struct node *node, const Hopnhat__Message *message)
{
    const struct hub_session *session = NULL;
    if (message->body_case == HOPNHAT__MESSAGE__BODY_CUSTODY)
        note_pieces(world, message->custody);
    HASH_FIND(hh, world->hub->sessions, node->key, LINK_KEY_BYTES, session);
    if (message->body_case == HOPNHAT__MESSAGE__BODY_RECONCILED)
        for (size_t i = 0; i < message->reconciled->n_records; i++)
            check_sent_record(world, node, message->reconciled->records[i], message->reconciled->group);
    const struct sent_part *part = session ? session->sent : NULL;
    while (part && part->next)
        part = part->next;
    if (message->body_case != HOPNHAT__MESSAGE__BODY_FEED || !part)
        return;
    for (size_t i = 0; i < message->feed->n_items; i++) {
        const Hopnhat__FeedItem *item = message->feed->items[i];
        if (item->group >= part->after.group_count)
            world_fail(world, "a feed item of no group");
        else if (item->kind != HOPNHAT__ITEM_KIND__ITEM_LEFT)
            check_sent_record(world, node, item->record, part->after.cursors[item->group].group);
        else if (item->record->n_fields)
            world_fail(world, "a leak: a record that left was sent with fields");
    }
}

/* Every change that was ever acknowledged is in the hub's log, unaltered. */
static void check_acknowledged(struct world *world)
{
    struct acknowledged *one, *next;
    HASH_ITER(hh, world->truth->acknowledged, one, next)
    {
        uint8_t link[LINK_BYTES];
        const struct replica *replica = registry_replica(world->hub, one->dot.replica);
        if (world->gap_allowed && replica && gaps_at(&replica->gaps, one->dot.seq))
            continue; /* lost, and on record as such */
        if (!link_at(world->hub->environment, HUB_LOG, one->dot, link) ||
            memcmp(link, one->link, LINK_BYTES) != 0) {
            world_fail(world, "an acknowledged change is lost: %016llx:%llu",
                       (unsigned long long)one->dot.replica, (unsigned long long)one->dot.seq);
            return;
        }
    }
}

/* Every change in an office's logs is in the hub's, under the same chain. */
static void check_logs(struct world *world, struct node *node)
{
    for (size_t i = 0; i < node->agent->log_count; i++) {
        const struct own_log *log = &node->agent->logs[i];
        uint8_t link[LINK_BYTES];
        if (log->head == 0 || (log->head == log->trimmed && world->gap_allowed))
            continue;
        if (!link_at(world->hub->environment, HUB_LOG, (struct dot){log->replica, log->head}, link) ||
            memcmp(link, log->link, LINK_BYTES) != 0)
            world_fail(world, "changes of office %s are missing at the hub", node->agent->office_code);
    }
}

void check_truth(struct world *world)
{
    bool both = world->hub_restores && (world->mode->agent_restore || world->mode->agent_put_back);
    if (!both)
        check_acknowledged(world);
    for (const struct replica *one = world->hub->replicas; one; one = one->hh.next)
        if (one->gaps.count && !world->gap_allowed)
            world_fail(world, "changes %llu to %llu of office %s are lost though a kept backup had them",
                       (unsigned long long)one->gaps.list[0].from, (unsigned long long)one->gaps.list[0].to,
                       one->office);
    for (size_t i = 0; i < AGENTS; i++)
        check_logs(world, &world->nodes[i]);
}

/* What an agent holds in custody of headquarters' logs is in the hub's log, unaltered. */
static void check_held(struct world *world, const struct node *node, const Hopnhat__Custody *custody)
{
    for (size_t i = 0; i + 2 < custody->n_have; i += 3)
        for (uint64_t seq = custody->have[i + 1]; seq <= custody->have[i + 2]; seq++) {
            struct dot dot = {custody->have[i], seq};
            const struct acknowledged *one;
            uint8_t link[LINK_BYTES];
            HASH_FIND(hh, world->truth->custody, &dot, sizeof dot, one);
            const struct replica *replica = registry_replica(world->hub, dot.replica);
            if (replica && gaps_at(&replica->gaps, seq) && world->gap_allowed)
                continue; /* lost, and on record as such */
            if (one && link_at(world->hub->environment, HUB_LOG, dot, link) &&
                memcmp(link, one->link, LINK_BYTES) == 0)
                continue;
            world_fail(world, "a change of headquarters that %s holds in custody is lost: %016llx:%llu",
                       node->agent->office_code, (unsigned long long)dot.replica, (unsigned long long)seq);
            return;
        }
}

void check_custody(struct world *world)
{
    for (size_t i = 0; i < AGENTS; i++) {
        struct transaction transaction;
        struct error error;
        struct arena arena;
        Hopnhat__Custody custody = HOPNHAT__CUSTODY__INIT;
        if (!agent_read(world->nodes[i].agent, &transaction, &error))
            continue;
        arena_init(&arena, LIMIT_MESSAGE_BYTES);
        custody_list(&transaction, &custody, &arena);
        check_held(world, &world->nodes[i], &custody);
        transaction_abort(&transaction);
        arena_release(&arena);
    }
}
