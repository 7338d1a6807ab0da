/* A backup's file: a head in clear and a compact copy of the store, sealed to a recovery key or not.
 * docs/storage.md has the format. All functions block on the disk. */
#ifndef HOPNHAT_STORE_BACKUP_FILE_H
#define HOPNHAT_STORE_BACKUP_FILE_H

#include "base/arena.h"
#include "store/recovery_key.h"

#include "store.pb-c.h"

/* Writes the copy of a store at `copy` to a file at `path` (of mode 0600, in the place of an older one, and
 * whole or not at all), reads it again and compares. Sealed where recovery_key (RECOVERY_KEY_BYTES) is not
 * NULL. Size, hash and seal in *header are filled in, in the arena; the rest is the caller's. Errors:
 * ERROR_STORE, ERROR_FULL, ERROR_CORRUPT (what was read is not what was written), ERROR_MEMORY. */
bool backup_file_write(const char *copy, const char *path, Hopnhat__BackupHeader *header,
                       const uint8_t *recovery_key, struct arena *arena, struct error *error);

/* The head, in the arena. NULL: ERROR_NOT_FOUND, ERROR_CORRUPT, ERROR_REFUSED (of a newer program),
 * ERROR_MEMORY. */
Hopnhat__BackupHeader *backup_file_header(const char *path, struct arena *arena, struct error *error);

/* Writes the copy of the store in it to the new file `to`, if it is whole and unaltered: else there is no
 * such file afterwards. `key` may be NULL for one that is not sealed. Errors: those of backup_file_header,
 * ERROR_REFUSED where another key is needed, ERROR_STORE, ERROR_FULL. */
bool backup_file_extract(const char *path, const struct recovery_key *key, const char *to,
                         struct arena *arena, struct error *error);

#endif
