/* A client's end of ZMTP 3.1 with CURVE (RFC 23, RFC 26) in little memory, for a process that plays thousands
 * of agents: one socket each and no thread. A hub cannot tell it from libzmq's DEALER. */
#ifndef HOPNHAT_TESTS_BENCH_CURVE_H
#define HOPNHAT_TESTS_BENCH_CURVE_H

#include "base/bytes.h"
#include "net/keys.h"

#include <sodium.h>

enum curve_state { CURVE_DOWN, CURVE_CONNECTING, CURVE_GREETED, CURVE_SAID_HELLO, CURVE_INITIATED, CURVE_UP };

struct curve {
    int fd; /* -1: none */
    enum curve_state state;
    const struct link_keys *own;
    const uint8_t *hub_key;
    uint8_t short_public[32], short_secret[32], shared[crypto_box_BEFORENMBYTES];
    uint64_t nonce;
    /* bytes read and not used yet; bytes that the socket did not take yet */
    uint8_t *in, *out;
    size_t in_size, in_capacity, in_used, out_size;
};

struct sockaddr_in;

/* Begins a connection; own and hub_key are borrowed for its life. False: no socket. Never waits. */
bool curve_connect(struct curve *curve, const struct sockaddr_in *address, const struct link_keys *own,
                   const uint8_t *hub_key);

/* Ends it; what was not sent is dropped. Does nothing where there is none. */
void curve_close(struct curve *curve);

/* Reads what has come and goes on with the handshake, and writes what waits. False: the connection is at an
 * end, or what came is not CURVE. */
bool curve_work(struct curve *curve);

/* Takes the next message; false when there is none. *frame is valid until the next call on the connection. */
bool curve_receive(struct curve *curve, struct bytes *frame);

/* Sends a message; curve_ping a heartbeat as an agent's. False: not up, or out of memory. */
bool curve_send(struct curve *curve, struct bytes frame);
bool curve_ping(struct curve *curve);

/* Whether it waits for the socket to take more. */
static inline bool curve_wants_to_write(const struct curve *curve)
{
    return curve->state == CURVE_CONNECTING || curve->out_size > 0;
}

#endif
