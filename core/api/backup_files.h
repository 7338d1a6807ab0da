/* The files of the backups that one daemon makes by itself, in a directory that several may share. They are
 * named NAME-KEY-NUMBER-20251231T173000Z.backup, KEY being the first 8 hexadecimal digits of the
 * installation's key; of two files that with the higher number was written later, whatever the clock was.
 * One under way has .part after it. Files with other names are never touched.
 *
 * Which backups count is told by a list of absolute paths: those on which the trimming of logs rests. NULL:
 * it is not known now. */
#ifndef HOPNHAT_API_BACKUP_FILES_H
#define HOPNHAT_API_BACKUP_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BACKUP_NAME_BYTES = 160, BACKUP_PATH_BYTES = 2048 };

/* How the files of one installation are named. */
struct backup_files {
    char own[BACKUP_NAME_BYTES]; /* before the number */
    const char *former;          /* before the time, in names without a number; NULL: those are not its own */
};

/* What a file's name says. */
struct backup_name {
    uint64_t number; /* 0: of a former version, written before all that have one */
    uint64_t ms;     /* wall clock: when it was begun, in whole seconds once it was read from a name */
};

/* `name` is borrowed, for as long as the files: "hub", or the office's code. former: whether
 * NAME-20251231T173000Z.backup, as versions before named them, are its own. */
void backup_files_init(struct backup_files *files, const char *name, const uint8_t *key, bool former);

/* The file of that name in the directory. False: the path would be too long. */
bool backup_files_path(const struct backup_files *files, const char *directory,
                       const struct backup_name *name, char path[BACKUP_PATH_BYTES]);

/* The newest in the directory; zeros: there is none, or the directory cannot be read. What is left of those
 * that were given up is removed, unless one is `under_way`. */
struct backup_name backup_files_newest(const struct backup_files *files, const char *directory,
                                       bool under_way);

/* Removes all but the newest `keep`, those that count, and what is left of those that were given up. For when
 * none is under way. A file that cannot be removed is logged. */
void backup_files_remove_old(const struct backup_files *files, const char *directory, uint64_t keep,
                             const json_t *counting);

/* How many of the files that count belong into the directory, and how many of these are not there. */
void backup_files_missing(const char *directory, const json_t *counting, size_t *all, size_t *missing);

#endif
