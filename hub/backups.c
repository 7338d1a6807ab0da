#include "hub/backups.h"

#include "api/wall.h"
#include "base/hex.h"
#include "hub/registry.h"
#include "hub/service.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/recovery_key.h"
#include "store/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LIST_ARENA_BYTES = 64 * 1024 * 1024 };

/* The lowest mark of each replica; one that a backup does not know is not safe. */
static void take_marks(struct hub *hub, const Hopnhat__Backup *backup)
{
    for (size_t i = 0; i < backup->n_replicas && i < backup->n_watermarks; i++) {
        struct replica *replica = registry_replica(hub, backup->replicas[i]);
        if (!replica)
            continue;
        if (replica->in_backups++ == 0 || backup->watermarks[i] < replica->safe)
            replica->safe = backup->watermarks[i];
    }
}

bool backups_load(struct hub *hub, struct transaction *transaction, struct error *error)
{
    struct cursor cursor;
    struct arena arena;
    arena_init(&arena, LIST_ARENA_BYTES);
    hub->backups = 0;
    hub->last_backup_ms = 0;
    hub->last_backup_next_key = 0;
    for (struct replica *replica = hub->replicas; replica; replica = replica->hh.next)
        replica->safe = replica->in_backups = 0;
    cursor_open(&cursor, transaction, HUB_BACKUP);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        const Hopnhat__Backup *row =
            row_unpack(transaction, cursor.value, &hopnhat__backup__descriptor, &arena);
        if (!row)
            break;
        take_marks(hub, row);
        hub->backups++;
        hub->last_backup_ms = row->made_ms;
        hub->last_backup_next_key = row->has_next_link_key ? row->next_link_key : 0;
        arena_reset(&arena);
    }
    cursor_close(&cursor);
    arena_release(&arena);
    for (struct replica *replica = hub->replicas; replica; replica = replica->hh.next)
        if (replica->in_backups < hub->backups)
            replica->safe = 0;
    return transaction_is_sound(transaction, error);
}

/* Whether every mark is one that this store has reached. */
static bool is_ours(const struct hub *hub, const Hopnhat__Backup *backup, struct error *error)
{
    for (size_t i = 0; i < backup->n_replicas; i++) {
        const struct replica *replica = registry_replica(hub, backup->replicas[i]);
        if (!replica || backup->watermarks[i] > replica->watermark)
            return error_set(error, ERROR_INPUT, "the backup is not of this hub's store");
    }
    return true;
}

/* Whether the file is surely gone: its directory is there, and does not have it. */
static bool is_gone(const char *file)
{
    char directory[PATH_MAX];
    if (*file != '/' || snprintf(directory, sizeof directory, "%s", file) >= PATH_MAX)
        return false;
    return access(file, F_OK) != 0 && errno == ENOENT && access(dirname(directory), F_OK) == 0;
}

/* Forgets the backups that are kept no more, where `missing` also those whose files are gone; *next is the
 * number for another. */
static void forget(struct transaction *transaction, const char *file, uint64_t keep, bool missing,
                   uint64_t *next)
{
    struct cursor cursor;
    struct arena arena;
    uint64_t rows = transaction_count(transaction, HUB_BACKUP), kept_from;
    arena_init(&arena, LIST_ARENA_BYTES);
    *next = 1;
    kept_from = rows >= keep ? rows + 1 - keep : 0; /* of the rows, in order */
    cursor_open(&cursor, transaction, HUB_BACKUP);
    bool here = cursor_seek(&cursor, bytes_of(NULL, 0));
    for (uint64_t i = 0; here; i++, here = cursor_next(&cursor)) {
        const Hopnhat__Backup *row =
            row_unpack(transaction, cursor.value, &hopnhat__backup__descriptor, &arena);
        if (!row)
            break;
        *next = get_u64_be(cursor.key.data) + 1;
        if (i < kept_from || (row->file && (strcmp(row->file, file) == 0 || (missing && is_gone(row->file)))))
            cursor_delete(&cursor);
        arena_reset(&arena);
    }
    cursor_close(&cursor);
    arena_release(&arena);
}

