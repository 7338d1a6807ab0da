/* HTTP for the command line (over a Unix socket) and for the page (over TCP, on loopback unless told
 * otherwise), in the thread of a loop. One handler gets every request when its body is complete; it answers
 * at once or later. */
#ifndef HOPNHAT_NET_HTTP_SERVER_H
#define HOPNHAT_NET_HTTP_SERVER_H

#include "net/http_request.h"
#include "net/loop.h"

struct http_server;

enum http_handled {
    HTTP_ANSWERED, /* *response is filled in */
    HTTP_LATER,    /* the handler keeps the request and calls http_answer once, later */
};

struct http_handler {
    /* Called in the loop's thread. *response is {.status = 200}; the server takes its body. The request is
     * the server's and lives until it is answered. Should not block for long. */
    enum http_handled (*handle)(void *user, struct http_request *request, struct http_response *response);
    /* Whether the headers (the body is not there yet) show somebody who may have time: from this machine's
     * socket everybody has. NULL: nobody over TCP is known. */
    bool (*knows)(void *user, const struct http_request *request);
    void *user;
    uint64_t stranger_ms; /* that who is not known has for a request and its answer; 0: 30 seconds */
};

/* Listens on a Unix socket that only its owner may open (mode 0600), registered with the loop. A socket that
 * nobody listens on any more is replaced. NULL with ERROR_INPUT (path too long, or something else stands
 * there), ERROR_UNAVAILABLE (somebody listens there), ERROR_NETWORK, ERROR_MEMORY. */
struct http_server *http_server_open_unix(struct loop *loop, const char *path,
                                          const struct http_handler *handler, struct error *error);

/* Listens on exactly this numeric address, "127.0.0.1:8080", "[::1]:8080" or "localhost:8080"; port 0 for any
 * free one. Answers only requests whose Host is this machine's loopback, the address itself, or one of
 * `names` (host names between commas or blanks, copied; "" for none), and whose Origin, where a browser sends
 * one, is the same place. A request's address is the one that the connection comes from; where there are
 * names and that is loopback, a proxy's: then the last of X-Forwarded-For. One address may have a quarter of
 * the connections, but for those of an address that only this machine can reach. Who is not known (see
 * http_handler) has 30 s for one request of 16 KiB and its answer, with which the connection ends; who is has
 * all time for it, and for the next request what he may be silent and 30 s. Errors as above. */
struct http_server *http_server_open_tcp(struct loop *loop, const char *address, const char *names,
                                         const struct http_handler *handler, struct error *error);

/* Stops; a request that was kept for later is answered with 503, and its keeper must forget it before, and so
 * is one that comes now: the handler is not called any more. The Unix socket is removed. NULL is allowed.
 * Free the server before the loop. */
void http_server_free(struct http_server *server);

/* The port of a TCP server. */
unsigned http_server_port(const struct http_server *server);

/* How many connections were ended because they took too long, since the start; NULL: none. */
uint64_t http_server_ended(const struct http_server *server);

/* Answers a request for which the handler returned HTTP_LATER; the request is gone then. In the loop's
 * thread, and not from within the handler. Also right where the client has gone away meanwhile. */
void http_answer(struct http_request *request, struct http_response *response);

#endif
