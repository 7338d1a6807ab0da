#include "store/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool directory_sync(const char *path, struct error *error)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = directory >= 0 && fsync(directory) == 0;
    if (!done)
        error_set(error, ERROR_STORE, "cannot write %s to the disk: %s", path, strerror(errno));
    if (directory >= 0)
        close(directory);
    return done;
}
