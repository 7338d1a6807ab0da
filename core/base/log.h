/* What a daemon tells its operator. Where stderr is the journal (systemd started us), each call is an entry
 * of it with fields of its own: PRIORITY, CODE_FILE, CODE_LINE, CODE_FUNC, and those that the caller adds.
 * Elsewhere it is one line on stderr, written at once. Control characters in the text are shown as '?', so
 * that nobody forges a line. Safe from every thread.
 *
 * Of one place in the code at most LOG_BURST entries are told in a minute, and how many were left out is told
 * with the next: nobody who makes a daemon complain fills its journal. That count and the level are what is
 * kept for the whole process: whatever logs, logs to the same place. */
#ifndef HOPNHAT_BASE_LOG_H
#define HOPNHAT_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR = 3, /* as syslog numbers them: needs a person */
    LOG_LEVEL_WARNING,   /* went wrong, and we live with it */
    LOG_LEVEL_INFO = 6,  /* an operator may want to know; all is well */
};

/* A field of an entry in the journal: HOPNHAT_OFFICE, HOPNHAT_REPLICA, HOPNHAT_CHANGE, HOPNHAT_RECORD,
 * HOPNHAT_GROUP, HOPNHAT_PEER, HOPNHAT_FILE. */
struct log_field {
    const char *name, *value; /* borrowed; a field whose value is NULL is left out */
};

enum { LOG_FIELDS = 4 }; /* the most that a caller may add */
enum { LOG_BURST = 20 };

/* A place in the code that logs, in static memory. */
struct log_site {
    const char *file;
    int line;
    const char *function;
    _Atomic uint64_t minute; /* and one: 0 is never */
    atomic_uint count;       /* of entries in it, told or not */
};

/* Counts one entry of the site in that minute of some clock. Whether it is to be told; *left_out is then how
 * many of the minute before were not, and *last whether it is the last for this minute. For log_tell. */
bool log_site_may(struct log_site *site, uint64_t minute, unsigned *left_out, bool *last);

/* From now on, what is less pressing than `level` is not told. LOG_LEVEL_INFO at first. */
void log_set_level(enum log_level level);

/* Tells one thing. fields may be NULL, and ends with a name that is NULL. */
void log_tell(struct log_site *site, enum log_level level, const struct log_field *fields, const char *format,
              ...) __attribute__((format(printf, 4, 5)));

#define log_at(level, fields, ...)                                                                           \
    do {                                                                                                     \
        static struct log_site log_site_here = {.file = __FILE__, .line = __LINE__, .function = __func__};   \
        log_tell(&log_site_here, level, fields, __VA_ARGS__);                                                \
    } while (0)
#define log_info(...)    log_at(LOG_LEVEL_INFO, (void *)0, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, (void *)0, __VA_ARGS__)
#define log_error(...)   log_at(LOG_LEVEL_ERROR, (void *)0, __VA_ARGS__)

/* The same with one field: log_with(LOG_LEVEL_WARNING, "HOPNHAT_OFFICE", code, "…"). */
#define log_with(level, name, value, ...)                                                                    \
    do {                                                                                                     \
        const struct log_field log_fields_here[] = {{name, value}, {(void *)0, (void *)0}};                  \
        log_at(level, log_fields_here, __VA_ARGS__);                                                         \
    } while (0)

#endif
