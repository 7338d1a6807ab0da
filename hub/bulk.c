#include "api/bulk.h"
#include "base/log.h"
#include "hub/headquarters.h"
#include "hub/service.h"
#include "store/key.h"
#include "store/rows.h"

enum { RECORD_ARENA_BYTES = 64 * 1024 * 1024 };

static struct transaction *begin(void *context, uint64_t wall_ms, struct error *error)
{
    struct hub_service *service = context;
    return admission_begin(&service->operation, service->hub, wall_ms, error)
               ? &service->operation.transaction
               : NULL;
}

static bool commit(void *context, struct error *error)
{
    struct hub_service *service = context;
    return admission_commit(&service->operation, error);
}

static void stop(void *context)
{
    struct hub_service *service = context;
    struct error error;
    if (!admission_abort(&service->operation, &error))
        log_error("the store cannot be read: %s", error.text);
}

static struct transaction *snapshot(void *context)
{
    struct hub_service *service = context;
    return &service->transaction;
}

static const Hopnhat__Record *get(void *context, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                                  struct arena *arena)
{
    struct hub_service *service = context;
    return hub_record(&service->operation.transaction, type, id, arena);
}

static bool scan(void *context, uint32_t type, bool (*visit)(void *user, const Hopnhat__Record *record),
                 void *user, struct error *error)
{
    struct hub_service *service = context;
    struct transaction *transaction = &service->operation.transaction;
    struct key prefix = {0};
    struct cursor cursor;
    struct arena arena;
    key_add_u32(&prefix, type);
    arena_init(&arena, RECORD_ARENA_BYTES);
    cursor_open(&cursor, transaction, HUB_RECORD);
    for (bool here = cursor_seek(&cursor, key_bytes(&prefix));
         here && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor)) {
        const Hopnhat__Record *record =
            row_unpack(transaction, cursor.value, &hopnhat__record__descriptor, &arena);
        if (!record || !visit(user, record))
            break;
        arena_reset(&arena);
    }
    cursor_close(&cursor);
    arena_release(&arena);
    return transaction_is_sound(transaction, error);
}

static bool check(void *context, const struct new_edit *edit, const Hopnhat__Record *before,
                  struct error *error)
{
    const struct hub_service *service = context;
    return headquarters_check(service->hub, edit, before, error);
}

static bool change(void *context, const struct new_edit *edits, size_t count, const char *author,
                   uint64_t wall_ms, struct dot *dot, struct error *error)
{
    struct hub_service *service = context;
    (void)wall_ms;
    return headquarters_write_in(service->hub, &service->operation, edits, count, author, dot, error);
}

const struct bulk hub_bulk = {
    .imports = HUB_IMPORT,
    .begin = begin,
    .commit = commit,
    .abort = stop,
    .snapshot = snapshot,
    .get = get,
    .scan = scan,
    .check = check,
    .change = change,
};
