/* How long to wait before trying again. */
#ifndef HOPNHAT_NET_BACKOFF_H
#define HOPNHAT_NET_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_BASE_MS = 250, BACKOFF_CAP_MS = 60 * 1000 };

/* Full jitter: a wait between 0 and BACKOFF_BASE_MS * 2^attempt, at most BACKOFF_CAP_MS, so that the offices
 * that lost the hub at one moment do not return at one moment. attempt counts the failures since the last
 * success, from 0; random is any random number. Pure. */
uint64_t backoff_ms(unsigned attempt, uint64_t random);

#endif
