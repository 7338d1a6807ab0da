#include "net/link_hub.h"

#include "base/hex.h"
#include "base/limits.h"
#include "net/admission.h"
#include "net/link_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
    /* An agent has few requests under way; what one may pile up at the hub is bounded by this and MAXMSGSIZE.
     */
    QUEUE_MESSAGES = 24,
    BACKLOG = 1024,
    ROUTING_BYTES = 5, /* libzmq's own routing id: a zero and a number */
};

/* A connection's routing id is always libzmq's own: the User-Id says who speaks. */
struct latest {
    UT_hash_handle hh;
    struct link_peer peer;
};

struct link_hub {
    void *socket;
    struct loop *loop;
    struct loop_source *source;
    struct admission *admission;
    struct latest *latest; /* by key, the one heard longest ago first */
    zmq_msg_t body;        /* the frame handed out last */
    uint64_t dropped;
    char endpoint[LINK_ENDPOINT_BYTES];
};

static void *make_socket(struct net *net, const struct link_hub_options *options, struct error *error)
{
    if (!link_endpoint_check(options->endpoint, true, error))
        return NULL;
    void *socket = link_socket_new(net, ZMQ_ROUTER, QUEUE_MESSAGES, error);
    if (!socket)
        return NULL;
    /* The agents' pings carry the time after which the hub gives a silent one up: it sends none of its own.
     */
    bool set = link_socket_set(socket, ZMQ_CURVE_SERVER, 1, error) &&
               link_socket_set_bytes(socket, ZMQ_CURVE_SECRETKEY, options->keys->secret_key, LINK_KEY_BYTES,
                                     error) &&
               link_socket_set_bytes(socket, ZMQ_ZAP_DOMAIN, "hopnhat", strlen("hopnhat"), error) &&
               link_socket_set(socket, ZMQ_ROUTER_MANDATORY, 1, error) &&
               link_socket_set(socket, ZMQ_BACKLOG, BACKLOG, error) &&
               link_socket_set_family(socket, options->endpoint, error);
    if (set && zmq_bind(socket, options->endpoint) != 0)
        set = error_set(error, ERROR_NETWORK, "cannot listen on %s: %s", options->endpoint,
                        zmq_strerror(errno));
    if (!set) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

struct link_hub *link_hub_new(struct net *net, struct loop *loop, const struct link_hub_options *options,
                              struct error *error)
{
    struct link_hub *hub = calloc(1, sizeof *hub);
    if (!hub) {
        error_set(error, ERROR_MEMORY, "out of memory for the link");
        return NULL;
    }
    hub->loop = loop;
    zmq_msg_init(&hub->body);
    size_t size = sizeof hub->endpoint;
    hub->admission = admission_new(net, loop, options, error);
    if (hub->admission)
        hub->socket = make_socket(net, options, error);
    if (hub->socket && zmq_getsockopt(hub->socket, ZMQ_LAST_ENDPOINT, hub->endpoint, &size) != 0)
        error_set(error, ERROR_NETWORK, "cannot tell where the hub listens: %s", zmq_strerror(errno));
    else if (hub->socket)
        hub->source = loop_add_socket(loop, hub->socket, options->ready, options->user, error);
    if (!hub->source) {
        link_hub_free(hub);
        return NULL;
    }
    return hub;
}

static void forget(struct link_hub *hub, struct latest *latest)
{
    HASH_DEL(hub->latest, latest);
    free(latest);
}

void link_hub_free(struct link_hub *hub)
{
    if (!hub)
        return;
    loop_remove(hub->loop, hub->source);
    if (hub->socket)
        zmq_close(hub->socket);
    admission_free(hub->admission);
    zmq_msg_close(&hub->body);
    while (hub->latest)
        forget(hub, hub->latest);
    free(hub);
}

const char *link_hub_endpoint(const struct link_hub *hub)
{
    return hub->endpoint;
}

/* Best effort: without memory a key is not remembered, and nobody is refused for it. */
static void remember(struct link_hub *hub, const struct link_peer *peer)
{
    struct latest *latest;
    HASH_FIND(hh, hub->latest, peer->key, LINK_KEY_BYTES, latest);
    if (latest)
        HASH_DEL(hub->latest, latest); /* goes to the end of the order */
    else if (HASH_COUNT(hub->latest) >= LIMIT_SESSIONS)
        forget(hub, hub->latest);
    if (!latest)
        latest = malloc(sizeof *latest);
    if (!latest)
        return;
    latest->peer = *peer;
    HASH_ADD(hh, hub->latest, peer.key, LINK_KEY_BYTES, latest);
    if (!latest->hh.tbl)
        free(latest);
}

bool link_hub_latest(const struct link_hub *hub, const uint8_t key[LINK_KEY_BYTES], struct link_peer *peer)
{
    struct latest *latest;
    HASH_FIND(hh, hub->latest, key, LINK_KEY_BYTES, latest);
    if (latest)
        *peer = latest->peer;
    return latest != NULL;
}

static bool receive_part(void *socket, zmq_msg_t *part)
{
    int size;
    do
        size = zmq_msg_recv(part, socket, ZMQ_DONTWAIT);
    while (size < 0 && errno == EINTR);
    return size >= 0;
}

static bool read_routing(zmq_msg_t *routing, struct link_peer *peer)
{
    const uint8_t *id = zmq_msg_data(routing);
    if (zmq_msg_size(routing) != ROUTING_BYTES || id[0] != 0 || !zmq_msg_more(routing))
        return false;
    peer->connection = get_u32_be(id + 1);
    return true;
}

/* Only the body tells the User-Id: the routing id's part is made by the socket. */
static bool read_key(zmq_msg_t *body, struct link_peer *peer)
{
    const char *user = zmq_msg_gets(body, "User-Id");
    return user && strlen(user) == ADMISSION_USER_BYTES - 1 &&
           hex_decode(user, ADMISSION_USER_BYTES - 1, peer->key);
}

/* Takes one message off the socket; false when there is none. *valid says whether it is one of ours. */
static bool receive_message(struct link_hub *hub, struct link_peer *peer, bool *valid)
{
    zmq_msg_t routing;
    zmq_msg_init(&routing);
    bool received = receive_part(hub->socket, &routing);
    *valid = received && read_routing(&routing, peer);
    bool more = received && zmq_msg_more(&routing);
    if (more)
        *valid = receive_part(hub->socket, &hub->body) && *valid && read_key(&hub->body, peer);
    if (more && zmq_msg_more(&hub->body)) {
        *valid = false;
        while (zmq_msg_more(&hub->body) && receive_part(hub->socket, &hub->body))
            ;
    }
    zmq_msg_close(&routing);
    return received;
}

bool link_hub_receive(struct link_hub *hub, struct link_peer *peer, struct bytes *frame)
{
    bool valid;
    for (int i = 0; i < LINK_SLICE_MESSAGES && receive_message(hub, peer, &valid); i++) {
        if (!valid) {
            hub->dropped++;
            continue;
        }
        remember(hub, peer);
        *frame = bytes_of(zmq_msg_data(&hub->body), zmq_msg_size(&hub->body));
        return true;
    }
    return false;
}

static bool send_part(void *socket, const void *data, size_t size, int flags)
{
    int sent;
    do
        sent = zmq_send(socket, data, size, ZMQ_DONTWAIT | flags);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

bool link_hub_send(struct link_hub *hub, const struct link_peer *peer, struct bytes frame)
{
    uint8_t routing[ROUTING_BYTES] = {0};
    put_u32_be(routing + 1, peer->connection);
    return send_part(hub->socket, routing, sizeof routing, ZMQ_SNDMORE) &&
           send_part(hub->socket, frame.data, frame.size, 0);
}

struct link_hub_counts link_hub_counts(const struct link_hub *hub)
{
    struct link_hub_counts counts = {.dropped = hub->dropped};
    admission_count(hub->admission, &counts);
    return counts;
}
