#include "world.h"

#include "agent/join.h"
#include "hub/backups.h"
#include "hub/enrolment.h"
#include "store/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static const uint64_t MAP_BYTES = UINT64_C(256) << 20;
static const char *const OFFICES[AGENTS] = {"an", "binh", "chau", "dung"};
static const char *const CLUSTERS[AGENTS] = {"cluster:1", "cluster:1", "cluster:2", "cluster:2"};
static const bool IN_NETWORK[AGENTS] = {false, true, false, true};

uint64_t world_random(struct world *world, uint64_t below)
{
    world->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64, Steele et al. 2014 */
    uint64_t z = world->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return below ? z % below : z;
}

void world_reseed(struct world *world, uint64_t step)
{
    world->random = (world->seed ^ step << 32) * UINT64_C(0x2545f4914f6cdd1d) + 1;
}

bool world_chance(struct world *world, unsigned percent)
{
    return world_random(world, 100) < percent;
}

static void fill(void *context, void *data, size_t size)
{
    uint8_t *to = data;
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)world_random(context, 256);
}

struct entropy world_entropy(struct world *world)
{
    return (struct entropy){.context = world, .fill = fill};
}

bool world_fail(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->failure[0])
        return false;
    int at = snprintf(world->failure, sizeof world->failure, "step %llu: ", (unsigned long long)world->steps);
    va_start(arguments, format);
    vsnprintf(world->failure + at, sizeof world->failure - (size_t)at, format, arguments);
    va_end(arguments);
    return false;
}

void world_trace(struct world *world, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    world->trace =
        XXH3_64bits_withSeed(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1, world->trace);
    if (world->telling == TELL_ALL || (world->telling == TELL_STEPS && !world->calm))
        printf("  %5llu %9llu ms  %s\n", (unsigned long long)world->steps,
               (unsigned long long)(world->now_ms - WORLD_BEGINS_MS), text);
}

uint64_t node_wall_ms(const struct node *node)
{
    int64_t wall = (int64_t)node->world->now_ms + node->clock_off_ms;
    if (node->stopped_ms)
        return node->stopped_ms;
    return wall > 0 ? (uint64_t)wall : 0;
}

char node_name(const struct node *node)
{
    return (char)('a' + (node - node->world->nodes));
}

/* --- links --- */

static void queue_add(struct world *world, struct queue *queue, struct parcel parcel)
{
    if (queue->count == QUEUE) {
        world_fail(world, "more than %d messages under way on one link", QUEUE);
        free(parcel.data);
        return;
    }
    queue->parcels[queue->count++] = parcel;
}

static struct parcel queue_take(struct queue *queue, size_t place)
{
    struct parcel parcel = queue->parcels[place];
    queue->count--;
    memmove(queue->parcels + place, queue->parcels + place + 1, (queue->count - place) * sizeof parcel);
    return parcel;
}

static void queue_clear(struct queue *queue)
{
    while (queue->count)
        free(queue_take(queue, 0).data);
}

/* What was under way when a connection ended: some of it comes late, the rest never. */
static void queue_spill(struct world *world, struct queue *from, struct queue *late)
{
    while (from->count) {
        struct parcel parcel = queue_take(from, 0);
        if (late->count < QUEUE / 2 && world_chance(world, 50))
            queue_add(world, late, parcel);
        else
            free(parcel.data);
    }
}

static struct parcel pack(const struct node *node, const Hopnhat__Message *message)
{
    struct parcel parcel = {.size = hopnhat__message__get_packed_size(message),
                            .connection = node->connection};
    memcpy(parcel.key, node->key, LINK_KEY_BYTES);
    parcel.data = malloc(parcel.size + 1);
    if (parcel.data)
        hopnhat__message__pack(message, parcel.data);
    return parcel;
}

static const char *name_of(const Hopnhat__Message *message)
{
    const ProtobufCFieldDescriptor *body =
        protobuf_c_message_descriptor_get_field(&hopnhat__message__descriptor, message->body_case);
    return body ? body->name : "nothing";
}

static bool agent_sends(void *context, const Hopnhat__Message *message)
{
    struct node *node = context;
    if (!node->up)
        return false;
    agent_session_crossed(node->session, hopnhat__message__get_packed_size(message), 0);
    queue_add(node->world, &node->to_hub, pack(node, message));
    world_trace(node->world, "%c> %s #%u", node_name(node), name_of(message), message->request);
    return true;
}

