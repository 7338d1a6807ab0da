/* A daemon that goes on by itself after its disk has failed: the store is closed, looked at, and opened anew.
 */
#ifndef HOPNHAT_API_RECOVERY_H
#define HOPNHAT_API_RECOVERY_H

#include "api/commands_backup.h"

/* Why a daemon's run ended. */
enum run_end {
    RUN_STOPPED, /* somebody stopped it */
    RUN_FAILED,  /* *error says why: it is not tried again */
    RUN_UNSOUND, /* *error says why: the disk failed in the middle of a write, or a row is damaged */
    RUN_DAMAGED, /* *error says why the store could not be opened: it is mended once, if it can be */
};

struct recovery {
    const char *data;
    const struct backup_program *program;
    void *context;
    enum run_end (*run)(void *context, struct error *error); /* opens the store, serves, and closes it */
};

/* Marks the store in the data directory as suspect: it is verified before a daemon opens it the next time. */
void recovery_suspect(const char *data);

/* Runs the daemon until it is stopped. After a run that ended RUN_UNSOUND or RUN_DAMAGED, and at the start
 * where the store is suspect, it is verified in another process before it is opened, made anew of what is
 * whole where it is damaged, and its views are dropped; what was found and done is logged, and noted in
 * DATA/incidents. Between attempts on a failing disk it waits, up to a minute. False: as RUN_FAILED, or the
 * store is damaged beyond what can be mended here, and *error names the remedy. */
bool recovery_run(const struct recovery *recovery, struct error *error);

/* Adds to a status: store_trouble (what the disk said to the last commit; empty: all is well), incidents (how
 * many were ever noted in the data directory) and last_incident (the newest of them, or null). */
void recovery_status(const char *data, struct environment *environment, json_t *status);

#endif
