/* hopnhat's simulator. Usage: sim [--seeds N] [--first S] [--mode MODE] [--steps N] [--seed S]
 *                               [--only STEPS] [--verbose] [--defect NAME] [--stop]
 * Runs N seeds of a mode (or of all) and ends with `N passed, N failed`. The first failing seed is made
 * shorter: steps that are not needed are left out, and what happens in the others is printed, with the
 * command that runs these alone. --verbose prints each message too, and all of what happens at the end. */
#include "steps.h"
#include "world.h"

#include "base/defect.h"
#include "base/log.h"
#include "model/catalog_yaml.h"
#include "net/keys.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
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
enum {
    MODE_COUNT = sizeof MODES / sizeof *MODES,
    FAILURE_BYTES = 600,
    MOST_STEPS = 100000,
    SHRINK_MS = 60000
};

struct options {
    uint64_t first, seeds;
    struct steps steps;
    const struct mode *mode; /* NULL: all */
    const char *defect;      /* NULL: none is planted */
    bool verbose, stop;      /* stop: at the first failure, without making it shorter */
    struct bytes catalog;
    char directory[100];
};

/* One history: a seed in a mode. */
struct history {
    const struct options *options;
    const struct mode *mode;
    uint64_t seed;
    char failure[FAILURE_BYTES]; /* of the last run; empty where all held */
    unsigned failed_at;          /* the number of the step before which it failed, or a greater one */
};

/* Runs the steps of the history. Returns its trace. */
static uint64_t run(struct history *history, const struct steps *steps, enum telling telling)
{
    struct world *world = malloc(sizeof *world);
    if (!world)
        abort();
    if (world_start(world, history->mode, history->seed, history->options->catalog,
                    history->options->directory)) {
        world->telling = telling;
        for (size_t i = 0; i < steps->count && !world->failure[0]; i++)
            world_step(world, steps->numbers[i]);
        if (!world->failure[0])
            world_settle(world);
        world_check(world);
        world_check_catalogs(world);
    }
    memcpy(history->failure, world->failure, sizeof history->failure);
    history->failed_at = (unsigned)world->steps;
    uint64_t trace = world->trace;
    world_end(world);
    free(world);
    world_remove(history->options->directory);
    return trace;
}

/* The next word, without what differs from run to run: numbers, letters of agents, ids. False: there is none.
 */
static bool next_word(const char **text, const char **word, size_t *size)
{
    for (;;) {
        bool plain = true;
        while (**text == ' ')
            ++*text;
        *word = *text;
        for (; **text && **text != ' '; ++*text)
            plain = plain && !isdigit((unsigned char)**text) && isascii((unsigned char)**text);
        *size = (size_t)(*text - *word);
        if (*size == 0 || (*size > 1 && plain))
            return *size > 0;
    }
}

static bool same_failure(const char *a, const char *b)
{
    const char *left, *right;
    size_t left_size, right_size;
    bool more;
    do {
        more = next_word(&a, &left, &left_size);
        if (next_word(&b, &right, &right_size) != more || left_size != right_size ||
            memcmp(left, right, left_size) != 0)
            return false;
    } while (more);
    return true;
}

struct trial {
    struct history history;
    const char *failure;
};

static bool fails_the_same(void *context, const struct steps *steps)
{
    struct trial *trial = context;
    run(&trial->history, steps, TELL_NOTHING);
    return trial->history.failure[0] && same_failure(trial->history.failure, trial->failure);
}

/* Prints the history with the fewest steps that fail the same way. */
static void show(const struct history *failed)
{
    const struct options *options = failed->options;
    struct trial trial = {.history = *failed, .failure = failed->failure};
    const struct steps_trial way = {.context = &trial, .fails = fails_the_same};
    struct steps steps = {.numbers = malloc((options->steps.count + 1) * sizeof *steps.numbers)};
    if (!steps.numbers)
        abort();
    for (size_t i = 0; i < options->steps.count && options->steps.numbers[i] <= failed->failed_at; i++)
        steps.numbers[steps.count++] = options->steps.numbers[i];
    steps_shrink(&steps, &way, SHRINK_MS);
    char *list = steps_format(&steps);
    printf("  %zu of %zu steps show it: sim --mode %s --seed %llu --only %s%s%s\n", steps.count,
           options->steps.count, failed->mode->name, (unsigned long long)failed->seed,
           list && *list ? list : "none", options->defect ? " --defect " : "",
           options->defect ? options->defect : "");
    run(&trial.history, &steps, TELL_STEPS);
    printf("  %s\n", trial.history.failure);
    free(list);
    steps_release(&steps);
}

