/* Backups that a daemon makes by itself: every so many hours into one directory, the newest few kept. Each is
 * made by the program's own `backup` command in a process of its own, which copies the store beside the
 * daemon, looks at the copy and seals it; nobody waits for it. */
#ifndef HOPNHAT_API_BACKUP_SCHEDULE_H
#define HOPNHAT_API_BACKUP_SCHEDULE_H

#include "api/settings.h"
#include "net/loop.h"

#include <jansson.h>

struct backup_schedule;

/* Everything is borrowed, for as long as the schedule. */
struct backup_schedule_options {
    struct loop *loop;
    const char *data;
    const char *name;   /* "hub", or the office's code */
    bool former;        /* whether files as versions before named them are its own: see backup_files.h */
    const uint8_t *key; /* public key of this installation's signatures: several may share a directory */
    const struct settings *settings;
    /* The files of the backups on which the trimming of logs rests, as an array of absolute paths; NULL: not
     * known now. No such file is removed, and where one is missing in the directory, that is an alarm. The
     * function may be NULL: there are no such files. */
    json_t *(*counting)(void *context);
    void *context;
};

/* Begins to make them, as the settings say, at any time, in the loop's thread; backup_files.h says how the
 * files are named. NULL: ERROR_MEMORY. The caller frees it before the loop: a backup that is under way is
 * given up, and what it left in the directory is removed at the next start. */
struct backup_schedule *backup_schedule_new(const struct backup_schedule_options *options,
                                            struct error *error);
void backup_schedule_free(struct backup_schedule *schedule); /* NULL is allowed */

/* How many backups are kept, by the settings; of a tool (NULL), which does not know them: all. */
uint64_t backup_schedule_keep(const struct backup_schedule *schedule);

/* The settings have changed. */
void backup_schedule_changed(struct backup_schedule *schedule);

/* Adds what status tells: backup_scheduled, backup_running, backup_failures (since the start), and
 * backup_trouble: why the last one was not made, that the newest is older than two intervals, or that files
 * which count are missing; "" when all is well. schedule may be NULL: of a tool. */
bool backup_schedule_status(json_t *status, struct backup_schedule *schedule, struct error *error);

#endif
