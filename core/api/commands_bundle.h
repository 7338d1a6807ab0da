/* bundle export and bundle import, which both programs have; and the routes behind them have a file's content
 * as base64 in JSON, so that the command reads and writes files as the person who gives it. */
#ifndef HOPNHAT_API_COMMANDS_BUNDLE_H
#define HOPNHAT_API_COMMANDS_BUNDLE_H

#include "api/cli.h"
#include "api/router.h"

/* The file in the body's `content`, in the call's arena. ERROR_INPUT, ERROR_MEMORY. */
bool api_file_content(const struct api_call *call, struct bytes *file, struct error *error);

/* Adds the file to an answer as `content`. False: out of memory. */
bool api_file_add(json_t *answer, struct bytes file, struct arena *arena);

/* The commands' run functions. */
bool command_bundle_export(struct cli *cli, struct error *error);
bool command_bundle_import(struct cli *cli, struct error *error);

#endif
