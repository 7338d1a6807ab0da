/* The wall clock, read in one place: everything below the daemons gets it as an argument. */
#ifndef HOPNHAT_API_WALL_H
#define HOPNHAT_API_WALL_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since 1970, as this machine believes. */
uint64_t wall_now_ms(void);

/* The moment as 2025-07-01T08:30:00Z, in the arena. NULL: out of memory. */
char *wall_text(uint64_t ms, struct arena *arena);

/* A moment as wall_text writes it, also without seconds, with +07:00 in the place of the Z, or a day alone
 * (in UTC): *ms is the last millisecond of what it names. False: it is none. */
bool wall_parse(const char *text, uint64_t *ms);

#endif
