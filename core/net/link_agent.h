/* The agent's end of the link: one DEALER socket under CURVE for each attempt. libzmq never reconnects on its
 * own: after LINK_DOWN the caller decides when to try again (net/backoff.h). */
#ifndef HOPNHAT_NET_LINK_AGENT_H
#define HOPNHAT_NET_LINK_AGENT_H

#include "base/bytes.h"
#include "net/keys.h"
#include "net/loop.h"
#include "net/net.h"

enum link_state {
    LINK_UP,       /* the hub has proved its key and admitted ours */
    LINK_NO_ROUTE, /* no connection: no such name or address, nobody there, or no answer in time */
    LINK_REFUSED,  /* the hub does not admit our key */
    LINK_STRANGER, /* what answers is no hub with the key that we were given */
    LINK_CUT,      /* the connection was up and has ended */
};

struct link_agent_options {
    unsigned connect_timeout_ms;   /* for an attempt up to LINK_UP; 0: LINK_CONNECT_TIMEOUT_MS */
    unsigned heartbeat_ms;         /* 0: LINK_HEARTBEAT_MS */
    unsigned heartbeat_timeout_ms; /* 0: LINK_HEARTBEAT_TIMEOUT_MS */
    /* Called in a turn when the state changes. For all but LINK_UP the socket is closed already, and
     * link_agent_connect may be called. `text` says more for an operator and lives for the call. */
    void (*changed)(void *user, enum link_state state, const char *text);
    /* Called in a turn in which messages wait: take up to LINK_SLICE_MESSAGES by link_agent_receive. */
    void (*ready)(void *user);
    void *user;
};

enum { LINK_CONNECT_TIMEOUT_MS = 75 * 1000, LINK_LINGER_MS = 1500 };

struct link_agent;

/* Makes a link that is not connected. NULL with ERROR_MEMORY. The caller frees it, before loop and net. What
 * was sent last has LINK_LINGER_MS to leave then: net_free waits for that. */
struct link_agent *link_agent_new(struct net *net, struct loop *loop,
                                  const struct link_agent_options *options, struct error *error);
void link_agent_free(struct link_agent *link);

/* Begins an attempt; ends a former one without a call of `changed`. The endpoint is "tcp://HOST:PORT"; a host
 * name is looked up to an IPv4 address, an IPv6 address stands in brackets. ERROR_INPUT for an endpoint that
 * cannot be, ERROR_NETWORK, ERROR_MEMORY. Never waits. */
bool link_agent_connect(struct link_agent *link, const char *endpoint, const uint8_t hub_key[LINK_KEY_BYTES],
                        const struct link_keys *own, struct error *error);

/* After how much silence either side gives up the connections made from now on. */
void link_agent_set_patience(struct link_agent *link, unsigned heartbeat_timeout_ms);

/* Ends the connection or attempt, if there is one, without a call of `changed`. What was sent and has not
 * left is dropped. */
void link_agent_close(struct link_agent *link);

/* Whether LINK_UP was the last state. */
bool link_agent_is_up(const struct link_agent *link);

/* Hands a frame, which is copied, to libzmq. False if the link is not up or its queue is full: the frame is
 * dropped. Never waits. True is no promise of delivery. */
bool link_agent_send(struct link_agent *link, struct bytes frame);

/* Takes one frame without waiting; false when there is none. *frame is valid until the next call or the end
 * of the connection. */
bool link_agent_receive(struct link_agent *link, struct bytes *frame);

#endif