static void agent_drops_link(void *context, const char *why)
{
    struct node *node = context;
    world_trace(node->world, "%c drops the link: %s", node_name(node), why);
    queue_spill(node->world, &node->to_hub, &node->late);
    queue_spill(node->world, &node->to_agent, &node->late_to_agent);
    node->up = false;
}

static bool hub_sends(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    struct world *world = context;
    for (size_t i = 0; i < AGENTS; i++) {
        struct node *node = &world->nodes[i];
        if (memcmp(node->key, peer->key, LINK_KEY_BYTES) != 0)
            continue;
        truth_sent(world, node, message);
        if (!node->up || node->connection != peer->connection || world->hub_mute)
            return false;
        queue_add(world, &node->to_agent, pack(node, message));
        world_trace(world, "hub>%c %s #%u", node_name(node), name_of(message), message->request);
        return true;
    }
    return false;
}

static const struct hub_outlet *hub_outlet(struct world *world)
{
    static _Thread_local struct hub_outlet outlet;
    outlet = (struct hub_outlet){.context = world, .send = hub_sends};
    return &outlet;
}

void node_connect(struct node *node)
{
    if (!node->up) /* a link is made with the keys of now */
        memcpy(node->key, node->agent->link_keys.public_key, LINK_KEY_BYTES);
    if (node->up || !hub_admits(node->world->hub, node->key, NULL, node->world->now_ms))
        return;
    node->up = true;
    node->connection = ++node->world->connections;
    world_trace(node->world, "%c connects", node_name(node));
    agent_session_link_up(node->session, node_wall_ms(node));
}

void node_cut(struct node *node)
{
    if (!node->up)
        return;
    agent_drops_link(node, "cut");
    agent_session_link_down(node->session, node_wall_ms(node));
}

static void give_to_hub(struct node *node, struct parcel parcel)
{
    struct world *world = node->world;
    struct link_peer peer = {.connection = parcel.connection};
    Hopnhat__Message *message = hopnhat__message__unpack(NULL, parcel.size, parcel.data);
    memcpy(peer.key, parcel.key, LINK_KEY_BYTES);
    world->trace = XXH3_64bits_withSeed(parcel.data, parcel.size, world->trace);
    if (message && message->body_case == HOPNHAT__MESSAGE__BODY_PULL && !world->calm) {
        message->pull->has_credit_bytes = true;
        message->pull->credit_bytes = (uint32_t)world_random(world, 500); /* parts of a record or three */
    }
    if (message && message->body_case == HOPNHAT__MESSAGE__BODY_CUSTODY && !world->calm)
        message->custody->credit_bytes = 1 + (uint32_t)world_random(world, 500); /* most pieces in parts */
    if (message)
        hub_receive(world->hub, &peer, message, world->now_ms, hub_outlet(world));
    hopnhat__message__free_unpacked(message, NULL);
    free(parcel.data);
}

/* An agent's link is a socket of its own for each connection: what an ended one still carries is never read.
 */
static void give_to_agent(struct node *node, struct parcel parcel)
{
    if (!node->up || parcel.connection != node->connection) {
        free(parcel.data);
        return;
    }
    Hopnhat__Message *message = hopnhat__message__unpack(NULL, parcel.size, parcel.data);
    node->world->trace = XXH3_64bits_withSeed(parcel.data, parcel.size, node->world->trace);
    if (message && message->body_case == HOPNHAT__MESSAGE__BODY_WELCOME && !node->world->calm)
        message->welcome->push_bytes =
            1 + (uint32_t)world_random(node->world, 800); /* pushes of a change or three */
    agent_session_crossed(node->session, 0, parcel.size);
    if (message)
        agent_session_receive(node->session, message, node_wall_ms(node));
    hopnhat__message__free_unpacked(message, NULL);
    free(parcel.data);
    truth_acknowledged(node->world, node);
}

/* Now and then a message comes twice: once more over an ended connection. */
static void maybe_double(struct node *node, struct queue *late, const struct parcel *parcel)
{
    if (late->count >= QUEUE / 2 || !world_chance(node->world, 3))
        return;
    struct parcel copy = *parcel;
    copy.data = malloc(parcel->size + 1);
    if (copy.data) {
        memcpy(copy.data, parcel->data, parcel->size);
        queue_add(node->world, late, copy);
    }
}

bool node_deliver_to_hub(struct node *node)
{
    if (node->to_hub.count == 0)
        return false;
    struct parcel parcel = queue_take(&node->to_hub, 0);
    maybe_double(node, &node->late, &parcel);
    give_to_hub(node, parcel);
    return true;
}

