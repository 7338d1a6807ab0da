/* The command line of both programs: options before or after the command, help, errors on stderr, exit status
 * 0, 1 for an error and 2 for wrong usage. What a program can do is data: tables of commands and options. */
#ifndef HOPNHAT_API_CLI_H
#define HOPNHAT_API_CLI_H

#include "api/client.h"

enum { CLI_GIVEN_OPTIONS = 128 };

struct cli;

/* As the argument of an option: "yes" or "no" may follow as the next word, and nothing means yes. */
#define CLI_YES_OR_NO "[yes|no]"

struct cli_option {
    const char *name;     /* without the dashes */
    const char *argument; /* what stands for it in the help; NULL: it takes none */
    const char *help;
};

struct cli_command {
    const char *name;      /* one word, or two: "office add" */
    const char *arguments; /* for the usage line */
    const char *help;
    const char *const *options; /* names of its own, NULL-ended; may be NULL */
    size_t least, most;         /* arguments */
    bool (*run)(struct cli *cli, struct error *error);
};

struct cli_program {
    const char *name, *summary;
    const struct cli_option *options; /* of all commands; the common ones are added */
    size_t option_count;
    const struct cli_command *const *commands;
    size_t command_count;
    struct store_opener opener;
};

/* A command under way; everything in it ends with cli_main. */
struct cli {
    const struct cli_program *program;
    const struct cli_command *command;
    const char *data; /* the store's directory */
    bool json;
    char **arguments; /* after the command's name */
    size_t argument_count;
    struct {
        const char *name, *value;
    } given[CLI_GIVEN_OPTIONS];
    size_t given_count;
    struct client *client; /* made by cli_call */
    int status;            /* of a command that did what it could: 0, unless it says otherwise */
    struct arena arena;
};

/* Runs the program: returns its exit status. */
int cli_main(const struct cli_program *program, int argc, char **argv);

/* The value of an option as given last ("yes" for one without argument), or NULL. */
const char *cli_option(const struct cli *cli, const char *name);

/* The value given at `place` among those of a repeated option, or NULL. */
const char *cli_option_at(const struct cli *cli, const char *name, size_t place);

/* A number given as an option, from 0 to most. ERROR_USAGE names it. */
bool cli_number(const struct cli *cli, const char *name, uint64_t absent, uint64_t most, uint64_t *number,
                struct error *error);

/* Sends a request to the daemon, or to the store itself; path_and_query is a format, each of whose arguments
 * is a string that is escaped first. As client_call; an answer for people is cleaned as table_clean does. */
bool cli_call(struct cli *cli, const char *method, json_t *body, json_t **answer, struct error *error,
              const char *path_format, ...) __attribute__((format(printf, 6, 7)));

/* The same with a path and query as they are (NULL: ERROR_MEMORY). */
bool cli_call_path(struct cli *cli, const char *method, const char *path, const json_t *body, json_t **answer,
                   struct error *error);

/* cli_call where only a program reads the answer: it is printed with --json. Takes the body; NULL: it could
 * not be made of what was given, ERROR_USAGE. */
bool cli_send(struct cli *cli, const char *method, json_t *body, struct error *error, const char *path_format,
              ...) __attribute__((format(printf, 5, 6)));

/* The client, connected or opened at the first call. NULL on error; stays the cli's. */
struct client *cli_client(struct cli *cli, struct error *error);

/* The text as it may stand in a path or query, in the cli's arena; "" without memory. */
const char *cli_escape(struct cli *cli, const char *text);

/* The name of the person who gives the command: HOPNHAT_AUTHOR, else the login name. */
const char *cli_author(void);

/* The same for the audit log, with the user that the process runs as: what the daemon notes of a command that
 * comes over its socket. In the cli's arena; NULL: ERROR_MEMORY. */
const char *cli_actor(struct cli *cli, struct error *error);

/* Prints one JSON value on a line of its own. */
void cli_print_json(const json_t *json);

#endif
