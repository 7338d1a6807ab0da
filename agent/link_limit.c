#include "agent/link_limit.h"

enum { LEAST_CHUNK_BYTES = 512, MOST_PASSED_MS = 3600 * 1000, PACKING_MEMORY_BYTES = 64 * 1024 };

bool allowance_is_left(struct allowance *allowance, uint64_t bytes_per_second, uint64_t now_ms)
{
    const int64_t most = (int64_t)bytes_per_second;
    uint64_t passed_ms = now_ms - allowance->at_ms;
    if (bytes_per_second == 0) {
        *allowance = (struct allowance){.at_ms = now_ms};
        return true;
    }
    if (passed_ms > MOST_PASSED_MS)
        passed_ms = MOST_PASSED_MS;
    const uint64_t earned = passed_ms * bytes_per_second / 1000;
    if (earned) /* else the time goes on to count */
        allowance->at_ms = now_ms;
    allowance->left_bytes += (int64_t)earned;
    if (allowance->left_bytes > most)
        allowance->left_bytes = most;
    return allowance->left_bytes > 0;
}

void allowance_use(struct allowance *allowance, size_t size_bytes)
{
    allowance->left_bytes -= (int64_t)size_bytes;
}

uint64_t allowance_wait_ms(const struct allowance *allowance, uint64_t bytes_per_second)
{
    if (bytes_per_second == 0 || allowance->left_bytes > 0)
        return 0;
    return (uint64_t)(1 - allowance->left_bytes) * 1000 / bytes_per_second + 1;
}

void packing_note(struct packing *packing, size_t content_bytes, size_t crossed_bytes)
{
    packing->content_bytes += content_bytes;
    packing->crossed_bytes += crossed_bytes;
    while (packing->content_bytes > PACKING_MEMORY_BYTES || packing->crossed_bytes > PACKING_MEMORY_BYTES) {
        packing->content_bytes /= 2;
        packing->crossed_bytes /= 2;
    }
}

uint64_t limit_content_bytes(uint64_t bytes_per_second, const struct packing *packing)
{
    if (packing->content_bytes == 0 || packing->crossed_bytes == 0)
        return bytes_per_second;
    return bytes_per_second * packing->content_bytes / packing->crossed_bytes;
}

size_t limit_chunk_bytes(uint64_t bytes_per_second, size_t most)
{
    if (bytes_per_second == 0 || bytes_per_second / 2 >= most)
        return most;
    return bytes_per_second / 2 > LEAST_CHUNK_BYTES ? (size_t)(bytes_per_second / 2) : LEAST_CHUNK_BYTES;
}
