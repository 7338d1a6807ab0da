#include "net/backoff.h"

uint64_t backoff_ms(unsigned attempt, uint64_t random)
{
    uint64_t most = BACKOFF_CAP_MS;
    if (attempt < 16 && (uint64_t)BACKOFF_BASE_MS << attempt < most)
        most = (uint64_t)BACKOFF_BASE_MS << attempt;
    return random % (most + 1);
}
