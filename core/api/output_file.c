#include "api/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(const char *path, struct error *error)
{
    return error_set(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_STORE, "cannot write %s: %s", path,
                     strerror(errno));
}

bool output_file_is_outside(const char *path, const char *data, struct arena *arena, struct error *error)
{
    char *copy = arena_string(arena, path, strlen(path));
    if (!copy)
        return out_of_memory(error);
    char *directory = realpath(dirname(copy), NULL);
    if (!directory)
        return failed(path, error);
    char *store = realpath(data, NULL); /* NULL: not there, and so nothing is in it */
    size_t length = store ? strlen(store) : 0;
    bool inside =
        store && strncmp(directory, store, length) == 0 && (!directory[length] || directory[length] == '/');
    if (inside)
        error_set(
            error, ERROR_REFUSED,
            "%s is in the directory of the store, %s, and would be lost with it: name a file elsewhere, "
            "best on another disk",
            path, store);
    free(directory);
    free(store);
    return !inside;
}

/* Whether nothing is there, or a file that may be replaced. */
static bool is_replaceable(const char *path, const char *kind, struct arena *arena, struct error *error)
{
    struct stat status;
    char start[32];
    const char *magic = arena_format(arena, "hopnhat %s ", kind);
    if (!magic)
        return out_of_memory(error);
    if (lstat(path, &status) != 0)
        return errno == ENOENT || failed(path, error);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_REFUSED, "%s is there, and is no file: name another", path);
    if (status.st_size == 0)
        return true;
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, start, sizeof start);
    if (size < 0)
        failed(path, error);
    if (file >= 0)
        close(file);
    if (size < 0)
        return false;
    return ((size_t)size >= strlen(magic) && memcmp(start, magic, strlen(magic)) == 0) ||
           error_set(error, ERROR_REFUSED, "%s is there, and is no %s: name another file, or remove it first",
                     path, kind);
}

bool output_file_may_be(const char *path, const char *kind, const char *data, struct arena *arena,
                        struct error *error)
{
    const char *part = arena_format(arena, "%s.part", path);
    if (!part)
        return out_of_memory(error);
    return output_file_is_outside(path, data, arena, error) && is_replaceable(path, kind, arena, error) &&
           is_replaceable(part, kind, arena, error);
}
