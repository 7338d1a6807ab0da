#include "api/cli.h"

#include "api/cli_help.h"
#include "api/table.h"
#include "base/limits.h"
#include "net/http_request.h"
#include "net/keys.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <locale.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLI_DATA_DIRECTORY "/var/lib/"

enum {
    MOST_OPTIONS = 96,
    MOST_PATH_PARTS = 4,
    COMMAND_ARENA_BYTES = 256 * 1024 * 1024,
    STATUS_ERROR = 1,
    STATUS_USAGE = 2,
};

const struct cli_option cli_common_options[CLI_COMMON_OPTIONS] = {
    {"data", "DIR",
     "the store's directory; else HOPNHAT_DATA, else " CLI_DATA_DIRECTORY "PROGRAM if it is there"},
    {"json", NULL, "output for programs: JSON, lists as JSON lines"},
    {"help", NULL, "this help, or that of the command"},
    {"version", NULL, "the version"},
};

const char *cli_option_at(const struct cli *cli, const char *name, size_t place)
{
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].name, name) == 0 && place-- == 0)
            return cli->given[i].value;
    return NULL;
}

const char *cli_option(const struct cli *cli, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].name, name) == 0)
            value = cli->given[i].value;
    return value;
}

bool cli_number(const struct cli *cli, const char *name, uint64_t absent, uint64_t most, uint64_t *number,
                struct error *error)
{
    char what[64];
    snprintf(what, sizeof what, "--%s", name);
    if (api_number(cli_option(cli, name), what, absent, most, number, error))
        return true;
    error->code = ERROR_USAGE;
    return false;
}

const char *cli_author(void)
{
    const char *named = getenv("HOPNHAT_AUTHOR");
    if (named && *named)
        return named;
    const struct passwd *user = getpwuid(geteuid());
    return user && user->pw_name ? user->pw_name : "unknown";
}

const char *cli_actor(struct cli *cli, struct error *error)
{
    char *actor = arena_format(&cli->arena, "uid %u as %.*s", geteuid(), LIMIT_AUTHOR_BYTES, cli_author());
    if (!actor)
        out_of_memory(error);
    return actor;
}

void cli_print_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', stdout);
}

struct client *cli_client(struct cli *cli, struct error *error)
{
    if (!cli->client)
        cli->client = client_new(cli->data, &cli->program->opener, error);
    return cli->client;
}

const char *cli_escape(struct cli *cli, const char *text)
{
    const char *escaped = http_escape(&cli->arena, text);
    return escaped ? escaped : "";
}

/* The path in the cli's arena; NULL without memory. */
static const char *path_of(struct cli *cli, const char *path_format, va_list arguments)
{
    const char *parts[MOST_PATH_PARTS] = {0};
    size_t count = 0, used = 0, size = strlen(path_format) + 1;
    for (const char *mark = path_format; (mark = strstr(mark, "%s")) && count < MOST_PATH_PARTS; mark += 2) {
        parts[count] = cli_escape(cli, va_arg(arguments, const char *));
        size += strlen(parts[count++]);
    }
    char *path = arena_alloc(&cli->arena, size);
    if (!path)
        return NULL;
    count = 0;
    for (const char *from = path_format; *from;) {
        if (from[0] == '%' && from[1] == 's' && count < MOST_PATH_PARTS) {
            size_t length = strlen(parts[count]);
            memcpy(path + used, parts[count++], length);
            used += length;
            from += 2;
        } else {
            path[used++] = *from++;
        }
    }
    path[used] = '\0';
    return path;
}

bool cli_call_path(struct cli *cli, const char *method, const char *path, const json_t *body, json_t **answer,
                   struct error *error)
{
    struct client *client = path ? cli_client(cli, error) : NULL;
    if (!path)
        return out_of_memory(error);
    if (!client || !client_call(client, method, path, body, answer, error))
        return false;
    if (cli->json || table_clean(*answer, error))
        return true;
    json_decref(*answer);
    *answer = NULL;
    return false;
}

bool cli_call(struct cli *cli, const char *method, json_t *body, json_t **answer, struct error *error,
              const char *path_format, ...)
{
    va_list arguments;
    va_start(arguments, path_format);
    const char *path = path_of(cli, path_format, arguments);
    va_end(arguments);
    return cli_call_path(cli, method, path, body, answer, error);
}

bool cli_send(struct cli *cli, const char *method, json_t *body, struct error *error, const char *path_format,
              ...)
{
    json_t *answer = NULL;
    va_list arguments;
    va_start(arguments, path_format);
    const char *path = path_of(cli, path_format, arguments);
    va_end(arguments);
    bool done = body ? cli_call_path(cli, method, path, body, &answer, error)
                     : error_set(error, ERROR_USAGE, "what was given is no UTF-8 text");
    json_decref(body);
    if (done && cli->json)
        cli_print_json(answer);
    json_decref(answer);
    return done;
}

