#include "api/bulk.h"
#include "agent/records.h"
#include "agent/service.h"
#include "agent/write.h"

enum { RECORD_ARENA_BYTES = 64 * 1024 * 1024 };

static struct transaction *begin(void *context, uint64_t wall_ms, struct error *error)
{
    struct agent_service *service = context;
    (void)wall_ms;
    return agent_begin(service->agent, &service->operation, error) ? &service->operation : NULL;
}

/* What takes the link so long that nobody should wait behind it. */
enum { BULK_CHANGES = 10 };

static bool commit(void *context, struct error *error)
{
    struct agent_service *service = context;
    const struct own_log *log = agent_present_log(service->agent);
    if (log->head - log->acknowledged >= BULK_CHANGES && !agent_pass(service->agent))
        agent_fail_memory(&service->operation);
    return agent_commit(service->agent, &service->operation, error);
}

static void stop(void *context)
{
    struct agent_service *service = context;
    agent_abort(service->agent, &service->operation);
}

static struct transaction *snapshot(void *context)
{
    struct agent_service *service = context;
    return &service->transaction;
}

static const Hopnhat__Record *get(void *context, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                                  struct arena *arena)
{
    struct agent_service *service = context;
    return agent_record(&service->operation, type, id, arena);
}

static bool scan(void *context, uint32_t type, bool (*visit)(void *user, const Hopnhat__Record *record),
                 void *user, struct error *error)
{
    struct agent_service *service = context;
    struct agent_scan rows;
    struct arena arena;
    const Hopnhat__Record *record;
    arena_init(&arena, RECORD_ARENA_BYTES);
    agent_scan_open(&rows, &service->operation, type, NULL);
    while ((record = agent_scan_next(&rows, &arena)) && visit(user, record))
        arena_reset(&arena);
    agent_scan_close(&rows);
    arena_release(&arena);
    return transaction_is_sound(&service->operation, error);
}

static bool check(void *context, const struct new_edit *edit, const Hopnhat__Record *before,
                  struct error *error)
{
    const struct agent_service *service = context;
    return agent_write_check(service->agent, edit, before, error);
}

static bool change(void *context, const struct new_edit *edits, size_t count, const char *author,
                   uint64_t wall_ms, struct dot *dot, struct error *error)
{
    struct agent_service *service = context;
    return agent_write_in(service->agent, &service->operation, edits, count, author, wall_ms, dot, error);
}

const struct bulk agent_bulk = {
    .imports = AGENT_IMPORT,
    .begin = begin,
    .commit = commit,
    .abort = stop,
    .snapshot = snapshot,
    .get = get,
    .scan = scan,
    .check = check,
    .change = change,
};
