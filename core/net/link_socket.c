#include "net/link_socket.h"

#include "base/limits.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <zmq.h>

enum {
    /* libzmq counts a CURVE message with its nonce, its box and the name of the command */
    CURVE_OVERHEAD_BYTES = 64,
    HANDSHAKE_MS = 60 * 1000, /* four round trips and a kilobyte: half a minute on the thinnest links */
    KEEPALIVE_IDLE_SECONDS = 120,
    KEEPALIVE_INTERVAL_SECONDS = 30,
    KEEPALIVE_PROBES = 4,
};

bool link_socket_set_bytes(void *socket, int option, const void *value, size_t size, struct error *error)
{
    if (zmq_setsockopt(socket, option, value, size) != 0)
        return error_set(error, ERROR_NETWORK, "libzmq does not take its option %d: %s", option,
                         zmq_strerror(errno));
    return true;
}

bool link_socket_set(void *socket, int option, int value, struct error *error)
{
    return link_socket_set_bytes(socket, option, &value, sizeof value, error);
}

static bool set_all(void *socket, int queue_messages, struct error *error)
{
    const int64_t most = (int64_t)LIMIT_FRAME_BYTES + CURVE_OVERHEAD_BYTES;
    return link_socket_set_bytes(socket, ZMQ_MAXMSGSIZE, &most, sizeof most, error) &&
           link_socket_set(socket, ZMQ_LINGER, 0, error) &&
           link_socket_set(socket, ZMQ_SNDHWM, queue_messages, error) &&
           link_socket_set(socket, ZMQ_RCVHWM, queue_messages, error) &&
           link_socket_set(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS, error) &&
           link_socket_set(socket, ZMQ_TCP_KEEPALIVE, 1, error) &&
           link_socket_set(socket, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_SECONDS, error) &&
           link_socket_set(socket, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_INTERVAL_SECONDS, error) &&
           link_socket_set(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES, error);
}

void *link_socket_new(struct net *net, int type, int queue_messages, struct error *error)
{
    void *socket = zmq_socket(net_context(net), type);
    if (!socket) {
        error_set(error, ERROR_NETWORK, "cannot make a socket: %s", zmq_strerror(errno));
        return NULL;
    }
    if (!set_all(socket, queue_messages, error)) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

bool link_socket_set_family(void *socket, const char *endpoint, struct error *error)
{
    return !strchr(endpoint, '[') || link_socket_set(socket, ZMQ_IPV6, 1, error);
}

static bool is_port(const char *text, bool listen)
{
    unsigned number = 0;
    if (listen && strcmp(text, "*") == 0)
        return true;
    if (*text == '\0' || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
        return false;
    for (; *text; text++)
        number = number * 10 + (unsigned)(*text - '0');
    return number > 0 && number <= UINT16_MAX;
}

static bool is_host(const char *host, size_t size, bool listen)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    if (size == 1 && *host == '*')
        return listen;
    if (size > 2 && host[0] == '[' && host[size - 1] == ']')
        return strspn(host + 1, "0123456789abcdefABCDEF:.%") == size - 2;
    return size > 0 && size < 254 && strspn(host, plain) == size;
}

bool link_endpoint_check(const char *endpoint, bool listen, struct error *error)
{
    static const char scheme[] = "tcp://";
    const char *host = endpoint + sizeof scheme - 1;
    const char *colon = strrchr(endpoint, ':');
    if (strncmp(endpoint, scheme, sizeof scheme - 1) == 0 && colon >= host &&
        is_host(host, (size_t)(colon - host), listen) && is_port(colon + 1, listen))
        return true;
    return error_set(error, ERROR_INPUT, "'%s' is not of the form tcp://HOST:PORT", endpoint);
}