bool backups_note(struct hub *hub, const Hopnhat__Backup *backup, uint64_t keep, struct error *error)
{
    struct transaction transaction;
    struct key key;
    uint64_t number;
    if (!is_ours(hub, backup, error) || !transaction_begin(&transaction, hub->environment, true, error))
        return false;
    forget(&transaction, backup->file ? backup->file : "", keep, false, &number);
    key_number(&key, number);
    row_put(&transaction, HUB_BACKUP, key_bytes(&key), &backup->base);
    struct error ignored;
    bool loaded = backups_load(hub, &transaction, &ignored);
    if (transaction_commit(&transaction, error) && loaded)
        return true;
    struct error reload;
    if (!hub_reload(hub, &reload))
        error_prefix(error, "%s; and before that", reload.text);
    return false;
}

void backups_note_origin(struct hub *hub, struct transaction *transaction, const char *file,
                         struct arena *arena)
{
    Hopnhat__Backup backup = HOPNHAT__BACKUP__INIT;
    struct key key;
    uint64_t number;
    size_t room = HASH_COUNT(hub->replicas) + 1;
    struct error error;
    backup.replicas = arena_alloc(arena, room * sizeof *backup.replicas);
    backup.watermarks = arena_alloc(arena, room * sizeof *backup.watermarks);
    if (!backup.replicas || !backup.watermarks) {
        out_of_memory(&error);
        transaction_fail(transaction, &error);
        return;
    }
    for (const struct replica *replica = hub->replicas; replica; replica = replica->hh.next) {
        backup.replicas[backup.n_replicas++] = replica->number;
        backup.watermarks[backup.n_watermarks++] = replica->watermark;
    }
    backup.made_ms = time_ms(hub->clock.last);
    backup.rev = hub->rev;
    backup.has_next_link_key = hub->has_next_link_keys;
    if (hub->has_next_link_keys)
        backup.next_link_key = get_u32_be(hub->next_link_keys.public_key);
    backup.file = file ? arena_string(arena, file, strlen(file)) : NULL;
    forget(transaction, file ? file : "", UINT64_MAX, true, &number);
    key_number(&key, number);
    row_put(transaction, HUB_BACKUP, key_bytes(&key), &backup.base);
}

bool backups_marks(json_t *note, const Hopnhat__Backup *marks, struct error *error)
{
    json_t *list = json_object();
    for (size_t i = 0; i < marks->n_replicas; i++) {
        char name[17];
        snprintf(name, sizeof name, "%016" PRIx64, marks->replicas[i]);
        json_object_set_new(list, name, json_integer((json_int_t)marks->watermarks[i]));
    }
    bool put = json_object_set_new(note, "watermarks", list) == 0 &&
               (!marks->has_next_link_key ||
                json_object_set_new(note, "next_link_key", json_integer(marks->next_link_key)) == 0);
    return put || out_of_memory(error);
}

json_t *backups_files(void *context)
{
    const struct hub *hub = context;
    struct transaction transaction;
    struct cursor cursor;
    struct arena arena;
    struct error error;
    json_t *files = json_array();
    if (!files || !transaction_begin(&transaction, hub->environment, false, &error)) {
        json_decref(files);
        return NULL;
    }
    arena_init(&arena, LIST_ARENA_BYTES);
    cursor_open(&cursor, &transaction, HUB_BACKUP);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        const Hopnhat__Backup *row =
            row_unpack(&transaction, cursor.value, &hopnhat__backup__descriptor, &arena);
        if (row && row->file && json_array_append_new(files, json_string(row->file)) != 0)
            transaction.failed = true;
        if (transaction.failed)
            break;
        arena_reset(&arena);
    }
    cursor_close(&cursor);
    arena_release(&arena);
    if (transaction.failed) {
        json_decref(files);
        files = NULL;
    }
    transaction_abort(&transaction);
    return files;
}

