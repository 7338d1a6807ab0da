/* The recovery key: backups are sealed to its public half, and only who has the secret half can open them. It
 * is kept as a small text file, away from the machine whose backups it opens. */
#ifndef HOPNHAT_STORE_RECOVERY_KEY_H
#define HOPNHAT_STORE_RECOVERY_KEY_H

#include "base/bytes.h"
#include "base/error.h"

enum { RECOVERY_KEY_BYTES = 32 };

struct recovery_key {
    uint8_t public_key[RECOVERY_KEY_BYTES];
    uint8_t secret_key[RECOVERY_KEY_BYTES];
    bool has_secret;
};

/* Draws a pair and writes it to a new file of mode 0600. ERROR_STORE, also where the file is there already.
 */
bool recovery_key_make(const char *path, struct recovery_key *key, struct error *error);

/* Reads a file that recovery_key_make wrote; one from which the line with the secret was taken out gives the
 * public half alone. ERROR_NOT_FOUND, ERROR_INPUT. */
bool recovery_key_read(const char *path, struct recovery_key *key, struct error *error);

/* Overwrites the secret. */
void recovery_key_wipe(struct recovery_key *key);

#endif
