#include "api/backup_work.h"

#include "store/directory.h"
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool join(char to[BACKUP_PATH_BYTES], const char *directory, const char *name, struct error *error)
{
    if (snprintf(to, BACKUP_PATH_BYTES, "%s/%s", directory, name) < BACKUP_PATH_BYTES)
        return true;
    return error_set(error, ERROR_USAGE, "the name of the data directory is too long");
}

static bool failed(const char *what, const char *path, struct error *error)
{
    return error_set(error, errno == ENOSPC ? ERROR_FULL : ERROR_STORE, "cannot %s %s: %s", what, path,
                     strerror(errno));
}

static const char MARK[] = "installing";

static void clear(const struct backup_work *work)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[BACKUP_PATH_BYTES];
    struct error ignored;
    if (join(path, work->directory, MARK, &ignored))
        unlink(path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (join(path, work->store, names[i], &ignored))
            unlink(path);
    rmdir(work->store);
}

static bool name_all(struct backup_work *work, const char *data, struct error *error)
{
    return join(work->data, data, ".", error) && join(work->live, data, "store", error) &&
           join(work->directory, data, "staging", error) &&
           join(work->store, work->directory, "store", error) &&
           join(work->copy, work->store, "data.mdb", error);
}

bool backup_work_begin(struct backup_work *work, const char *data, bool make, struct error *error)
{
    if (!name_all(work, data, error))
        return false;
    if (make && mkdir(data, 0700) != 0 && errno != EEXIST)
        return failed("make", data, error);
    work->lock = lock_take(work->directory, true, error);
    if (work->lock < 0)
        return false;
    clear(work);
    if (mkdir(work->store, 0700) == 0)
        return true;
    failed("make", work->store, error);
    lock_release(work->lock);
    return false;
}

void backup_work_end(struct backup_work *work)
{
    char path[BACKUP_PATH_BYTES];
    struct error ignored;
    clear(work);
    if (join(path, work->directory, "lock", &ignored))
        unlink(path);
    rmdir(work->directory);
    lock_release(work->lock);
}

bool backup_work_install(struct backup_work *work, struct error *error)
{
    char lock[BACKUP_PATH_BYTES];
    if (join(lock, work->store, "lock.mdb", error))
        unlink(lock); /* LMDB's table of readers: made anew at the next opening */
    return directory_sync(work->store, error) &&
           (rename(work->store, work->live) == 0 || failed("put in place", work->live, error)) &&
           directory_sync(work->data, error);
}

bool backup_work_mark(const struct backup_work *work, struct error *error)
{
    char path[BACKUP_PATH_BYTES];
    if (!join(path, work->directory, MARK, error))
        return false;
    int mark = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (mark < 0)
        return failed("make", path, error);
    close(mark);
    return directory_sync(work->store, error) && directory_sync(work->directory, error);
}

bool backup_work_resume(const char *data)
{
    struct backup_work work;
    struct error error;
    char path[BACKUP_PATH_BYTES];
    if (!name_all(&work, data, &error) || !join(path, work.directory, MARK, &error) ||
        access(path, F_OK) != 0 || (work.lock = lock_take(work.directory, false, &error)) < 0)
        return false;
    bool there = backup_store_is_there(data), resumed = !there && backup_work_install(&work, &error);
    if (there || resumed)
        backup_work_end(&work);
    else
        lock_release(work.lock); /* it may be the only one: the next start tries again */
    return resumed;
}

bool backup_store_is_there(const char *data)
{
    char path[BACKUP_PATH_BYTES];
    struct error ignored;
    return join(path, data, "store", &ignored) && access(path, F_OK) == 0;
}

bool backup_move_aside(const char *data, char aside[BACKUP_PATH_BYTES], struct error *error)
{
    static const char *const names[] = {"store", "views"};
    char name[64], from[BACKUP_PATH_BYTES], to[BACKUP_PATH_BYTES];
    time_t now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc) || strftime(name, sizeof name, "replaced-%Y%m%dT%H%M%SZ", &utc) == 0)
        return error_set(error, ERROR_INTERNAL, "the clock cannot be read");
    for (int number = 1;; number++) {
        if (!join(aside, data, name, error))
            return false;
        if (mkdir(aside, 0700) == 0)
            break;
        if (errno != EEXIST || number == 100)
            return failed("make", aside, error);
        snprintf(name + strcspn(name, "Z"), 8, "Z-%d", number);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!join(from, data, names[i], error) || !join(to, aside, names[i], error) ||
            (rename(from, to) != 0 && errno != ENOENT && !failed("move aside", from, error)))
            return false;
    return directory_sync(data, error);
}
