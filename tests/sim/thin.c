/* A sync over a thin link that is cut once, at every message in turn: what is cut within a message never
 * arrives, so that stands for every byte of it. 1,000 changes and a large one, up and down, by the sessions
 * that ship. Counts what is sent again and holds it against what may be under way. Usage: thin [--step N]
 * (every Nth message; 1: all) */
#include "world.h"

#include "model/catalog_yaml.h"
#include "net/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CHANGES = 1000,
    LARGE_BYTES = 60000,
    BYTES_PER_SECOND = 8000,
    ROUND_TRIP_MS = 600,
    MOST_MESSAGES = 100000,
    MOST_SECONDS = 3600,
    /* two seconds of link, and a message of a quarter of that beside them */
    MOST_AGAIN_BYTES = BYTES_PER_SECOND * 2 * 5 / 4,
};

/* One direction of the link. */
struct lane {
    uint64_t arrives_ms[QUEUE];
    size_t count;
    uint64_t free_ms;
    uint64_t changes_bytes; /* of changes or records that were sent in it */
};

struct trial {
    struct world *world;
    struct node *node;
    struct lane up, down;
    size_t delivered, cut_at;
    uint64_t most_idle_ms; /* the longest time in which nothing arrived */
};

/* What of a message is changes or records. */
static size_t cargo(const struct parcel *parcel)
{
    Hopnhat__Message *message = hopnhat__message__unpack(NULL, parcel->size, parcel->data);
    size_t size = 0;
    if (message && message->body_case == HOPNHAT__MESSAGE__BODY_PUSH) {
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

static void take_in(struct lane *lane, const struct queue *queue, uint64_t now_ms)
{
    for (; lane->count < queue->count; lane->count++) {
        const struct parcel *parcel = &queue->parcels[lane->count];
        if (lane->free_ms < now_ms)
            lane->free_ms = now_ms;
        lane->free_ms += parcel->size * 1000 / BYTES_PER_SECOND;
        lane->arrives_ms[lane->count] = lane->free_ms + ROUND_TRIP_MS / 2;
        lane->changes_bytes += cargo(parcel);
    }
}

static bool arrived(struct lane *lane, uint64_t now_ms)
{
    if (lane->count == 0 || lane->arrives_ms[0] > now_ms)
        return false;
    memmove(lane->arrives_ms, lane->arrives_ms + 1, --lane->count * sizeof *lane->arrives_ms);
    return true;
}

static void cut(struct trial *trial)
{
    node_cut(trial->node);
    trial->up.count = trial->down.count = 0;
    trial->up.free_ms = trial->down.free_ms = 0;
}

/* Delivers what has arrived; false where nothing has. */
static bool deliver(struct trial *trial)
{
    uint64_t now_ms = trial->world->now_ms;
    take_in(&trial->up, &trial->node->to_hub, now_ms);
    take_in(&trial->down, &trial->node->to_agent, now_ms);
    if (arrived(&trial->up, now_ms)) {
        node_deliver_to_hub(trial->node);
        world_hub_turn(trial->world);
    } else if (arrived(&trial->down, now_ms)) {
        node_deliver_to_agent(trial->node);
    } else {
        return false;
    }
    if (++trial->delivered == trial->cut_at)
        cut(trial);
    return true;
}

static bool is_caught_up(struct node *node)
{
    struct agent_status status;
    struct error error;
    return agent_status(node->agent, &status, &error) && status.caught_up;
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
        if (is_caught_up(trial->node))
            return;
        if (world->now_ms - moved_ms > trial->most_idle_ms)
            trial->most_idle_ms = world->now_ms - moved_ms;
        world->now_ms += 20;
    }
    world_fail(world, "not caught up in %d s: %s", MOST_SECONDS, agent_session_state(trial->node->session));
}

/* Syncs at once. */
static void sync_fast(struct node *node)
{
    for (int i = 0; i < 1000 && !is_caught_up(node); i++) {
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

/* One sync, up or down, with a cut after that many messages (0: none). Returns what was sent of changes or
 * records; *messages is how many messages went over the link. */
static uint64_t run(const char *directory, struct bytes catalog, bool up, size_t cut_at, size_t *messages,
                    uint64_t *most_idle_ms, bool *failed)
{
    static const struct mode mode = {.name = "thin"};
    struct world *world = malloc(sizeof *world);
    if (!world)
        abort();
    struct trial trial = {.world = world, .cut_at = cut_at};
    if (world_start(world, &mode, 7, catalog, directory)) {
        world->calm = true;
        sync_fast(&world->nodes[1]);
        write_all(&world->nodes[0]);
        if (!up)
            sync_fast(&world->nodes[0]);
        trial.node = &world->nodes[up ? 0 : 1];
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
    return up ? trial.up.changes_bytes : trial.down.changes_bytes;
}

static bool run_all(const char *directory, struct bytes catalog, bool up, size_t step)
{
    size_t messages, ignored, runs = 0;
    uint64_t idle_ms, most_idle_ms = 0, most = 0, sum = 0;
    bool failed;
    uint64_t plain = run(directory, catalog, up, 0, &messages, &idle_ms, &failed);
    for (size_t at = 1; at <= messages && !failed; at += step) {
        uint64_t sent = run(directory, catalog, up, at, &ignored, &idle_ms, &failed);
        uint64_t again = sent > plain ? sent - plain : 0;
        most = again > most ? again : most;
        most_idle_ms = idle_ms > most_idle_ms ? idle_ms : most_idle_ms;
        sum += again;
        runs++;
    }
    printf("%s: %llu bytes of changes in %zu messages; cut at %zu of them: sent again %llu bytes on average, "
           "%llu at most (bound %d); never idle for more than %llu ms\n",
           up ? "up" : "down", (unsigned long long)plain, messages, runs,
           (unsigned long long)(runs ? sum / runs : 0), (unsigned long long)most, (int)MOST_AGAIN_BYTES,
           (unsigned long long)most_idle_ms);
    return !failed && most <= MOST_AGAIN_BYTES;
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
    bool up = run_all(directory, catalog, true, step), down = run_all(directory, catalog, false, step);
    arena_release(&arena);
    free(errors);
    free(text);
    return !(up && down);
}
