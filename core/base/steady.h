/* Time as it passes: a clock that nobody sets. The wall clock may be wrong by years and be put right at any
 * moment, so no span of time is measured by it. Injected, as entropy.h is. */
#ifndef HOPNHAT_BASE_STEADY_H
#define HOPNHAT_BASE_STEADY_H

#include <stdint.h>

/* {0}: no time passes, for a process that waits for nothing. */
struct steady {
    void *context;
    uint64_t (*now_ms)(void *context); /* milliseconds since some beginning; never back */
};

static inline uint64_t steady_ms(const struct steady *steady)
{
    return steady->now_ms ? steady->now_ms(steady->context) : 0;
}

#endif
