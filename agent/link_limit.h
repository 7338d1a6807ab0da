/* What the office lets its link be used for. Pure; times are milliseconds that never go back. */
#ifndef HOPNHAT_AGENT_LINK_LIMIT_H
#define HOPNHAT_AGENT_LINK_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the settings say at this moment. All zero: no limit. */
struct link_limits {
    uint64_t up_bytes_per_second, down_bytes_per_second; /* 0: as fast as the link is */
    bool metered;                                        /* nothing moves but what a person marked urgent */
    bool bulk_waits;                                     /* it is not the hour for what is bulk */
};

/* What may be used now of a limited direction: a second of it at most is saved up, and what was used beyond
 * is waited for. */
struct allowance {
    int64_t left_bytes;
    uint64_t at_ms;
};

/* Whether something may be sent or asked for now. */
bool allowance_is_left(struct allowance *allowance, uint64_t bytes_per_second, uint64_t now_ms);

/* So much has crossed. */
void allowance_use(struct allowance *allowance, size_t size_bytes);

/* In how many milliseconds something may be sent again, as of the last allowance_is_left. */
uint64_t allowance_wait_ms(const struct allowance *allowance, uint64_t bytes_per_second);

/* How small what crosses is made: a limit counts what crosses, and what is left to do is known before that.
 */
struct packing {
    uint64_t content_bytes, crossed_bytes; /* lately; 0: nothing is known */
};

/* So much was sent, or has come, as so many bytes that crossed; 0: other things than are left to do. */
void packing_note(struct packing *packing, size_t content_bytes, size_t crossed_bytes);

/* How much content a limit lets through in a second; 0: no limit. As much as crosses where nothing is known.
 */
uint64_t limit_content_bytes(uint64_t bytes_per_second, const struct packing *packing);

/* The most that one message should hold: half a second of the limit, or `most`. */
size_t limit_chunk_bytes(uint64_t bytes_per_second, size_t most);

#endif
