#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

static void __attribute__((format(printf, 2, 0))) write_line(int level, const char *format, va_list arguments)
{
    char line[1024];
    int saved = errno, start = 0;
    if (getenv("JOURNAL_STREAM"))
        start = snprintf(line, sizeof line, "<%d>", level);
    int wanted = vsnprintf(line + start, sizeof line - (size_t)start - 1, format, arguments);
    size_t length = (size_t)start + (wanted < 0 ? 0 : (size_t)wanted);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 127)
            line[i] = '?';
    line[length++] = '\n';
    ssize_t written;
    do
        written = write(STDERR_FILENO, line, length);
    while (written < 0 && errno == EINTR);
    errno = saved;
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(LOG_INFO, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(LOG_WARNING, format, arguments);
    va_end(arguments);
}

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(LOG_ERR, format, arguments);
    va_end(arguments);
}
