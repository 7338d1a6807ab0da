/* The commands on records that both programs have. */
#ifndef HOPNHAT_API_COMMANDS_H
#define HOPNHAT_API_COMMANDS_H

#include "api/cli.h"

extern const struct cli_command command_add, command_set, command_get, command_list, command_delete,
    command_conflicts, command_resolve, command_status;

/* Their options, for the program's table. */
#define COMMAND_OPTIONS                                                                                      \
    {"where", "FIELD=VALUE", "only records in which the field reads so; may be repeated"},                   \
        {"deleted", NULL, "the deleted ones too"}, {"take", "N", "the value with this number holds"},        \
        {"value", "VALUE", "this value holds"},                                                              \
    {                                                                                                        \
        "seen", "TOKEN",                                                                                     \
            "what you looked at (the `token` of get and conflicts): the edit then supersedes "               \
            "nothing newer"                                                                                  \
    }

/* Fetches page after page of the list at `path` (encoded, with a query) and hands each item of the array
 * `key` to `take`, until that returns false. */
bool command_each(struct cli *cli, const char *path, const char *key,
                  bool (*take)(void *user, json_t *item, struct error *error), void *user,
                  struct error *error);

/* For command_each with the cli as user: prints a refused change, as JSON or for people. */
bool command_print_refusal(void *user, json_t *refusal, struct error *error);

/* Prints a JSON object for people, a line for each member. */
void command_print_object(json_t *object);

#endif