static const struct cli_option *option_at(const struct cli_program *program, size_t place)
{
    if (place < CLI_COMMON_OPTIONS)
        return &cli_common_options[place];
    place -= CLI_COMMON_OPTIONS;
    return place < program->option_count ? &program->options[place] : NULL;
}

static bool is_yes_or_no(const struct cli_option *row)
{
    return row->argument && strcmp(row->argument, CLI_YES_OR_NO) == 0;
}

/* The value of the option that getopt_long has just found. NULL: not one of yes and no. */
static const char *option_value(const struct cli_option *row, int argc, char **argv)
{
    if (!is_yes_or_no(row))
        return optarg ? optarg : "yes";
    const char *value = optarg ? optarg : optind < argc ? argv[optind] : "";
    bool known = strcmp(value, "yes") == 0 || strcmp(value, "no") == 0;
    if (known && !optarg)
        optind++;
    return known ? value : optarg ? NULL : "yes";
}

/* Takes the options of all commands apart; what remains stands in arguments. */
static bool read_options(struct cli *cli, int argc, char **argv, struct error *error)
{
    struct option table[MOST_OPTIONS] = {0};
    const struct cli_option *row;
    int found;
    for (size_t i = 0; (row = option_at(cli->program, i)) && i < MOST_OPTIONS - 1; i++)
        table[i] = (struct option){row->name,
                                   is_yes_or_no(row) ? optional_argument
                                   : row->argument   ? required_argument
                                                     : no_argument,
                                   NULL, (int)i + 256};
    opterr = 0;
    while ((found = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (found == ':')
            return error_set(error, ERROR_USAGE, "%s needs a value", argv[optind - 1]);
        if (found == '?')
            return error_set(error, ERROR_USAGE, "unknown option %s", argv[optind - 1]);
        if (cli->given_count == CLI_GIVEN_OPTIONS)
            return error_set(error, ERROR_USAGE, "more than %d options", CLI_GIVEN_OPTIONS);
        row = option_at(cli->program, (size_t)found - 256);
        const char *value = option_value(row, argc, argv);
        if (!value)
            return error_set(error, ERROR_USAGE, "--%s: give yes or no", row->name);
        cli->given[cli->given_count].name = row->name;
        cli->given[cli->given_count++].value = value;
    }
    cli->arguments = argv + optind;
    cli->argument_count = (size_t)(argc - optind);
    return true;
}

/* How many of the arguments are the command's name: 0 where it is another command. */
static size_t name_words(const struct cli_command *command, const struct cli *cli)
{
    const char *blank = strchr(command->name, ' ');
    size_t first = blank ? (size_t)(blank - command->name) : strlen(command->name);
    if (cli->argument_count == 0 || strlen(cli->arguments[0]) != first ||
        memcmp(cli->arguments[0], command->name, first) != 0)
        return 0;
    if (!blank)
        return 1;
    return cli->argument_count > 1 && strcmp(cli->arguments[1], blank + 1) == 0 ? 2 : 0;
}

/* The first word of commands of two words, with another second one or none: says which there are. False: it
 * is not. */
static bool tell_second_words(const struct cli *cli, struct error *error)
{
    char list[256] = "";
    const char *first = cli->arguments[0];
    for (size_t i = 0; i < cli->program->command_count; i++) {
        const char *name = cli->program->commands[i]->name, *blank = strchr(name, ' ');
        size_t used = strlen(list);
        if (blank && strlen(first) == (size_t)(blank - name) && memcmp(first, name, strlen(first)) == 0)
            snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", blank + 1);
    }
    if (*list)
        error_set(error, ERROR_USAGE, "%s needs one of: %s", first, list);
    return *list;
}

static bool find_command(struct cli *cli, struct error *error)
{
    for (size_t i = 0; i < cli->program->command_count; i++) {
        size_t words = name_words(cli->program->commands[i], cli);
        if (!words)
            continue;
        cli->command = cli->program->commands[i];
        cli->arguments += words;
        cli->argument_count -= words;
        return true;
    }
    if (cli->argument_count == 0)
        return error_set(error, ERROR_USAGE, "no command");
    if (tell_second_words(cli, error))
        return false;
    return error_set(error, ERROR_USAGE, "unknown command %.60s%s%.60s", cli->arguments[0],
                     cli->argument_count > 1 ? " " : "", cli->argument_count > 1 ? cli->arguments[1] : "");
}

static bool is_allowed(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < CLI_COMMON_OPTIONS; i++)
        if (strcmp(cli_common_options[i].name, name) == 0)
            return true;
    for (const char *const *own = cli->command->options; own && *own; own++)
        if (strcmp(*own, name) == 0)
            return true;
    return false;
}