bool node_deliver_to_agent(struct node *node)
{
    if (node->to_agent.count == 0)
        return false;
    struct parcel parcel = queue_take(&node->to_agent, 0);
    maybe_double(node, &node->late_to_agent, &parcel);
    give_to_agent(node, parcel);
    return true;
}

/* One of the messages, by chance. On its way to the hub that is one of an ended connection: on the one that
 * is up no Pull comes twice, and the hub counts on it. */
static bool take_late(const struct node *node, struct queue *late, struct parcel *parcel)
{
    size_t first = late->count ? world_random(node->world, late->count) : 0;
    for (size_t i = 0; i < late->count; i++) {
        size_t place = (first + i) % late->count;
        if (late == &node->late && node->up && late->parcels[place].connection == node->connection)
            continue;
        *parcel = queue_take(late, place);
        return true;
    }
    return false;
}

bool node_deliver_late(struct node *node)
{
    struct parcel parcel;
    bool up_first = world_chance(node->world, 50);
    for (unsigned i = 0; i < 2; i++) {
        bool up = (i == 0) == up_first;
        if (!take_late(node, up ? &node->late : &node->late_to_agent, &parcel))
            continue;
        if (up)
            give_to_hub(node, parcel);
        else
            give_to_agent(node, parcel);
        return true;
    }
    return false;
}

void world_hub_turn(struct world *world)
{
    hub_turn(world->hub, hub_outlet(world));
    check_pulls(world);
}

/* --- stores --- */

static struct agent_options agent_options(struct world *world)
{
    return (struct agent_options){.map_bytes = MAP_BYTES, .entropy = world_entropy(world)};
}

static uint64_t passed_ms(void *context)
{
    const struct world *world = context;
    return world->now_ms;
}

static struct hub_options hub_options(struct world *world)
{
    return (struct hub_options){
        .map_bytes = MAP_BYTES, .entropy = world_entropy(world), .steady = {world, passed_ms}};
}

void node_open(struct node *node)
{
    struct error error;
    struct agent_options options = agent_options(node->world);
    struct agent_outlet outlet = {.context = node, .send = agent_sends, .drop_link = agent_drops_link};
    node->agent = agent_open(node->directory, &options, &error);
    node->session = node->agent ? agent_session_new(node->agent, &outlet, &error) : NULL;
    if (!node->session)
        world_fail(node->world, "agent %c does not open: %s", node_name(node), error.text);
}

void node_close(struct node *node)
{
    if (node->up)
        agent_drops_link(node, "crash");
    agent_session_free(node->session);
    agent_close(node->agent);
    node->session = NULL;
    node->agent = NULL;
}

void node_crash(struct node *node)
{
    world_trace(node->world, "%c crashes", node_name(node));
    node_close(node);
    node_open(node);
}

void world_open_hub(struct world *world)
{
    struct error error;
    struct hub_options options = hub_options(world);
    world->hub = hub_open(world->hub_directory, &options, &error);
    if (!world->hub)
        world_fail(world, "the hub does not open: %s", error.text);
}

void world_close_hub(struct world *world)
{
    for (size_t i = 0; i < AGENTS; i++)
        node_cut(&world->nodes[i]);
    if (world->hub)
        hub_end_sessions(world->hub);
    hub_close(world->hub);
    world->hub = NULL;
}

void world_crash_hub(struct world *world)
{
    world_trace(world, "hub crashes");
    world_close_hub(world);
    world_open_hub(world);
}

/* --- the beginning --- */

static struct new_op put(uint32_t field, const char *value)
{
    return (struct new_op){.field = field, .kind = HOPNHAT__OP_KIND__PUT, .value = bytes_of_string(value)};
}

static bool add_office(struct world *world, size_t i, struct error *error)
{
    struct new_op ops[8];
    size_t count = 0;
    struct new_edit edit = {.type = HOPNHAT__BUILT_IN_TYPE__TYPE_OFFICE, .ops = ops};
    office_record_id(OFFICES[i], edit.record);
    ops[count++] = put(HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, GROUP_EVERYONE);
    ops[count++] = put(HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, HEADQUARTERS_OWNER);
    ops[count++] = put(OFFICE_CODE, OFFICES[i]);
    ops[count++] = put(OFFICE_NAME, OFFICES[i]);
    ops[count++] = put(OFFICE_GROUPS, CLUSTERS[i]);
    if (IN_NETWORK[i])
        ops[count++] = put(OFFICE_GROUPS, "network:n");
    edit.op_count = count;
    return headquarters_write(world->hub, &edit, 1, NULL, world->now_ms, error);
}

