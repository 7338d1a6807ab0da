#include "store/rewrite.h"

#include "base/log.h"
#include "base/patience.h"
#include "store/directory.h"
#include "store/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096, STEP_BYTES = 16 * 1024 * 1024 };

static const char PLAN[] = "rewrite_due";

void rewrite_plan(struct transaction *transaction, unsigned meta)
{
    meta_put_number(transaction, meta, PLAN, 1);
}

bool rewrite_is_due(struct transaction *transaction, unsigned meta)
{
    return meta_number(transaction, meta, PLAN, 0) != 0;
}

static bool is_planned(struct environment *environment, unsigned meta, bool *planned, struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, environment, false, error))
        return false;
    *planned = rewrite_is_due(&transaction, meta);
    transaction_abort(&transaction);
    return true;
}

static bool path_in(const struct rewrite *rewrite, const char *name, char path[PATH_ROOM],
                    struct error *error)
{
    return snprintf(path, PATH_ROOM, "%s/%s", rewrite->data, name) < PATH_ROOM ||
           error_set(error, ERROR_LIMIT, "the name of the data directory is too long");
}

static bool remove_in(const struct rewrite *rewrite, const char *name, struct error *error)
{
    char path[PATH_ROOM];
    if (!path_in(rewrite, name, path, error))
        return false;
    return remove(path) == 0 || errno == ENOENT ||
           error_set(error, ERROR_STORE, "cannot remove %s: %s", path, strerror(errno));
}

/* Goes on from the row after *key; *more tells whether the step ended before the database did. */
static void copy_step(struct transaction *from, struct transaction *to, unsigned database, uint8_t *key,
                      size_t *key_size, bool *more)
{
    struct cursor cursor;
    size_t bytes = 0;
    cursor_open(&cursor, from, database);
    bool here = cursor_seek(&cursor, bytes_of(key, *key_size));
    if (here && *key_size && bytes_equal(cursor.key, bytes_of(key, *key_size)))
        here = cursor_next(&cursor);
    for (; here && bytes < STEP_BYTES; here = cursor_next(&cursor)) {
        transaction_append(to, database, cursor.key, cursor.value);
        bytes += cursor.key.size + cursor.value.size;
        memcpy(key, cursor.key.data, cursor.key.size);
        *key_size = cursor.key.size;
    }
    *more = here;
    cursor_close(&cursor);
}

static bool copy_database(struct transaction *from, struct environment *to, unsigned database,
                          struct error *error)
{
    uint8_t key[KEY_BYTES];
    size_t key_size = 0;
    for (bool more = true; more;) {
        struct transaction step;
        if (key_size)
            patience_ask();
        if (!transaction_begin(&step, to, true, error))
            return false;
        copy_step(from, &step, database, key, &key_size, &more);
        if (from->failed)
            transaction_fail(&step, &from->error);
        if (!transaction_commit(&step, error))
            return false;
    }
    return true;
}

static bool clear_plan(struct environment *environment, unsigned meta, struct error *error)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, environment, true, error))
        return false;
    transaction_delete(&transaction, meta, bytes_of_string(PLAN));
    return transaction_commit(&transaction, error);
}

static bool copy_rows(struct environment *from, const struct rewrite *rewrite, struct error *error)
{
    char path[PATH_ROOM];
    struct transaction snapshot;
    if (!path_in(rewrite, "rewriting", path, error) || !transaction_begin(&snapshot, from, false, error))
        return false;
    struct environment *to =
        environment_open(path, rewrite->names, rewrite->name_count, rewrite->map_bytes, error);
    bool done = to != NULL;
    for (unsigned i = 0; i < rewrite->name_count && done; i++)
        done = copy_database(&snapshot, to, i, error);
    done = done && clear_plan(to, rewrite->meta, error);
    environment_close(to);
    transaction_abort(&snapshot);
    return done;
}

/* What a rewriting that was cut short has left. */
static bool remove_part(const struct rewrite *rewrite, struct error *error)
{
    return remove_in(rewrite, "rewriting/data.mdb", error) &&
           remove_in(rewrite, "rewriting/lock.mdb", error) && remove_in(rewrite, "rewriting", error);
}

/* The lock file names snapshots of the old one. */
static bool put_in_place(const struct rewrite *rewrite, struct error *error)
{
    char from[PATH_ROOM], to[PATH_ROOM], directory[PATH_ROOM];
    if (!path_in(rewrite, "rewriting/data.mdb", from, error) ||
        !path_in(rewrite, "store/data.mdb", to, error) || !path_in(rewrite, "store", directory, error) ||
        !remove_in(rewrite, "store/lock.mdb", error))
        return false;
    if (rename(from, to) != 0)
        return error_set(error, ERROR_STORE, "cannot put %s in place: %s", to, strerror(errno));
    return directory_sync(directory, error) && remove_part(rewrite, error) &&
           remove_in(rewrite, "views/data.mdb", error) && remove_in(rewrite, "views/lock.mdb", error);
}

struct environment *rewrite_if_due(struct environment *environment, const struct rewrite *rewrite,
                                   struct error *error)
{
    char path[PATH_ROOM];
    bool planned;
    struct error why;
    if (!is_planned(environment, rewrite->meta, &planned, error)) {
        environment_close(environment);
        return NULL;
    }
    if (!planned)
        return environment;
    patience_ask();
    log_info("something was erased: the store in %s is written anew", rewrite->data);
    if (!remove_part(rewrite, &why) || !copy_rows(environment, rewrite, &why)) {
        log_error("the store could not be written anew, erased bytes are still in its file: %s", why.text);
        if (!remove_part(rewrite, &why))
            log_error("%s", why.text);
        return environment;
    }
    environment_close(environment);
    if (!put_in_place(rewrite, error) || !path_in(rewrite, "store", path, error))
        return NULL;
    return environment_open(path, rewrite->names, rewrite->name_count, rewrite->map_bytes, error);
}