static bool run_seed(struct history *history, bool *shown)
{
    const struct options *options = history->options;
    uint64_t trace = run(history, &options->steps, options->verbose ? TELL_ALL : TELL_NOTHING);
    if (!history->failure[0] && history->seed % 16 == 0 &&
        run(history, &options->steps, TELL_NOTHING) != trace)
        snprintf(history->failure, sizeof history->failure, "the same seed gave another history");
    if (options->verbose)
        printf("trace %016llx\n", (unsigned long long)trace);
    if (!history->failure[0])
        return true;
    printf("mode %s seed %llu: %s\n", history->mode->name, (unsigned long long)history->seed,
           history->failure);
    if (!*shown && !options->verbose && !options->stop) {
        show(history);
        *shown = true;
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

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end && errno == 0 && *number >= least && *number <= most)
        return true;
    fprintf(stderr, "sim: %s is no number from %" PRIu64 " to %" PRIu64 "\n", text, least, most);
    return false;
}

static bool read_options(int count, char **arguments, struct options *options)
{
    static const struct option known[] = {
        {"seeds", required_argument, NULL, 'n'}, {"first", required_argument, NULL, 'f'},
        {"mode", required_argument, NULL, 'm'},  {"steps", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},  {"only", required_argument, NULL, 'o'},
        {"verbose", no_argument, NULL, 'v'},     {"defect", required_argument, NULL, 'd'},
        {"stop", no_argument, NULL, 'x'},        {0},
    };
    uint64_t last = 200;
    const char *only = NULL;
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case 'n':
            if (!read_number(optarg, 1, INT64_MAX, &options->seeds))
                return false;
            break;
        case 's':
            options->seeds = 1;
            /* fall through */
        case 'f':
            if (!read_number(optarg, 0, INT64_MAX, &options->first))
                return false;
            break;
        case 't':
            if (!read_number(optarg, 0, MOST_STEPS, &last))
                return false;
            break;
        case 'o':
            only = optarg;
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
            options->defect = optarg;
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
    if (only && strcmp(only, "none") != 0 && !steps_parse(&options->steps, only, MOST_STEPS)) {
        fprintf(stderr, "sim: --only takes rising numbers of steps, such as 3,17,40-44\n");
        return false;
    }
    if (!options->steps.numbers && !steps_all(&options->steps, only ? 0 : (unsigned)last))
        return false;
    return optind == count;
}

int main(int count, char **arguments)
{
    struct options options = {.seeds = 100};
    struct arena arena;
    struct error error;
    unsigned long long passed = 0, failed = 0;
    bool shown = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (!read_options(count, arguments, &options) || !keys_start(&error) ||
        !load_catalog(SOURCE_DIR "/tests/sim/catalog.yaml", &arena, &options.catalog))
        return 2;
    if (!options.verbose)
        log_set_level(LOG_LEVEL_ERROR);
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(options.directory, sizeof options.directory, "%s/hopnhat-sim-%ld", place, (long)getpid());
    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (options.mode && options.mode != &MODES[i])
            continue;
        for (uint64_t seed = options.first; seed < options.first + options.seeds && !(failed && options.stop);
             seed++) {
            struct history history = {.options = &options, .mode = &MODES[i], .seed = seed};
            if (run_seed(&history, &shown))
                passed++;
            else
                failed++;
        }
    }
    arena_release(&arena);
    steps_release(&options.steps);
    printf("%llu passed, %llu failed\n", passed, failed);
    return failed != 0;
}
