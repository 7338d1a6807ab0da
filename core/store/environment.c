#include "store/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READERS = 126 };

struct environment {
    MDB_env *handle;
    MDB_dbi *databases;
    size_t database_count;
    char *directory;
    bool broken;
};

static bool failed(struct error *error, int code, const char *what, const char *where)
{
    enum error_code kind = ERROR_STORE;
    const char *remedy = "";
    if (code == MDB_MAP_FULL) {
        kind = ERROR_FULL;
        remedy = "; the store has reached its map size: give it a larger one";
    } else if (code == ENOSPC || code == EDQUOT) {
        kind = ERROR_FULL;
        remedy = "; make room on the disk";
    } else if (code == MDB_TXN_FULL) {
        kind = ERROR_LIMIT;
        remedy = "; too much for one transaction";
    } else if (code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID ||
               code == MDB_PANIC) {
        kind = ERROR_CORRUPT;
        remedy = "; stop, and restore the newest backup";
    }
    return error_set(error, kind, "%s %s: %s%s", what, where, mdb_strerror(code), remedy);
}

static bool open_databases(struct environment *environment, const char *const *names, bool reading,
                           struct error *error)
{
    MDB_txn *transaction;
    int code = mdb_txn_begin(environment->handle, NULL, reading ? MDB_RDONLY : 0, &transaction);
    if (code)
        return failed(error, code, "cannot read the store", environment->directory);
    for (size_t i = 0; i < environment->database_count && !code; i++)
        code = mdb_dbi_open(transaction, names[i], reading ? 0 : MDB_CREATE, &environment->databases[i]);
    if (code) {
        mdb_txn_abort(transaction);
        return failed(error, code, "cannot open the databases of", environment->directory);
    }
    code = mdb_txn_commit(transaction);
    return code ? failed(error, code, "cannot write to the store", environment->directory) : true;
}

/* map_bytes 0: for reading only, beside the process that writes; the map is as large as that one made it. */
static bool open_handle(struct environment *environment, const char *const *names, uint64_t map_bytes,
                        struct error *error)
{
    const char *directory = environment->directory;
    bool reading = map_bytes == 0;
    if (!reading && mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_set(error, errno == ENOSPC ? ERROR_FULL : ERROR_STORE,
                         "cannot make the directory %s: %s", directory, mdb_strerror(errno));
    int code = mdb_env_create(&environment->handle);
    if (code)
        return failed(error, code, "cannot open the store", directory);
    if (!reading)
        code = mdb_env_set_mapsize(environment->handle, map_bytes);
    if (!code)
        code = mdb_env_set_maxdbs(environment->handle, (MDB_dbi)environment->database_count);
    if (!code)
        code = mdb_env_set_maxreaders(environment->handle, READERS);
    if (!code)
        code = mdb_env_open(environment->handle, directory,
                            MDB_NOTLS | MDB_NORDAHEAD | (reading ? MDB_RDONLY : 0), 0600);
    if (code == ENOENT && reading)
        return error_set(error, ERROR_NOT_FOUND, "there is no store in %s", directory);
    if (code)
        return failed(error, code, "cannot open the store", directory);
    environment_check_readers(environment);
    return open_databases(environment, names, reading, error);
}

static struct environment *open_environment(const char *directory, const char *const *names,
                                            size_t name_count, uint64_t map_bytes, struct error *error)
{
    struct environment *environment = calloc(1, sizeof *environment);
    if (environment) {
        environment->databases = calloc(name_count + 1, sizeof *environment->databases);
        environment->database_count = name_count;
        environment->directory = strdup(directory);
    }
    if (!environment || !environment->databases || !environment->directory)
        error_set(error, ERROR_MEMORY, "out of memory");
    else if (open_handle(environment, names, map_bytes, error))
        return environment;
    environment_close(environment);
    return NULL;
}

struct environment *environment_open(const char *directory, const char *const *names, size_t name_count,
                                     uint64_t map_bytes, struct error *error)
{
    return open_environment(directory, names, name_count, map_bytes, error);
}

struct environment *environment_open_reading(const char *directory, const char *const *names,
                                             size_t name_count, struct error *error)
{
    return open_environment(directory, names, name_count, 0, error);
}

void environment_close(struct environment *environment)
{
    if (!environment)
        return;
    if (environment->handle)
        mdb_env_close(environment->handle);
    free(environment->databases);
    free(environment->directory);
    free(environment);
}

void environment_check_readers(struct environment *environment)
{
    int dead = 0;
    mdb_reader_check(environment->handle, &dead);
}

struct environment_usage environment_usage(const struct environment *environment)
{
    MDB_envinfo info = {0};
    MDB_stat stat = {0};
    mdb_env_info(environment->handle, &info);
    mdb_env_stat(environment->handle, &stat);
    return (struct environment_usage){.used_bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize,
                                      .map_bytes = info.me_mapsize};
}

bool environment_copy(struct environment *environment, const char *path, struct error *error)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return error_set(error, ERROR_STORE, "cannot make %s: %s", path, mdb_strerror(errno));
    int code = mdb_env_copyfd2(environment->handle, file, MDB_CP_COMPACT);
    if (!code && fsync(file) != 0)
        code = errno;
    if (close(file) != 0 && !code)
        code = errno;
    if (!code)
        return true;
    unlink(path);
    return failed(error, code, "cannot copy the store to", path);
}

