/* Who changed a record, found by going back through the logs from its last change (LogRow.touched), and how
 * it was: its changes up to a time, merged again. */
#ifndef HOPNHAT_HUB_HISTORY_H
#define HOPNHAT_HUB_HISTORY_H

#include "hub/state.h"
#include "model/change.h"

#include "wire.pb-c.h"

enum {
    HISTORY_CHANGES = 500,         /* the most that one answer lists */
    HISTORY_REPLAYED = 200 * 1000, /* the most that are merged again for one answer */
};

/* Answers the request, in the arena, for an office, or for headquarters itself (NULL). An office that is
 * neither headquarters nor the record's owner is told only what happened since the record came into its
 * group. Errors: ERROR_NOT_FOUND (also for a record that is in none of the office's groups), ERROR_REFUSED,
 * ERROR_INPUT, ERROR_LIMIT, ERROR_MEMORY, the store's. */
bool history_answer(const struct hub *hub, struct transaction *snapshot, const struct office *reader,
                    const Hopnhat__History *request, struct arena *arena, Hopnhat__HistoryAnswer *answer,
                    struct error *error);

/* Which of a record's changes are merged again. */
struct history_span {
    uint64_t as_of_ms;  /* those admitted up to then, */
    uint64_t until_rev; /* of these, those up to this rev */
    uint64_t from;      /* the rev by which the record came into the reader's group (0: all may be read): what
                           lacks any change up to it the reader never saw, and may not see now */
};

/* The record as those changes make it, in the arena; NULL on error: ERROR_NOT_FOUND (there are none),
 * ERROR_REFUSED (by span->from), ERROR_LIMIT, ERROR_MEMORY, ERROR_CORRUPT, the store's. */
Hopnhat__Record *history_replay(struct transaction *snapshot, const Hopnhat__Record *record,
                                const struct history_span *span, struct arena *arena, struct error *error);

/* A change in the list of those that touched a record. */
struct history_step {
    struct dot dot;
    uint64_t time, rev;
    uint32_t rank;
    struct change change; /* in the arena that it was read into */
    size_t edit;          /* of the record */
    struct dot previous;  /* seq 0: none */
};

/* Reads the change `dot` as one that touched the record. ERROR_INPUT where it did not. */
bool history_step(struct transaction *snapshot, const Hopnhat__Record *record, struct dot dot,
                  struct arena *arena, struct history_step *step, struct error *error);

#endif
