#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory and those above it that are missing. */
static bool make_directories(const char *directory, struct error *error)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/", directory) >= (int)sizeof path)
        return error_set(error, ERROR_USAGE, "the name of the data directory is too long");
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return error_set(error, ERROR_STORE, "cannot make the directory %s: %s", path, strerror(errno));
        *slash = '/';
    }
    return true;
}

int lock_take(const char *directory, bool make, struct error *error)
{
    char path[4096];
    if (make && !make_directories(directory, error))
        return -1;
    if (snprintf(path, sizeof path, "%s/lock", directory) >= (int)sizeof path) {
        error_set(error, ERROR_USAGE, "the name of the data directory is too long");
        return -1;
    }
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        enum error_code code = errno == ENOENT ? ERROR_NOT_FOUND : ERROR_STORE;
        error_set(error, code, "cannot open the store in %s: %s", directory, strerror(errno));
        return -1;
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        return descriptor;
    if (errno == EWOULDBLOCK)
        error_set(error, ERROR_UNAVAILABLE, "another process holds the store in %s", directory);
    else
        error_set(error, ERROR_STORE, "cannot lock %s: %s", path, strerror(errno));
    close(descriptor);
    return -1;
}

void lock_release(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}
