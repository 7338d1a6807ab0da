#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

enum { TEXT_BYTES = 1024, NOTE_BYTES = 100, FIELD_BYTES = 512, OWN_FIELDS = 5 };

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

bool log_site_may(struct log_site *site, uint64_t minute, unsigned *left_out, bool *last)
{
    uint64_t former = atomic_load(&site->minute);
    *left_out = 0;
    if (former != minute + 1 && atomic_compare_exchange_strong(&site->minute, &former, minute + 1)) {
        unsigned count = atomic_exchange(&site->count, 0);
        *left_out = count > LOG_BURST ? count - LOG_BURST : 0;
    }
    unsigned number = atomic_fetch_add(&site->count, 1) + 1;
    *last = number == LOG_BURST;
    return number <= LOG_BURST;
}

static uint64_t present_minute(void)
{
    struct timespec time = {0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec / 60;
}

void log_tell(struct log_site *site, enum log_level level, const struct log_field *fields, const char *format,
              ...)
{
    char text[TEXT_BYTES], own[OWN_FIELDS - 1][FIELD_BYTES];
    int saved = errno;
    unsigned left_out;
    bool last;
    if ((int)level > atomic_load_explicit(&most_level, memory_order_relaxed) ||
        !log_site_may(site, present_minute(), &left_out, &last))
        return;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, TEXT_BYTES - NOTE_BYTES, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    if (left_out)
        snprintf(text + strlen(text), NOTE_BYTES, " (%u like this were not told before)", left_out);
    if (last)
        snprintf(text + strlen(text), NOTE_BYTES / 2, " (no more like this in this minute)");
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    snprintf(own[0], sizeof own[0], "PRIORITY=%d", (int)level);
    snprintf(own[1], sizeof own[1], "CODE_FILE=%s", site->file);
    snprintf(own[2], sizeof own[2], "CODE_LINE=%d", site->line);
    snprintf(own[3], sizeof own[3], "CODE_FUNC=%s", site->function);
    if (!is_journal() || !write_journal(own, OWN_FIELDS - 1, fields, text))
        write_line(text);
    errno = saved;
}
