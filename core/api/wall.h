/* The wall clock, read in one place: everything below the daemons gets it as an argument. */
#ifndef HOPNHAT_API_WALL_H
#define HOPNHAT_API_WALL_H

#include "base/arena.h"

#include <stdint.h>

/* Milliseconds since 1970, as this machine believes. */
uint64_t wall_now_ms(void);

/* The moment as 2025-07-01T08:30:00Z, in the arena. NULL: out of memory. */
char *wall_text(uint64_t ms, struct arena *arena);

#endif
