#include "agent/records.h"

#include "agent/outvoted.h"
#include "store/key.h"
#include "store/rows.h"

Hopnhat__Record *agent_record(struct transaction *transaction, uint32_t type,
                              const uint8_t id[RECORD_ID_BYTES], struct arena *arena)
{
    struct key key;
    key_record(&key, type, id);
    Hopnhat__Draft *draft =
        row_get(transaction, AGENT_DRAFT, key_bytes(&key), &hopnhat__draft__descriptor, arena);
    if (draft)
        return draft->record;
    return row_get(transaction, AGENT_MIRROR, key_bytes(&key), &hopnhat__record__descriptor, arena);
}

void agent_scan_open(struct agent_scan *scan, struct transaction *transaction, uint32_t type,
                     const uint8_t *after)
{
    struct key key = {0};
    *scan = (struct agent_scan){0};
    put_u32_be(scan->prefix, type);
    key_add_u32(&key, type);
    if (after) {
        key_add(&key, after, RECORD_ID_BYTES);
        key_add(&key, "", 1);
    }
    cursor_open(&scan->mirror, transaction, AGENT_MIRROR);
    cursor_open(&scan->draft, transaction, AGENT_DRAFT);
    scan->mirror_here = cursor_seek(&scan->mirror, key_bytes(&key));
    scan->draft_here = cursor_seek(&scan->draft, key_bytes(&key));
}

static bool is_within(const struct agent_scan *scan, const struct cursor *cursor)
{
    return cursor_within(cursor, bytes_of(scan->prefix, sizeof scan->prefix));
}

Hopnhat__Record *agent_scan_next(struct agent_scan *scan, struct arena *arena)
{
    struct transaction *transaction = scan->mirror.transaction;
    Hopnhat__Record *record = NULL;
    bool mirror = scan->mirror_here && is_within(scan, &scan->mirror);
    bool draft = scan->draft_here && is_within(scan, &scan->draft);
    if (!mirror && !draft)
        return NULL;
    int order = !draft ? -1 : !mirror ? 1 : bytes_compare(scan->mirror.key, scan->draft.key);
    if (order < 0) {
        record = row_unpack(transaction, scan->mirror.value, &hopnhat__record__descriptor, arena);
    } else {
        Hopnhat__Draft *row = row_unpack(transaction, scan->draft.value, &hopnhat__draft__descriptor, arena);
        record = row ? row->record : NULL;
    }
    if (order <= 0)
        scan->mirror_here = cursor_next(&scan->mirror);
    if (order >= 0)
        scan->draft_here = cursor_next(&scan->draft);
    return record;
}

void agent_scan_close(struct agent_scan *scan)
{
    cursor_close(&scan->mirror);
    cursor_close(&scan->draft);
}

struct shown agent_shown_now(const struct agent *agent)
{
    return (struct shown){.rev = agent->local_rev, .replica = agent_store_name(agent)};
}

/* Drafts of records that are not mirrored. There are tens of thousands after a list was imported. */
static uint64_t count_new(struct transaction *transaction)
{
    struct cursor draft, mirror;
    uint64_t count = 0;
    cursor_open(&draft, transaction, AGENT_DRAFT);
    cursor_open(&mirror, transaction, AGENT_MIRROR);
    draft.keys_only = mirror.keys_only = true;
    for (bool here = cursor_seek(&draft, bytes_of(NULL, 0)); here; here = cursor_next(&draft))
        count += !cursor_seek(&mirror, draft.key) || !bytes_equal(mirror.key, draft.key);
    cursor_close(&draft);
    cursor_close(&mirror);
    return count;
}

/* When the oldest change was made that is not on the hub's disk, as its author's clock read; 0: there is
 * none. */
static uint64_t pending_since(const struct agent *agent, struct transaction *transaction)
{
    uint64_t oldest_ms = 0;
    struct arena arena;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    for (size_t i = 0; i < agent->log_count; i++) {
        const struct own_log *log = &agent->logs[i];
        const struct dot dot = {log->replica, log->acknowledged + 1};
        struct key key;
        struct change change;
        struct error unreadable; /* verify finds that */
        key_dot(&key, dot.replica, dot.seq);
        const Hopnhat__LogRow *row =
            row_get(transaction, AGENT_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, &arena);
        if (row &&
            change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), &arena, &unreadable) &&
            (oldest_ms == 0 || time_ms(change.body->time) < oldest_ms))
            oldest_ms = time_ms(change.body->time);
        arena_reset(&arena);
    }
    arena_release(&arena);
    return oldest_ms;
}

bool agent_status(struct agent *agent, struct agent_status *status, struct error *error)
{
    struct transaction transaction;
    if (!agent_read(agent, &transaction, error))
        return false;
    *status = (struct agent_status){
        .office = agent->office_code,
        .replica = agent_present_log(agent)->replica,
        .epoch = agent->epoch,
        .hub_online = agent->hub_online,
        .digests_equal = agent->digests_equal,
        .digest_mismatches = agent->digest_mismatches,
        .drafts = transaction_count(&transaction, AGENT_DRAFT),
        .refused = transaction_count(&transaction, AGENT_REFUSED),
        .outvoted = outvoted_count(&transaction),
        .conflicts_open = transaction_count(&transaction, AGENT_CONFLICT),
        .last_contact_ms = agent->last_contact_ms,
        .heads = agent->heads,
        .catalog_version = catalog_version(agent->catalog),
        .clock_offset_ms = agent->clock.offset_ms,
        .custody_full = transaction_count(&transaction, AGENT_CUSTODY) >= LIMIT_CUSTODY_PIECES,
        .trouble = agent->trouble,
    };
    status->records = transaction_count(&transaction, AGENT_MIRROR) + count_new(&transaction);
    for (size_t i = 0; i < agent->log_count; i++)
        status->pending += agent->logs[i].head - agent->logs[i].acknowledged;
    status->pending_since_ms = pending_since(agent, &transaction);
    status->caught_up = agent->hub_online && agent->at_head && status->digests_equal &&
                        status->pending == 0 && status->drafts == 0 &&
                        memcmp(agent->hub_catalog, catalog_hash(agent->catalog), CATALOG_HASH_BYTES) == 0;
    bool sound = transaction_is_sound(&transaction, error);
    transaction_abort(&transaction);
    return sound;
}
