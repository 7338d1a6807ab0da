/* Looking at a store in a process of its own: damaged pages may end the process that reads them. */
#ifndef HOPNHAT_API_STORE_CHECK_H
#define HOPNHAT_API_STORE_CHECK_H

#include "api/commands_backup.h"

struct store_check {
    const char *data; /* the data directory */
    const struct backup_program *program;
    void *context;
    /* All are called in the other process: for each break, and at the end. */
    void (*found)(void *context, const char *text);
    void (*looked)(void *context, const struct verify *verify);
    /* As of struct verify; NULL: nobody wants to know. */
    void (*proved)(void *context, const char *office, uint64_t replica, uint64_t last, uint64_t signed_to);
};

/* Verifies the store and its views, which a daemon may hold, but this process must not have open; no other
 * threads may run here. Blocks for long. False: ERROR_CORRUPT where it is damaged, ERROR_STORE where it could
 * not be looked at. */
bool store_check_run(struct store_check *check, struct error *error);

#endif
