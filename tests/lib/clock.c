/* A machine whose clock is wrong, for tests: put before the C library's functions (LD_PRELOAD), it moves what
 * they tell of the time of day by a number of milliseconds, an int64_t in the file that HOPNHAT_CLOCK names.
 * The file is shared with the test, which may alter it at any time. Other clocks are left alone. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t offset_ms(void)
{
    static _Atomic int64_t *_Atomic shared;
    static atomic_bool looked;
    if (!atomic_exchange(&looked, true)) {
        const char *path = getenv("HOPNHAT_CLOCK");
        int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *map = file >= 0 ? mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
        if (file >= 0)
            close(file);
        shared = map == MAP_FAILED ? NULL : map;
    }
    _Atomic int64_t *now = shared;
    return now ? *now : 0;
}

/* The system call itself: looking the original up could ask for the time. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    int done = (int)syscall(SYS_clock_gettime, clock, time);
    if (done != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return done;
    int64_t ns = time->tv_nsec + offset_ms() % 1000 * 1000000;
    time->tv_sec += offset_ms() / 1000 + (ns >= 1000000000) - (ns < 0);
    time->tv_nsec = ns + (ns < 0 ? 1000000000 : ns >= 1000000000 ? -1000000000 : 0);
    return 0;
}

int gettimeofday(struct timeval *time, void *zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *place)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (place)
        *place = now.tv_sec;
    return now.tv_sec;
}
