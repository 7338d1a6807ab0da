/* The hub's commands that are not shared with the agent. */
#ifndef HOPNHAT_HUB_COMMAND_H
#define HOPNHAT_HUB_COMMAND_H

#include "api/cli.h"

/* command_init.c and command_office.c */
extern const struct cli_command hub_command_init, hub_command_office_add, hub_command_office_set,
    hub_command_office_list, hub_command_enrol;

extern const struct cli_program hub_program;

/* deploy/catalog/vufo.yaml, built in. */
extern const unsigned char built_in_catalog[];
extern const size_t built_in_catalog_size;

#endif
