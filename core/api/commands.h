/* The commands on records that both programs have. */
#ifndef HOPNHAT_API_COMMANDS_H
#define HOPNHAT_API_COMMANDS_H

#include "api/cli.h"

extern const struct cli_command command_add, command_set, command_get, command_list, command_delete,
    command_undelete, command_conflicts, command_resolve, command_search, command_report, command_status,
    command_history, command_import, command_export;

/* Their options, for the program's table. */
#define COMMAND_OPTIONS                                                                                      \
    {"where", "PATH=VALUE", "only records in which the field reads so; may be repeated"},                    \
        {"sort", "FIELD", "in the order of this field; -FIELD: in the reverse order"},                       \
        {"group-by", "PATH,...",                                                                             \
         "a row for each value: FIELD, office, cluster, DATE:year (quarter, month), REFERENCE.FIELD"},       \
        {"sum", "FIELD", "add up this number"}, {"csv", NULL, "as a file for spreadsheets"},                 \
        {"as-of", "TIME", "as it was then: 2025-07-01T08:30:00Z, with +07:00 for the Z, or a day"},          \
        {"limit", "N", "at most so many"}, {"type", "TYPE", "records of this type only"},                    \
        {"office", "CODE", "only those in which this office wrote a value, or settled it"},                  \
        {"older-than", "SPAN", "only those that have been there for longer: 7d, 12h, 30m"},                  \
        {"settled", NULL, "those that have been settled"}, {"all", NULL, "also what has been decided on"},   \
        {"note", "TEXT", "why, for the record"}, {"deleted", NULL, "the deleted ones too"},                  \
        {"map", "HEADING=FIELD", "take the column with this heading for that field; may be repeated"},       \
        {"key", "FIELD,...", "update the record that reads the same there; id: the record with that id"},    \
        {"encoding", "NAME", "utf-8, utf-16, windows-1258, tcvn3 or vni, where it is not recognised"},       \
        {"dry-run", NULL, "only say what would be done"},                                                    \
        {"undo", "N", "take import N back, as far as nobody has written to its records since"},              \
        {"imports", NULL, "show former imports"}, {"xlsx", NULL, "as an Excel workbook"},                    \
        {"out", "FILE", "write to this file; to stdout if not given"},                                       \
        {"take", "N", "the value with this number holds"}, {"value", "VALUE", "this value holds"},           \
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

/* The path with those of the options (NULL-ended) that were given as its query, in the cli's arena. NULL:
 * ERROR_MEMORY (also where the path is), ERROR_USAGE: an empty value, or a second one of what is asked for
 * once (all but --where). */
const char *command_path(struct cli *cli, const char *path, const char *const *options, struct error *error);

/* For command_each with the cli as user: prints a refused change, as JSON or for people. */
bool command_print_refusal(void *user, json_t *refusal, struct error *error);

/* Prints a record, as JSON or for people. */
bool command_print_record(const struct cli *cli, json_t *record, struct error *error);

/* Prints the answer's `warnings` to stderr: for the person; what was asked for has been done. */
void command_print_warnings(const struct cli *cli, const json_t *answer);

/* Prints a JSON object for people, a line for each member. */
void command_print_object(json_t *object);

#endif
