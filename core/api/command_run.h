/* What the two `run` commands share: the settings, from the file and from the command line. */
#ifndef HOPNHAT_API_COMMAND_RUN_H
#define HOPNHAT_API_COMMAND_RUN_H

#include "api/cli.h"
#include "api/settings.h"

/* An option that is short for a setting. */
struct run_shorthand {
    const char *option, *key;
};

/* Whether --help-config was given: then it has been printed. */
bool command_run_help(const struct cli *cli, enum settings_program program);

/* Where the settings come from, as the command line says; in the cli's arena. shorthands ends with NULL.
 * ERROR_MEMORY. */
bool command_run_source(struct cli *cli, enum settings_program program,
                        const struct run_shorthand *shorthands, struct settings_source *source,
                        struct error *error);

/* Their options, for the program's table. */
#define COMMAND_RUN_OPTIONS                                                                                  \
    {"config", "FILE", "the settings, in YAML; SIGHUP has it read anew"},                                    \
        {"set", "KEY=VALUE", "a setting, in place of what the file says; may be repeated"},                  \
    {                                                                                                        \
        "help-config", NULL, "all settings with range, default and meaning, as a file to begin with"         \
    }

#endif
