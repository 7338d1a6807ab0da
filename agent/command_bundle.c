#include "agent/command.h"

#include "api/commands_bundle.h"

const struct cli_command agent_command_bundle_export = {
    .name = "bundle export",
    .arguments = "FILE",
    .help = "write what the hub lacks to a file, where there is no link: take it to headquarters",
    .least = 1,
    .most = 1,
    .run = command_bundle_export,
};

const struct cli_command agent_command_bundle_import = {
    .name = "bundle import",
    .arguments = "FILE",
    .help = "take in the hub's answer that was brought back as a file",
    .least = 1,
    .most = 1,
    .run = command_bundle_import,
};
