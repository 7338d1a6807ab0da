/* The hub's commands that are not shared with the agent. */
#ifndef HOPNHAT_HUB_COMMAND_H
#define HOPNHAT_HUB_COMMAND_H

#include "api/cli.h"
#include "api/commands_backup.h"

/* command_init.c, command_office.c, command_catalog.c, command_quarantine.c, command_erase.c and
 * command_purge.c */
extern const struct cli_command hub_command_init, hub_command_office_add, hub_command_office_set,
    hub_command_office_list, hub_command_enrol, hub_command_revoke, hub_command_rotate_keys,
    hub_command_catalog_check, hub_command_catalog_apply, hub_command_quarantine_list,
    hub_command_quarantine_show, hub_command_quarantine_release, hub_command_quarantine_drop,
    hub_command_erase, hub_command_purge;

/* A catalog's file, malloc'd. ERROR_INPUT, ERROR_LIMIT, ERROR_MEMORY. */
bool command_read_catalog(const char *path, uint8_t **data, size_t *size, struct error *error);

/* command_backup.c */
extern const struct cli_command hub_command_backup, hub_command_restore, hub_command_verify,
    hub_command_recovery_key;
extern const struct backup_program hub_backup_program;

/* command_bundle.c */
extern const struct cli_command hub_command_bundle_export, hub_command_bundle_import;

extern const struct cli_program hub_program;

/* deploy/catalog/vufo.yaml, built in. */
extern const unsigned char built_in_catalog[];
extern const size_t built_in_catalog_size;

#endif
