/* Taking an office's machines out of the federation. */
#ifndef HOPNHAT_HUB_REVOCATION_H
#define HOPNHAT_HUB_REVOCATION_H

#include "hub/admission.h"

/* What is to be revoked, and who says so (NULL: nobody is named). */
struct revoking {
    uint64_t replica; /* the office's installation that has written under this number; 0: all of them */
    const char *author;
    uint64_t wall_ms;
};

/* What was revoked by a call; what had been before does not count. */
struct revoked {
    size_t installations, replicas, codes;
};

/* Revokes one of the office's installations, or all that have joined until now and the one-time codes that
 * have not been used. It is written into the office's record, by a change of headquarters' own. Their
 * sessions end at their next message; what comes of their logs by whatever way goes to quarantine, where it
 * can be released. The office itself stays, and may be given a new code. Durable when it returns.
 * ERROR_NOT_FOUND: no such office, or the number is none of its; the store's errors: then nothing was
 * revoked. */
bool revocation_apply(struct hub *hub, const char *office, const struct revoking *revoking,
                      struct revoked *revoked, struct error *error);

#endif
