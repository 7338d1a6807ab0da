/* Bundles: files between offices and the hub, beside links. Old ones lie about, and are taken again. */
#include "world.h"

#include "agent/bundle.h"
#include "hub/bundle.h"

#include <stdlib.h>

/* Keeps a copy of the file in the place of an older one. */
static void keep(struct world *world, struct parcel *sticks, struct bytes file)
{
    struct parcel *stick = &sticks[world_random(world, STICKS)];
    uint8_t *data = malloc(file.size);
    if (!data) {
        world_fail(world, "out of memory");
        return;
    }
    memcpy(data, file.data, file.size);
    free(stick->data);
    *stick = (struct parcel){.data = data, .size = file.size};
}

/* A file may be refused, for reasons that people are told; anything else is a failure. */
static void judge(struct world *world, const char *what, bool done, const struct error *error)
{
    world_trace(world, "%s: %s", what, done ? "done" : error->text);
    if (!done && error->code != ERROR_REFUSED && error->code != ERROR_NOT_FOUND &&
        error->code != ERROR_UNAVAILABLE)
        world_fail(world, "%s: %s", what, error->text);
}

static void office_exports(struct node *node, struct arena *arena)
{
    struct agent_bundle result;
    struct error error;
    struct bytes file;
    bool done = agent_bundle_export(node->agent, node_wall_ms(node), arena, &file, &result, &error);
    judge(node->world, "an office makes a bundle", done, &error);
    if (done)
        keep(node->world, node->sticks_up, file);
}

static void hub_imports(struct node *node)
{
    struct hub_bundle result;
    struct error error;
    const struct parcel *stick = &node->sticks_up[world_random(node->world, STICKS)];
    if (!stick->data)
        return;
    world_hub_turn(node->world); /* no turn may be open */
    bool done = hub_bundle_import(node->world->hub, bytes_of(stick->data, stick->size), node->world->now_ms,
                                  &result, &error);
    judge(node->world, "the hub takes a bundle", done, &error);
}

static void hub_exports(struct node *node, struct arena *arena)
{
    struct hub_bundle result;
    struct error error;
    struct bytes file;
    world_hub_turn(node->world);
    bool done = hub_bundle_export(node->world->hub, node->agent->office_code, node->world->now_ms, arena,
                                  &file, &result, &error);
    judge(node->world, "the hub answers a bundle", done, &error);
    if (done)
        keep(node->world, node->sticks_down, file);
}

static void office_imports(struct node *node)
{
    struct agent_bundle result;
    struct error error;
    const struct parcel *stick = &node->sticks_down[world_random(node->world, STICKS)];
    if (!stick->data)
        return;
    bool done = agent_bundle_import(node->agent, bytes_of(stick->data, stick->size), node_wall_ms(node),
                                    &result, &error);
    judge(node->world, "an office takes the answer", done, &error);
    truth_acknowledged(node->world, node);
}

void node_carry(struct node *node)
{
    struct arena arena;
    if (!node->agent || !node->world->hub)
        return;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    switch (world_random(node->world, 6)) {
    case 0:
        office_exports(node, &arena);
        break;
    case 1:
        hub_imports(node);
        break;
    case 2:
        hub_exports(node, &arena);
        break;
    case 3:
        office_imports(node);
        break;
    default: /* there and back */
        office_exports(node, &arena);
        hub_imports(node);
        hub_exports(node, &arena);
        office_imports(node);
    }
    arena_release(&arena);
}

void node_drop_sticks(struct node *node)
{
    for (size_t i = 0; i < STICKS; i++) {
        free(node->sticks_up[i].data);
        free(node->sticks_down[i].data);
        node->sticks_up[i] = node->sticks_down[i] = (struct parcel){0};
    }
}
