/* Backups that a daemon makes by itself: every so many hours into one directory, the newest few kept. Each is
 * made by the program's own `backup` command in a process of its own, which copies the store beside the
 * daemon, looks at the copy and seals it; nobody waits for it. */
#ifndef HOPNHAT_API_BACKUP_SCHEDULE_H
#define HOPNHAT_API_BACKUP_SCHEDULE_H

#include "api/settings.h"
#include "net/loop.h"

#include <jansson.h>

struct backup_schedule;

/* Begins to make them, as the settings say, at any time, in the loop's thread. `data` and `settings` are
 * borrowed. `name` begins the files' names: NAME-20251231T173000Z.backup. NULL: ERROR_MEMORY. The caller
 * frees it before the loop: a backup that is under way is given up. */
struct backup_schedule *backup_schedule_new(struct loop *loop, const char *data, const char *name,
                                            const struct settings *settings, struct error *error);
void backup_schedule_free(struct backup_schedule *schedule); /* NULL is allowed */

/* The settings have changed. */
void backup_schedule_changed(struct backup_schedule *schedule);

/* Adds what status tells: backup_scheduled, backup_running, backup_failures (since the start), and
 * backup_trouble: why the last one was not made, or that the newest is older than two intervals; "" when all
 * is well. schedule may be NULL: of a tool. */
bool backup_schedule_status(json_t *status, struct backup_schedule *schedule, struct error *error);

#endif
