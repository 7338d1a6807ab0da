#include "model/gaps.h"

#include <stdlib.h>
#include <string.h>

bool gaps_add(struct gaps *gaps, uint64_t from, uint64_t to, const uint8_t link[LINK_BYTES])
{
    struct gap *last = gaps->count ? &gaps->list[gaps->count - 1] : NULL;
    if (!last || last->to + 1 != from) {
        struct gap *grown = realloc(gaps->list, (gaps->count + 1) * sizeof *grown);
        if (!grown)
            return false;
        gaps->list = grown;
        last = &grown[gaps->count++];
        last->from = from;
    }
    last->to = to;
    memcpy(last->link, link, LINK_BYTES);
    return true;
}

const struct gap *gaps_at(const struct gaps *gaps, uint64_t seq)
{
    for (size_t i = 0; i < gaps->count; i++)
        if (seq >= gaps->list[i].from && seq <= gaps->list[i].to)
            return &gaps->list[i];
    return NULL;
}

void gaps_free(struct gaps *gaps)
{
    free(gaps->list);
    *gaps = (struct gaps){0};
}
