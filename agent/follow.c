#include "agent/follow.h"

#include "agent/source.h"

/* Small steps: an agent runs on a small machine, where memory that LMDB once took counts. */
enum { GATHER_MS = 200, STEP_RECORDS = 500, STEP_ROWS = 1000 };
static const uint64_t MAP_BYTES = UINT64_C(8) << 30;

struct follow *agent_follow(const struct agent *agent, bool thread, struct error *error)
{
    struct follow_options options = {
        .data = agent->directory,
        .map_bytes = MAP_BYTES,
        .source = agent_source(agent->environment),
        .builder = {.records = STEP_RECORDS, .rows = STEP_ROWS},
        .thread = thread,
        .gather_ms = GATHER_MS,
    };
    return follow_open(&options, error);
}
