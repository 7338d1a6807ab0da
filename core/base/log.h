/* What a daemon tells its operator: one line on stderr for each call, written at once. Under systemd
 * (JOURNAL_STREAM is set) each line begins with its level in the form that the journal reads. Control
 * characters in the text are shown as '?', so that nobody forges a line. Safe from every thread. */
#ifndef HOPNHAT_BASE_LOG_H
#define HOPNHAT_BASE_LOG_H

/* Something an operator may want to know; all is well. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something that went wrong and that we live with. */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something that needs a person. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
