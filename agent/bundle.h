/* What a link would carry, in files (net/bundle.h): the changes that the hub lacks go out, the hub's answer
 * comes in. Blocks on the disk. */
#ifndef HOPNHAT_AGENT_BUNDLE_H
#define HOPNHAT_AGENT_BUNDLE_H

#include "agent/state.h"

struct agent_bundle {
    uint64_t changes; /* exported: in the bundle; imported: that the hub has now and were pending here */
    bool more;        /* exported: not all fitted; imported: the hub has more. The next bundle goes on */
    uint64_t records; /* imported: rows of the feed */
    uint64_t made_ms; /* imported: when the hub made it, by its clock */
};

/* Makes a bundle of what the hub lacks, as far as is known here, in the arena. Changes nothing. */
bool agent_bundle_export(struct agent *agent, uint64_t wall_ms, struct arena *arena, struct bytes *file,
                         struct agent_bundle *result, struct error *error);

/* Takes the hub's answer: what it has, what it refused, and the feed. Refused whole: ERROR_INPUT,
 * ERROR_CORRUPT (bundle_header, bundle_open), ERROR_REFUSED (for another machine, of another hub, or not for
 * where the office stands now: it has been taken already, or answers an older bundle). A kill in the middle
 * does no harm: the same file is imported again. */
bool agent_bundle_import(struct agent *agent, struct bytes file, uint64_t wall_ms,
                         struct agent_bundle *result, struct error *error);

#endif
