/* The listening sockets of the HTTP server, and the places that may talk to it. */
#ifndef HOPNHAT_NET_HTTP_LISTEN_H
#define HOPNHAT_NET_HTTP_LISTEN_H

#include "base/error.h"

#include <stddef.h>

/* A listening, non-blocking Unix socket of mode 0600. -1 with an error as http_server_open_unix. */
int http_listen_unix(const char *path, struct error *error);

/* Whether the address is one for http_listen_tcp: numbers, and a port to 65535. ERROR_INPUT. */
bool http_address_check(const char *address, struct error *error);

/* A listening, non-blocking TCP socket on exactly this address; *port gets the real one. -1 with an error as
 * http_server_open_tcp. */
int http_listen_tcp(const char *address, unsigned *port, struct error *error);

/* Whether a Host field (which may be NULL) names this machine's loopback, the host of `address`, or one of
 * names, as in http_server_open_tcp. */
bool http_host_is_ours(const char *host, const char *address, const char *names);

/* Whether such a host, `length` bytes of text without a port, is this machine's loopback. */
bool http_is_loopback(const char *host, size_t length);

/* Whether what listens at this ADDRESS:PORT hears this machine alone. */
bool http_address_is_loopback(const char *address);

/* Whether an Origin field is the place that the Host field names. */
bool http_origin_is_host(const char *origin, const char *host);

#endif
