/* One LMDB environment, wrapped once. A transaction keeps its first error and does nothing from then on, so
 * that callers check once, at the commit. Durable: a commit returns after the data is on disk. */
#ifndef HOPNHAT_STORE_ENVIRONMENT_H
#define HOPNHAT_STORE_ENVIRONMENT_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdint.h>

enum { KEY_BYTES = 511 }; /* the longest key that LMDB takes */

struct environment;
struct MDB_txn;
struct MDB_cursor;

/* Opens the environment in `directory` (made, mode 0700, where it is not there) with the databases `names`
 * (borrowed until it is closed), which callers then name by their position. map_bytes is what the file may
 * grow to at first, taken only as it is used: less where the machine has no room for such a map, and doubled
 * whenever seven eighths are used. Owned by the caller, who ends it with environment_close. NULL on error
 * (ERROR_STORE, ERROR_FULL, ERROR_CORRUPT: also where it has lost a database that it had). Never open one
 * directory twice in a process, nor across fork. */
struct environment *environment_open(const char *directory, const char *const *names, size_t name_count,
                                     uint64_t map_bytes, struct error *error);

/* The same for reading only, beside another process that may be writing: LMDB allows that, and a long read
 * then never holds the writer up (though it keeps old pages in use). All databases must be there.
 * ERROR_NOT_FOUND where there is no store. */
struct environment *environment_open_reading(const char *directory, const char *const *names,
                                             size_t name_count, struct error *error);

/* Whether there is one in `directory`. */
bool environment_is_there(const char *directory);

/* NULL is allowed. No transaction may be live. */
void environment_close(struct environment *environment);

/* Brings to the disk what commits left unsynced. Blocks on it. */
bool environment_sync(struct environment *environment, struct error *error);

/* Removes reader slots that dead processes left. */
void environment_check_readers(struct environment *environment);

/* False once the disk has failed in the middle of a commit (a full or write-protected disk is no such
 * failure), so that what was committed last may be stored or not, and once a damaged row was read, or a
 * page that cannot be used was met. The environment has to be closed, looked at and opened anew. */
bool environment_is_sound(struct environment *environment, struct error *error);

/* Whether the last commit failed for want of room or by the disk's fault: *error says how. */
bool environment_has_trouble(struct environment *environment, struct error *error);

/* How often, since it was opened, a row was read that is not what was written. */
uint64_t environment_damaged(struct environment *environment);

/* LMDB keeps the memory of all pages that a transaction changed, for the next one, until it is closed: for a
 * list of 50,000 records that is some 40 MB. Some time after a transaction like that, in a moment without
 * any, this closes and opens it, and gives memory back to the system. To be called in each turn of a daemon's
 * loop, with the time of a clock that does not jump: returns in how many milliseconds it wants to be called
 * again, -1 for no need. A store whose file was moved away stays open. Where it cannot be opened again the
 * environment is unsound. */
int64_t environment_rest(struct environment *environment, uint64_t now_ms);

struct environment_usage {
    uint64_t used_bytes; /* pages handed out so far */
    uint64_t map_bytes;
    uint64_t disk_free_bytes, disk_bytes; /* of its disk, for this user; both 0 where it does not tell */
    uint64_t oldest_reader; /* commits since the oldest snapshot that is still held was taken; 0: none is */
};

/* How full it and its disk are, and who keeps it from using its pages again. */
struct environment_usage environment_usage(struct environment *environment);

/* Writes a compact copy of a snapshot to the file `path`, which must not be there. Blocks for long. */
bool environment_copy(struct environment *environment, const char *path, struct error *error);

/* The same of the store in `directory`, which another process may hold: the copy is hot. ERROR_NOT_FOUND
 * where there is none. This process must not have it open. */
bool environment_copy_beside(const char *directory, const char *path, struct error *error);

/* Each row is stored with a sum over key and value, which is compared whenever it is read: what the disk or
 * the memory has altered is never given out, but makes the transaction fail with ERROR_CORRUPT. */
