/* What environment.c and transaction.c share; for no one else. */
#ifndef HOPNHAT_STORE_ENVIRONMENT_STATE_H
#define HOPNHAT_STORE_ENVIRONMENT_STATE_H

#include "store/environment.h"

#include <lmdb.h>
#include <pthread.h>

struct environment {
    MDB_env *handle;
    MDB_dbi *databases;
    const char *const *names; /* of the databases */
    size_t database_count;
    char *directory;
    pthread_mutex_t mutex; /* of what follows, and held while the map moves */
    unsigned live;         /* transactions: the map stays where it is while there is one */
    bool full;             /* a transaction found no room in the map */
    bool cramped;          /* told that no larger map is to be had */
    bool broken;           /* the disk failed: see environment_is_sound */
    uint64_t damaged;      /* reads of rows that are not what was written */
    bool torn;             /* a page could not be used */
    bool swollen;          /* LMDB holds the pages of a large transaction */
    uint64_t rest_at_ms;   /* when environment_rest gives them back; 0: not planned yet */
    struct error trouble;  /* of the last commit; code 0: it was well */
};

/* LMDB says EIO also of a write that was cut short because the disk is full: ENOSPC then. What was to be
 * committed is not stored: the room of the page that says so was there before. Any other code as it is. */
int environment_disk_code(const char *directory, int code);

/* Fills *error for an LMDB or system error code. Returns false. */
bool environment_failed(struct error *error, int code, const char *what, const char *where);

/* Whether LMDB says by the code that a page of the file is not what it wrote. */
bool environment_tells_damage(int code);

/* Makes the map larger where it is nearly full and nobody reads; for the writer, before it begins. */
void environment_make_room(struct environment *environment);

enum { ROW_SUM_BYTES = 8 };

/* What each row ends with: XXH3 of key and value, so that a row which is not what was written, or stands
 * under another's key, is known when it is read. */
uint64_t row_sum(struct bytes key, const void *value, size_t size);

#endif
