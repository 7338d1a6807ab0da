/* A sync over a thin link that is cut once, at every message in turn: what is cut within a message never
 * arrives, so that stands for every byte of it. 1,000 changes and a large one, up and down; and over the
 * thinnest link headquarters' log, as an agent takes it into custody and as it gives it back to a restored
 * hub. By the sessions that ship. Counts what is sent again and holds it against what may be under way.
 * Usage: thin [--step N] (every Nth message; 1: all) */
#include "world.h"

#include "agent/link_rate.h"
#include "hub/headquarters.h"
#include "hub/registry.h"
#include "hub/session.h"
#include "model/catalog_yaml.h"
#include "net/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CHANGES = 1000,
    LARGE_BYTES = 60000,
    OWN_CHANGES = 200, /* of headquarters */
    OWN_LARGE_BYTES = 20000,
    MOST_MESSAGES = 100000,
    MOST_SECONDS = 3600,
    MOST_IDLE_MS = 60 * 1000,
};

/* What goes over the link, and over which. */
struct way {
    const char *name;
    bool up, custody;
    uint64_t bytes_per_second, round_trip_ms, most_again_bytes;
};

static const struct way ways[] = {
    {"up", true, false, 8000, 600, 2 * 8000}, /* two seconds of the link */
    {"down", false, false, 8000, 600, 2 * 8000},
    {"into custody", false, true, 300, 2000, RATE_FIRST_WINDOW_BYTES},
    {"out of custody", true, true, 300, 2000, RATE_FIRST_WINDOW_BYTES}, /* before the link is measured */
};

/* One direction of the link. */
struct lane {
    uint64_t arrives_ms[QUEUE];
    size_t count;
    uint64_t free_ms;
    uint64_t changes_bytes; /* of changes or records that were sent in it */
};

struct trial {
    const struct way *way;
    struct world *world;
    struct node *node;
    struct lane up, down;
    size_t delivered, cut_at;
    uint64_t most_idle_ms;             /* the longest time in which nothing arrived */
    uint64_t own_replica, own_changes; /* headquarters' log before it was lost */
};

static size_t custody_cargo(const Hopnhat__Custody *custody)
{
    size_t size = custody->piece ? custody->piece->data.len : 0;
    for (size_t i = 0; i < custody->n_pieces; i++)
        size += custody->pieces[i]->sealed.len;
    return size;
}

/* What of a message is changes or records; or what is kept of headquarters' log. */
static size_t cargo(const struct parcel *parcel, bool custody)
{
    Hopnhat__Message *message = hopnhat__message__unpack(NULL, parcel->size, parcel->data);
    size_t size = 0;
    if (message && custody) {
        size = message->body_case == HOPNHAT__MESSAGE__BODY_CUSTODY ? custody_cargo(message->custody) : 0;
    } else if (message && message->body_case == HOPNHAT__MESSAGE__BODY_PUSH) {
        for (size_t i = 0; i < message->push->n_changes; i++)
            size += message->push->changes[i].len;
        size += message->push->piece ? message->push->piece->data.len : 0;
    } else if (message && message->body_case == HOPNHAT__MESSAGE__BODY_FEED) {
        for (size_t i = 0; i < message->feed->n_items; i++)
            size += hopnhat__feed_item__get_packed_size(message->feed->items[i]);
        size += message->feed->piece ? message->feed->piece->piece->data.len : 0;
    }
    hopnhat__message__free_unpacked(message, NULL);
    return size;
}

static void take_in(struct lane *lane, const struct queue *queue, const struct way *way, uint64_t now_ms)
{
    for (; lane->count < queue->count; lane->count++) {
        const struct parcel *parcel = &queue->parcels[lane->count];
        if (lane->free_ms < now_ms)
            lane->free_ms = now_ms;
        lane->free_ms += parcel->size * 1000 / way->bytes_per_second;
        lane->arrives_ms[lane->count] = lane->free_ms + way->round_trip_ms / 2;
        lane->changes_bytes += cargo(parcel, way->custody);
    }
}

static bool has_arrived(const struct lane *lane, uint64_t now_ms)
{
    return lane->count && lane->arrives_ms[0] <= now_ms;
}

static void take_off(struct lane *lane)
{
    memmove(lane->arrives_ms, lane->arrives_ms + 1, --lane->count * sizeof *lane->arrives_ms);
}

/* What waits to be sent never crosses; what has begun to has crossed in vain. */
static void end_lane(const struct trial *trial, struct lane *lane, const struct queue *queue)
{
    const uint64_t now_ms = trial->world->now_ms;
    take_in(lane, queue, trial->way, now_ms);
    if (lane->free_ms > now_ms)
        lane->changes_bytes -= (lane->free_ms - now_ms) * trial->way->bytes_per_second / 1000;
    lane->count = 0;
    lane->free_ms = 0;
}

