/* Stores that are copied, come back as one of their copies, or are damaged and mended. */
#include "world.h"

#include "hub/backups.h"
#include "store/rows.h"

#include <stdio.h>

static bool copy_file(const char *from, const char *to)
{
    char buffer[65536];
    size_t size;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    bool copied = in && out;
    while (copied && (size = fread(buffer, 1, sizeof buffer, in)) > 0)
        copied = fwrite(buffer, 1, size, out) == size;
    if (in)
        fclose(in);
    if (out && fclose(out) != 0)
        copied = false;
    return copied;
}

static void copy_store(struct world *world, const char *directory, unsigned slot, bool back)
{
    char store[256], copy[256];
    snprintf(store, sizeof store, "%s/store/data.mdb", directory);
    snprintf(copy, sizeof copy, "%s/copy-%u", directory, slot);
    if (!(back ? copy_file(copy, store) : copy_file(store, copy)))
        world_fail(world, "cannot copy %s", store);
}

void node_copy(struct node *node)
{
    world_trace(node->world, "%c is copied", node_name(node));
    copy_store(node->world, node->directory, node->copies++ % COPIES, false);
}

void node_come_back(struct node *node, bool by_command)
{
    struct error error;
    unsigned kept = node->copies < COPIES ? node->copies : COPIES;
    if (kept == 0)
        return;
    world_trace(node->world, "%c comes back from a copy%s", node_name(node),
                by_command ? ", by command" : "");
    node_close(node);
    copy_store(node->world, node->directory, (unsigned)world_random(node->world, kept), true);
    truth_lost(node->world, node);
    node_open(node);
    if (by_command && node->agent && !agent_restored(node->agent, NULL, &error))
        world_fail(node->world, "restore of %c: %s", node_name(node), error.text);
}

/* The hub takes note of the copy as of a backup, under the name of its slot. */
static void note_backup(struct world *world)
{
    uint64_t replicas[256], watermarks[256];
    char file[32];
    struct error error;
    Hopnhat__Backup backup = HOPNHAT__BACKUP__INIT;
    backup.replicas = replicas;
    backup.watermarks = watermarks;
    for (const struct replica *one = world->hub->replicas; one && backup.n_replicas < 256;
         one = one->hh.next) {
        replicas[backup.n_replicas++] = one->number;
        watermarks[backup.n_watermarks++] = one->watermark;
    }
    snprintf(file, sizeof file, "copy-%u", (world->hub_copies - 1) % COPIES);
    backup.file = file;
    backup.made_ms = world->now_ms;
    backup.rev = world->hub->rev;
    if (!backups_note(world->hub, &backup, COPIES, &error))
        world_fail(world, "a backup was not noted: %s", error.text);
}

/* Whether the hub counts the copy in that slot among its backups. */
static bool is_noted(struct world *world, unsigned slot)
{
    struct transaction transaction;
    struct cursor cursor;
    struct arena arena;
    struct error error;
    char file[32];
    bool noted = false;
    snprintf(file, sizeof file, "copy-%u", slot);
    if (!transaction_begin(&transaction, world->hub->environment, false, &error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    cursor_open(&cursor, &transaction, HUB_BACKUP);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && !noted; here = cursor_next(&cursor)) {
        const Hopnhat__Backup *row =
            row_unpack(&transaction, cursor.value, &hopnhat__backup__descriptor, &arena);
        noted = row && row->file && strcmp(row->file, file) == 0;
    }
    cursor_close(&cursor);
    transaction_abort(&transaction);
    arena_release(&arena);
    return noted;
}

void world_copy_hub(struct world *world)
{
    world_hub_turn(world); /* what is not committed is in no copy */
    world_trace(world, "the hub is copied");
    if (world->mode->hub_gap && !world->forgotten_copy) {
        copy_store(world, world->hub_directory, FORGOTTEN, false);
        world->forgotten_copy = true;
        return;
    }
    copy_store(world, world->hub_directory, world->hub_copies++ % COPIES, false);
    note_backup(world);
}

void world_restore_hub(struct world *world)
{
    struct error error;
    unsigned kept = world->hub_copies < COPIES ? world->hub_copies : COPIES;
    if (kept == 0)
        return;
    unsigned slot = (unsigned)world_random(world, kept);
    if (world->forgotten_copy && world_chance(world, 50))
        slot = FORGOTTEN;
    world_trace(world, "the hub is restored from copy %u", slot);
    world->gap_allowed = world->gap_allowed || !is_noted(world, slot);
    world_close_hub(world);
    copy_store(world, world->hub_directory, slot, true);
    world->hub_restores++;
    world_open_hub(world);
    if (world->hub && !hub_mark_restored(world->hub, NULL, &error))
        world_fail(world, "restore of the hub: %s", error.text);
}
