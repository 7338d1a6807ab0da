/* Where random bytes come from: the system, or in the simulator a seeded generator. */
#ifndef HOPNHAT_BASE_ENTROPY_H
#define HOPNHAT_BASE_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

struct entropy {
    void *context;
    void (*fill)(void *context, void *data, size_t size);
};

/* The operating system's cryptographic generator (libsodium's). sodium_init must have been called. */
struct entropy entropy_system(void);

static inline uint64_t entropy_number(const struct entropy *entropy)
{
    uint64_t number = 0;
    while (number == 0) /* 0 means none, everywhere */
        entropy->fill(entropy->context, &number, sizeof number);
    return number;
}

#endif
