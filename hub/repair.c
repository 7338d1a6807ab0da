#include "hub/repair.h"

#include "api/wall.h"
#include "base/defect.h"
#include "hub/admission.h"
#include "hub/history.h"
#include "hub/journal.h"
#include "model/fold.h"
#include "store/audit.h"
#include "store/key.h"
#include "store/meta.h"
#include "store/rows.h"
#include "store/salvage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A record that the feed speaks of and that is not there. */
struct missing {
    uint8_t key[RECORD_KEY_BYTES];
    char group[LIMIT_GROUP_NAME_BYTES + 1];
    uint64_t rev;
    struct dot last;   /* its last change */
    uint64_t last_rev; /* that this gave it: an erasure may have given it the other since */
    UT_hash_handle hh;
};

/* What the records of a group add up to. */
struct sum {
    char name[LIMIT_GROUP_NAME_BYTES + 1];
    struct digest digest;
    uint64_t last_rev;
    UT_hash_handle hh;
};

struct repair {
    struct transaction transaction;
    struct arena arena;
    struct missing *missing;
    struct sum *sums;
    uint64_t records_lost;
    void (*told)(void *context, const char *text);
    void *context;
    struct error *error;
};

/* What nothing else in the store tells. */
static bool is_vital(unsigned database)
{
    return database == HUB_META || database == HUB_LOG || database == HUB_REPLICA ||
           database == HUB_INSTALLATION || database == HUB_CATALOG || database == HUB_QUARANTINE ||
           database == HUB_BACKUP;
}

static bool take_over(struct repair *repair, struct environment *from, struct environment *to)
{
    for (unsigned i = 0; i < HUB_DATABASES; i++) {
        uint64_t lost;
        char text[200];
        if (i == HUB_DIGEST || i == HUB_CONFLICT_STATE) /* made from the records and from the journal */
            continue;
        if (!salvage_database(from, to, i, &lost, repair->error))
            return false;
        if (lost && is_vital(i))
            return error_set(
                repair->error, ERROR_CORRUPT,
                "the store cannot be mended: \"%s\" is damaged; restore the newest backup, and the "
                "offices offer what came since",
                hub_databases[i]);
        repair->records_lost = i == HUB_RECORD ? lost : repair->records_lost;
        if (lost && i == HUB_AUDIT && !audit_mend(to, i, lost, wall_now_ms(), repair->error))
            return false;
        if (!lost)
            continue;
        snprintf(text, sizeof text, "%" PRIu64 " damaged rows of \"%s\" were left out", lost,
                 hub_databases[i]);
        repair->told(repair->context, text);
    }
    return true;
}

static struct sum *sum_of(struct repair *repair, struct bytes name)
{
    struct sum *sum;
    HASH_FIND(hh, repair->sums, name.data, (unsigned)name.size, sum);
    if (sum || name.size > LIMIT_GROUP_NAME_BYTES || !(sum = calloc(1, sizeof *sum)))
        return sum;
    memcpy(sum->name, name.data, name.size);
    HASH_ADD(hh, repair->sums, name, (unsigned)name.size, sum);
    return sum;
}

/* Records that the feed names and that are not there; the newest rev of each group. */
static bool read_feed(struct repair *repair)
{
    struct cursor cursor;
    struct bytes row;
    bool done = true;
    cursor_open(&cursor, &repair->transaction, HUB_FEED);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && done; here = cursor_next(&cursor)) {
        size_t name = strnlen((const char *)cursor.key.data, cursor.key.size);
        struct sum *sum = cursor.key.size == name + 9 && cursor.value.size == FEED_ROW_BYTES
                              ? sum_of(repair, bytes_of(cursor.key.data, name))
                              : NULL;
        struct bytes key = bytes_of(cursor.value.data + 1, RECORD_KEY_BYTES);
        done = sum != NULL;
        if (!done)
            break;
        sum->last_rev = get_u64_be(cursor.key.data + name + 1);
        if (cursor.value.data[0] != HOPNHAT__ITEM_KIND__ITEM_WHOLE ||
            transaction_get(&repair->transaction, HUB_RECORD, key, &row))
            continue;
        struct missing *one = calloc(1, sizeof *one);
        if (!(done = one != NULL))
            break;
        memcpy(one->key, key.data, RECORD_KEY_BYTES);
        memcpy(one->group, sum->name, sizeof one->group);
        one->rev = sum->last_rev;
        HASH_ADD(hh, repair->missing, key, RECORD_KEY_BYTES, one);
    }
    cursor_close(&cursor);
    return done || error_set(repair->error, ERROR_CORRUPT, "a row of the feed has not the form of one");
}

