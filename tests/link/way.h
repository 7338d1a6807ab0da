/* One direction of an emulated link: packets wait for their turn to be sent, are sent at the link's rate, and
 * arrive after its delay, in the order in which they were sent. Time is given in, so that it can be tested.
 */
#ifndef HOPNHAT_TESTS_LINK_WAY_H
#define HOPNHAT_TESTS_LINK_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WAY_PACKET_BYTES = 65536 };

/* What the link is like, in each direction alike. */
struct shape {
    uint64_t rate_bits;   /* a second, of whole IP packets; 0: without bound */
    uint64_t delay_us;    /* one way */
    uint64_t jitter_us;   /* at most so much more or less, evenly spread; it never reorders */
    double loss;          /* 0 … 1: part of the packets that were sent and do not arrive */
    uint64_t queue_bytes; /* that may wait to be sent; what comes on top is dropped */
};

struct packet;

struct way {
    const struct shape *shape;
    uint64_t chance;              /* state of the generator */
    struct packet *first, **last; /* sent and waiting ones, in order of arrival */
    uint64_t idle_us;             /* when the sender will have sent all of it */
    uint64_t arrived_us;          /* when the latest of them arrives */
    uint64_t packets, bytes;      /* that arrived */
    uint64_t lost, overflowed;    /* on the link; before it, as the queue was full */
};

/* An empty way. The shape is borrowed, and may change. seed: any number. */
void way_init(struct way *way, const struct shape *shape, uint64_t seed);

/* A packet is handed in at now_us; it is copied. False: out of memory. */
bool way_put(struct way *way, uint64_t now_us, const uint8_t *bytes, size_t size);

/* The next packet that has arrived by now_us, or NULL; *size and the bytes hold until way_drop_first. */
const uint8_t *way_first(const struct way *way, uint64_t now_us, size_t *size);
void way_drop_first(struct way *way);

/* When the next packet arrives; UINT64_MAX: none is under way. */
uint64_t way_due_us(const struct way *way);

/* Loses all that is under way and waiting. */
void way_cut(struct way *way, uint64_t now_us);

#endif
