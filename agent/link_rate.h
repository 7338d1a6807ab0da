/* How fast the link to the hub is in one direction, by what was answered, and how much may be under way in
 * it. Pure; times are milliseconds that never go back. */
#ifndef HOPNHAT_AGENT_LINK_RATE_H
#define HOPNHAT_AGENT_LINK_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RATE_ROUNDS = 4,
    RATE_LEAST_WINDOW_BYTES = 1024,
    RATE_FIRST_WINDOW_BYTES = 16 * 1024,
    RATE_QUEUED_MS = 1000,       /* of link that may wait, beyond what is in flight */
    RATE_LEAST_WINDOW_MS = 2000, /* the window holds so much of link at least, and at most: */
    RATE_MOST_WINDOW_MS = 4000,
    RATE_MOST_LATE_MS = 2000, /* what may follow meanwhile where an answer is late */
};

struct link_rate {
    uint64_t answered_bytes;   /* since the start */
    uint64_t answered_sent_ms; /* when what was answered last was sent, or sending began */
    /* the best sample of each of the last rounds, in bytes a second (0: none). A round ends with an answer to
     * what was sent after it began */
    uint64_t rounds[RATE_ROUNDS];
    size_t round;
    uint64_t round_began_ms;
    uint64_t round_trip_ms; /* of something small; 0: not known */
    size_t window_bytes, most_bytes;
};

/* What was so when something was sent. */
struct rate_mark {
    uint64_t sent_ms, answered_bytes, answered_sent_ms;
    size_t size_bytes;
    bool alone;  /* nothing else was under way, and it is small: its answer tells the round trip */
    bool filled; /* the window was in use, so the answer tells what the link can carry */
};

/* Before the first answer, with a bound for the window. */
void rate_start(struct link_rate *rate, size_t most_bytes);

/* Something of that size is sent while `under_way` bytes are unanswered. */
struct rate_mark rate_sent(struct link_rate *rate, size_t size_bytes, size_t under_way, uint64_t now_ms);

/* A small question was answered in that time. */
void rate_round_trip(struct link_rate *rate, uint64_t took_ms);

/* It has been answered. The rate of a sample is all that was answered since it was sent, by the time that
 * took, or by the time in which that much was sent where this was longer: behind a packet that was lost
 * answers pile up, and come at once. The best of the last RATE_ROUNDS rounds counts (as in BBR, Cardwell et
 * al. 2016, and its delivery rate estimation). The window is what the link carries in a round trip and
 * RATE_QUEUED_MS, within the bounds above; it grows at most twofold by one answer. */
void rate_answered(struct link_rate *rate, const struct rate_mark *mark, uint64_t now_ms);

/* A new connection: nothing is known of it, and the window is what it was at the start at most. */
void rate_renew(struct link_rate *rate);

/* The link went with something unanswered: the next one is tried with less. */
void rate_lost(struct link_rate *rate);

/* Bytes a second; 0: not known. */
uint64_t rate_bytes_per_second(const struct link_rate *rate);

/* Whether there is room for so much more: at once (0), or when the oldest of what is under way has been so
 * long without its answer. A link that waits for a lost packet goes on carrying what comes after it, and
 * would run dry. UINT64_MAX: not before there is an answer. */
uint64_t rate_room_ms(const struct link_rate *rate, size_t under_way, size_t size_bytes);

/* The most that one message should hold: several fit the window, so that it is kept full, and that what is
 * urgent gets in between. */
size_t rate_chunk_bytes(const struct link_rate *rate);

/* The same for the next one: less where so little is left of the window. */
size_t rate_next_bytes(const struct link_rate *rate, size_t under_way);

#endif
