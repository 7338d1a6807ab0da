/* Slows down who keeps failing: by a key (an address, an account's name), in a table of fixed size. Pure: the
 * present time is an argument, in milliseconds; if its clock goes back, nobody waits for that. */
#ifndef HOPNHAT_BASE_THROTTLE_H
#define HOPNHAT_BASE_THROTTLE_H

#include "base/bytes.h"

enum { THROTTLE_KEYS = 256 };

struct throttle_row {
    uint64_t key; /* a hash */
    uint64_t failed_ms, wait_ms;
    uint32_t failures; /* in a row; 0: the row is free */
};

struct throttle {
    struct throttle_row rows[THROTTLE_KEYS];
};

/* How a kind of key is slowed: after `free` failures in a row the next try waits first_ms, and twice as long
 * after each further one, up to most_ms. Failures are forgotten forget_ms after the last of them. */
struct throttle_rule {
    uint32_t free;
    uint64_t first_ms, most_ms, forget_ms;
};

/* Milliseconds until this key may try again; 0: now. */
uint64_t throttle_wait_ms(const struct throttle *throttle, const struct throttle_rule *rule, struct bytes key,
                          uint64_t now_ms);

/* Takes note of a failure. In a full table the key that failed longest ago makes room: whoever tries under
 * ever new keys has to be bounded by something else. */
void throttle_failed(struct throttle *throttle, const struct throttle_rule *rule, struct bytes key,
                     uint64_t now_ms);

/* Forgets the key's failures. */
void throttle_succeeded(struct throttle *throttle, struct bytes key);

/* How often something may be done by all together: `burst` at once, and one more each every_ms. */
struct budget {
    uint64_t full_ms; /* when everything that was taken will be there again */
};

/* Takes one, unless none is left. */
bool budget_take(struct budget *budget, uint32_t burst, uint64_t every_ms, uint64_t now_ms);

#endif
