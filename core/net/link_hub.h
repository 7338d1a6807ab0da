/* The hub's end of all links: one ROUTER socket under CURVE. Every key is asked for admission when it
 * connects; what arrives carries the key that sent it. libzmq does not say when a peer goes, and a key that
 * was admitted stays connected: the caller judges every message by its key. */
#ifndef HOPNHAT_NET_LINK_HUB_H
#define HOPNHAT_NET_LINK_HUB_H

#include "base/bytes.h"
#include "net/keys.h"
#include "net/loop.h"
#include "net/net.h"

enum {
    LINK_HEARTBEAT_MS = 15 * 1000,         /* the agent asks for a sign of life this often */
    LINK_HEARTBEAT_TIMEOUT_MS = 60 * 1000, /* either side gives the connection up after this silence */
    LINK_SLICE_MESSAGES = 1000,            /* the most that a `ready` callback should take in one turn */
    LINK_ENDPOINT_BYTES = 256,
};

/* One connection of one key. Copied freely; stands for the connection even after that is gone. */
struct link_peer {
    uint8_t key[LINK_KEY_BYTES]; /* the agent's CURVE public key */
    uint32_t connection;         /* no two connections that live at once have the same */
};

enum link_admission { LINK_ADMIT, LINK_REFUSE };

struct link_hub_options {
    const char *endpoint; /* "tcp://ADDRESS:PORT"; ADDRESS "*" for every one, PORT "*" for any free one */
    const struct link_keys *keys; /* the hub's; copied */
    /* Asked in the loop's thread for each connection after its key was proved. `address` is the peer's IP
     * address. May not block for long: handshakes wait for it. */
    enum link_admission (*admit)(void *user, const uint8_t key[LINK_KEY_BYTES], const char *address);
    /* Called in a turn in which messages wait: take up to LINK_SLICE_MESSAGES by link_hub_receive. */
    void (*ready)(void *user);
    void *user;
};

struct link_hub_counts {
    uint64_t admitted, refused; /* connections, by the answer of `admit` */
    uint64_t dropped;           /* messages that were no single frame of an admitted key */
};

struct link_hub;

/* Listens from now on and registers with the loop. NULL with ERROR_INPUT for an endpoint that cannot be, else
 * ERROR_NETWORK (the address is in use, …) or ERROR_MEMORY. The caller frees it, before loop and net; peers
 * are cut off then. One for each net. */
struct link_hub *link_hub_new(struct net *net, struct loop *loop, const struct link_hub_options *options,
                              struct error *error);
void link_hub_free(struct link_hub *hub);

/* Where it listens, with the real port; the hub's own string. */
const char *link_hub_endpoint(const struct link_hub *hub);

/* Takes one message without waiting; false when there is none. *frame is valid until the next call. */
bool link_hub_receive(struct link_hub *hub, struct link_peer *peer, struct bytes *frame);

/* Hands a frame, which is copied, to libzmq for this very connection. False if the connection is gone or its
 * queue is full: the frame is dropped. Never waits. True is no promise of delivery. */
bool link_hub_send(struct link_hub *hub, const struct link_peer *peer, struct bytes frame);

/* The connection from which this key sent last, if any of the last LIMIT_SESSIONS keys. */
bool link_hub_latest(const struct link_hub *hub, const uint8_t key[LINK_KEY_BYTES], struct link_peer *peer);

/* Since link_hub_new. */
struct link_hub_counts link_hub_counts(const struct link_hub *hub);

#endif
