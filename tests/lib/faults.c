/* Faults of the disk, for tests: put before the C library's functions (LD_PRELOAD, or linked into the test),
 * it counts the writes and syncs that go to files whose path contains HOPNHAT_FAULTS_PATH, and lets one of
 * them fail, or ends the process there. The plan is a file of struct plan (faults.h), named by HOPNHAT_FAULTS
 * and shared with the test, which may alter it at any time. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static struct plan *plan(void)
{
    static struct plan *_Atomic shared;
    static atomic_bool looked;
    if (atomic_exchange(&looked, true))
        return shared;
    const char *path = getenv("HOPNHAT_FAULTS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return NULL;
    void *map = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    shared = map == MAP_FAILED ? NULL : map;
    return shared;
}

static bool is_meant(int file)
{
    char link[64], path[4096];
    const char *part = getenv("HOPNHAT_FAULTS_PATH");
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return false;
    path[size] = '\0';
    return part && strstr(path, part);
}

/* What is to become of this call. */
static uint32_t judge(int file, uint32_t kind)
{
    struct plan *now = plan();
    if (!now || !is_meant(file))
        return NOTHING;
    int flags = fcntl(file, F_GETFL);
    if (kind == WRITES && flags >= 0 && (flags & O_DSYNC))
        kind = DSYNC_WRITES;
    now->calls++;
    if (!now->action || !(now->kinds & kind))
        return NOTHING;
    int64_t left = --now->countdown;
    if (left > 0 || (left < 0 && now->action != FAIL_FROM))
        return NOTHING; /* an action but FAIL_FROM is for one call */
    now->fired++;
    if (now->action == KILL_BEFORE)
        kill(getpid(), SIGKILL);
    errno = (int)now->error;
    return now->action;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* dlsym's pointer to a function, as ISO C has no cast for it. */
#define REAL(name, type)                                                                                     \
    static type *original;                                                                                   \
    if (!original) {                                                                                         \
        void *found = real(name);                                                                            \
        memcpy(&original, &found, sizeof original);                                                          \
    }

typedef ssize_t pwrite_type(int file, const void *data, size_t size, off_t offset);
typedef ssize_t writev_type(int file, const struct iovec *parts, int count);
typedef ssize_t write_type(int file, const void *data, size_t size);
typedef int sync_type(int file);

ssize_t pwrite(int file, const void *data, size_t size, off_t offset)
{
    REAL("pwrite", pwrite_type)
    uint32_t action = judge(file, WRITES);
    if (action == FAIL_ONCE || action == FAIL_FROM)
        return -1;
    ssize_t written = original(file, data, action == KILL_TORN ? size / 2 : size, offset);
    if (action == KILL_TORN || action == KILL_AFTER)
        kill(getpid(), SIGKILL);
    return written;
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    REAL("writev", writev_type)
    uint32_t action = judge(file, WRITES);
    if (action == FAIL_ONCE || action == FAIL_FROM)
        return -1;
    ssize_t written = original(file, parts, action == KILL_TORN ? (count + 1) / 2 : count);
    if (action == KILL_TORN || action == KILL_AFTER)
        kill(getpid(), SIGKILL);
    return written;
}

ssize_t write(int file, const void *data, size_t size)
{
    REAL("write", write_type)
    uint32_t action = judge(file, WRITES);
    if (action == FAIL_ONCE || action == FAIL_FROM)
        return -1;
    ssize_t written = original(file, data, action == KILL_TORN ? size / 2 : size);
    if (action == KILL_TORN || action == KILL_AFTER)
        kill(getpid(), SIGKILL);
    return written;
}

static int sync_file(sync_type *original, int file)
{
    uint32_t action = judge(file, SYNCS);
    if (action == FAIL_ONCE || action == FAIL_FROM)
        return -1;
    int done = original(file);
    if (action == KILL_TORN || action == KILL_AFTER)
        kill(getpid(), SIGKILL);
    return done;
}

int fsync(int file)
{
    REAL("fsync", sync_type)
    return sync_file(original, file);
}

int fdatasync(int file)
{
    REAL("fdatasync", sync_type)
    return sync_file(original, file);
}
