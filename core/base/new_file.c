#include "base/new_file.h"

#include <fcntl.h>
#include <unistd.h>

int new_file_open(const char *path, mode_t mode)
{
    unlink(path); /* whether it succeeds shows at once */
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}
