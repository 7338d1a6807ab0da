#include "hub/command.h"

#include "api/commands_bundle.h"

const struct cli_command hub_command_bundle_export = {
    .name = "bundle export",
    .arguments = "OFFICE FILE",
    .help = "write the answer to the bundle that came last from the office to a file: take it back there",
    .least = 2,
    .most = 2,
    .run = command_bundle_export,
};

const struct cli_command hub_command_bundle_import = {
    .name = "bundle import",
    .arguments = "FILE",
    .help = "take in the changes that an office sent as a file",
    .least = 1,
    .most = 1,
    .run = command_bundle_import,
};
