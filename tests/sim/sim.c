/* hopnhat's simulator. Usage: sim [--seeds N] [--first S] [--mode MODE] [--steps N] [--seed S] [--verbose]
 * Runs N seeds of a mode (or of all) and ends with `N passed, N failed`. A failing seed is made shorter: the
 * fewest steps that still fail are found, and the command that shows them is printed. */
#include "world.h"

#include "base/defect.h"
#include "model/catalog_yaml.h"
#include "net/keys.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const struct mode MODES[] = {
    {.name = "plain"},
    {.name = "agent-restore", .agent_restore = true},
    {.name = "agent-put-back", .agent_put_back = true},
    {.name = "hub-restore", .hub_restore = true},
    {.name = "both-restore", .agent_restore = true, .hub_restore = true},
    {.name = "hub-gap", .hub_restore = true, .hub_gap = true},
};
enum { MODE_COUNT = sizeof MODES / sizeof *MODES };

struct options {
    uint64_t first, seeds;
    unsigned steps;
    const struct mode *mode; /* NULL: all */
    bool verbose, stop;      /* stop: at the first failure, without making it shorter */
    struct bytes catalog;
    char directory[100];
};

/* Runs one history. Returns its trace; *failure is empty where all held. */
static uint64_t run(const struct options *options, const struct mode *mode, uint64_t seed, unsigned steps,
                    bool verbose, char failure[600])
{
    struct world *world = malloc(sizeof *world);
    if (!world)
        abort();
    if (world_start(world, mode, seed, options->catalog, options->directory)) {
        world->verbose = verbose;
        for (unsigned i = 0; i < steps && !world->failure[0]; i++)
            world_step(world, i);
        if (!world->failure[0])
            world_settle(world);
        world_check(world);
    }
    memcpy(failure, world->failure, sizeof world->failure);
    uint64_t trace = world->trace;
    world_end(world);
    free(world);
    world_remove(options->directory);
    return trace;
}

/* The fewest steps with which the seed fails. A history of fewer steps is the beginning of the same one. */
static unsigned shrink(const struct options *options, const struct mode *mode, uint64_t seed)
{
    char failure[600];
    for (unsigned steps = 1; steps < options->steps; steps++) {
        run(options, mode, seed, steps, false, failure);
        if (failure[0])
            return steps;
    }
    return options->steps;
}

static bool run_seed(const struct options *options, const struct mode *mode, uint64_t seed, bool *shrunk)
{
    char failure[600];
    uint64_t trace = run(options, mode, seed, options->steps, options->verbose, failure);
    if (!failure[0] && seed % 16 == 0) {
        if (run(options, mode, seed, options->steps, false, failure) != trace)
            snprintf(failure, sizeof failure, "the same seed gave another history");
    }
    if (options->verbose)
        printf("trace %016llx\n", (unsigned long long)trace);
    if (!failure[0])
        return true;
    printf("mode %s seed %llu: %s\n", mode->name, (unsigned long long)seed, failure);
    if (!*shrunk && !options->verbose && !options->stop) {
        unsigned steps = shrink(options, mode, seed);
        printf("  shows in %u steps: sim --mode %s --seed %llu --steps %u --verbose\n", steps, mode->name,
               (unsigned long long)seed, steps);
        *shrunk = true;
    }
    fflush(stdout);
    return false;
}

static bool load_catalog(const char *path, struct arena *arena, struct bytes *packed)
{
    struct catalog_errors *errors = calloc(1, sizeof *errors);
    char *text = calloc(1, 65536);
    FILE *file = fopen(path, "rb");
    size_t size = file && text ? fread(text, 1, 65535, file) : 0;
    bool loaded =
        errors && size && catalog_from_yaml(bytes_of(text, size), "catalog.yaml", arena, packed, errors);
    for (size_t i = 0; errors && i < errors->count; i++)
        fprintf(stderr, "%s\n", errors->list[i].text);
    if (file)
        fclose(file);
    free(text);
    free(errors);
    return loaded;
}

static bool read_options(int count, char **arguments, struct options *options)
{
    static const struct option known[] = {
        {"seeds", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"mode", required_argument, NULL, 'm'},
        {"steps", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},
        {"verbose", no_argument, NULL, 'v'},
        {"defect", required_argument, NULL, 'd'},
        {"stop", no_argument, NULL, 'x'},
        {0},
    };
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case 'n':
            options->seeds = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            options->first = strtoull(optarg, NULL, 10);
            break;
        case 's':
            options->first = strtoull(optarg, NULL, 10);
            options->seeds = 1;
            break;
        case 't':
            options->steps = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'v':
            options->verbose = true;
            break;
        case 'x':
            options->stop = true;
            break;
        case 'd':
            if (!defect_plant(optarg)) {
                fprintf(stderr, "sim: no defect %s in this build (build with -DHOPNHAT_DEFECTS=ON)\n",
                        optarg);
                return false;
            }
            break;
        case 'm':
            for (size_t i = 0; i < MODE_COUNT; i++)
                if (strcmp(MODES[i].name, optarg) == 0)
                    options->mode = &MODES[i];
            if (options->mode || strcmp(optarg, "all") == 0)
                break;
            fprintf(stderr, "sim: no mode %s\n", optarg);
            return false;
        default:
            return false;
        }
    }
    return optind == count;
}

int main(int count, char **arguments)
{
    struct options options = {.seeds = 100, .steps = 200};
    struct arena arena;
    struct error error;
    unsigned long long passed = 0, failed = 0;
    bool shrunk = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (!read_options(count, arguments, &options) || !keys_start(&error) ||
        !load_catalog(SOURCE_DIR "/tests/sim/catalog.yaml", &arena, &options.catalog))
        return 2;
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(options.directory, sizeof options.directory, "%s/hopnhat-sim-%ld", place, (long)getpid());
    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (options.mode && options.mode != &MODES[i])
            continue;
        for (uint64_t seed = options.first; seed < options.first + options.seeds && !(failed && options.stop);
             seed++) {
            if (run_seed(&options, &MODES[i], seed, &shrunk))
                passed++;
            else
                failed++;
        }
    }
    arena_release(&arena);
    printf("%llu passed, %llu failed\n", passed, failed);
    return failed != 0;
}
