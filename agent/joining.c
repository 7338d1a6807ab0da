#include "agent/joining.h"

#include "base/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What the file holds: the one-time key tells which code it was. */
struct kept {
    uint8_t once[LINK_KEY_BYTES];
    struct link_keys link_keys;
    struct signing_keys signing_keys;
};

static char *path_of(const char *data, const char *end)
{
    char *path = NULL;
    return asprintf(&path, "%s/joining%s", data, end) < 0 ? NULL : path;
}

static bool read_kept(const char *path, struct kept *kept)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool whole = read(file, kept, sizeof *kept) == (ssize_t)sizeof *kept;
    close(file);
    return whole;
}

static bool sync_directory(const char *data)
{
    int directory = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = directory >= 0 && fsync(directory) == 0;
    if (directory >= 0)
        close(directory);
    return done;
}

static bool write_kept(const char *data, const char *path, const char *part, const struct kept *kept,
                       struct error *error)
{
    int file = new_file_open(part, 0600);
    bool written = file >= 0 && write(file, kept, sizeof *kept) == (ssize_t)sizeof *kept && fsync(file) == 0;
    int code = errno;
    if (file >= 0)
        close(file);
    if (written && (rename(part, path) != 0 || !sync_directory(data))) {
        code = errno;
        written = false;
    }
    return written || error_set(error, ERROR_STORE, "cannot write %s: %s", part, strerror(code));
}

bool joining_keep(const char *data, struct join *join, struct error *error)
{
    struct kept kept;
    char *path = path_of(data, ""), *part = path_of(data, ".part");
    bool done = path && part;
    if (!done) {
        out_of_memory(error);
    } else if (read_kept(path, &kept) && memcmp(kept.once, join->once.public_key, LINK_KEY_BYTES) == 0) {
        join->link_keys = kept.link_keys;
        join->signing_keys = kept.signing_keys;
        join->again = true;
    } else {
        memcpy(kept.once, join->once.public_key, LINK_KEY_BYTES);
        kept.link_keys = join->link_keys;
        kept.signing_keys = join->signing_keys;
        done = write_kept(data, path, part, &kept, error);
    }
    keys_wipe(&kept, sizeof kept);
    free(path);
    free(part);
    return done;
}

void joining_forget(const char *data)
{
    char *path = path_of(data, "");
    if (path)
        unlink(path);
    free(path);
}
