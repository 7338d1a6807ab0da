/* What both ends of the link ask of libzmq. Used by core/net alone, but for the check of an endpoint. */
#ifndef HOPNHAT_NET_LINK_SOCKET_H
#define HOPNHAT_NET_LINK_SOCKET_H

#include "base/bytes.h"
#include "net/net.h"

/* A socket of the type with our bounds and times, neither bound nor connected: no lingering, a largest
 * message, a short handshake, keep-alive probes, a queue of queue_messages each way for each connection. NULL
 * with ERROR_NETWORK. The caller ends it with zmq_close. */
void *link_socket_new(struct net *net, int type, int queue_messages, struct error *error);

/* Sets one option. ERROR_NETWORK. */
bool link_socket_set(void *socket, int option, int value, struct error *error);
bool link_socket_set_bytes(void *socket, int option, const void *value, size_t size, struct error *error);

/* Turns IPv6 on where the endpoint has an address in brackets. */
bool link_socket_set_family(void *socket, const char *endpoint, struct error *error);

/* Whether the endpoint is tcp://HOST:PORT; when it is to listen on, HOST and PORT may be "*". libzmq itself
 * finds some wrong ones only in its own thread, and tells nobody. ERROR_INPUT. */
bool link_endpoint_check(const char *endpoint, bool listen, struct error *error);

#endif