static void cut(struct trial *trial)
{
    end_lane(trial, &trial->up, &trial->node->to_hub);
    end_lane(trial, &trial->down, &trial->node->to_agent);
    node_cut(trial->node);
}

/* Delivers what has arrived, or cuts the link just before; false where nothing has. */
static bool deliver(struct trial *trial)
{
    uint64_t now_ms = trial->world->now_ms;
    take_in(&trial->up, &trial->node->to_hub, trial->way, now_ms);
    take_in(&trial->down, &trial->node->to_agent, trial->way, now_ms);
    const bool up = has_arrived(&trial->up, now_ms);
    if (!up && !has_arrived(&trial->down, now_ms))
        return false;
    if (++trial->delivered == trial->cut_at) {
        cut(trial);
    } else if (up) {
        take_off(&trial->up);
        node_deliver_to_hub(trial->node);
        world_hub_turn(trial->world);
    } else {
        take_off(&trial->down);
        node_deliver_to_agent(trial->node);
    }
    return true;
}

static bool is_caught_up(struct node *node)
{
    struct agent_status status;
    struct error error;
    return agent_status(node->agent, &status, &error) && status.caught_up;
}

/* The agent holds all of headquarters' log that is in no backup. */
static bool is_kept(const struct world *world)
{
    const struct hub_session *session = world->hub->sessions;
    return session && session->custody_known && session->custody_held == world->hub->custody.total;
}

static bool is_done(struct trial *trial)
{
    if (!trial->way->custody)
        return is_caught_up(trial->node);
    if (!trial->way->up)
        return is_kept(trial->world);
    const struct replica *own = registry_replica(trial->world->hub, trial->own_replica);
    return own && own->watermark == trial->own_changes;
}

/* Syncs over the link, with the cut. */
static void sync_thin(struct trial *trial)
{
    struct world *world = trial->world;
    uint64_t end_ms = world->now_ms + (uint64_t)MOST_SECONDS * 1000, moved_ms = world->now_ms;
    while (world->now_ms < end_ms && !world->failure[0]) {
        node_connect(trial->node);
        agent_session_tick(trial->node->session, node_wall_ms(trial->node));
        while (deliver(trial))
            moved_ms = world->now_ms;
        if (is_done(trial))
            return;
        if (world->now_ms - moved_ms > trial->most_idle_ms)
            trial->most_idle_ms = world->now_ms - moved_ms;
        world->now_ms += 20;
    }
    world_fail(world, "not done in %d s: %s", MOST_SECONDS, agent_session_state(trial->node->session));
}

/* Syncs at once; with `kept` until the agent has taken headquarters' log into custody, too. */
static void sync_fast(struct node *node, bool kept)
{
    for (int i = 0; i < 1000 && !(is_caught_up(node) && (!kept || is_kept(node->world))); i++) {
        node_connect(node);
        agent_session_tick(node->session, node_wall_ms(node));
        while (node_deliver_to_hub(node))
            ;
        world_hub_turn(node->world);
        while (node_deliver_to_agent(node))
            ;
        node->world->now_ms += 10;
    }
    node_cut(node);
}

static struct new_op put(uint32_t field, const char *value)
{
    return (struct new_op){.field = field, .kind = HOPNHAT__OP_KIND__PUT, .value = bytes_of_string(value)};
}

static bool write_all(struct node *node)
{
    static char large[LARGE_BYTES + 1];
    struct transaction transaction;
    struct error error;
    bool done = agent_begin(node->agent, &transaction, &error);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        large[i] = (char)('a' + i * 7 % 26);
    for (unsigned i = 0; done && i < CHANGES; i++) {
        char name[40];
        snprintf(name, sizeof name, "Friendship association %u", i);
        struct new_op ops[] = {put(HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, "everyone"),
                               put(HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, node->agent->office_code),
                               put(16, i == CHANGES / 2 ? large : name), put(24, "42")};
        struct new_edit edit = {.type = TYPE_THING, .ops = ops, .op_count = 4};
        for (size_t j = 0; j < RECORD_ID_BYTES; j++)
            edit.record[j] = (uint8_t)world_random(node->world, 256);
        done =
            agent_write_in(node->agent, &transaction, &edit, 1, "tester", node_wall_ms(node), NULL, &error);
    }
    return (done && agent_commit(node->agent, &transaction, &error)) ||
           world_fail(node->world, "cannot write: %s", error.text);
}

