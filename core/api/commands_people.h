/* The commands on accounts and the audit log that both programs have. */
#ifndef HOPNHAT_API_COMMANDS_PEOPLE_H
#define HOPNHAT_API_COMMANDS_PEOPLE_H

#include "api/cli.h"

extern const struct cli_command command_account_add, command_account_set, command_account_list,
    command_account_remove, command_passwd, command_audit;

/* Their options, for the program's table. */
#define COMMAND_PEOPLE_OPTIONS                                                                               \
    {"role", "ROLE", "what the account may do: reader, editor, manager or administrator"},                   \
        {"full-name", "NAME", "the person's name"},                                                          \
    {                                                                                                        \
        "disabled", CLI_YES_OR_NO, "whether the account is shut; yes if nothing follows"                     \
    }

#endif
