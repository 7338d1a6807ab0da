/* What a daemon tells its operator. Where stderr is the journal (systemd started us), each call is an entry
 * of it with fields of its own: PRIORITY, CODE_FILE, CODE_LINE, CODE_FUNC, and those that the caller adds.
 * Elsewhere it is one line on stderr, written at once. Control characters in the text are shown as '?', so
 * that nobody forges a line. Safe from every thread. The level is the one thing kept for the whole process:
 * whatever logs, logs to the same place. */
#ifndef HOPNHAT_BASE_LOG_H
#define HOPNHAT_BASE_LOG_H

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

/* From now on, what is less pressing than `level` is not told. LOG_LEVEL_INFO at first. */
void log_set_level(enum log_level level);

/* Tells one thing. fields may be NULL, and ends with a name that is NULL. */
void log_tell(enum log_level level, const char *file, int line, const char *function,
              const struct log_field *fields, const char *format, ...) __attribute__((format(printf, 6, 7)));

#define log_info(...)    log_tell(LOG_LEVEL_INFO, __FILE__, __LINE__, __func__, (void *)0, __VA_ARGS__)
#define log_warning(...) log_tell(LOG_LEVEL_WARNING, __FILE__, __LINE__, __func__, (void *)0, __VA_ARGS__)
#define log_error(...)   log_tell(LOG_LEVEL_ERROR, __FILE__, __LINE__, __func__, (void *)0, __VA_ARGS__)

/* The same with one field: log_with(LOG_LEVEL_WARNING, "HOPNHAT_OFFICE", code, "…"). */
#define log_with(level, name, value, ...)                                                                    \
    log_tell(level, __FILE__, __LINE__, __func__,                                                            \
             (const struct log_field[]){{name, value}, {(void *)0, (void *)0}}, __VA_ARGS__)

#endif
