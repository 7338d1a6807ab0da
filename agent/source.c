#include "agent/source.h"

#include "agent/state.h"
#include "store/key.h"
#include "store/meta.h"

#include "store.pb-c.h"

enum { SCAN_BYTES = 256 * 1024 * 1024 };

/* A store made before there were logs that go on from others is named by its one present log. */
static void head(struct transaction *snapshot, struct source_head *head)
{
    *head = (struct source_head){
        .identity =
            meta_number(snapshot, AGENT_META, "store", meta_number(snapshot, AGENT_META, "replica", 0)),
        .rev = meta_number(snapshot, AGENT_META, "local_rev", 0),
        .catalog_tag = (uint32_t)meta_number(snapshot, AGENT_META, "catalog", 0),
    };
}

static bool catalog(struct transaction *snapshot, struct bytes *packed)
{
    struct key key = {0};
    key_add_u32(&key, (uint32_t)meta_number(snapshot, AGENT_META, "catalog", 0));
    return transaction_get(snapshot, AGENT_CATALOG, key_bytes(&key), packed);
}

static bool next(struct transaction *snapshot, uint64_t after, struct source_row *rows, size_t most,
                 size_t *count, bool *all, struct error *error)
{
    struct key key;
    struct cursor cursor;
    key_number(&key, after + 1);
    *count = 0;
    cursor_open(&cursor, snapshot, AGENT_CHANGED);
    bool here = cursor_seek(&cursor, key_bytes(&key)), sound = true;
    for (; here && sound && *count < most; here = cursor_next(&cursor)) {
        sound = cursor.key.size == 8 && cursor.value.size == RECORD_KEY_BYTES;
        if (!sound)
            break;
        struct source_row *row = &rows[(*count)++];
        *row = (struct source_row){.rev = get_u64_be(cursor.key.data), .type = get_u32_be(cursor.value.data)};
        memcpy(row->id, cursor.value.data + 4, RECORD_ID_BYTES);
    }
    *all = !here;
    cursor_close(&cursor);
    if (!sound)
        return error_set(error, ERROR_CORRUPT, "a row of the local feed cannot be read: run verify");
    return transaction_is_sound(snapshot, error);
}

static bool unreadable(struct error *error)
{
    return error_set(error, ERROR_CORRUPT,
                     "a stored record cannot be read; run verify, and restore if it says so");
}

static bool unpack_draft(struct bytes row, struct arena *arena, const Hopnhat__Record **record,
                         struct error *error)
{
    const Hopnhat__Draft *draft = hopnhat__draft__unpack(&arena->protobuf, row.size, row.data);
    *record = draft ? draft->record : NULL;
    return draft || unreadable(error);
}

static bool unpack_mirror(struct bytes row, struct arena *arena, const Hopnhat__Record **record,
                          struct error *error)
{
    *record = hopnhat__record__unpack(&arena->protobuf, row.size, row.data);
    return *record || unreadable(error);
}

static bool read_record(struct transaction *snapshot, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                        struct arena *arena, const Hopnhat__Record **record, struct error *error)
{
    struct key key;
    struct bytes row;
    *record = NULL;
    key_record(&key, type, id);
    if (transaction_get(snapshot, AGENT_DRAFT, key_bytes(&key), &row))
        return unpack_draft(row, arena, record, error);
    if (transaction_get(snapshot, AGENT_MIRROR, key_bytes(&key), &row))
        return unpack_mirror(row, arena, record, error);
    return transaction_is_sound(snapshot, error);
}

/* Mirror and drafts side by side. */
struct scan {
    struct cursor mirror, draft;
    bool mirror_here, draft_here;
};

static void open_scan(struct scan *scan, struct transaction *snapshot, uint32_t type, const uint8_t *after)
{
    struct key key = {0};
    key_add_u32(&key, type);
    if (after) {
        key_add(&key, after, RECORD_ID_BYTES);
        key_add(&key, "", 1);
    }
    cursor_open(&scan->mirror, snapshot, AGENT_MIRROR);
    cursor_open(&scan->draft, snapshot, AGENT_DRAFT);
    scan->mirror_here = cursor_seek(&scan->mirror, key_bytes(&key));
    scan->draft_here = cursor_seek(&scan->draft, key_bytes(&key));
}

/* The next record of the type; *record is NULL at the end. A draft hides its mirror. */
static bool scan_next(struct scan *scan, struct bytes prefix, struct arena *arena,
                      const Hopnhat__Record **record, struct error *error)
{
    bool mirror = scan->mirror_here && cursor_within(&scan->mirror, prefix);
    bool draft = scan->draft_here && cursor_within(&scan->draft, prefix);
    *record = NULL;
    if (!mirror && !draft)
        return true;
    int order = !draft ? -1 : !mirror ? 1 : bytes_compare(scan->mirror.key, scan->draft.key);
    bool done = order < 0 ? unpack_mirror(scan->mirror.value, arena, record, error)
                          : unpack_draft(scan->draft.value, arena, record, error);
    if (order <= 0)
        scan->mirror_here = cursor_next(&scan->mirror);
    if (order >= 0)
        scan->draft_here = cursor_next(&scan->draft);
    return done;
}

static bool scan(struct transaction *snapshot, uint32_t type, const uint8_t *after, source_visit *visit,
                 void *user, struct error *error)
{
    struct scan rows;
    struct arena arena;
    uint8_t prefix[4];
    const Hopnhat__Record *record;
    bool done;
    put_u32_be(prefix, type);
    arena_init(&arena, SCAN_BYTES);
    open_scan(&rows, snapshot, type, after);
    do {
        arena_reset(&arena);
        done = scan_next(&rows, bytes_of(prefix, sizeof prefix), &arena, &record, error);
    } while (done && record && visit(user, record));
    cursor_close(&rows.mirror);
    cursor_close(&rows.draft);
    arena_release(&arena);
    return done && transaction_is_sound(snapshot, error);
}

struct record_source agent_source(struct environment *environment)
{
    return (struct record_source){
        .environment = environment,
        .head = head,
        .catalog = catalog,
        .next = next,
        .read = read_record,
        .scan = scan,
    };
}