void backups_status(const struct hub *hub, json_t *status)
{
    struct arena arena;
    arena_init(&arena, 4096);
    json_t *made = hub->last_backup_ms ? json_string(wall_text(hub->last_backup_ms, &arena)) : json_null();
    json_object_set_new(status, "last_backup", made);
    json_object_set_new(status, "backups", json_integer((json_int_t)hub->backups));
    arena_release(&arena);
}

static bool read_marks(const json_t *list, Hopnhat__Backup *backup, struct arena *arena, struct error *error)
{
    const char *name;
    const json_t *mark;
    size_t count = json_object_size(list);
    backup->replicas = arena_alloc(arena, (count + 1) * sizeof(uint64_t));
    backup->watermarks = arena_alloc(arena, (count + 1) * sizeof(uint64_t));
    if (!backup->replicas || !backup->watermarks)
        return out_of_memory(error);
    json_object_foreach((json_t *)(uintptr_t)list, name, mark)
    {
        uint8_t number[8];
        if (strlen(name) != 16 || !hex_decode(name, 16, number) || json_integer_value(mark) < 0)
            return error_set(error, ERROR_INPUT, "watermarks: not a replica and its watermark");
        backup->replicas[backup->n_replicas++] = get_u64_be(number);
        backup->watermarks[backup->n_watermarks++] = (uint64_t)json_integer_value(mark);
    }
    return true;
}

json_t *backups_handle(struct api_call *call, struct error *error)
{
    static const char *const keys[] = {"file", "made_ms", "rev", "keep", "watermarks", "next_link_key", NULL};
    struct hub_service *service = call->records->context;
    Hopnhat__Backup backup = HOPNHAT__BACKUP__INIT;
    const char *file = api_body_string(call, "file", error);
    const json_t *given = json_object_get(call->body, "keep");
    uint64_t keep = given ? (uint64_t)json_integer_value(given) : backup_schedule_keep(service->backups);
    if (given && json_integer_value(given) < 1) {
        error_set(error, ERROR_INPUT, "keep: how many backups are kept, 1 at least");
        return NULL;
    }
    if (!file || !api_body_keys(call, keys, error) ||
        !read_marks(json_object_get(call->body, "watermarks"), &backup, call->arena, error))
        return NULL;
    backup.made_ms = (uint64_t)json_integer_value(json_object_get(call->body, "made_ms"));
    backup.rev = (uint64_t)json_integer_value(json_object_get(call->body, "rev"));
    backup.file = arena_string(call->arena, file, strlen(file));
    const json_t *next_key = json_object_get(call->body, "next_link_key");
    backup.has_next_link_key = next_key != NULL;
    backup.next_link_key = (uint32_t)json_integer_value(next_key);
    if (!backups_note(service->hub, &backup, keep, error))
        return NULL;
    json_t *json = json_pack("{s:I}", "backups", (json_int_t)service->hub->backups);
    if (!json)
        out_of_memory(error);
    return json;
}

json_t *backups_handle_recovery_key(struct api_call *call, struct error *error)
{
    struct hub_service *service = call->records->context;
    struct transaction transaction;
    uint8_t key[RECOVERY_KEY_BYTES];
    const char *text = api_body_string(call, "public", error);
    if (!text || strlen(text) != 2 * RECOVERY_KEY_BYTES || !hex_decode(text, 2 * RECOVERY_KEY_BYTES, key)) {
        error_set(error, ERROR_INPUT, "public: a key has %d hexadecimal digits", 2 * RECOVERY_KEY_BYTES);
        return NULL;
    }
    if (!transaction_begin(&transaction, service->hub->environment, true, error))
        return NULL;
    meta_put_bytes(&transaction, HUB_META, "recovery_key", key, sizeof key);
    return transaction_commit(&transaction, error) ? json_object() : NULL;
}
