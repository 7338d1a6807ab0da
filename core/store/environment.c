#include "base/log.h"
#include "store/environment_state.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    READERS = 126,
    LOCK_FILE_BYTES = 16 * 1024, /* more than those take */
    LEAST_MAP_BYTES = 16 * 1024 * 1024,
    LEAST_PAGE_BYTES = 4096,
    FULL_DISK_BYTES = 1024 * 1024, /* left over where a large write finds none */
    REST_MS = 2000,                /* after the last large transaction */
    BUSY_MS = 100,                 /* until another look for a moment without transactions */
};
static const uint64_t MOST_MAP_BYTES = UINT64_C(1) << 40; /* that is tried for reading */

bool environment_failed(struct error *error, int code, const char *what, const char *where)
{
    enum error_code kind = ERROR_STORE;
    const char *remedy = "";
    if (code == MDB_MAP_FULL) {
        kind = ERROR_FULL;
        remedy =
            "; the map grows when nobody reads: try again. If it cannot grow, the process is not allowed "
            "more memory addresses (ulimit -v, LimitAS)";
    } else if (code == ENOSPC || code == EDQUOT) {
        kind = ERROR_FULL;
        remedy = "; make room on the disk";
    } else if (code == EROFS) {
        remedy = "; nothing was stored: have the disk looked at, and mounted for writing again";
    } else if (code == EIO) {
        remedy = "; the disk failed, and the change may be stored or not: look before it is made again";
    } else if (code == MDB_TXN_FULL) {
        kind = ERROR_LIMIT;
        remedy = "; too much for one transaction";
    } else if (code == MDB_VERSION_MISMATCH) {
        remedy = "; another version of LMDB wrote it, or the disk altered it: then restore the newest backup";
    } else if (environment_tells_damage(code) || code == MDB_INVALID || code == MDB_INCOMPATIBLE ||
               code == MDB_PANIC) {
        kind = ERROR_CORRUPT;
        remedy = "; run verify, and start the daemon again: it mends what it can";
    }
    return error_set(error, kind, "%s %s: %s%s", what, where, mdb_strerror(code), remedy);
}

bool environment_tells_damage(int code)
{
    return code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND;
}

int environment_disk_code(const char *directory, int code)
{
    struct statvfs disk;
    if (code == EIO && statvfs(directory, &disk) == 0 && disk.f_bavail * disk.f_frsize < FULL_DISK_BYTES)
        return ENOSPC;
    return code;
}

/* Whether the first pages count more pages than can ever have been: those of the last commits may not have
 * been written, as they were given back. */
static bool counts_too_many(struct environment *environment)
{
    MDB_envinfo info = {0};
    struct stat file;
    mdb_filehandle_t descriptor;
    return mdb_env_info(environment->handle, &info) == 0 &&
           mdb_env_get_fd(environment->handle, &descriptor) == 0 && fstat(descriptor, &file) == 0 &&
           info.me_last_pgno > ((uint64_t)file.st_size + LEAST_MAP_BYTES) / LEAST_PAGE_BYTES;
}

/* Opens the databases that are there. False: one is not that the store had once, for LMDB counts them in
 * another page than the one that names them. To make it anew, empty, would be to write over a store that may
 * be mended, and to go on as if what it held had never been. */
static bool open_present(struct environment *environment, MDB_txn *transaction, int *code,
                         struct error *error)
{
    MDB_stat stat = {0};
    const char *absent = NULL;
    size_t present = 0;
    *code = 0;
    for (size_t i = 0; i < environment->database_count && !*code; i++) {
        *code = mdb_dbi_open(transaction, environment->names[i], 0, &environment->databases[i]);
        present += *code == 0;
        if (*code == MDB_NOTFOUND) {
            absent = environment->names[i];
            *code = 0;
        }
    }
    if (!*code)
        *code = mdb_env_stat(environment->handle, &stat);
    if (*code || !absent || stat.ms_entries <= present)
        return true;
    return error_set(error, ERROR_CORRUPT, "the store in %s is damaged: it has lost its database \"%s\"",
                     environment->directory, absent);
}

