#include "api/store_check.h"

#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_BREAKS = 3, STATUS_FAILED = 4 };

/* In the other process: its exit status. */
static int look(const struct store_check *check)
{
    struct verify verify = {.context = check->context, .found = check->found};
    Hopnhat__BackupHeader header = HOPNHAT__BACKUP_HEADER__INIT;
    struct arena arena;
    struct error error;
    char store[4096];
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    snprintf(store, sizeof store, "%s/store", check->data);
    bool looked = check->program->verify(store, true, &verify, &header, NULL, &arena, &error);
    if (looked)
        check->looked(check->context, &verify);
    else
        check->found(check->context, error.text);
    arena_release(&arena);
    if (fflush(stdout) != 0 || !looked)
        return looked || error.code != ERROR_CORRUPT ? STATUS_FAILED : STATUS_BREAKS;
    return verify.breaks ? STATUS_BREAKS : 0;
}

bool store_check_run(const struct store_check *check, struct error *error)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(look(check));
    while (child > 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            child = -1;
    if (child < 0)
        return error_set(error, ERROR_STORE, "cannot start a process: %s", strerror(errno));
    if (WIFSIGNALED(status))
        return error_set(error, ERROR_CORRUPT,
                         "the store in %s is damaged: its pages cannot be read (signal %d)", check->data,
                         WTERMSIG(status));
    if (WEXITSTATUS(status) == 0)
        return true;
    if (WEXITSTATUS(status) == STATUS_BREAKS)
        return error_set(error, ERROR_CORRUPT, "the store in %s is damaged", check->data);
    return error_set(error, ERROR_STORE, "the store in %s could not be verified", check->data);
}
