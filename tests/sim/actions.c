/* What happens in the world: people act, links come and go, machines crash and come back. */
#include "people.h"

#include "agent/new_keys.h"

enum { SETTLE_ROUNDS = 4000 };

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

/* New keys are drawn for an office; it announces them when it next can. A store from before the change could
 * not come in any more, and has to be joined anew. */
static void keys_change(struct node *node)
{
    struct error error;
    if (node->world->mode->agent_restore || node->world->mode->agent_put_back)
        return;
    if (!new_keys_draw(node->agent, &error))
        world_fail(node->world, "no new keys: %s", error.text);
    world_trace(node->world, "%c gets new keys", node_name(node));
}

/* Somebody alters the settings of the link; until the daemon starts again. */
static void set_limits(struct node *node)
{
    const uint64_t slow = 500 + world_random(node->world, 4000);
    node->agent->limits = (struct link_limits){
        .up_bytes_per_second = world_chance(node->world, 30) ? slow : 0,
        .down_bytes_per_second = world_chance(node->world, 30) ? slow : 0,
        .metered = world_chance(node->world, 40),
        .bulk_waits = world_chance(node->world, 40),
    };
    world_trace(node->world, "%c limits its link", (char)('a' + (node - node->world->nodes)));
}

void world_step(struct world *world, uint64_t step)
{
    world_reseed(world, step - 1);
    struct node *node = &world->nodes[world_random(world, AGENTS)];
    uint64_t what = world_random(world, 1000);
    world->steps = step;
    world->words = 0;
    if (what < 360)
        office_writes(node);
    else if (what < 400)
        office_resolves(node);
    else if (what < 460)
        headquarters_acts(world);
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
    else if (what < 933)
        node_copy(node);
    else if (what < 937)
        node_is_damaged(node);
    else if (what < 940)
        world_hub_is_damaged(world);
    else if (what < 955)
        world_copy_hub(world);
    else if (what < 980 && (world->mode->agent_restore || world->mode->agent_put_back))
        node_come_back(node, world->mode->agent_restore);
    else if (what < 987 && world->mode->hub_restore)
        world_restore_hub(world);
    else if (what >= 987 && what < 993)
        keys_change(node);
    else if (what >= 993)
        set_limits(node);
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
        world->nodes[i].stopped_ms = 0, /* a session's waits are measured by it */
            world->nodes[i].agent->limits = (struct link_limits){0};
    for (size_t i = 0; i < AGENTS; i++)
        while (node_deliver_late(&world->nodes[i]))
            continue;
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
