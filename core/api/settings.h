/* The settings of a running daemon: from its configuration file (YAML: `key: value`), and from the command
 * line, which overrides it. Every key stands in one table, in settings_table.c: kind, range, default, unit,
 * and whether a change takes effect while the daemon runs. `run --help-config` prints that table, in the form
 * of a file. */
#ifndef HOPNHAT_API_SETTINGS_H
#define HOPNHAT_API_SETTINGS_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

enum settings_program { SETTINGS_AGENT = 1, SETTINGS_HUB = 2 };

/* All of them, as they are in force. Texts are never NULL: "" where nothing is set. */
struct settings {
    const char *listen;                    /* the hub: where agents connect */
    const char *http;                      /* address of HTTP over TCP */
    const char *http_names;                /* as http_server_open_tcp has them */
    uint64_t custody_wait_s;               /* the hub: hub/custody.h */
    uint64_t office_mib_per_day;           /* the hub: hub/intake.h */
    uint64_t log_level;                    /* enum log_level */
    uint64_t link_up_kbit, link_down_kbit; /* the agent: bounds a second; 0: none */
    const char *link_bulk_hours;           /* the agent: "HH:MM-HH:MM", or "": always */
    uint64_t link_metered;                 /* the agent */
    const char *backup_directory;          /* of the scheduled backups */
    uint64_t backup_interval_h, backup_keep;
    struct arena arena; /* of the texts */
};

/* Where settings come from; borrowed, and kept for a reload. */
struct settings_source {
    enum settings_program program;
    const char *path;         /* the file; NULL: none */
    const char *const *given; /* "key=value" of the command line, the later one counts; NULL-ended, or NULL */
};

/* Reads all of them into *settings, which settings_release ends, and has the log heed its level. Blocks on
 * the file. ERROR_INPUT says what is wrong in which line of the file, ERROR_USAGE what is wrong with what was
 * given; ERROR_NOT_FOUND and ERROR_STORE where there is no such file or it cannot be read; ERROR_MEMORY.
 * Nothing is to be released then. */
bool settings_begin(struct settings *settings, const struct settings_source *source, struct error *error);
void settings_release(struct settings *settings);

/* Reads them anew into *settings, in the place of those in force, and tells the service manager and the log.
 * What takes effect at a start alone stays as it is, and where it would change that is logged. Where the file
 * is wrong, that is logged, and all stay as they were: false, with the error. */
bool settings_reload(struct settings *settings, const struct settings_source *source, struct error *error);

/* All that are not at their default, as "key: value, …", in the arena; NULL: out of memory. */
char *settings_text(struct settings *settings, enum settings_program program, struct arena *arena);

/* Whether the minute of a day (0 to 1439) lies in hours such as "19:00-06:00", which may go over midnight and
 * do not hold their end; "" holds all. */
bool settings_hours_hold(const char *hours, unsigned minute);

/* The table as a file in which every key is commented out at its default. */
void settings_help(enum settings_program program, FILE *to);

#endif
