#include "api/child.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool child_run(int (*work)(void *context), void *context, int *status, struct error *error)
{
    int ended = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int result = work(context);
        _exit(fflush(stdout) == 0 ? result : 127);
    }
    while (child > 0 && waitpid(child, &ended, 0) < 0)
        if (errno != EINTR)
            child = -1;
    if (child < 0)
        return error_set(error, ERROR_STORE, "cannot start a process: %s", strerror(errno));
    *status = WIFSIGNALED(ended) ? -WTERMSIG(ended) : WEXITSTATUS(ended);
    return true;
}
