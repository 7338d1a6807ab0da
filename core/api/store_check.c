#include "api/store_check.h"

#include "api/child.h"
#include "base/limits.h"
#include "store/views.h"

#include <stdio.h>

enum { STATUS_BREAKS = 3, STATUS_FAILED = 4 };

/* In the other process. */
static int look(void *context)
{
    const struct store_check *check = context;
    struct verify verify = {.context = check->context, .found = check->found, .proved = check->proved};
    Hopnhat__BackupHeader header = HOPNHAT__BACKUP_HEADER__INIT;
    struct arena arena;
    struct error error;
    char store[4096];
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    snprintf(store, sizeof store, "%s/store", check->data);
    bool looked = check->program->verify(store, true, &verify, &header, NULL, &arena, &error);
    snprintf(store, sizeof store, "%s/views", check->data);
    looked = looked && views_verify(store, &verify, &error);
    if (looked)
        check->looked(check->context, &verify);
    else
        check->found(check->context, error.text);
    arena_release(&arena);
    if (!looked)
        return error.code == ERROR_CORRUPT ? STATUS_BREAKS : STATUS_FAILED;
    return verify.breaks ? STATUS_BREAKS : 0;
}

bool store_check_run(struct store_check *check, struct error *error)
{
    int status;
    if (!child_run(look, check, &status, error))
        return false;
    if (status < 0)
        return error_set(error, ERROR_CORRUPT,
                         "the store in %s is damaged: its pages cannot be read (signal %d)", check->data,
                         -status);
    if (status == STATUS_BREAKS)
        return error_set(error, ERROR_CORRUPT, "the store in %s is damaged", check->data);
    return status == 0 || error_set(error, ERROR_STORE, "the store in %s could not be verified", check->data);
}