static bool join_node(struct world *world, struct node *node, const char *office, struct error *error)
{
    char text[ENROLMENT_CODE_TEXT_BYTES];
    struct enrolment_code code;
    struct link_keys once, link_keys;
    struct signing_keys signing_keys;
    struct entropy entropy = world_entropy(world);
    uint8_t seed[SIGNING_SEED_BYTES];
    Hopnhat__Join join = HOPNHAT__JOIN__INIT;
    struct arena arena;
    entropy.fill(entropy.context, link_keys.secret_key, sizeof link_keys.secret_key);
    entropy.fill(entropy.context, seed, sizeof seed);
    signing_keys_from_seed(&signing_keys, seed);
    if (!link_keys_from_secret(&link_keys, error) ||
        !enrolment_create(world->hub, office, world->now_ms, 3600000, text, error) ||
        !enrolment_code_parse(text, &code, error) || !link_keys_from_seed(&once, code.seed, error))
        return false;
    join.protocol = PROTOCOL_VERSION;
    join.link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, link_keys.public_key};
    join.signing_key = (ProtobufCBinaryData){SIGNING_KEY_BYTES, signing_keys.public_key};
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    Hopnhat__Joined *joined =
        enrolment_join(world->hub, once.public_key, &join, world->now_ms, &arena, error);
    struct agent_identity identity = {.hub_address = "tcp://simulated:1",
                                      .hub_key = code.hub_key,
                                      .link_keys = &link_keys,
                                      .signing_keys = &signing_keys,
                                      .office = office,
                                      .joined = joined};
    struct agent_options options = agent_options(world);
    memcpy(node->key, link_keys.public_key, LINK_KEY_BYTES);
    bool done = joined && agent_create(node->directory, &options, &identity, world->now_ms, error);
    arena_release(&arena);
    return done;
}

bool world_start(struct world *world, const struct mode *mode, uint64_t seed, struct bytes catalog,
                 const char *directory)
{
    struct error error;
    *world = (struct world){.mode = mode, .catalogs = {catalog}, .catalog_count = 1, .seed = seed};
    world_reseed(world, UINT32_MAX);
    world->now_ms = WORLD_BEGINS_MS;
    world->truth = truth_new();
    snprintf(world->directory, sizeof world->directory, "%s", directory);
    snprintf(world->hub_directory, sizeof world->hub_directory, "%s/hub", directory);
    world_remove(directory); /* what a run that was killed has left there, under the same process number */
    mkdir(directory, 0700);
    struct hub_options options = hub_options(world);
    mkdir(world->hub_directory, 0700);
    if (!hub_init(world->hub_directory, &options, catalog, world->now_ms, &error))
        return world_fail(world, "init: %s", error.text);
    world_open_hub(world);
    for (size_t i = 0; world->hub && i < KEYS; i++)
        fill(world, world->keys[i], RECORD_ID_BYTES);
    for (size_t i = 0; world->hub && i < AGENTS; i++) {
        struct node *node = &world->nodes[i];
        node->world = world;
        node->clock_off_ms = (int64_t)world_random(world, 120000) - 60000;
        snprintf(node->directory, sizeof node->directory, "%s/agent-%zu", directory, i);
        mkdir(node->directory, 0700);
        if (!add_office(world, i, &error) || !join_node(world, node, OFFICES[i], &error))
            return world_fail(world, "joining: %s", error.text);
        node_open(node);
    }
    return world->failure[0] == 0;
}

void world_end(struct world *world)
{
    for (size_t i = 0; i < AGENTS; i++) {
        struct node *node = &world->nodes[i];
        if (node->agent)
            node_close(node);
        queue_clear(&node->to_hub);
        queue_clear(&node->to_agent);
        queue_clear(&node->late);
        queue_clear(&node->late_to_agent);
        node_drop_sticks(node);
    }
    if (world->hub)
        world_close_hub(world);
    truth_free(world->truth);
    for (size_t i = 1; i < world->catalog_count; i++)
        free((void *)(uintptr_t)world->catalogs[i].data);
}

void world_remove(const char *directory)
{
    char command[200];
    static const char *const parts[] = {"hub", "agent-0", "agent-1", "agent-2", "agent-3"};
    static const char *const files[] = {"store/data.mdb", "store/lock.mdb", "store",  "copy-0",
                                        "copy-1",         "copy-2",         "copy-3", ""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t j = 0; j < sizeof files / sizeof *files; j++) {
            snprintf(command, sizeof command, "%s/%s/%s", directory, parts[i], files[j]);
            if (remove(command) != 0)
                continue;
        }
    rmdir(directory);
}
