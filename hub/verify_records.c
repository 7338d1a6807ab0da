#include "hub/verify_records.h"

#include "hub/admission.h"
#include "model/fold.h"
#include "store/key.h"

#include <inttypes.h>
#include <stdlib.h>

/* A group as its records add up. */
struct sum {
    char name[LIMIT_GROUP_NAME_BYTES + 1];
    struct digest digest;
    uint64_t records, rows, last_rev; /* rows: of the feed, that are not LEFT; last_rev: of all */
    bool stored;                      /* it has a row in the database of digests */
    UT_hash_handle hh;
};

struct look {
    struct verify *verify;
    struct transaction *transaction;
    struct sum *sums;
    uint64_t rev;
    bool out_of_memory;
};

/* The record in words: its id. */
static const char *name_of(const Hopnhat__Record *record, char text[RECORD_ID_TEXT_BYTES])
{
    struct record_id id;
    text[0] = '\0';
    if (record->id.len != RECORD_ID_BYTES)
        return text;
    memcpy(id.bytes, record->id.data, RECORD_ID_BYTES);
    record_id_format(&id, text);
    return text;
}

static struct sum *sum_of(struct look *look, struct bytes name)
{
    struct sum *sum;
    HASH_FIND(hh, look->sums, name.data, (unsigned)name.size, sum);
    if (sum || name.size > LIMIT_GROUP_NAME_BYTES)
        return sum;
    sum = calloc(1, sizeof *sum);
    if (!sum) {
        look->out_of_memory = true;
        return NULL;
    }
    memcpy(sum->name, name.data, name.size);
    HASH_ADD(hh, look->sums, name, (unsigned)name.size, sum);
    return sum;
}

/* The record's one row in the feed of its group. */
static void check_feed_row(struct look *look, const Hopnhat__Record *record, struct bytes record_key)
{
    struct key key;
    struct bytes row;
    char text[RECORD_ID_TEXT_BYTES];
    key_feed(&key, record->group, record->rev);
    if (!transaction_get(look->transaction, HUB_FEED, key_bytes(&key), &row) || row.size != FEED_ROW_BYTES)
        verify_break(look->verify, "record %s (type %u): it has no row in the feed of %s at rev %" PRIu64,
                     name_of(record, text), record->type, record->group, record->rev);
    else if (row.data[0] != HOPNHAT__ITEM_KIND__ITEM_WHOLE ||
             memcmp(row.data + 1, record_key.data, RECORD_KEY_BYTES) != 0)
        verify_break(look->verify, "record %s (type %u): its row in the feed of %s speaks of another",
                     name_of(record, text), record->type, record->group);
}

static void look_at_record(void *context, struct bytes key, struct bytes value, void *message,
                           struct arena *arena)
{
    struct look *look = context;
    const Hopnhat__Record *record = message;
    char text[RECORD_ID_TEXT_BYTES];
    (void)value, (void)arena;
    if (record->id.len != RECORD_ID_BYTES || record->type != get_u32_be(key.data) ||
        memcmp(record->id.data, key.data + 4, RECORD_ID_BYTES) != 0) {
        verify_break(look->verify, "record %s (type %u) is stored under another's key", name_of(record, text),
                     record->type);
        return;
    }
    if (record->rev > look->rev)
        verify_break(look->verify, "record %s (type %u): its rev %" PRIu64 " is above the store's",
                     name_of(record, text), record->type, record->rev);
    if (!bytes_equal(fold_group(record), bytes_of_string(record->group ? record->group : "")))
        verify_break(look->verify, "record %s (type %u) stands in another group than its field reads",
                     name_of(record, text), record->type);
    struct sum *sum = record->group ? sum_of(look, bytes_of_string(record->group)) : NULL;
    if (!sum)
        return;
    struct digest digest = digest_record(record);
    digest_add(&sum->digest, &digest);
    sum->records++;
    check_feed_row(look, record, key);
}

static void look_at_feed(void *context, struct bytes key, struct bytes value, void *message,
                         struct arena *arena)
{
    struct look *look = context;
    struct bytes row;
    size_t name = strnlen((const char *)key.data, key.size);
    (void)message, (void)arena;
    bool sound = key.size == name + 9 && value.size == FEED_ROW_BYTES;
    struct sum *sum = sound ? sum_of(look, bytes_of(key.data, name)) : NULL;
    if (!sum) {
        verify_break(look->verify, "feed: a row has not the form of one");
        return;
    }
    sum->last_rev = get_u64_be(key.data + name + 1);
    bool left = value.data[0] == HOPNHAT__ITEM_KIND__ITEM_LEFT;
    struct bytes record = bytes_of(value.data + 1, RECORD_KEY_BYTES);
    if (!transaction_get(look->transaction, HUB_RECORD, record, &row) &&
        !(left && transaction_get(look->transaction, HUB_PURGED, record, &row)))
        verify_break(look->verify,
                     "feed of %s: the row at rev %" PRIu64 " speaks of a record that is not there", sum->name,
                     sum->last_rev);
    sum->rows += value.data[0] == HOPNHAT__ITEM_KIND__ITEM_WHOLE;
}

static void look_at_digest(void *context, struct bytes key, struct bytes value, void *message,
                           struct arena *arena)
{
    struct look *look = context;
    struct digest digest;
    struct sum *sum = value.size == DIGEST_BYTES + 8 ? sum_of(look, key) : NULL;
    (void)message, (void)arena;
    if (!sum) {
        verify_break(look->verify, "digest: a row has not the form of one");
        return;
    }
    sum->stored = true;
    digest_load(&digest, value.data);
    if (!digest_equal(&digest, &sum->digest))
        verify_break(look->verify, "group %s: its digest is not that of its records", sum->name);
    if (get_u64_be(value.data + DIGEST_BYTES) < sum->last_rev) /* a newer row may have been forgotten */
        verify_break(look->verify, "group %s: the rev of its newest row in the feed is above the stored one",
                     sum->name);
}

static void finish(struct look *look)
{
    struct sum *sum, *next;
    HASH_ITER(hh, look->sums, sum, next)
    {
        if (!sum->stored && !look->transaction->failed)
            verify_break(look->verify, "group %s: its digest is not stored", sum->name);
        if (sum->rows != sum->records && !look->transaction->failed)
            verify_break(look->verify, "group %s: %" PRIu64 " records and %" PRIu64 " rows in its feed",
                         sum->name, sum->records, sum->rows);
        HASH_DEL(look->sums, sum);
        free(sum);
    }
}

bool hub_verify_records(struct verify *verify, struct transaction *transaction, uint64_t rev,
                        struct error *error)
{
    struct look look = {.verify = verify, .transaction = transaction, .rev = rev};
    verify_rows(verify, transaction, HUB_RECORD, "record", RECORD_KEY_BYTES, &hopnhat__record__descriptor,
                look_at_record, &look);
    verify_rows(verify, transaction, HUB_FEED, "feed", 0, NULL, look_at_feed, &look);
    verify_rows(verify, transaction, HUB_DIGEST, "digest", 0, NULL, look_at_digest, &look);
    finish(&look);
    return !look.out_of_memory || out_of_memory(error);
}
