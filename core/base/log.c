#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

enum { TEXT_BYTES = 1024, FIELD_BYTES = 512, OWN_FIELDS = 5 };

static atomic_int most_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&most_level, (int)level, memory_order_relaxed);
}

/* Whether stderr is the journal: what started us says which file that would be, and somebody may have sent
 * stderr elsewhere since. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

static void write_line(const char *text)
{
    char line[TEXT_BYTES + 1];
    int length = snprintf(line, sizeof line, "%s\n", text);
    ssize_t written;
    do
        written = write(STDERR_FILENO, line, (size_t)length);
    while (written < 0 && errno == EINTR);
}

/* Up to `count` fields "NAME=value". */
static bool write_journal(char (*own)[FIELD_BYTES], size_t count, const struct log_field *fields,
                          const char *text)
{
    static const char name[] = "MESSAGE=";
    char more[LOG_FIELDS][FIELD_BYTES], message[sizeof name + TEXT_BYTES];
    struct iovec parts[OWN_FIELDS + LOG_FIELDS];
    int used = 0;
    for (size_t i = 0; i < count; i++)
        parts[used++] = (struct iovec){own[i], strlen(own[i])};
    for (size_t i = 0; fields && fields[i].name && i < LOG_FIELDS; i++) {
        if (!fields[i].value)
            continue;
        snprintf(more[i], sizeof more[i], "%s=%s", fields[i].name, fields[i].value);
        parts[used++] = (struct iovec){more[i], strlen(more[i])};
    }
    parts[used++] = (struct iovec){message, (size_t)snprintf(message, sizeof message, "%s%s", name, text)};
    return sd_journal_sendv(parts, used) == 0;
}

void log_tell(enum log_level level, const char *file, int line, const char *function,
              const struct log_field *fields, const char *format, ...)
{
    char text[TEXT_BYTES], own[OWN_FIELDS - 1][FIELD_BYTES];
    int saved = errno;
    if ((int)level > atomic_load_explicit(&most_level, memory_order_relaxed))
        return;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    snprintf(own[0], sizeof own[0], "PRIORITY=%d", (int)level);
    snprintf(own[1], sizeof own[1], "CODE_FILE=%s", file);
    snprintf(own[2], sizeof own[2], "CODE_LINE=%d", line);
    snprintf(own[3], sizeof own[3], "CODE_FUNC=%s", function);
    if (!is_journal() || !write_journal(own, OWN_FIELDS - 1, fields, text))
        write_line(text);
    errno = saved;
}
