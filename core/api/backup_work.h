/* The directory DATA/staging, in which a backup's copy of the store is made and looked at before it is used.
 */
#ifndef HOPNHAT_API_BACKUP_WORK_H
#define HOPNHAT_API_BACKUP_WORK_H

#include "base/error.h"

enum { BACKUP_PATH_BYTES = 4096 };

struct backup_work {
    char data[BACKUP_PATH_BYTES];      /* DATA */
    char live[BACKUP_PATH_BYTES];      /* DATA/store */
    char directory[BACKUP_PATH_BYTES]; /* DATA/staging */
    char store[BACKUP_PATH_BYTES];     /* DATA/staging/store */
    char copy[BACKUP_PATH_BYTES];      /* DATA/staging/store/data.mdb: not there yet */
    int lock;
};

/* Makes it, empty, for this process alone. `make`: also the data directory, where it is not there. Errors:
 * ERROR_UNAVAILABLE where another backup, restore or verify is under way, ERROR_NOT_FOUND, ERROR_STORE. */
bool backup_work_begin(struct backup_work *work, const char *data, bool make, struct error *error);

/* Removes what is left of it. */
void backup_work_end(struct backup_work *work);

/* Moves the store in it to DATA/store, durably. Nothing may be there. */
bool backup_work_install(struct backup_work *work, struct error *error);

/* Marks the store in it, durably, as one that is to take the place of DATA/store: whoever is ended between
 * backup_move_aside and backup_work_install leaves none there. */
bool backup_work_mark(const struct backup_work *work, struct error *error);

/* Moves a store that was marked, and not moved, to DATA/store. Where there is one, that was not moved aside
 * yet and goes on: the marked one is removed, since it would be old when the other is gone one day. False:
 * nothing was moved. */
bool backup_work_resume(const char *data);

/* Whether there is a store in the data directory. */
bool backup_store_is_there(const char *data);

/* Moves store and views of the data directory into a new directory beside them, whose path goes to `aside`.
 */
bool backup_move_aside(const char *data, char aside[BACKUP_PATH_BYTES], struct error *error);

#endif
