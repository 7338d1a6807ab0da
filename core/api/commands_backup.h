/* backup, restore, verify and recovery-key, which both programs have. A backup and a verify read the store
 * beside the daemon, in a process of their own: LMDB allows that, and no office waits meanwhile. */
#ifndef HOPNHAT_API_COMMANDS_BACKUP_H
#define HOPNHAT_API_COMMANDS_BACKUP_H

#include "api/cli.h"
#include "store/audit.h"

#include "store.pb-c.h"

/* What differs between the programs. */
struct backup_program {
    Hopnhat__BackupKind kind;
    /* Looks at the store in `directory`, as hub_verify and agent_verify; adds to *note (may be NULL) what the
     * daemon is to be told of a backup with this content. */
    bool (*verify)(const char *directory, bool beside, struct verify *verify, Hopnhat__BackupHeader *header,
                   json_t *note, struct arena *arena, struct error *error);
    /* The store in data/store has come back from the backup `file` (an absolute path): new numbers, at once,
     * with the act on record in its audit log. Nobody else has it open. */
    bool (*restored)(const char *data, const char *file, const struct audit_act *act, struct error *error);
    /* Makes fresh/store out of what is whole in the store in the directory `damaged`, as agent_repair. */
    bool (*repair)(const char *damaged, const char *fresh, void (*told)(void *context, const char *text),
                   void *context, struct error *error);
};

/* For the commands' run functions. */
bool command_backup(struct cli *cli, const struct backup_program *program, struct error *error);
bool command_restore(struct cli *cli, const struct backup_program *program, struct error *error);
bool command_verify(struct cli *cli, const struct backup_program *program, struct error *error);
bool command_recovery_key(struct cli *cli, struct error *error);

/* A table row for each, given their run functions. */
#define COMMAND_BACKUP(function)                                                                             \
    {                                                                                                        \
        .name = "backup", .arguments = "FILE [--recovery-key FILE] [--keep N]",                              \
        .help = "write a verified copy of the store to a file, also while the daemon runs",                  \
        .options = command_backup_options, .least = 1, .most = 1, .run = function                            \
    }
#define COMMAND_RESTORE(function)                                                                            \
    {                                                                                                        \
        .name = "restore", .arguments = "FILE [--recovery-key FILE] [--replace]",                            \
        .help = "put the store of a backup in place; no daemon may run", .options = command_restore_options, \
        .least = 1, .most = 1, .run = function                                                               \
    }
#define COMMAND_VERIFY(function)                                                                             \
    {                                                                                                        \
        .name = "verify", .arguments = "[FILE [--recovery-key FILE]]",                                       \
        .help = "check the store, or a backup: every row, chain, signature and digest",                      \
        .options = command_verify_options, .most = 1, .run = function                                        \
    }
#define COMMAND_RECOVERY_KEY                                                                                 \
    {                                                                                                        \
        .name = "recovery-key", .arguments = "FILE",                                                         \
        .help = "make a recovery key in a new file; backups are sealed to it from then on", .least = 1,      \
        .most = 1, .run = command_recovery_key                                                               \
    }

extern const char *const command_backup_options[], *const command_restore_options[],
                                                       *const command_verify_options[];

/* Their options, for the program's table. */
#define COMMAND_BACKUP_OPTIONS                                                                               \
    {"recovery-key", "FILE", "the file of the recovery key; to restore or verify, with its secret"},         \
        {"keep", "N", "how many backups count as kept, this one included; backup_keep if not given"},        \
    {                                                                                                        \
        "replace", NULL, "move the store that is there aside"                                                \
    }

#endif
