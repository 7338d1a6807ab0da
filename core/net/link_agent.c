#include "net/link_agent.h"

#include "net/link_hub.h"
#include "net/link_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

enum { QUEUE_MESSAGES = 64, EVENTS_A_TURN = 16 };
enum {
    WATCHED_EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                     ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED
};

struct link_agent {
    struct net *net;
    struct loop *loop;
    struct link_agent_options options;
    struct loop_source *timer;
    /* the present attempt or connection; NULL between two */
    void *socket, *monitor;
    struct loop_source *socket_source, *monitor_source;
    uint64_t deadline_ms; /* of the attempt */
    uint64_t attempt;     /* makes the monitor's name unique */
    bool up;
    zmq_msg_t body; /* the frame handed out last */
};

void link_agent_close(struct link_agent *link)
{
    loop_remove(link->loop, link->socket_source);
    loop_remove(link->loop, link->monitor_source);
    if (link->socket) {
        zmq_socket_monitor(link->socket, NULL, 0);
        zmq_close(link->socket);
    }
    if (link->monitor)
        zmq_close(link->monitor);
    link->socket = link->monitor = NULL;
    link->socket_source = link->monitor_source = NULL;
    link->up = false;
}

static void go_down(struct link_agent *link, enum link_state state, const char *text)
{
    link_agent_close(link);
    link->options.changed(link->options.user, state, text);
}

/* What an event means for a link that is or is not up; false where it means nothing yet. */
static bool state_of_event(uint16_t event, bool up, enum link_state *state, const char **text)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        *state = LINK_UP, *text = "connected";
        return true;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        *state = LINK_REFUSED, *text = "the hub does not admit this key";
        return true;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        *state = LINK_STRANGER, *text = "what answers there is not a hub with the expected key";
        return true;
    case ZMQ_EVENT_DISCONNECTED:
        *state = up ? LINK_CUT : LINK_STRANGER;
        *text =
            up ? "the connection was cut" : "the connection ended before both sides had proved their keys";
        return true;
    case ZMQ_EVENT_CLOSED:
        *state = LINK_NO_ROUTE, *text = "nobody answers at the hub's address";
        return true;
    default:
        return false;
    }
}

/* Takes one event of two parts: number and value, and the endpoint. */
static bool receive_event(void *monitor, uint16_t *event)
{
    uint8_t head[6], endpoint[LINK_ENDPOINT_BYTES];
    int size = zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT);
    if (size < 0)
        return false;
    *event = 0;
    if (size == (int)sizeof head)
        memcpy(event, head, sizeof *event);
    return zmq_recv(monitor, endpoint, sizeof endpoint, ZMQ_DONTWAIT) >= 0;
}

static void take_events(void *user)
{
    struct link_agent *link = user;
    uint16_t event;
    for (int i = 0; i < EVENTS_A_TURN && link->monitor && receive_event(link->monitor, &event); i++) {
        enum link_state state;
        const char *text;
        if (!state_of_event(event, link->up, &state, &text))
            continue;
        if (state != LINK_UP) {
            go_down(link, state, text);
            return;
        }
        link->up = true;
        link->options.changed(link->options.user, state, text);
    }
}

static int64_t wait_for_deadline(void *user)
{
    struct link_agent *link = user;
    if (!link->socket || link->up)
        return -1;
    uint64_t now = loop_now_ms();
    return now >= link->deadline_ms ? 0 : (int64_t)(link->deadline_ms - now);
}

static void give_up(void *user)
{
    struct link_agent *link = user;
    if (link->socket && !link->up)
        go_down(link, LINK_NO_ROUTE, "no answer from the hub's address in time");
}

struct link_agent *link_agent_new(struct net *net, struct loop *loop,
                                  const struct link_agent_options *options, struct error *error)
{
    struct link_agent *link = calloc(1, sizeof *link);
    if (!link) {
        error_set(error, ERROR_MEMORY, "out of memory for the link");
        return NULL;
    }
    link->net = net;
    link->loop = loop;
    link->options = *options;
    if (!link->options.connect_timeout_ms)
        link->options.connect_timeout_ms = LINK_CONNECT_TIMEOUT_MS;
    if (!link->options.heartbeat_ms)
        link->options.heartbeat_ms = LINK_HEARTBEAT_MS;
    if (!link->options.heartbeat_timeout_ms)
        link->options.heartbeat_timeout_ms = LINK_HEARTBEAT_TIMEOUT_MS;
    zmq_msg_init(&link->body);
    link->timer = loop_add_timer(loop, wait_for_deadline, give_up, link, error);
    if (!link->timer) {
        link_agent_free(link);
        return NULL;
    }
    return link;
}

