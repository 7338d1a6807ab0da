/* How fast agents come back: after a restart all of them do at once, and whoever is at work already is not to
 * wait for them. The hub books its own time for each session that begins, by what the last ones have cost;
 * when more is booked ahead than its bound, a Hello is answered Busy, each with a later turn than the one
 * before. */
#ifndef HOPNHAT_HUB_PACE_H
#define HOPNHAT_HUB_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Begin with {0}. */
struct pace {
    uint64_t booked_us; /* the time up to which the hub's time is booked */
    uint64_t turn_us;   /* when the last of those who were sent away may come again */
    uint64_t cost_us;   /* of a session that begins, lately; 0: not known yet */
    uint64_t begun;     /* sessions since pace_measure */
};

/* Whether a session may begin now, by a clock that nobody sets; it is booked then. If not, *retry_ms says
 * when to come again. */
bool pace_admits(struct pace *pace, uint64_t now_ms, uint32_t *retry_ms);

/* The hub has worked for so long on what came, in which sessions began (or none). */
void pace_measure(struct pace *pace, uint64_t worked_us);

#endif
