#include "floor.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

struct floor {
    MDB_env *environment;
    MDB_dbi log, record, feed;
    uint64_t seq, random;
    const struct made *made;
    size_t written; /* so many of them */
    struct floor_sizes sizes;
    uint64_t *at; /* by record: the rev of its feed row */
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool put_row(MDB_txn *transaction, MDB_dbi database, const void *key, size_t key_size, size_t size,
                    uint64_t salt)
{
    uint8_t text[4096];
    MDB_val name = {key_size, (void *)(uintptr_t)key}, value = {size, text};
    memset(text, (int)salt, size);
    memcpy(text, &salt, sizeof salt);
    return mdb_put(transaction, database, &name, &value, 0) == 0;
}

static void feed_key(uint8_t key[17], uint64_t rev)
{
    memcpy(key, "everyone", 9);
    put_u64_be(key + 9, rev);
}

static bool write_one(struct floor *floor, MDB_txn *transaction, size_t record, bool update)
{
    uint8_t log_key[16], record_key[20] = {0, 0, 0, 16}, feed[17];
    uint64_t rev = ++floor->seq;
    put_u64_be(log_key, 42);
    put_u64_be(log_key + 8, rev);
    memcpy(record_key + 4, floor->made[record].id, 16);
    if (update) {
        feed_key(feed, floor->at[record]);
        MDB_val old = {sizeof feed, feed};
        mdb_del(transaction, floor->feed, &old, NULL);
    }
    feed_key(feed, rev);
    floor->at[record] = rev;
    return put_row(transaction, floor->log, log_key, sizeof log_key, floor->sizes.log_bytes, rev) &&
           put_row(transaction, floor->record, record_key, sizeof record_key, floor->sizes.record_bytes,
                   rev) &&
           put_row(transaction, floor->feed, feed, sizeof feed, floor->sizes.feed_bytes, rev);
}

static bool write_batch(struct floor *floor, size_t batch, bool update)
{
    MDB_txn *transaction;
    if (mdb_txn_begin(floor->environment, NULL, 0, &transaction))
        return false;
    for (size_t i = 0; i < batch; i++) {
        floor->random = floor->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        size_t record = update ? (floor->random >> 20) % floor->written : floor->written++;
        if (!write_one(floor, transaction, record, update)) {
            mdb_txn_abort(transaction);
            return false;
        }
    }
    return mdb_txn_commit(transaction) == 0;
}

static bool open_floor(struct floor *floor, const char *directory)
{
    MDB_txn *transaction;
    mkdir(directory, 0700);
    if (mdb_env_create(&floor->environment) || mdb_env_set_mapsize(floor->environment, (size_t)64 << 30) ||
        mdb_env_set_maxdbs(floor->environment, 3) ||
        mdb_env_open(floor->environment, directory, MDB_NORDAHEAD, 0600) ||
        mdb_txn_begin(floor->environment, NULL, 0, &transaction))
        return false;
    return !mdb_dbi_open(transaction, "log", MDB_CREATE, &floor->log) &&
           !mdb_dbi_open(transaction, "record", MDB_CREATE, &floor->record) &&
           !mdb_dbi_open(transaction, "feed", MDB_CREATE, &floor->feed) && !mdb_txn_commit(transaction);
}

struct floor *floor_new(const char *directory, const struct made *made, size_t made_count)
{
    struct floor *floor = calloc(1, sizeof *floor);
    if (!floor)
        return NULL;
    *floor = (struct floor){.made = made, .random = 88172645463325252u};
    floor->at = calloc(made_count, sizeof *floor->at);
    if (floor->at && open_floor(floor, directory))
        return floor;
    floor_free(floor);
    return NULL;
}

void floor_free(struct floor *floor)
{
    if (!floor)
        return;
    mdb_env_close(floor->environment);
    free(floor->at);
    free(floor);
}

double floor_write(struct floor *floor, size_t batches, size_t batch, const struct floor_sizes *sizes,
                   bool update)
{
    bool done = true;
    double began = seconds();
    floor->sizes = *sizes;
    for (size_t i = 0; done && i < batches; i++)
        done = write_batch(floor, batch, update);
    return done ? seconds() - began : -1;
}
