#include "hub/source.h"

#include "hub/admission.h"
#include "hub/feed_merge.h"
#include "store/key.h"
#include "store/meta.h"

static void head(struct transaction *snapshot, struct source_head *head)
{
    *head = (struct source_head){
        .identity = meta_number(snapshot, HUB_META, "epoch", 0),
        .rev = meta_number(snapshot, HUB_META, "rev", 0),
        .catalog_tag = (uint32_t)meta_number(snapshot, HUB_META, "catalog", 0),
    };
}

static bool catalog(struct transaction *snapshot, struct bytes *packed)
{
    struct key key = {0};
    key_add_u32(&key, (uint32_t)meta_number(snapshot, HUB_META, "catalog", 0));
    return transaction_get(snapshot, HUB_CATALOG, key_bytes(&key), packed);
}

/* Unpacks a row; *record stays NULL for a record without a group. */
static bool unpack(struct bytes row, struct arena *arena, const Hopnhat__Record **record, struct error *error)
{
    const Hopnhat__Record *unpacked = hopnhat__record__unpack(&arena->protobuf, row.size, row.data);
    if (!unpacked)
        return error_set(error, ERROR_CORRUPT,
                         "a stored record cannot be read; run verify, and restore if it says so");
    *record = unpacked->group ? unpacked : NULL;
    return true;
}

static bool read_record(struct transaction *snapshot, uint32_t type, const uint8_t id[RECORD_ID_BYTES],
                        struct arena *arena, const Hopnhat__Record **record, struct error *error)
{
    struct key key;
    struct bytes row;
    *record = NULL;
    key_record(&key, type, id);
    if (transaction_get(snapshot, HUB_RECORD, key_bytes(&key), &row))
        return unpack(row, arena, record, error);
    return transaction_is_sound(snapshot, error);
}

enum { SCAN_BYTES = 256 * 1024 * 1024 };

static bool scan(struct transaction *snapshot, uint32_t type, const uint8_t *after, source_visit *visit,
                 void *user, struct error *error)
{
    struct key key = {0}, prefix = {0};
    struct cursor cursor;
    struct arena arena;
    bool done = true, on = true;
    key_add_u32(&prefix, type);
    key = prefix;
    if (after) {
        key_add(&key, after, RECORD_ID_BYTES);
        key_add(&key, "", 1);
    }
    arena_init(&arena, SCAN_BYTES);
    cursor_open(&cursor, snapshot, HUB_RECORD);
    for (bool here = cursor_seek(&cursor, key_bytes(&key));
         here && on && cursor_within(&cursor, key_bytes(&prefix)); here = cursor_next(&cursor)) {
        const Hopnhat__Record *record;
        arena_reset(&arena);
        done = unpack(cursor.value, &arena, &record, error);
        on = done && (!record || visit(user, record));
    }
    cursor_close(&cursor);
    arena_release(&arena);
    return done && transaction_is_sound(snapshot, error);
}

struct record_source hub_source(struct environment *environment)
{
    return (struct record_source){
        .environment = environment,
        .head = head,
        .catalog = catalog,
        .next = feed_merge_next,
        .read = read_record,
        .scan = scan,
    };
}