static bool headquarters_writes(struct world *world)
{
    static char large[OWN_LARGE_BYTES + 1];
    struct error error;
    for (size_t i = 0; i < OWN_LARGE_BYTES; i++)
        large[i] = (char)('a' + i * i % 26);
    for (unsigned i = 0; i < OWN_CHANGES; i++) {
        struct new_op ops[] = {put(HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, "everyone"),
                               put(HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, HEADQUARTERS_OWNER),
                               put(16, i == OWN_CHANGES / 2 ? large : "A circular"), put(24, "42")};
        struct new_edit edit = {.type = TYPE_THING, .ops = ops, .op_count = 4};
        for (size_t j = 0; j < RECORD_ID_BYTES; j++)
            edit.record[j] = (uint8_t)world_random(world, 256);
        if (!headquarters_write(world->hub, &edit, 1, "tester", world->now_ms, &error))
            return world_fail(world, "headquarters cannot write: %s", error.text);
    }
    return true;
}

/* What there is to sync, up to where the thin link comes in. */
static void prepare(struct trial *trial)
{
    struct world *world = trial->world;
    struct node *first = &world->nodes[0], *second = &world->nodes[1];
    const struct way *way = trial->way;
    trial->node = way->up || way->custody ? first : second;
    sync_fast(way->custody ? first : second, false);
    if (!way->custody) {
        write_all(first);
        if (!way->up)
            sync_fast(first, false);
        return;
    }
    world_copy_hub(world);
    headquarters_writes(world);
    if (!way->up)
        return;
    sync_fast(first, true);
    trial->own_replica = world->hub->own_replica;
    trial->own_changes = registry_replica(world->hub, trial->own_replica)->watermark;
    world_restore_hub(world);
}

/* One sync, with a cut after that many messages (0: none). Returns what was sent of changes or records;
 * *messages is how many messages went over the link. */
static uint64_t run(const char *directory, struct bytes catalog, const struct way *way, size_t cut_at,
                    size_t *messages, uint64_t *most_idle_ms, bool *failed)
{
    static const struct mode mode = {.name = "thin"};
    struct world *world = malloc(sizeof *world);
    if (!world)
        abort();
    struct trial trial = {.way = way, .world = world, .cut_at = cut_at};
    if (world_start(world, &mode, 7, catalog, directory)) {
        world->calm = true;
        prepare(&trial);
        sync_thin(&trial);
    }
    *messages = trial.delivered;
    *most_idle_ms = trial.most_idle_ms;
    *failed = world->failure[0] != 0;
    if (*failed)
        printf("cut after message %zu: %s\n", cut_at, world->failure);
    world_end(world);
    free(world);
    world_remove(directory);
    return way->up ? trial.up.changes_bytes : trial.down.changes_bytes;
}

static bool run_all(const char *directory, struct bytes catalog, const struct way *way, size_t step)
{
    size_t messages, ignored, runs = 0;
    uint64_t idle_ms, most_idle_ms, most = 0, sum = 0;
    bool failed;
    uint64_t plain = run(directory, catalog, way, 0, &messages, &most_idle_ms, &failed);
    for (size_t at = 1; at <= messages && !failed; at += step) {
        uint64_t sent = run(directory, catalog, way, at, &ignored, &idle_ms, &failed);
        uint64_t again = sent > plain ? sent - plain : 0;
        most = again > most ? again : most;
        most_idle_ms = idle_ms > most_idle_ms ? idle_ms : most_idle_ms;
        sum += again;
        runs++;
    }
    printf("%s: %llu bytes of changes in %zu messages; cut at %zu of them: sent again %llu bytes on average, "
           "%llu at most (bound %llu); never idle for more than %llu ms\n",
           way->name, (unsigned long long)plain, messages, runs, (unsigned long long)(runs ? sum / runs : 0),
           (unsigned long long)most, (unsigned long long)way->most_again_bytes,
           (unsigned long long)most_idle_ms);
    return !failed && plain && most <= way->most_again_bytes && most_idle_ms <= MOST_IDLE_MS;
}

int main(int count, char **arguments)
{
    struct catalog_errors *errors = calloc(1, sizeof *errors);
    char *text = calloc(1, LIMIT_CATALOG_BYTES), directory[100];
    FILE *file = fopen(SOURCE_DIR "/tests/sim/catalog.yaml", "rb");
    size_t step = count == 3 ? strtoull(arguments[2], NULL, 10) : 9;
    struct arena arena;
    struct bytes catalog;
    struct error error;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    size_t size = file && text ? fread(text, 1, LIMIT_CATALOG_BYTES, file) : 0;
    if (!errors || !size || !step || !keys_start(&error) ||
        !catalog_from_yaml(bytes_of(text, size), "catalog.yaml", &arena, &catalog, errors))
        return 2;
    fclose(file);
    snprintf(directory, sizeof directory, "%s/hopnhat-thin-%ld",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    bool held = true;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        held = run_all(directory, catalog, &ways[i], step) && held;
    arena_release(&arena);
    free(errors);
    free(text);
    return !held;
}
