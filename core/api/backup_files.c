#include "api/backup_files.h"

#include "base/hex.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENDING       ".backup"
#define PART         ".part"
#define STAMP_FORMAT "%Y%m%dT%H%M%SZ"

enum {
    KEY_BYTES = 4, /* of the key, in names */
    MOST_FILES = 4096,
};

void backup_files_init(struct backup_files *files, const char *name, const uint8_t *key, bool former)
{
    char digits[2 * KEY_BYTES + 1];
    hex_encode(bytes_of(key, KEY_BYTES), digits);
    snprintf(files->own, sizeof files->own, "%s-%s", name, digits);
    files->former = former ? name : NULL;
}

static bool write_name(const struct backup_files *files, const struct backup_name *name,
                       char file[BACKUP_NAME_BYTES])
{
    time_t seconds = (time_t)(name->ms / 1000);
    struct tm utc;
    char stamp[32];
    return gmtime_r(&seconds, &utc) && strftime(stamp, sizeof stamp, STAMP_FORMAT, &utc) &&
           (name->number ? snprintf(file, BACKUP_NAME_BYTES, "%s-%06llu-%s" ENDING, files->own,
                                    (unsigned long long)name->number, stamp)
                         : snprintf(file, BACKUP_NAME_BYTES, "%s-%s" ENDING, files->former, stamp)) <
               BACKUP_NAME_BYTES;
}

/* Whether it is the name of a backup of ours. */
static bool read_name(const struct backup_files *files, const char *file, struct backup_name *name)
{
    const char *own = files->own, *former = files->former;
    struct tm utc = {0};
    char *end, again[BACKUP_NAME_BYTES];
    name->number = 0;
    if (strncmp(file, own, strlen(own)) == 0 && file[strlen(own)] == '-')
        name->number = strtoull(file + strlen(own) + 1, &end, 10);
    else if (former && strncmp(file, former, strlen(former)) == 0)
        end = (char *)(uintptr_t)file + strlen(former);
    else
        return false;
    if (*end != '-' || !strptime(end + 1, STAMP_FORMAT, &utc))
        return false;
    name->ms = (uint64_t)timegm(&utc) * 1000;
    return write_name(files, name, again) && strcmp(again, file) == 0;
}

bool backup_files_path(const struct backup_files *files, const char *directory,
                       const struct backup_name *name, char path[BACKUP_PATH_BYTES])
{
    char file[BACKUP_NAME_BYTES];
    return write_name(files, name, file) &&
           snprintf(path, BACKUP_PATH_BYTES, "%s/%s", directory, file) < BACKUP_PATH_BYTES;
}

static int later_first(const void *a, const void *b)
{
    const struct backup_name *left = a, *right = b;
    return left->number != right->number ? (right->number > left->number) - (right->number < left->number)
                                         : (right->ms > left->ms) - (right->ms < left->ms);
}

/* The backups of ours in the directory, the newest first: how many. */
static size_t list_names(const struct backup_files *files, const char *directory, bool under_way,
                         struct backup_name *names)
{
    DIR *listing = opendir(directory);
    const struct dirent *entry;
    size_t count = 0;
    while (listing && count < MOST_FILES && (entry = readdir(listing))) {
        char file[sizeof entry->d_name];
        snprintf(file, sizeof file, "%s", entry->d_name);
        size_t length = strlen(file), rest = strlen(PART);
        bool part = length > rest && strcmp(file + length - rest, PART) == 0;
        file[part ? length - rest : length] = '\0';
        if (!read_name(files, file, &names[count]))
            continue;
        if (!part)
            count++;
        else if (!under_way && unlinkat(dirfd(listing), entry->d_name, 0) == 0)
            log_info("removed %s/%s, which was never ended", directory, entry->d_name);
    }
    if (listing)
        closedir(listing);
    qsort(names, count, sizeof *names, later_first);
    return count;
}

struct backup_name backup_files_newest(const struct backup_files *files, const char *directory,
                                       bool under_way)
{
    struct backup_name newest = {0}, *names = calloc(MOST_FILES, sizeof *names);
    if (names && list_names(files, directory, under_way, names))
        newest = names[0];
    free(names);
    return newest;
}

/* Whether the list of what counts has the file; what is not known counts. */
static bool counts(const json_t *counting, const char *path)
{
    size_t i;
    const json_t *file;
    json_array_foreach((json_t *)(uintptr_t)counting, i, file)
    {
        if (strcmp(json_string_value(file), path) == 0)
            return true;
    }
    return !counting;
}

void backup_files_remove_old(const struct backup_files *files, const char *directory, uint64_t keep,
                             const json_t *counting)
{
    struct backup_name *names = calloc(MOST_FILES, sizeof *names);
    char path[BACKUP_PATH_BYTES], *found = realpath(directory, NULL);
    size_t count = names && found ? list_names(files, found, false, names) : 0;
    for (size_t i = keep; i < count; i++) {
        if (!backup_files_path(files, found, &names[i], path) || counts(counting, path))
            continue;
        if (unlink(path) != 0)
            log_with(LOG_LEVEL_WARNING, "HOPNHAT_FILE", path, "cannot remove the old backup %s: %s", path,
                     strerror(errno));
    }
    free(found);
    free(names);
}

void backup_files_missing(const char *directory, const json_t *counting, size_t *all, size_t *missing)
{
    char *found = realpath(directory, NULL);
    const char *real = found ? found : directory; /* as where the disk is gone with the directory on it */
    size_t i, length = strlen(real);
    const json_t *file;
    *all = *missing = 0;
    json_array_foreach((json_t *)(uintptr_t)counting, i, file)
    {
        const char *path = json_string_value(file);
        if (strncmp(path, real, length) != 0 || path[length] != '/' || strchr(path + length + 1, '/'))
            continue;
        ++*all;
        *missing += access(path, F_OK) != 0;
    }
    free(found);
}