/* Notes of which missing records the change is the last. */
static void note_last(struct repair *repair, struct dot dot, const Hopnhat__LogRow *row)
{
    struct change change;
    struct error error;
    if (row->n_touched == 0 ||
        !change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), &repair->arena, &error))
        return;
    for (size_t i = 0; i < change.body->n_edits && row->n_touched >= TOUCHED_NUMBERS * (i + 1); i++) {
        struct missing *one;
        struct key key;
        key_record(&key, change.body->edits[i]->type, change.body->edits[i]->record.data);
        HASH_FIND(hh, repair->missing, key.data, RECORD_KEY_BYTES, one);
        uint64_t rev = row->touched[TOUCHED_NUMBERS * i + TOUCHED_REV];
        if (!one || rev > one->rev || rev <= one->last_rev)
            continue;
        one->last = dot;
        one->last_rev = rev;
    }
}

static void search_log(struct repair *repair)
{
    struct cursor cursor;
    if (!repair->missing)
        return;
    cursor_open(&cursor, &repair->transaction, HUB_LOG);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        const Hopnhat__LogRow *row =
            row_unpack(&repair->transaction, cursor.value, &hopnhat__log_row__descriptor, &repair->arena);
        if (row)
            note_last(repair, (struct dot){get_u64_be(cursor.key.data), get_u64_be(cursor.key.data + 8)},
                      row);
        arena_reset(&repair->arena);
    }
    cursor_close(&cursor);
}

/* The record again, from all its changes. */
static bool merge_again(struct repair *repair, struct missing *one)
{
    Hopnhat__Record *shell = record_new(&repair->arena, get_u32_be(one->key), one->key + 4);
    if (!shell)
        return out_of_memory(repair->error);
    shell->last_replica = one->last.replica;
    shell->last_seq = one->last.seq;
    const struct history_span all = {.as_of_ms = UINT64_MAX, .until_rev = UINT64_MAX};
    Hopnhat__Record *record =
        history_replay(&repair->transaction, shell, &all, &repair->arena, repair->error);
    if (!record)
        return false;
    if (record->rev > one->rev || !bytes_equal(fold_group(record), bytes_of_string(one->group)))
        return error_set(
            repair->error, ERROR_CORRUPT,
            "a damaged record merged again is not what the feed says: restore the newest backup");
    record->group = one->group;
    record->rev = one->rev; /* an erasure may have altered it after its last change */
    record->has_joined = true;
    record->joined = one->rev; /* when it came into its group is not known: its history begins now there */
    record->has_last_replica = record->has_last_seq = true;
    record->last_replica = one->last.replica;
    record->last_seq = one->last.seq;
    row_put(&repair->transaction, HUB_RECORD, bytes_of(one->key, RECORD_KEY_BYTES), &record->base);
    return true;
}

static bool merge_all_again(struct repair *repair)
{
    struct missing *one, *next;
    char text[200];
    unsigned count = HASH_COUNT(repair->missing);
    if (repair->records_lost > count)
        return error_set(
            repair->error, ERROR_CORRUPT,
            "the store cannot be mended: it is not known which records are damaged; restore the newest "
            "backup, and the offices offer what came since");
    HASH_ITER(hh, repair->missing, one, next)
    {
        arena_reset(&repair->arena);
        if (!DEFECT(REPAIR_LEAVES_OUT) && !merge_again(repair, one))
            return false;
    }
    snprintf(text, sizeof text, "%u records were merged again from their changes", count);
    if (count)
        repair->told(repair->context, text);
    return true;
}

