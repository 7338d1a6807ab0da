/* HTTP calls to a daemon of this machine over its Unix socket. */
#ifndef HOPNHAT_NET_HTTP_CLIENT_H
#define HOPNHAT_NET_HTTP_CLIENT_H

#include "base/bytes.h"
#include "base/error.h"

enum { HTTP_ANSWER_BYTES = 256 * 1024 * 1024 }; /* the most that one answer may hold */

/* Keeps the connection from one call to the next. For one thread at a time. */
struct http_client;

struct http_answer {
    int status;
    struct bytes body;        /* followed by a NUL that is not counted */
    const char *content_type; /* "" if there is none */
};

/* For the daemon that listens on socket_path; connects at the first call. NULL with ERROR_INPUT (the path is
 * too long), ERROR_MEMORY. The caller frees it. */
struct http_client *http_client_new(const char *socket_path, struct error *error);
void http_client_free(struct http_client *client);

/* Sends one request and waits for the whole answer, at most timeout_ms (0: without end). path_and_query
 * begins with '/' and is encoded already (http_escape of net/http_request.h). An answer of any status is a
 * success; what *answer points at belongs to the client until its next call. ERROR_UNAVAILABLE: nobody
 * listens there, or no answer in time (the request may have been carried out); ERROR_LIMIT; ERROR_NETWORK. */
bool http_call(struct http_client *client, const char *method, const char *path_and_query, struct bytes body,
               long timeout_ms, struct http_answer *answer, struct error *error);

#endif
