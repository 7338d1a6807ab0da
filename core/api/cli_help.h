/* The help texts of a program's commands. Used by core/api alone. */
#ifndef HOPNHAT_API_CLI_HELP_H
#define HOPNHAT_API_CLI_HELP_H

#include "api/cli.h"

#include <stdio.h>

enum { CLI_COMMON_OPTIONS = 4 };

/* What every command takes. */
extern const struct cli_option cli_common_options[CLI_COMMON_OPTIONS];

/* The program's commands, each in a line. */
void cli_help_program(const struct cli_program *program, FILE *to);

/* One command with its options. */
void cli_help_command(const struct cli_program *program, const struct cli_command *command, FILE *to);

#endif
