#include "hub/command.h"

#include "api/wall.h"
#include "base/limits.h"
#include "hub/state.h"
#include "model/catalog_yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool command_read_catalog(const char *path, uint8_t **data, size_t *size, struct error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_set(error, ERROR_INPUT, "%s: %s", path, strerror(errno));
    *data = malloc(LIMIT_CATALOG_BYTES + 1);
    *size = *data ? fread(*data, 1, LIMIT_CATALOG_BYTES + 1, file) : 0;
    bool failed = ferror(file);
    fclose(file);
    if (!*data)
        return out_of_memory(error);
    if (!failed && *size <= LIMIT_CATALOG_BYTES)
        return true;
    free(*data);
    if (failed)
        return error_set(error, ERROR_INPUT, "%s cannot be read", path);
    return error_set(error, ERROR_LIMIT, "%s is larger than LIMIT_CATALOG_BYTES", path);
}

static bool pack_catalog(struct bytes yaml, const char *name, struct arena *arena, struct bytes *packed,
                         struct error *error)
{
    struct catalog_errors *errors = calloc(1, sizeof *errors);
    if (!errors)
        return out_of_memory(error);
    bool fine = catalog_from_yaml(yaml, name, arena, packed, errors);
    for (size_t i = 0; !fine && i < errors->count; i++)
        fprintf(stderr, "%s\n", errors->list[i].text);
    if (!fine)
        error_set(error, ERROR_INPUT, "the catalog %s has %zu errors; nothing was made", name,
                  errors->count + errors->more);
    free(errors);
    return fine;
}

static bool run_init(struct cli *cli, struct error *error)
{
    const char *file = cli_option(cli, "catalog");
    struct hub_options options = {
        .take_lock = true, .entropy = entropy_system(), .actor = cli_actor(cli, error)};
    struct bytes yaml = bytes_of(built_in_catalog, built_in_catalog_size), packed;
    uint8_t *data = NULL;
    size_t size = 0;
    if (!options.actor || (file && !command_read_catalog(file, &data, &size, error)))
        return false;
    if (file)
        yaml = bytes_of(data, size);
    bool done = pack_catalog(yaml, file ? file : "(built in)", &cli->arena, &packed, error) &&
                hub_init(cli->data, &options, packed, wall_now_ms(), error);
    free(data);
    return done;
}

static const char *const init_options[] = {"catalog", NULL};

const struct cli_command hub_command_init = {
    .name = "init",
    .arguments = "[--catalog FILE]",
    .help = "make the hub's store, with the catalog that is built in unless given one",
    .options = init_options,
    .run = run_init,
};
