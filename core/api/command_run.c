#include "api/command_run.h"

bool command_run_help(const struct cli *cli, enum settings_program program)
{
    if (!cli_option(cli, "help-config"))
        return false;
    settings_help(program, stdout);
    return true;
}

/* The key that the option sets; NULL: it is no setting. */
static const char *key_of(const char *option, const struct run_shorthand *shorthands)
{
    for (; shorthands->option; shorthands++)
        if (strcmp(shorthands->option, option) == 0)
            return shorthands->key;
    return NULL;
}

bool command_run_source(struct cli *cli, enum settings_program program,
                        const struct run_shorthand *shorthands, struct settings_source *source,
                        struct error *error)
{
    const char **given = arena_alloc(&cli->arena, (cli->given_count + 1) * sizeof *given);
    size_t count = 0;
    for (size_t i = 0; given && i < cli->given_count; i++) {
        const char *name = cli->given[i].name, *value = cli->given[i].value;
        const char *key = key_of(name, shorthands);
        if (key)
            value = arena_format(&cli->arena, "%s=%s", key, value);
        else if (strcmp(name, "set") != 0)
            continue;
        if (!value)
            return out_of_memory(error);
        given[count++] = value;
    }
    if (!given)
        return out_of_memory(error);
    given[count] = NULL;
    *source = (struct settings_source){program, cli_option(cli, "config"), given};
    return true;
}