/* Digests of all records, and rows of the feed for those that have none. */
static bool add_up(struct repair *repair)
{
    struct cursor cursor;
    bool done = true;
    cursor_open(&cursor, &repair->transaction, HUB_RECORD);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && done; here = cursor_next(&cursor)) {
        struct key key;
        struct bytes row;
        uint8_t made[FEED_ROW_BYTES] = {HOPNHAT__ITEM_KIND__ITEM_WHOLE};
        arena_reset(&repair->arena);
        const Hopnhat__Record *record =
            row_unpack(&repair->transaction, cursor.value, &hopnhat__record__descriptor, &repair->arena);
        if (!record || !record->group || cursor.key.size != RECORD_KEY_BYTES)
            continue;
        struct sum *sum = sum_of(repair, bytes_of_string(record->group));
        struct digest digest = digest_record(record);
        if (!(done = sum != NULL))
            break;
        digest_add(&sum->digest, &digest);
        key_feed(&key, record->group, record->rev);
        if (!transaction_get(&repair->transaction, HUB_FEED, key_bytes(&key), &row)) {
            memcpy(made + 1, cursor.key.data, RECORD_KEY_BYTES);
            transaction_put(&repair->transaction, HUB_FEED, key_bytes(&key), bytes_of(made, sizeof made));
        }
        if (record->rev > sum->last_rev)
            sum->last_rev = record->rev;
    }
    cursor_close(&cursor);
    for (const struct sum *sum = repair->sums; sum; sum = sum->hh.next) {
        uint8_t row[DIGEST_BYTES + 8];
        digest_store(&sum->digest, row);
        put_u64_be(row + DIGEST_BYTES, sum->last_rev);
        transaction_put(&repair->transaction, HUB_DIGEST, bytes_of_string(sum->name),
                        bytes_of(row, sizeof row));
    }
    return done || out_of_memory(repair->error);
}

/* The journal by state, and how much of it is open. */
static void list_conflicts(struct repair *repair)
{
    struct cursor cursor;
    uint64_t open = 0;
    cursor_open(&cursor, &repair->transaction, HUB_CONFLICT);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        struct key state;
        arena_reset(&repair->arena);
        const Hopnhat__Resolution *row =
            row_unpack(&repair->transaction, cursor.value, &hopnhat__resolution__descriptor, &repair->arena);
        if (!row)
            break;
        journal_state_key(&state, row);
        transaction_put(&repair->transaction, HUB_CONFLICT_STATE, key_bytes(&state), bytes_of("", 0));
        open += row->state == HOPNHAT__RESOLUTION_STATE__RESOLUTION_OPEN;
    }
    cursor_close(&cursor);
    meta_put_number(&repair->transaction, HUB_META, "conflicts_open", open);
}

static bool mend(struct repair *repair, struct environment *environment)
{
    struct missing *one, *next;
    struct sum *sum, *next_sum;
    if (!transaction_begin(&repair->transaction, environment, true, repair->error))
        return false;
    arena_init(&repair->arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool done = read_feed(repair);
    if (done)
        search_log(repair);
    done = done && merge_all_again(repair) && add_up(repair);
    if (done)
        list_conflicts(repair);
    done = done && transaction_commit(&repair->transaction, repair->error);
    transaction_abort(&repair->transaction);
    arena_release(&repair->arena);
    HASH_ITER(hh, repair->missing, one, next)
    {
        HASH_DEL(repair->missing, one);
        free(one);
    }
    HASH_ITER(hh, repair->sums, sum, next_sum)
    {
        HASH_DEL(repair->sums, sum);
        free(sum);
    }
    return done;
}

bool hub_repair(const char *damaged, const char *fresh, void (*told)(void *context, const char *text),
                void *context, struct error *error)
{
    struct repair repair = {.told = told, .context = context, .error = error};
    char path[4096];
    struct environment *to = NULL,
                       *from = environment_open_reading(damaged, hub_databases, HUB_DATABASES, error);
    if (from && snprintf(path, sizeof path, "%s/store", fresh) < (int)sizeof path)
        to = environment_open(path, hub_databases, HUB_DATABASES, HUB_DEFAULT_MAP_BYTES, error);
    bool done = to && take_over(&repair, from, to) && mend(&repair, to);
    environment_close(from);
    environment_close(to);
    return done;
}
