/* Reading records as people see them: the draft where there is one, else the mirror. */
#ifndef HOPNHAT_AGENT_RECORDS_H
#define HOPNHAT_AGENT_RECORDS_H

#include "agent/state.h"
#include "model/edit.h"

/* The record, unpacked into the arena. NULL where there is none (or the transaction has failed). */
Hopnhat__Record *agent_record(struct transaction *transaction, uint32_t type,
                              const uint8_t id[RECORD_ID_BYTES], struct arena *arena);

/* Goes over the records of a type, ascending by id, mirror and drafts together. */
struct agent_scan {
    struct cursor mirror, draft;
    bool mirror_here, draft_here;
    uint8_t prefix[4];
};

/* Begins at the first record after the id `after`; NULL: at the very first. */
void agent_scan_open(struct agent_scan *scan, struct transaction *transaction, uint32_t type,
                     const uint8_t *after);

/* The next record, unpacked into the arena; NULL at the end, or where the transaction has failed. */
Hopnhat__Record *agent_scan_next(struct agent_scan *scan, struct arena *arena);
void agent_scan_close(struct agent_scan *scan);

/* What somebody is shown who is shown any record now. */
struct shown agent_shown_now(const struct agent *agent);

struct agent_status {
    const char *office; /* the agent's */
    uint64_t replica, epoch;
    bool hub_online, caught_up, digests_equal;
    uint64_t pending;          /* own changes that are not on the hub's disk */
    uint64_t pending_since_ms; /* when the oldest of them was made; 0: there is none */
    uint64_t drafts;           /* records that show own changes which the mirror does not hold yet */
    uint64_t outvoted; /* fields that read as something else than what was written here (agent/outvoted.h) */
    uint64_t refused, conflicts_open, digest_mismatches, records;
    uint64_t last_contact_ms; /* wall clock; 0: never */
    uint64_t heads;           /* how often the hub's head was reached since the start */
    uint32_t catalog_version;
    int64_t clock_offset_ms;
    bool custody_full;   /* no more of headquarters' log can be kept here */
    const char *trouble; /* empty when all is well; the agent's */
};

/* Fills in *status. Caught up: nothing pending, no drafts, at the hub's head in this session, digests equal,
 * the hub's catalog in force. */
bool agent_status(struct agent *agent, struct agent_status *status, struct error *error);

#endif