static bool open_databases(struct environment *environment, bool reading, struct error *error)
{
    MDB_txn *transaction;
    int code = mdb_txn_begin(environment->handle, NULL, reading ? MDB_RDONLY : 0, &transaction);
    if (code == MDB_MAP_RESIZED && counts_too_many(environment))
        code = MDB_CORRUPTED;
    if (code)
        return environment_failed(error, code, "cannot read the store", environment->directory);
    bool whole = open_present(environment, transaction, &code, error);
    for (size_t i = 0; i < environment->database_count && whole && !code; i++)
        code = mdb_dbi_open(transaction, environment->names[i], reading ? 0 : MDB_CREATE,
                            &environment->databases[i]);
    if (!whole || code) {
        mdb_txn_abort(transaction);
        return whole ? environment_failed(error, code, "cannot open the databases of", environment->directory)
                     : false;
    }
    code = environment_disk_code(environment->directory, mdb_txn_commit(transaction));
    return code ? environment_failed(error, code, "cannot write to the store", environment->directory) : true;
}

/* Room on the disk for the table of readers. LMDB maps it, and writes to a hole that finds no room would end
 * the process. */
static int make_lock_file(const char *directory)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/lock.mdb", directory) >= (int)sizeof path)
        return ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? errno : 0; /* the rest is LMDB's to judge */
    int code = posix_fallocate(fd, 0, LOCK_FILE_BYTES);
    close(fd);
    return code == ENOSPC || code == EDQUOT ? code : 0;
}

/* One attempt with that map; 0: as large as it was made. */
static int try_open(struct environment *environment, uint64_t map_bytes, bool reading)
{
    int code = reading ? 0 : make_lock_file(environment->directory);
    if (!code)
        code = mdb_env_create(&environment->handle);
    if (!code && map_bytes)
        code = mdb_env_set_mapsize(environment->handle, map_bytes);
    if (!code)
        code = mdb_env_set_maxdbs(environment->handle, (MDB_dbi)environment->database_count);
    if (!code)
        code = mdb_env_set_maxreaders(environment->handle, READERS);
    if (!code)
        code = mdb_env_open(environment->handle, environment->directory,
                            MDB_NOTLS | MDB_NORDAHEAD | (reading ? MDB_RDONLY : 0), 0600);
    if (code && environment->handle) {
        mdb_env_close(environment->handle);
        environment->handle = NULL;
    }
    return code;
}

/* A file that is shorter than LMDB's two first pages never held anything: its making was cut short, and
 * begins again once the file is gone. */
static bool was_cut_at_birth(const char *directory)
{
    char path[4096];
    struct stat info;
    return snprintf(path, sizeof path, "%s/data.mdb", directory) < (int)sizeof path &&
           stat(path, &info) == 0 && info.st_size < 2 * sysconf(_SC_PAGESIZE) && unlink(path) == 0;
}

/* Whether that many addresses are to be had. LMDB gives the old map up before it asks for the new one, and
 * cannot go back. */
