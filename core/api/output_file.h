/* Where the commands `backup`, `bundle export` and `export` may write. */
#ifndef HOPNHAT_API_OUTPUT_FILE_H
#define HOPNHAT_API_OUTPUT_FILE_H

#include "base/arena.h"
#include "base/error.h"

/* Whether the file will be outside the directory of the store, `data`, by whatever path either is called.
 * False: ERROR_REFUSED where it would be in it, ERROR_NOT_FOUND, ERROR_STORE, ERROR_MEMORY. Blocks on the
 * disk. */
bool output_file_is_outside(const char *path, const char *data, struct arena *arena, struct error *error);

/* Whether a file of the kind ("backup" or "bundle": files of it begin with "hopnhat KIND ") may be written at
 * `path` by way of PATH.part: outside `data`, and where nothing is but a file of that kind or an empty one.
 * False, with what to do: ERROR_REFUSED, and the other errors above. */
bool output_file_may_be(const char *path, const char *kind, const char *data, struct arena *arena,
                        struct error *error);

#endif
