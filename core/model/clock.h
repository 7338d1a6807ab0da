/* Hybrid logical clock: 48 bits of milliseconds since 1970, 16 of counter. Pure: the wall clock's reading is
 * an argument. After Kulkarni et al., "Logical Physical Clocks" (2014), with the counter in the low bits. */
#ifndef HOPNHAT_MODEL_CLOCK_H
#define HOPNHAT_MODEL_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t last;     /* the last time given out */
    int64_t offset_ms; /* what was measured at the last contact: the hub's clock minus the wall clock */
};

/* The milliseconds of a time. */
static inline uint64_t time_ms(uint64_t time)
{
    return time >> 16;
}

/* The time at the start of a millisecond; what does not fit 48 bits is held at the end of time. */
uint64_t time_of_ms(uint64_t ms);

/* A time greater than every one given out before, and as near to the corrected wall clock as that allows. */
uint64_t clock_next(struct clock *clock, uint64_t wall_ms);

/* The corrected reading, without giving it out. */
uint64_t clock_reading(const struct clock *clock, uint64_t wall_ms);

/* Takes note of the hub's time, received at wall_ms in answer to a request sent at sent_wall_ms: the offset
 * is measured against the middle. A clock that ran ahead of the hub falls back to it. */
void clock_contact(struct clock *clock, uint64_t sent_wall_ms, uint64_t wall_ms, uint64_t hub_time);

/* By how much the claimed time of a change is to be moved, in ms, so that it is when the change was made. It
 * was made when the machine's clock read written_ms and, corrected as it was then, claimed_ms; now it reads
 * wall_ms and has been corrected anew. Since the contact before, the clock may have jumped, and nobody knows
 * whether that was before the change or after it: so what was claimed may be right, or what the clock read,
 * corrected as it is now. Neither can be later than the truth but by being in the future: it is the later one
 * that is not. 0 where both are. */
int64_t clock_shift_ms(const struct clock *clock, uint64_t claimed_ms, uint64_t written_ms, uint64_t wall_ms);

/* The admitted time of a change that claims `claimed`, from a replica whose clock read `reading` when the
 * hub's read `receipt`: the claim moved by the difference and held between floor (the replica's previous
 * contact) and receipt. */
uint64_t clock_admit(uint64_t claimed, uint64_t reading, uint64_t receipt, uint64_t floor);

#endif
