#include "hub/follow.h"

#include "hub/source.h"

enum { GATHER_MS = 50 };

struct follow *hub_follow(const struct hub *hub, bool thread, struct error *error)
{
    struct follow_options options = {
        .data = hub->directory,
        .source = hub_source(hub->environment),
        .thread = thread,
        .gather_ms = GATHER_MS,
    };
    return follow_open(&options, error);
}