struct transaction {
    struct environment *environment;
    struct MDB_txn *handle; /* NULL: not begun, or ended */
    bool writes, failed;
    bool takes_damaged; /* set by one who looks for damage: damaged rows do not fail it. They are not got, and
                           cursors move to them */
    bool unsynced; /* set before the commit by one who can make all of it anew: the commit does not wait for
                      the disk, and until one does a loss of power may leave a store that cannot be read */
    struct error error; /* the first one, where failed */
    int code;           /* what LMDB said then */
    uint64_t rows;      /* written and removed so far */
    struct reserved {
        uint8_t *data; /* by transaction_reserve, and not summed yet; NULL: none */
        size_t size;
        uint64_t seed;
    } reserved;
};

/* Begins a transaction on a snapshot; one that writes waits for the one before. Ends with transaction_commit
 * or transaction_abort. Hold one that reads only briefly: it keeps old pages in use. */
bool transaction_begin(struct transaction *transaction, struct environment *environment, bool writes,
                       struct error *error);

/* Ends it and makes it durable. Where the transaction had failed, or the commit fails, nothing of it is
 * stored, *error says why, and false is returned. */
bool transaction_commit(struct transaction *transaction, struct error *error);

/* Ends it without effect. Does nothing where it has ended. */
void transaction_abort(struct transaction *transaction);

/* Whether it has not failed so far; else *error is why. */
bool transaction_is_sound(const struct transaction *transaction, struct error *error);

/* Makes it fail with *error, unless it had failed before. */
void transaction_fail(struct transaction *transaction, const struct error *error);

/* Looks up one row. *value is LMDB's memory, valid until the next write of this transaction or its end.
 * False: not there, or the transaction has failed. */
bool transaction_get(struct transaction *transaction, unsigned database, struct bytes key,
                     struct bytes *value);

/* Stores one row in place of an older one. */
void transaction_put(struct transaction *transaction, unsigned database, struct bytes key,
                     struct bytes value);

/* As transaction_put for a key that is greater than all in the database; faster. Where it is not greater, an
 * ordinary put. */
void transaction_append(struct transaction *transaction, unsigned database, struct bytes key,
                        struct bytes value);

/* Makes room for a value of `size` bytes that the caller fills before any other call. NULL: failed. */
void *transaction_reserve(struct transaction *transaction, unsigned database, struct bytes key, size_t size);

/* Removes a row; nothing happens where it is not there. */
void transaction_delete(struct transaction *transaction, unsigned database, struct bytes key);

/* Removes all rows of a database. */
void transaction_clear(struct transaction *transaction, unsigned database);

/* How many rows the database has. 0 where the transaction has failed. */
uint64_t transaction_count(struct transaction *transaction, unsigned database);

/* A place in a database. End it with cursor_close before its transaction ends. */
struct cursor {
    struct transaction *transaction;
    unsigned database;
    struct MDB_cursor *handle;
    struct bytes key, value; /* of the row it is at; LMDB's memory, as in transaction_get */
    bool damaged;            /* the row it is at is not what was written: its value is not to be used */
    bool keys_only;          /* set by one who counts: values are neither read nor compared with their sums */
};

/* Opens a cursor that is at no row yet; gives it back. Where the transaction has failed, nothing is there. */
void cursor_open(struct cursor *cursor, struct transaction *transaction, unsigned database);
void cursor_close(struct cursor *cursor);

/* Each moves and returns whether there is a row there (false also where the transaction has failed). */
bool cursor_seek(struct cursor *cursor, struct bytes key);        /* the first row at or after the key */
bool cursor_seek_before(struct cursor *cursor, struct bytes key); /* the last row before the key */
bool cursor_next(struct cursor *cursor);
bool cursor_previous(struct cursor *cursor);

/* Removes the row that the cursor is at; cursor_next then goes to the row that followed it. */
void cursor_delete(struct cursor *cursor);

/* Whether the row's key begins with `prefix`. */
bool cursor_within(const struct cursor *cursor, struct bytes prefix);

#endif
