/* Who is at the other end of an HTTP connection. */
#ifndef HOPNHAT_NET_HTTP_PEER_H
#define HOPNHAT_NET_HTTP_PEER_H

#include <stdbool.h>
#include <stddef.h>

struct MHD_Connection;

/* The user at the other end of a Unix socket. False: it cannot be told. */
bool http_peer_uid(struct MHD_Connection *connection, unsigned *uid);

/* Writes the address at the other end of a TCP connection in numbers; what does not fit into `size` bytes is
 * "". With `proxied`, a peer on this machine's loopback is a web server that hands on what others ask: then
 * the address is the last one of the last X-Forwarded-For, which that server wrote itself, and loopback as
 * before where there is none. What stands before it is what the client says. */
void http_peer_address(struct MHD_Connection *connection, bool proxied, char *text, size_t size);

#endif