static bool fits(uint64_t map_bytes)
{
    void *probe = map_bytes <= SIZE_MAX ? mmap(NULL, (size_t)map_bytes, PROT_NONE,
                                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                        : MAP_FAILED;
    return probe != MAP_FAILED && munmap(probe, (size_t)map_bytes) == 0;
}

/* Whether the file says that it is larger than any map that can be had, which it is not. */
static bool claims_too_much(const char *directory)
{
    char path[4096];
    struct stat info;
    return snprintf(path, sizeof path, "%s/data.mdb", directory) < (int)sizeof path &&
           stat(path, &info) == 0 && fits(2 * (uint64_t)info.st_size + LEAST_MAP_BYTES);
}

/* map_bytes 0: for reading only, beside the process that writes. */
static bool open_handle(struct environment *environment, uint64_t map_bytes, struct error *error)
{
    const char *directory = environment->directory;
    bool reading = map_bytes == 0;
    if (!reading && mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_set(error, errno == ENOSPC ? ERROR_FULL : ERROR_STORE,
                         "cannot make the directory %s: %s", directory, mdb_strerror(errno));
    int code = try_open(environment, map_bytes, reading);
    if (reading)
        map_bytes = MOST_MAP_BYTES;
    for (; code == ENOMEM && map_bytes / 2 >= LEAST_MAP_BYTES;
         code = try_open(environment, map_bytes, reading))
        map_bytes /=
            2; /* a small machine's kernel, or a limit, has no room for it: it grows when it has to */
    if (code == MDB_INVALID && !reading && was_cut_at_birth(directory))
        code = try_open(environment, map_bytes, reading);
    if (code == ENOENT && reading)
        return error_set(error, ERROR_NOT_FOUND, "there is no store in %s", directory);
    if (code == ENOMEM && claims_too_much(directory))
        code = MDB_CORRUPTED;
    if (code)
        return environment_failed(error, environment_disk_code(directory, code), "cannot open the store",
                                  directory);
    environment_check_readers(environment);
    return open_databases(environment, reading, error);
}

static struct environment *open_environment(const char *directory, const char *const *names,
                                            size_t name_count, uint64_t map_bytes, struct error *error)
{
    struct environment *environment = calloc(1, sizeof *environment);
    if (environment) {
        environment->databases = calloc(name_count + 1, sizeof *environment->databases);
        environment->database_count = name_count;
        environment->names = names;
        environment->directory = strdup(directory);
        pthread_mutex_init(&environment->mutex, NULL);
    }
    if (!environment || !environment->databases || !environment->directory)
        out_of_memory(error);
    else if (open_handle(environment, map_bytes, error))
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

bool environment_is_there(const char *directory)
{
    char path[4096];
    return snprintf(path, sizeof path, "%s/data.mdb", directory) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

void environment_close(struct environment *environment)
{
    if (!environment)
        return;
    if (environment->handle)
        mdb_env_close(environment->handle);
    pthread_mutex_destroy(&environment->mutex);
    free(environment->databases);
    free(environment->directory);
    free(environment);
}

bool environment_sync(struct environment *environment, struct error *error)
{
    int code = mdb_env_sync(environment->handle, 1);
    return !code || environment_failed(error, code, "cannot write to", environment->directory);
}

void environment_check_readers(struct environment *environment)
{
    int dead = 0;
    mdb_reader_check(environment->handle, &dead);
}

static struct environment_usage usage_of(MDB_env *handle)
{
    MDB_envinfo info = {0};
    MDB_stat stat = {0};
    mdb_env_info(handle, &info);
    mdb_env_stat(handle, &stat);
    return (struct environment_usage){.used_bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize,
                                      .map_bytes = info.me_mapsize};
}

/* One line of mdb_reader_list: a process, a thread, and the transaction that its snapshot is of, or "-". */
static int take_reader(const char *line, void *context)
{
    uint64_t *oldest = context;
    const char *last = strrchr(line, ' ');
    if (last && last[1] >= '0' && last[1] <= '9') {
        uint64_t number = strtoull(last + 1, NULL, 10);
        *oldest = number < *oldest ? number : *oldest;
    }
    return 0;
}

struct environment_usage environment_usage(struct environment *environment)
{
    pthread_mutex_lock(&environment->mutex);
    struct environment_usage usage = usage_of(environment->handle);
    uint64_t oldest = UINT64_MAX;
    MDB_envinfo info = {0};
    mdb_env_info(environment->handle, &info);
    mdb_reader_list(environment->handle, take_reader, &oldest);
    struct statvfs disk;
    if (statvfs(environment->directory, &disk) == 0) {
        usage.disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
        usage.disk_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
    }
    usage.oldest_reader = oldest < info.me_last_txnid ? info.me_last_txnid - oldest : 0;
    pthread_mutex_unlock(&environment->mutex);
    return usage;
}

static void grow(struct environment *environment, uint64_t map_bytes)
{
    if (!fits(map_bytes)) {
        if (!environment->cramped)
            log_warning(
                "the map of %s cannot be made larger than it is: this process may not have more memory "
                "addresses (ulimit -v, LimitAS)",
                environment->directory);
        environment->cramped = true;
        return;
    }
    int code = mdb_env_set_mapsize(environment->handle, (size_t)map_bytes);
    environment->broken = environment->broken || code != 0;
    environment->full = environment->cramped = false;
    if (code)
        log_error("the map of %s could not be made larger: %s", environment->directory, mdb_strerror(code));
    else
        log_info("the map of %s is %llu MiB now", environment->directory,
                 (unsigned long long)map_bytes / 1024 / 1024);
}

/* With the mutex held and nothing live: LMDB lets go of pages only when it is closed. */
static void open_again(struct environment *environment)
{
    struct error error;
    uint64_t map_bytes = usage_of(environment->handle).map_bytes;
    mdb_env_close(environment->handle);
    environment->handle = NULL;
    environment->swollen = false;
    environment->broken = !open_handle(environment, map_bytes, &error);
    if (environment->broken)
        log_error("the store was closed to give memory back, and cannot be opened: %s", error.text);
}

/* Whether the file that is open is still the store's: not moved away, nor another disk mounted over it. */
static bool is_in_place(const struct environment *environment)
{
    char path[4096];
    struct stat open_file, named;
    mdb_filehandle_t file;
    return snprintf(path, sizeof path, "%s/data.mdb", environment->directory) < (int)sizeof path &&
           mdb_env_get_fd(environment->handle, &file) == 0 && fstat(file, &open_file) == 0 &&
           stat(path, &named) == 0 && open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

int64_t environment_rest(struct environment *environment, uint64_t now_ms)
{
    int64_t wait_ms = -1;
    bool given_back = false;
    pthread_mutex_lock(&environment->mutex);
    if (environment->swollen && !environment->broken) {
        if (environment->rest_at_ms == 0)
            environment->rest_at_ms = now_ms + REST_MS;
        bool due = now_ms >= environment->rest_at_ms;
        given_back = due && environment->live == 0;
        if (given_back && is_in_place(environment))
            open_again(environment);
        else if (given_back)
            environment->swollen = false; /* what is in its place is not to be opened */
        else
            wait_ms = due ? BUSY_MS : (int64_t)(environment->rest_at_ms - now_ms);
    }
    pthread_mutex_unlock(&environment->mutex);
    if (given_back)
        malloc_trim(0);
    return wait_ms;
}

void environment_make_room(struct environment *environment)
{
    pthread_mutex_lock(&environment->mutex);
    struct environment_usage usage = usage_of(environment->handle);
    bool nearly = usage.used_bytes > usage.map_bytes - usage.map_bytes / 8;
    if ((nearly || environment->full) && environment->live == 0 && !environment->broken)
        grow(environment, 2 * usage.map_bytes);
    pthread_mutex_unlock(&environment->mutex);
}

bool environment_is_sound(struct environment *environment, struct error *error)
{
    pthread_mutex_lock(&environment->mutex);
    bool broken = environment->broken, damaged = environment->damaged != 0 || environment->torn;
    pthread_mutex_unlock(&environment->mutex);
    if (broken)
        return error_set(error, ERROR_STORE, "the disk failed while %s was written", environment->directory);
    return !damaged || error_set(error, ERROR_CORRUPT, "a row or a page of %s is not what was written",
                                 environment->directory);
}

bool environment_has_trouble(struct environment *environment, struct error *error)
{
    pthread_mutex_lock(&environment->mutex);
    struct error trouble = environment->trouble;
    pthread_mutex_unlock(&environment->mutex);
    if (trouble.code != ERROR_NONE)
        *error = trouble;
    return trouble.code != ERROR_NONE;
}

uint64_t environment_damaged(struct environment *environment)
{
    pthread_mutex_lock(&environment->mutex);
    uint64_t damaged = environment->damaged;
    pthread_mutex_unlock(&environment->mutex);
    return damaged;
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
    return environment_failed(error, code, "cannot copy the store to", path);
}

bool environment_copy_beside(const char *directory, const char *path, struct error *error)
{
    struct environment *environment = environment_open_reading(directory, NULL, 0, error);
    bool copied = environment && environment_copy(environment, path, error);
    environment_close(environment);
    return copied;
}
