/* What one edit of one field costs on the wire (a test, too: exit status 1 where that is too much): the
 * frames that the agent and the hub exchange, from the save until everything is quiet again. Usage: edit */
#include "sim/world.h"

#include "model/catalog_yaml.h"
#include "net/frame.h"
#include "net/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EDITS = 12, AIM_BYTES = 150, AIM_IDLE_BYTES = 200 };

/* Writes what waits in the queue as frames, and adds it up. */
static size_t weigh(struct frame_codec *codec, const struct queue *queue, const char *from, bool print)
{
    struct frame_buffer frame = {0};
    struct error error;
    size_t total = 0;
    for (size_t i = 0; i < queue->count; i++) {
        Hopnhat__Message *message =
            hopnhat__message__unpack(NULL, queue->parcels[i].size, queue->parcels[i].data);
        if (message && frame_pack(codec, message, &frame, &error)) {
            total += frame.size;
            if (print)
                printf("  %s: %zu bytes, body %d\n", from, frame.size, (int)message->body_case);
        }
        hopnhat__message__free_unpacked(message, NULL);
    }
    frame_buffer_release(&frame);
    return total;
}

/* Lets all that is under way between the node and the hub arrive; returns the bytes of its frames. */
static size_t exchange(struct node *node, struct frame_codec *codec, bool print)
{
    struct world *world = node->world;
    size_t total = 0;
    for (bool moved = true; moved;) {
        world->now_ms += 20;
        agent_session_tick(node->session, node_wall_ms(node));
        total += weigh(codec, &node->to_hub, "agent", print);
        moved = node->to_hub.count > 0;
        while (node_deliver_to_hub(node))
            ;
        world_hub_turn(world);
        total += weigh(codec, &node->to_agent, "hub", print);
        moved = moved || node->to_agent.count > 0;
        while (node_deliver_to_agent(node))
            ;
    }
    return total;
}

static bool write_field(struct node *node, const uint8_t *id, struct entry_id *standing, bool is_new,
                        const char *text)
{
    struct error error;
    struct dot dot;
    struct new_op ops[] = {
        {.field = 17, .value = bytes_of_string(text), .superseded = {.ids = standing, .count = !is_new}},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_GROUP, .value = bytes_of_string("everyone")},
        {.field = HOPNHAT__SYSTEM_FIELD__SYSTEM_OWNER, .value = bytes_of_string(node->agent->office_code)}};
    struct new_edit edit = {.type = TYPE_THING, .ops = ops, .op_count = is_new ? 3 : 1};
    memcpy(edit.record, id, RECORD_ID_BYTES);
    bool done = agent_write(node->agent, &edit, 1, "lan", node_wall_ms(node), &dot, &error);
    *standing = (struct entry_id){dot, 0};
    return done || world_fail(node->world, "cannot write: %s", error.text);
}

/* A node's edit of what stands in the field: the bytes of the frames until all is quiet. */
static size_t edit(struct node *node, struct frame_codec *codec, struct entry_id *standing, int number,
                   bool print)
{
    char text[24];
    snprintf(text, sizeof text, "%d members", 1000 + number);
    node->world->now_ms += 5000;
    write_field(node, node->world->keys[0], standing, standing->dot.seq == 0, text);
    return exchange(node, codec, print);
}

/* False: an edit costs more than it should. */
static bool bench(struct world *world, struct frame_codec *codec)
{
    struct node *node = &world->nodes[0], *other = &world->nodes[1];
    struct entry_id standing = {0};
    size_t own = 0, others = 0;
    for (size_t i = 0; i < 2; i++) {
        world->nodes[i].clock_off_ms = 0;
        node_connect(&world->nodes[i]);
        exchange(&world->nodes[i], codec, false);
    }
    edit(node, codec, &standing, 0, false);
    for (int i = 1; i <= EDITS && !world->failure[0]; i++)
        own += edit(node, codec, &standing, i, i == EDITS);
    for (int i = 1; i <= EDITS && !world->failure[0]; i++) {
        edit(other, codec, &standing, i, false);
        exchange(node, codec, false);
        others += edit(node, codec, &standing, i, i == EDITS);
        exchange(other, codec, false);
    }
    size_t before = node->to_hub.count;
    world->now_ms += 125 * 1000;
    world_hub_turn(world);
    size_t idle = weigh(codec, &node->to_agent, "hub", false) + exchange(node, codec, false);
    printf("one edit of one field (a value of 12 bytes): %d bytes on average, signature, ack, echo and the "
           "next Pull included; aim %d\n",
           (int)(own / EDITS), AIM_BYTES);
    printf("the same in place of what another office wrote: %d bytes on average\n", (int)(others / EDITS));
    printf("idle: %zu bytes every two minutes%s; aim %d\n", idle,
           before ? " (something was left under way)" : "", AIM_IDLE_BYTES);
    return own <= EDITS * AIM_BYTES && others <= EDITS * AIM_BYTES && idle <= AIM_IDLE_BYTES;
}

int main(void)
{
    static const struct mode mode = {.name = "bench"};
    struct catalog_errors *errors = calloc(1, sizeof *errors);
    char *text = calloc(1, LIMIT_CATALOG_BYTES), directory[100];
    FILE *file = fopen(SOURCE_DIR "/tests/sim/catalog.yaml", "rb");
    struct world *world = malloc(sizeof *world);
    struct frame_codec *codec;
    struct arena arena;
    struct bytes catalog;
    struct error error;
    bool within = false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    size_t size = file && text ? fread(text, 1, LIMIT_CATALOG_BYTES, file) : 0;
    if (!errors || !size || !world || !keys_start(&error) || !(codec = frame_codec_new(&error)) ||
        !catalog_from_yaml(bytes_of(text, size), "catalog.yaml", &arena, &catalog, errors))
        return 2;
    fclose(file);
    snprintf(directory, sizeof directory, "/tmp/hopnhat-edit-%ld", (long)getpid());
    if (world_start(world, &mode, 3, catalog, directory)) {
        world->calm = true;
        within = bench(world, codec);
    }
    if (world->failure[0])
        fprintf(stderr, "edit: %s\n", world->failure);
    world_end(world);
    world_remove(directory);
    frame_codec_free(codec);
    arena_release(&arena);
    free(world);
    free(errors);
    free(text);
    return within ? 0 : 1;
}