void link_agent_free(struct link_agent *link)
{
    if (!link)
        return;
    const int linger_ms = LINK_LINGER_MS;
    if (link->up)
        zmq_setsockopt(link->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    link_agent_close(link);
    loop_remove(link->loop, link->timer);
    zmq_msg_close(&link->body);
    free(link);
}

static bool configure(struct link_agent *link, const char *endpoint, const uint8_t hub_key[LINK_KEY_BYTES],
                      const struct link_keys *own, struct error *error)
{
    void *socket = link->socket;
    int timeout = (int)link->options.heartbeat_timeout_ms;
    return link_socket_set_bytes(socket, ZMQ_CURVE_SERVERKEY, hub_key, LINK_KEY_BYTES, error) &&
           link_socket_set_bytes(socket, ZMQ_CURVE_PUBLICKEY, own->public_key, LINK_KEY_BYTES, error) &&
           link_socket_set_bytes(socket, ZMQ_CURVE_SECRETKEY, own->secret_key, LINK_KEY_BYTES, error) &&
           link_socket_set(socket, ZMQ_IMMEDIATE, 1, error) &&
           link_socket_set(socket, ZMQ_RECONNECT_IVL, -1, error) &&
           link_socket_set(socket, ZMQ_HEARTBEAT_IVL, (int)link->options.heartbeat_ms, error) &&
           link_socket_set(socket, ZMQ_HEARTBEAT_TIMEOUT, timeout, error) &&
           link_socket_set(socket, ZMQ_HEARTBEAT_TTL, timeout, error) &&
           link_socket_set_family(socket, endpoint, error);
}

/* The monitor is listened to before the connection begins, so that no event is missed. */
static bool watch(struct link_agent *link, struct error *error)
{
    char name[64];
    snprintf(name, sizeof name, "inproc://link-%" PRIxPTR "-%" PRIu64, (uintptr_t)link, ++link->attempt);
    const int no_linger = 0;
    link->monitor = zmq_socket(net_context(link->net), ZMQ_PAIR);
    if (!link->monitor || zmq_setsockopt(link->monitor, ZMQ_LINGER, &no_linger, sizeof no_linger) != 0 ||
        zmq_socket_monitor(link->socket, name, WATCHED_EVENTS) != 0 || zmq_connect(link->monitor, name) != 0)
        return error_set(error, ERROR_NETWORK, "cannot watch the link: %s", zmq_strerror(errno));
    /* messages first: what came before a cut is read before the cut is told */
    link->socket_source =
        loop_add_socket(link->loop, link->socket, link->options.ready, link->options.user, error);
    if (link->socket_source)
        link->monitor_source = loop_add_socket(link->loop, link->monitor, take_events, link, error);
    return link->monitor_source != NULL;
}

bool link_agent_connect(struct link_agent *link, const char *endpoint, const uint8_t hub_key[LINK_KEY_BYTES],
                        const struct link_keys *own, struct error *error)
{
    link_agent_close(link);
    if (!link_endpoint_check(endpoint, false, error))
        return false;
    link->socket = link_socket_new(link->net, ZMQ_DEALER, QUEUE_MESSAGES, error);
    if (!link->socket)
        return false;
    bool begun = configure(link, endpoint, hub_key, own, error) && watch(link, error);
    if (begun && zmq_connect(link->socket, endpoint) != 0)
        begun = error_set(error, ERROR_NETWORK, "cannot connect to %s: %s", endpoint, zmq_strerror(errno));
    if (!begun)
        link_agent_close(link);
    link->deadline_ms = loop_now_ms() + link->options.connect_timeout_ms;
    return begun;
}

void link_agent_set_patience(struct link_agent *link, unsigned heartbeat_timeout_ms)
{
    link->options.heartbeat_timeout_ms = heartbeat_timeout_ms;
}

bool link_agent_is_up(const struct link_agent *link)
{
    return link->up;
}

bool link_agent_send(struct link_agent *link, struct bytes frame)
{
    if (!link->up)
        return false;
    if (zmq_send(link->socket, frame.data, frame.size, ZMQ_DONTWAIT) >= 0)
        return true;
    /* libzmq looks at its own commands only now and then, and may not have seen the connection yet */
    int events;
    size_t size = sizeof events;
    return (errno == EAGAIN || errno == EINTR) &&
           zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &size) == 0 &&
           zmq_send(link->socket, frame.data, frame.size, ZMQ_DONTWAIT) >= 0;
}

bool link_agent_receive(struct link_agent *link, struct bytes *frame)
{
    int size = -1;
    if (!link->socket)
        return false;
    do
        size = zmq_msg_recv(&link->body, link->socket, ZMQ_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return false;
    *frame = bytes_of(zmq_msg_data(&link->body), zmq_msg_size(&link->body));
    return true;
}
