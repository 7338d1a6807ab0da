#include "api/cli_help.h"

static void print_option(const struct cli_option *option, FILE *to)
{
    int width = fprintf(to, "  --%s%s%s", option->name, option->argument ? " " : "",
                        option->argument ? option->argument : "");
    fprintf(to, "%*s%s\n", width < 24 ? 24 - width : 1, "", option->help);
}

void cli_help_program(const struct cli_program *program, FILE *to)
{
    fprintf(to, "%s: %s\n\nusage: %s COMMAND [ARGUMENT...] [OPTION...]\n\n", program->name, program->summary,
            program->name);
    for (size_t i = 0; i < program->command_count; i++) {
        const struct cli_command *command = program->commands[i];
        int width = fprintf(to, "  %s %s", command->name, command->arguments);
        if (width >= 44)
            width = fprintf(to, "\n") - 1;
        fprintf(to, "%*s%s\n", 44 - width, "", command->help);
    }
    fprintf(to, "\nfor every command:\n");
    for (size_t i = 0; i < CLI_COMMON_OPTIONS; i++)
        print_option(&cli_common_options[i], to);
    fprintf(
        to,
        "\nExit status: 0 done, 1 an error (its text on stderr), 2 wrong usage, 3 an import that left rows "
        "out.\n");
}

void cli_help_command(const struct cli_program *program, const struct cli_command *command, FILE *to)
{
    fprintf(to, "usage: %s %s %s\n%s\n\n", program->name, command->name, command->arguments, command->help);
    for (const char *const *name = command->options; name && *name; name++)
        for (size_t i = 0; i < program->option_count; i++)
            if (strcmp(program->options[i].name, *name) == 0)
                print_option(&program->options[i], to);
    for (size_t i = 0; i < CLI_COMMON_OPTIONS; i++)
        print_option(&cli_common_options[i], to);
}
