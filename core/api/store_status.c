#include "api/store_status.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

bool store_status_add(json_t *status, struct environment *environment, const char *directory,
                      struct error *error)
{
    struct environment_usage usage = environment_usage(environment);
    struct statvfs disk;
    if (statvfs(directory, &disk) != 0)
        return error_set(error, ERROR_STORE, "cannot look at the disk of %s: %s", directory, strerror(errno));
    json_t *members = json_pack("{s:I, s:I, s:I, s:I, s:I}", "store_used_bytes", (json_int_t)usage.used_bytes,
                                "store_map_bytes", (json_int_t)usage.map_bytes, "oldest_reader",
                                (json_int_t)usage.oldest_reader, "disk_free_bytes",
                                (json_int_t)(disk.f_bavail * disk.f_frsize), "disk_bytes",
                                (json_int_t)(disk.f_blocks * disk.f_frsize));
    bool done = members && json_object_update(status, members) == 0;
    json_decref(members);
    return done || error_set(error, ERROR_MEMORY, "out of memory");
}
