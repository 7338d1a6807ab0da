#include "api/wall.h"

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
