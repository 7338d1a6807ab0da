/* Work in a process of its own, which may crash. */
#ifndef HOPNHAT_API_CHILD_H
#define HOPNHAT_API_CHILD_H

#include "base/error.h"

/* Runs `work` in a child of this process, in which no other threads may run, and waits for its end. *status
 * is what `work` returned (0 to 127), or -N where the signal N ended it. False: there can be no child. */
bool child_run(int (*work)(void *context), void *context, int *status, struct error *error);

#endif
