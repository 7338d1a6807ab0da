#include "store/environment_state.h"

#include <errno.h>
#include <xxhash.h>

uint64_t row_sum(struct bytes key, const void *value, size_t size)
{
    return XXH3_64bits_withSeed(value, size, XXH3_64bits(key.data, key.size));
}

static void begin_live(struct environment *environment)
{
    pthread_mutex_lock(&environment->mutex);
    environment->live++;
    pthread_mutex_unlock(&environment->mutex);
}

enum { LARGE_ROWS = 4000 }; /* each may have changed a page or two of 4 KiB */

/* `code`: what LMDB said to what was done last. */
static void end_live(struct transaction *transaction, int code)
{
    struct environment *environment = transaction->environment;
    bool known = code <= 0 || code == ENOSPC || code == EDQUOT || code == EROFS || code == ENOMEM;
    pthread_mutex_lock(&environment->mutex);
    environment->live--;
    environment->full = environment->full || code == MDB_MAP_FULL;
    environment->broken = environment->broken || code == MDB_PANIC || !known;
    environment->torn = environment->torn || environment_tells_damage(code);
    if (transaction->rows > LARGE_ROWS) {
        environment->swollen = true;
        environment->rest_at_ms = 0;
    }
    pthread_mutex_unlock(&environment->mutex);
}

bool transaction_begin(struct transaction *transaction, struct environment *environment, bool writes,
                       struct error *error)
{
    *transaction = (struct transaction){.environment = environment, .writes = writes};
    if (writes)
        environment_make_room(environment);
    begin_live(environment);
    int code = !environment->handle
                   ? MDB_PANIC
                   : mdb_txn_begin(environment->handle, NULL, writes ? 0 : MDB_RDONLY, &transaction->handle);
    if (!code)
        return true;
    transaction->handle = NULL;
    end_live(transaction, code == MDB_PANIC ? code : 0);
    return environment_failed(error, code, "cannot begin a transaction on", environment->directory);
}

static void fail(struct transaction *transaction, int code, const char *what)
{
    if (transaction->failed)
        return;
    transaction->failed = true;
    transaction->code = code;
    environment_failed(&transaction->error, code, what, transaction->environment->directory);
}

void transaction_fail(struct transaction *transaction, const struct error *error)
{
    if (!transaction->failed)
        transaction->error = *error;
    transaction->failed = true;
}

/* The row that was reserved last has been filled by now. */
static void seal(struct transaction *transaction)
{
    struct reserved *row = &transaction->reserved;
    if (!row->data)
        return;
    uint64_t sum = XXH3_64bits_withSeed(row->data, row->size, row->seed);
    memcpy(row->data + row->size, &sum, sizeof sum);
    row->data = NULL;
}

/* For the status: what the disk said last. */
static void keep_trouble(struct environment *environment, const struct error *error)
{
    bool disk = error && (error->code == ERROR_FULL || error->code == ERROR_STORE);
    pthread_mutex_lock(&environment->mutex);
    if (disk)
        environment->trouble = *error;
    else if (!error)
        environment->trouble.code = ERROR_NONE;
    pthread_mutex_unlock(&environment->mutex);
}

bool transaction_is_sound(const struct transaction *transaction, struct error *error)
{
    if (transaction->failed)
        *error = transaction->error;
    return !transaction->failed;
}

bool transaction_commit(struct transaction *transaction, struct error *error)
{
    if (!transaction->handle)
        return error_set(error, ERROR_INTERNAL, "a transaction was ended twice");
    if (transaction->failed) {
        transaction_abort(transaction);
        *error = transaction->error;
        keep_trouble(transaction->environment, error);
        return false;
    }
    seal(transaction);
    struct environment *environment = transaction->environment;
    if (transaction->writes)
        mdb_env_set_flags(environment->handle, MDB_NOSYNC, transaction->unsynced);
    int code = environment_disk_code(environment->directory, mdb_txn_commit(transaction->handle));
    transaction->handle = NULL; /* LMDB has freed it, success or not */
    end_live(transaction, code);
    if (code)
        environment_failed(error, code, "cannot commit to", environment->directory);
    if (transaction->writes)
        keep_trouble(environment, code ? error : NULL);
    return !code;
}

