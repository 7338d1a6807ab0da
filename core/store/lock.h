/* One process holds a store: an exclusive lock on a file in its directory. */
#ifndef HOPNHAT_STORE_LOCK_H
#define HOPNHAT_STORE_LOCK_H

#include "base/error.h"

/* Makes the directory (mode 0700, with those above it) where `make` says so, and takes the lock. Returns the
 * descriptor that holds it, to be given to lock_release; -1 on error: ERROR_UNAVAILABLE where another process
 * holds it, ERROR_NOT_FOUND where there is no such directory, else ERROR_STORE. Does not wait. */
int lock_take(const char *directory, bool make, struct error *error);

/* -1 is allowed. */
void lock_release(int descriptor);

#endif