static bool check_usage(const struct cli *cli, struct error *error)
{
    for (size_t i = 0; i < cli->given_count; i++)
        if (!is_allowed(cli, cli->given[i].name))
            return error_set(error, ERROR_USAGE, "%s does not take --%s", cli->command->name,
                             cli->given[i].name);
    if (cli->argument_count < cli->command->least)
        return error_set(error, ERROR_USAGE, "%s needs %s", cli->command->name, cli->command->arguments);
    if (cli->argument_count > cli->command->most)
        return error_set(error, ERROR_USAGE, "%s: too many arguments, from \"%.60s\"", cli->command->name,
                         cli->arguments[cli->command->most]);
    return true;
}

/* Root becomes the owner of the data directory: else what it writes there could not be used by the service.
 */
static bool become_owner(const struct cli *cli, struct error *error)
{
    struct stat status;
    if (geteuid() != 0 || stat(cli->data, &status) != 0 || status.st_uid == 0)
        return true;
    const char *person = getenv("SUDO_USER");
    if (setenv("HOPNHAT_AUTHOR", person && *person ? person : "root", 0) != 0)
        return out_of_memory(error);
    return (setgroups(1, &status.st_gid) == 0 &&
            setresgid(status.st_gid, status.st_gid, status.st_gid) == 0 &&
            setresuid(status.st_uid, status.st_uid, status.st_uid) == 0) ||
           error_set(error, ERROR_REFUSED, "cannot become the user that %s belongs to: %s", cli->data,
                     strerror(errno));
}

static bool find_data(struct cli *cli, struct error *error)
{
    const char *data = cli_option(cli, "data");
    if (!data)
        data = getenv("HOPNHAT_DATA");
    if (!data || !*data) {
        data = arena_format(&cli->arena, CLI_DATA_DIRECTORY "%s", cli->program->name);
        if (!data || access(data, F_OK) != 0)
            return error_set(error, ERROR_USAGE, "name the store's directory by --data DIR or HOPNHAT_DATA");
    }
    cli->data = data;
    return become_owner(cli, error);
}

static bool start(struct cli *cli, int argc, char **argv, bool *done, struct error *error)
{
    if (!read_options(cli, argc, argv, error))
        return false;
    *done = true;
    if (cli_option(cli, "version")) {
        printf("%s %s\n", cli->program->name, HOPNHAT_VERSION);
        return true;
    }
    if (cli_option(cli, "help") && cli->argument_count == 0) {
        cli_help_program(cli->program, stdout);
        return true;
    }
    if (!find_command(cli, error))
        return false;
    if (cli_option(cli, "help")) {
        cli_help_command(cli->program, cli->command, stdout);
        return true;
    }
    *done = false;
    cli->json = cli_option(cli, "json") != NULL;
    /* what only prints what is built in needs no store */
    return check_usage(cli, error) && (cli_option(cli, "help-config") || find_data(cli, error));
}

static int report(const struct cli *cli, const struct error *error)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", cli->program->name, error->text);
    if (error->code != ERROR_USAGE)
        return STATUS_ERROR;
    if (cli->command)
        fprintf(stderr, "usage: %s %s %s\n", cli->program->name, cli->command->name, cli->command->arguments);
    else
        fprintf(stderr, "usage: %s COMMAND ...; `%s --help` lists the commands\n", cli->program->name,
                cli->program->name);
    return STATUS_USAGE;
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
    struct error error = {0};
    struct cli *cli = calloc(1, sizeof *cli);
    bool done = false;
    if (!cli) {
        fprintf(stderr, "%s: out of memory\n", program->name);
        return STATUS_ERROR;
    }
    setlocale(LC_CTYPE, "C.UTF-8");
    cli->program = program;
    arena_init(&cli->arena, COMMAND_ARENA_BYTES);
    bool fine = keys_start(&error) && start(cli, argc, argv, &done, &error);
    if (fine && !done)
        fine = cli->command->run(cli, &error);
    client_free(cli->client);
    if (fine && (fflush(stdout) != 0 || ferror(stdout)))
        fine = error_set(&error, ERROR_STORE, "the output could not be written");
    int status = fine ? cli->status : report(cli, &error);
    arena_release(&cli->arena);
    free(cli);
    return status;
}
