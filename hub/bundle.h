/* What a link would carry, in files (net/bundle.h): changes of an office come in, and the answer goes out.
 * Both run a session like one over a link, whose Hello is in the office's bundle, so that there is one way in
 * and one out; a session that the office has over a link meanwhile goes on. Blocks on the disk. */
#ifndef HOPNHAT_HUB_BUNDLE_H
#define HOPNHAT_HUB_BUNDLE_H

#include "hub/state.h"

struct hub_bundle {
    char office[LIMIT_OFFICE_CODE_BYTES + 1];
    uint64_t made_ms; /* when the office's bundle was made, by its clock */
    uint64_t changes; /* imported: in the bundle; and of these, that the hub did not have */
    uint64_t added;
    uint64_t refused; /* of those added, that went to quarantine */
    bool waits;       /* imported: changes wait for a catalog that the hub lacks */
    uint64_t records; /* exported: rows of the feed in the bundle */
    bool more;        /* exported: not all fitted; the next answer goes on */
};

/* Takes an office's bundle in. What the hub has already is passed over, so that a bundle may come twice, and
 * beside a link. Refused whole: ERROR_INPUT, ERROR_CORRUPT (bundle_header, bundle_open), ERROR_REFUSED (for
 * another hub, of an installation that is not known or revoked, a gap before its changes). ERROR_UNAVAILABLE:
 * the hub is busy; the same file is to be imported again. No turn may be open (hub_turn). */
bool hub_bundle_import(struct hub *hub, struct bytes file, uint64_t wall_ms, struct hub_bundle *result,
                       struct error *error);

/* Makes the answer for an office, in the arena: to the bundle that came last from that office, at the present
 * state. ERROR_NOT_FOUND where none has come. */
bool hub_bundle_export(struct hub *hub, const char *office, uint64_t wall_ms, struct arena *arena,
                       struct bytes *file, struct hub_bundle *result, struct error *error);

#endif
