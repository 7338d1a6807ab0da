/* A request and its answer, as the handler of an interface sees them: they come from the HTTP server, or from
 * a tool that calls the handler itself. */
#ifndef HOPNHAT_NET_HTTP_REQUEST_H
#define HOPNHAT_NET_HTTP_REQUEST_H

#include "base/arena.h"
#include "base/error.h"

struct MHD_Connection;

struct http_parameter {
    const char *name, *value; /* decoded; a parameter without "=" has the value "" */
};

enum { HTTP_PARAMETERS = 64 }; /* the most that one query may have */

/* Everything in it belongs to who made it and lives until it is answered. */
struct http_request {
    const char *method;                /* "GET", … */
    const char *path;                  /* decoded, begins with '/', without the query */
    struct http_parameter *parameters; /* of the query, in their order */
    size_t parameter_count;
    struct bytes body;
    bool local;       /* from this machine, by a user who may open the daemon's socket or its store */
    unsigned uid;     /* of that user */
    char address[48]; /* of one who came over TCP, in numbers (see http_server_open_tcp); else "" */
    struct MHD_Connection *connection; /* the server's; NULL without one */
};

/* The body is malloc'd (or NULL) and goes with the response. Begin with {.status = 200}. */
struct http_response {
    int status;
    const char *content_type; /* NULL: "application/json" */
    char *body;
    size_t body_size;
    char *cookie; /* of a Set-Cookie, malloc'd, goes with the response; NULL: none */
};

/* A local request without a server; in the arena, but for the method and the body, which are borrowed.
 * path_and_query is encoded as for http_call. ERROR_INPUT for a wrong encoding, ERROR_LIMIT, ERROR_MEMORY. */
bool http_request_make(struct http_request *request, const char *method, const char *path_and_query,
                       struct bytes body, struct arena *arena, struct error *error);

/* The value of the query's first parameter of that name; "" for one without a value, NULL if there is none.
 */
const char *http_request_query(const struct http_request *request, const char *name);

/* All values of that name in their order, at most `most` of them into values; returns how many there are. */
size_t http_request_query_all(const struct http_request *request, const char *name, const char **values,
                              size_t most);

/* The value of a header field, or NULL; the name in any case. */
const char *http_request_header(const struct http_request *request, const char *name);

/* Makes *response an error of that status with the JSON body {"error":{"code":…,"text":…}}; frees a former
 * body and cookie. Without memory the body is missing. */
void http_response_error(struct http_response *response, int status, const char *code, const char *text);

/* The text in the form in which it may stand in a path or a query, in the arena; NULL without memory. */
char *http_escape(struct arena *arena, const char *text);

#endif