bool environment_copy_beside(const char *directory, const char *path, struct error *error)
{
    struct environment *environment = environment_open_reading(directory, NULL, 0, error);
    bool copied = environment && environment_copy(environment, path, error);
    environment_close(environment);
    return copied;
}

bool transaction_begin(struct transaction *transaction, struct environment *environment, bool writes,
                       struct error *error)
{
    *transaction = (struct transaction){.environment = environment, .writes = writes};
    int code = mdb_txn_begin(environment->handle, NULL, writes ? 0 : MDB_RDONLY, &transaction->handle);
    if (code) {
        transaction->handle = NULL;
        environment->broken = environment->broken || code == MDB_PANIC;
        return failed(error, code, "cannot begin a transaction on", environment->directory);
    }
    return true;
}

bool environment_is_sound(const struct environment *environment, struct error *error)
{
    return !environment->broken ||
           error_set(error, ERROR_STORE, "a write to %s failed half way: start again, and look at the disk",
                     environment->directory);
}

static void fail(struct transaction *transaction, int code, const char *what)
{
    if (transaction->failed)
        return;
    transaction->failed = true;
    failed(&transaction->error, code, what, transaction->environment->directory);
}

void transaction_fail(struct transaction *transaction, const struct error *error)
{
    if (!transaction->failed)
        transaction->error = *error;
    transaction->failed = true;
}

bool transaction_commit(struct transaction *transaction, struct error *error)
{
    if (!transaction->handle)
        return error_set(error, ERROR_INTERNAL, "a transaction was ended twice");
    if (transaction->failed) {
        transaction_abort(transaction);
        *error = transaction->error;
        return false;
    }
    int code = mdb_txn_commit(transaction->handle);
    transaction->handle = NULL; /* LMDB has freed it, success or not */
    return code ? failed(error, code, "cannot commit to", transaction->environment->directory) : true;
}

void transaction_abort(struct transaction *transaction)
{
    if (transaction->handle)
        mdb_txn_abort(transaction->handle);
    transaction->handle = NULL;
}

static MDB_val value_of(struct bytes bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data};
}

static bool usable(struct transaction *transaction)
{
    return transaction->handle && !transaction->failed;
}

bool transaction_get(struct transaction *transaction, unsigned database, struct bytes key,
                     struct bytes *value)
{
    MDB_val name = value_of(key), found;
    if (!usable(transaction))
        return false;
    int code = mdb_get(transaction->handle, transaction->environment->databases[database], &name, &found);
    if (code == 0)
        *value = bytes_of(found.mv_data, found.mv_size);
    else if (code != MDB_NOTFOUND)
        fail(transaction, code, "cannot read");
    return code == 0;
}

static int put(struct transaction *transaction, unsigned database, struct bytes key, MDB_val *value,
               unsigned flags)
{
    MDB_val name = value_of(key);
    return mdb_put(transaction->handle, transaction->environment->databases[database], &name, value, flags);
}

void transaction_put(struct transaction *transaction, unsigned database, struct bytes key, struct bytes value)
{
    MDB_val data = value_of(value);
    int code = usable(transaction) ? put(transaction, database, key, &data, 0) : 0;
    if (code)
        fail(transaction, code, "cannot write");
}

void transaction_append(struct transaction *transaction, unsigned database, struct bytes key,
                        struct bytes value)
{
    MDB_val data = value_of(value);
    int code = usable(transaction) ? put(transaction, database, key, &data, MDB_APPEND) : 0;
    if (code == MDB_KEYEXIST)
        transaction_put(transaction, database, key, value);
    else if (code)
        fail(transaction, code, "cannot write");
}

void *transaction_reserve(struct transaction *transaction, unsigned database, struct bytes key, size_t size)
{
    MDB_val data = {.mv_size = size};
    if (!usable(transaction))
        return NULL;
    int code = put(transaction, database, key, &data, MDB_RESERVE);
    if (code)
        fail(transaction, code, "cannot write");
    return code ? NULL : data.mv_data;
}

void transaction_delete(struct transaction *transaction, unsigned database, struct bytes key)
{
    MDB_val name = value_of(key);
    if (!usable(transaction))
        return;
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
    *cursor = (struct cursor){.transaction = transaction};
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
    if (!cursor->handle || cursor->transaction->failed)
        return false;
    int code = mdb_cursor_get(cursor->handle, &name, &value, op);
    if (code && code != MDB_NOTFOUND)
        fail(cursor->transaction, code, "cannot read");
    if (code)
        return false;
    cursor->key = bytes_of(name.mv_data, name.mv_size);
    cursor->value = bytes_of(value.mv_data, value.mv_size);
    return true;
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
    int code = cursor->handle && !cursor->transaction->failed ? mdb_cursor_del(cursor->handle, 0) : 0;
    if (code)
        fail(cursor->transaction, code, "cannot delete from");
}

bool cursor_within(const struct cursor *cursor, struct bytes prefix)
{
    return cursor->key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(cursor->key.data, prefix.data, prefix.size) == 0);
}
