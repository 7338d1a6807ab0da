/* Where the commands `backup` and `bundle export` may write. */
#ifndef HOPNHAT_API_OUTPUT_FILE_H
#define HOPNHAT_API_OUTPUT_FILE_H

#include "base/arena.h"
#include "base/error.h"

/* Whether a file of the kind ("backup" or "bundle": files of it begin with "hopnhat KIND ") may be written at
 * `path` by way of PATH.part. False, with what to do: ERROR_REFUSED where it would be in the directory of the
 * store, `data`, and so be lost with it, and where what is there now is no file of that kind and not empty;
 * ERROR_NOT_FOUND, ERROR_STORE, ERROR_MEMORY. Blocks on the disk. */
bool output_file_may_be(const char *path, const char *kind, const char *data, struct arena *arena,
                        struct error *error);

#endif