void transaction_abort(struct transaction *transaction)
{
    if (!transaction->handle)
        return;
    mdb_txn_abort(transaction->handle);
    transaction->handle = NULL;
    end_live(transaction, transaction->code);
}

static MDB_val value_of(struct bytes bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data};
}

static bool usable(struct transaction *transaction)
{
    seal(transaction);
    return transaction->handle && !transaction->failed;
}

static const char *name_of(const struct transaction *transaction, unsigned database)
{
    return transaction->environment->names[database];
}

/* Takes the row's sum from its end. False: it is not what was written. */
static bool open_row(struct transaction *transaction, struct bytes key, MDB_val stored, struct bytes *value)
{
    struct environment *environment = transaction->environment;
    uint64_t sum;
    bool whole = stored.mv_size >= ROW_SUM_BYTES;
    *value = bytes_of(stored.mv_data, whole ? stored.mv_size - ROW_SUM_BYTES : 0);
    if (whole) {
        memcpy(&sum, value->data + value->size, sizeof sum);
        if (sum == row_sum(key, value->data, value->size))
            return true;
    }
    pthread_mutex_lock(&environment->mutex);
    environment->damaged++;
    pthread_mutex_unlock(&environment->mutex);
    return false;
}

static void fail_damaged(struct transaction *transaction, unsigned database)
{
    struct error error;
    if (transaction->takes_damaged)
        return;
    error_set(&error, ERROR_CORRUPT,
              "a row of \"%s\" in %s is not what was written: the disk or the memory altered it; run verify",
              name_of(transaction, database), transaction->environment->directory);
    transaction_fail(transaction, &error);
}

bool transaction_get(struct transaction *transaction, unsigned database, struct bytes key,
                     struct bytes *value)
{
    MDB_val name = value_of(key), found;
    if (!usable(transaction))
        return false;
    int code = mdb_get(transaction->handle, transaction->environment->databases[database], &name, &found);
    if (code && code != MDB_NOTFOUND)
        fail(transaction, code, "cannot read");
    if (code)
        return false;
    if (open_row(transaction, key, found, value))
        return true;
    fail_damaged(transaction, database);
    return false;
}

/* Makes room for the row; 0, and where its value goes in *to. */
static int reserve(struct transaction *transaction, unsigned database, struct bytes key, size_t size,
                   unsigned flags, uint8_t **to)
{
    MDB_val name = value_of(key), data = {.mv_size = size + ROW_SUM_BYTES};
    int code = mdb_put(transaction->handle, transaction->environment->databases[database], &name, &data,
                       MDB_RESERVE | flags);
    *to = data.mv_data;
    transaction->rows++;
    return code;
}

static int put(struct transaction *transaction, unsigned database, struct bytes key, struct bytes value,
               unsigned flags)
{
    uint8_t *to;
    uint64_t sum = row_sum(key, value.data, value.size);
    int code = reserve(transaction, database, key, value.size, flags, &to);
    if (code)
        return code;
    if (value.size)
        memcpy(to, value.data, value.size);
    memcpy(to + value.size, &sum, sizeof sum);
    return 0;
}

void transaction_put(struct transaction *transaction, unsigned database, struct bytes key, struct bytes value)
{
    int code = usable(transaction) ? put(transaction, database, key, value, 0) : 0;
    if (code)
        fail(transaction, code, "cannot write");
}

void transaction_append(struct transaction *transaction, unsigned database, struct bytes key,
                        struct bytes value)
{
    int code = usable(transaction) ? put(transaction, database, key, value, MDB_APPEND) : 0;
    if (code == MDB_KEYEXIST)
        transaction_put(transaction, database, key, value);
    else if (code)
        fail(transaction, code, "cannot write");
}

