/* Down: the state. Parts of the feed, each read in one snapshot. */
#ifndef HOPNHAT_HUB_FEED_H
#define HOPNHAT_HUB_FEED_H

#include "hub/urgent.h"
#include "store/pieces.h"

#include "wire.pb-c.h"

/* Where an agent stands in one group. */
struct feed_cursor {
    char group[LIMIT_GROUP_NAME_BYTES + 1];
    uint64_t base, position;
};

/* What an agent was told of one of its logs: the watermark, and the highest refused seq. */
struct feed_log {
    uint64_t watermark, refusal;
};

/* Where an agent stands: what it has applied, as far as the hub knows. */
struct feed_state {
    struct feed_cursor *cursors; /* owned; in the order of the office's groups once they are told */
    size_t group_count;
    bool groups_told;
    bool digests_told;            /* of these groups, in this session */
    bool at_head;                 /* it was told so last: all cursors stand at one rev */
    bool bulk_waits;              /* more follows than fits a part, and the agent does not want it now */
    bool takes_ahead;             /* what is urgent may come ahead of its turn */
    bool piece_ahead;             /* more is to come of a large item that goes ahead of its turn */
    uint64_t ahead[URGENCY_NONE]; /* by urgency: rows up to this rev have been sent ahead */
    struct pieces_held held[PIECES_AT_ONCE]; /* of items that were sent in part */
    struct feed_log *logs;                   /* owned; as many as the reader has */
    size_t log_count;
    uint64_t left; /* records that follow, about; counted when a catch-up begins. 0: not counted */
};

/* Whose feed it is. */
struct feed_reader {
    const struct office *office;
    const uint64_t *logs; /* replica numbers, in the order of the Hello */
    const uint64_t *heads,
        *trimmed; /* of these, what is known to stand in the agent's own logs: up to, after */
    size_t log_count;
};

/* Copies; the target's former cursors are freed. False: out of memory (the target is then empty). */
bool feed_state_copy(struct feed_state *to, const struct feed_state *from);
void feed_state_release(struct feed_state *state);

/* Whether there might be something in that scope that the reader does not have. Cheap: reads no disk. */
bool feed_has_news(struct hub *hub, const struct feed_reader *reader, const struct feed_state *state,
                   Hopnhat__PullScope scope);

/* Reads the next part after `state` in a snapshot of its own, of about credit_bytes and of that scope, into
 * the arena. *next
 * (to begin with empty) is where the agent stands when it has applied it. */
bool feed_part(struct hub *hub, const struct feed_reader *reader, const struct feed_state *state,
               size_t credit_bytes, Hopnhat__PullScope scope, struct arena *arena, Hopnhat__Feed **feed,
               struct feed_state *next, struct error *error);

/* The refusals of a log above `told`, at most LIMIT_REFUSALS_PER_MESSAGE less those in *count already,
 * appended to `refusals`; *told moves on. Returns whether that was all. */
bool feed_refusals(struct transaction *transaction, uint64_t replica, uint64_t *told, struct arena *arena,
                   Hopnhat__Refusal **refusals, size_t *count);

/* Takes out of a record what only the hub needs. */
void feed_strip(Hopnhat__Record *record);

#endif
