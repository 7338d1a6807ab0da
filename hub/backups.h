/* The backups of the hub's store that are still kept, and what follows from the oldest of them: up to where
 * an agent may trim its logs, and headquarters' own log need not be in custody. */
#ifndef HOPNHAT_HUB_BACKUPS_H
#define HOPNHAT_HUB_BACKUPS_H

#include "api/router.h"
#include "hub/state.h"

#include "store.pb-c.h"

/* Reads the list: replica->safe of every replica, hub->backups and what is remembered of the newest. For
 * hub_reload, after the replicas. False: ERROR_MEMORY. */
bool backups_load(struct hub *hub, struct transaction *transaction, struct error *error);

/* Takes note of a backup that has been written, and forgets all but the newest `keep` (1 at least) and what
 * stood under the same file. Returns after the commit. ERROR_INPUT where it is of another store. */
bool backups_note(struct hub *hub, const Hopnhat__Backup *backup, uint64_t keep, struct error *error);

/* The store, as memory has it, is that of a backup which was just put in place from `file` (an absolute path;
 * NULL: not known), and which nobody has thrown away: takes note of that one, in the transaction that marks
 * the store as restored, and forgets those whose files this machine has no more. */
void backups_note_origin(struct hub *hub, struct transaction *transaction, const char *file,
                         struct arena *arena);

/* The files of those that are kept, for backup_schedule_options; of a struct hub. The caller's; NULL: out of
 * memory, or the store failed. */
json_t *backups_files(void *context);

/* What a backup holds, as `backups_handle` takes it: watermarks, {"replica in hexadecimal": watermark}, and
 * next_link_key, the first 4 bytes of the hub's next link key as a number, where the copy has one. */
bool backups_marks(json_t *note, const Hopnhat__Backup *marks, struct error *error);

/* Adds what status tells: last_backup (null: never), backups. */
void backups_status(const struct hub *hub, json_t *status);

/* POST /v1/backups        body file, made_ms, rev, keep, watermarks, next_link_key
 *                         (keep: backup_keep of the settings, if absent)
 * POST /v1/recovery-key   body public: 64 hexadecimal digits */
api_handler backups_handle, backups_handle_recovery_key;

#endif