void *transaction_reserve(struct transaction *transaction, unsigned database, struct bytes key, size_t size)
{
    uint8_t *to;
    if (!usable(transaction))
        return NULL;
    int code = reserve(transaction, database, key, size, 0, &to);
    if (code) {
        fail(transaction, code, "cannot write");
        return NULL;
    }
    transaction->reserved =
        (struct reserved){.data = to, .size = size, .seed = XXH3_64bits(key.data, key.size)};
    return to;
}

void transaction_delete(struct transaction *transaction, unsigned database, struct bytes key)
{
    MDB_val name = value_of(key);
    if (!usable(transaction))
        return;
    transaction->rows++;
    int code = mdb_del(transaction->handle, transaction->environment->databases[database], &name, NULL);
    if (code && code != MDB_NOTFOUND)
        fail(transaction, code, "cannot delete from");
}

void transaction_clear(struct transaction *transaction, unsigned database)
{
    int code = usable(transaction)
                   ? mdb_drop(transaction->handle, transaction->environment->databases[database], 0)
                   : 0;
    if (code)
        fail(transaction, code, "cannot clear");
}

uint64_t transaction_count(struct transaction *transaction, unsigned database)
{
    MDB_stat stat = {0};
    if (!usable(transaction))
        return 0;
    int code = mdb_stat(transaction->handle, transaction->environment->databases[database], &stat);
    if (code)
        fail(transaction, code, "cannot read");
    return code ? 0 : stat.ms_entries;
}

void cursor_open(struct cursor *cursor, struct transaction *transaction, unsigned database)
{
    *cursor = (struct cursor){.transaction = transaction, .database = database};
    if (!usable(transaction))
        return;
    int code =
        mdb_cursor_open(transaction->handle, transaction->environment->databases[database], &cursor->handle);
    if (code) {
        cursor->handle = NULL;
        fail(transaction, code, "cannot read");
    }
}

void cursor_close(struct cursor *cursor)
{
    if (cursor->handle)
        mdb_cursor_close(cursor->handle);
    cursor->handle = NULL;
}

static bool move(struct cursor *cursor, struct bytes key, MDB_cursor_op op)
{
    MDB_val name = value_of(key), value;
    if (!cursor->handle || !usable(cursor->transaction))
        return false;
    int code = mdb_cursor_get(cursor->handle, &name, &value, op);
    if (code && code != MDB_NOTFOUND)
        fail(cursor->transaction, code, "cannot read");
    if (code)
        return false;
    cursor->key = bytes_of(name.mv_data, name.mv_size);
    cursor->damaged =
        !cursor->keys_only && !open_row(cursor->transaction, cursor->key, value, &cursor->value);
    if (cursor->damaged)
        fail_damaged(cursor->transaction, cursor->database);
    return !cursor->transaction->failed;
}

bool cursor_seek(struct cursor *cursor, struct bytes key)
{
    return move(cursor, key, key.size ? MDB_SET_RANGE : MDB_FIRST);
}

bool cursor_seek_before(struct cursor *cursor, struct bytes key)
{
    return move(cursor, key, MDB_SET_RANGE) ? cursor_previous(cursor) : move(cursor, key, MDB_LAST);
}

bool cursor_next(struct cursor *cursor)
{
    return move(cursor, bytes_of(NULL, 0), MDB_NEXT);
}

bool cursor_previous(struct cursor *cursor)
{
    return move(cursor, bytes_of(NULL, 0), MDB_PREV);
}

void cursor_delete(struct cursor *cursor)
{
    cursor->transaction->rows++;
    int code = cursor->handle && usable(cursor->transaction) ? mdb_cursor_del(cursor->handle, 0) : 0;
    if (code)
        fail(cursor->transaction, code, "cannot delete from");
}

bool cursor_within(const struct cursor *cursor, struct bytes prefix)
{
    return cursor->key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(cursor->key.data, prefix.data, prefix.size) == 0);
}
