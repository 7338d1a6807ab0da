/* Directories of stores. */
#ifndef HOPNHAT_STORE_DIRECTORY_H
#define HOPNHAT_STORE_DIRECTORY_H

#include "base/error.h"

/* Brings its entries to the disk: files that were made, renamed or removed there stay so. Blocks on the disk.
 * ERROR_STORE. */
bool directory_sync(const char *path, struct error *error);

#endif
