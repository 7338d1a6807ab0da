#include "base/entropy.h"

#include <sodium.h>

static void fill(void *context, void *data, size_t size)
{
    (void)context;
    randombytes_buf(data, size);
}

struct entropy entropy_system(void)
{
    return (struct entropy){.fill = fill};
}
