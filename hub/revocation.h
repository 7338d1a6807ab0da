/* Taking an office's machines out of the federation. */
#ifndef HOPNHAT_HUB_REVOCATION_H
#define HOPNHAT_HUB_REVOCATION_H

#include "hub/state.h"

/* What was revoked by a call; what had been before does not count. */
struct revoked {
    size_t installations, replicas, codes;
};

/* Revokes the office's installation that has written under the number `replica`, or with 0 all of them and
 * the one-time codes that have not been used. Their sessions end at their next message; what comes of their
 * logs by whatever way goes to quarantine, where it can be released. The office itself stays, and may be
 * given a new code. Durable when it returns. ERROR_NOT_FOUND: no such office, or the number is none of its;
 * the store's errors: then nothing was revoked. */
bool revocation_apply(struct hub *hub, const char *office, uint64_t replica, struct revoked *revoked,
                      struct error *error);

#endif
