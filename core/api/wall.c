#include "api/wall.h"

#include <string.h>

#include <stdio.h>

#include <time.h>

uint64_t wall_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

char *wall_text(uint64_t ms, struct arena *arena)
{
    struct tm parts;
    char text[32];
    time_t seconds = (time_t)(ms / 1000);
    if (!gmtime_r(&seconds, &parts) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return arena_string(arena, "", 0);
    return arena_string(arena, text, strlen(text));
}

/* The offset from UTC in seconds: Z, +HH:MM or -HH:MM, and nothing after it. */
static bool parse_offset(const char *text, long *seconds)
{
    int hours, minutes, used = 0;
    *seconds = 0;
    if (strcmp(text, "Z") == 0)
        return true;
    if ((text[0] != '+' && text[0] != '-') || sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 ||
        text[1 + used] != '\0' || hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
        return false;
    *seconds = (text[0] == '-' ? -1 : 1) * (hours * 3600L + minutes * 60L);
    return true;
}

bool wall_parse(const char *text, uint64_t *ms)
{
    struct tm tm = {0};
    int used = 0, more = 0;
    long offset = 0, length = 24L * 3600;
    if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3 || used != 10)
        return false;
    text += used;
    if (*text) {
        if (sscanf(text, "T%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &used) != 2 || used != 6)
            return false;
        text += used;
        length = 60;
        if (sscanf(text, ":%2d%n", &tm.tm_sec, &more) == 1) {
            text += more;
            length = 1;
        }
        if (!parse_offset(text, &offset))
            return false;
    }
    if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
        tm.tm_sec > 59)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    long long start = (long long)timegm(&tm) - offset;
    *ms = start < 0 ? 0 : (uint64_t)(start + length) * 1000 - 1;
    return true;
}
