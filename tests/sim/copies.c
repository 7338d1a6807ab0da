/* Stores that are copied, come back as one of their copies, or are damaged and mended. */
#include "world.h"

#include "agent/repair.h"
#include "hub/backups.h"
#include "hub/repair.h"
#include "store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

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
    if (world->hub && !hub_mark_restored(world->hub, NULL, NULL, &error))
        world_fail(world, "restore of the hub: %s", error.text);
}

/* --- damage --- */

/* A row of the database, by chance, as it lies in the file; for the caller to free. NULL: there is none. */
static uint8_t *draw_row(struct world *world, struct environment *environment, unsigned database,
                         size_t *size)
{
    struct transaction transaction;
    struct cursor cursor;
    struct error error;
    uint8_t *row = NULL;
    if (!transaction_begin(&transaction, environment, false, &error))
        return NULL;
    uint64_t skip = world_random(world, transaction_count(&transaction, database) + 1);
    cursor_open(&cursor, &transaction, database);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && !row; here = cursor_next(&cursor))
        if (skip-- == 0 && cursor.value.size > 16 && (row = malloc(cursor.value.size))) {
            memcpy(row, cursor.value.data, cursor.value.size);
            *size = cursor.value.size;
        }
    cursor_close(&cursor);
    transaction_abort(&transaction);
    return row;
}

/* Turns a bit of the row round, wherever it lies in the file. */
static void turn_bit(struct world *world, const char *path, const uint8_t *row, size_t size)
{
    struct stat status;
    FILE *file = fopen(path, "r+b");
    size_t at = world_random(world, size);
    uint8_t *content = file && fstat(fileno(file), &status) == 0 ? malloc((size_t)status.st_size) : NULL;
    size_t read = content ? fread(content, 1, (size_t)status.st_size, file) : 0;
    for (uint8_t *place = content;
         place && (place = memmem(place, read - (size_t)(place - content), row, size)); place++) {
        place[at] ^= 1;
        if (fseek(file, (long)(place + at - content), SEEK_SET) != 0 || fwrite(place + at, 1, 1, file) != 1)
            world_fail(world, "cannot damage %s", path);
    }
    free(content);
    if (!file || fclose(file) != 0)
        world_fail(world, "cannot damage %s", path);
}

static void tell(void *context, const char *text)
{
    world_trace(context, "%s", text);
}

typedef bool repair(const char *damaged, const char *fresh, void (*told)(void *context, const char *text),
                    void *context, struct error *error);

/* Damages the row in the closed store of the directory, and has the store mended. */
static void damage_and_mend(struct world *world, const char *directory, const uint8_t *row, size_t size,
                            repair *mend)
{
    char store[256], data[300], fresh[256], path[300], whole[300];
    struct error error;
    snprintf(store, sizeof store, "%s/store", directory);
    snprintf(data, sizeof data, "%s/data.mdb", store);
    snprintf(fresh, sizeof fresh, "%s/fresh", directory);
    snprintf(path, sizeof path, "%s/store/data.mdb", fresh);
    snprintf(whole, sizeof whole, "%s/whole", fresh);
    mkdir(fresh, 0700);
    if (!copy_file(data, whole))
        world_fail(world, "cannot copy %s", data);
    turn_bit(world, data, row, size);
    bool mended = mend(store, fresh, tell, world, &error);
    if (!mended && error.code != ERROR_CORRUPT)
        world_fail(world, "%s is not mended: %s", directory, error.text);
    else if (!mended) /* a record in no group, say: the operator takes the newest backup, and this is that */
        world_trace(world, "it is not mended: %s", error.text);
    if (rename(mended ? path : whole, data) != 0)
        world_fail(world, "cannot put %s in place", data);
    static const char *const left[] = {"whole", "store/data.mdb", "store/lock.mdb", "store", ""};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        snprintf(path, sizeof path, "%s/%s", fresh, left[i]);
        if (remove(path) != 0)
            continue; /* not there */
    }
}

void node_is_damaged(struct node *node)
{
    size_t size = 0;
    uint8_t *row = draw_row(node->world, node->agent->environment, AGENT_MIRROR, &size);
    if (!row)
        return;
    world_trace(node->world, "%c loses a row of its mirror and is mended", node_name(node));
    node_close(node);
    damage_and_mend(node->world, node->directory, row, size, agent_repair);
    truth_lost(node->world, node); /* what people were shown goes by revs that may be others now */
    node_open(node);
    free(row);
}

void world_hub_is_damaged(struct world *world)
{
    size_t size = 0;
    world_hub_turn(world); /* what is not committed is in no store */
    uint8_t *row = draw_row(world, world->hub->environment, HUB_RECORD, &size);
    if (!row)
        return;
    world_trace(world, "the hub loses a record and is mended");
    world_close_hub(world);
    damage_and_mend(world, world->hub_directory, row, size, hub_repair);
    world_open_hub(world);
    free(row);
}
