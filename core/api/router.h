/* From a request (method, path, query, JSON body) to a handler, and from what it says to a JSON answer. Knows
 * neither sockets nor daemons: a command that opens the store itself takes the same way as one that asks the
 * running daemon.
 *
 * Answers are 200 with the handler's object (or, where it gives a string, that as plain text), or an error
 * {"error":{"code":…,"text":…}} with 400 (input, usage), 403 (refused), 404 (not_found), 405, 413 (limit),
 * 503 (unavailable, network), 507 (full) or 500.
 *
 * Who calls, and what for: people.h. Each route names the role that it needs; what needs a manager or more,
 * and what only the machine's own socket may do, is put on record before it is done (store/audit.h). */
#ifndef HOPNHAT_API_ROUTER_H
#define HOPNHAT_API_ROUTER_H

#include "api/records.h"
#include "net/http_server.h"
#include "store/account.h"

enum { API_PATH_PARTS = 4 };

struct aside;
struct people;

/* One request under way, as a handler sees it. */
struct api_call {
    const struct http_request *request;
    const struct records *records;
    uint64_t wall_ms;
    json_t *body;                      /* an object; an empty one where the request has none */
    const char *parts[API_PATH_PARTS]; /* what stands for the {…} of the pattern */
    struct arena *arena;               /* ends with the call */
    struct people *people;             /* NULL: there are no accounts here */
    enum role role;                    /* of who calls; over the Unix socket an administrator's */
    const char *account;               /* his account; NULL: none */
    char *cookie;                      /* set by a handler: of a Set-Cookie */
};

/* Returns the answer as a new reference, or NULL with an error. */
typedef json_t *api_handler(struct api_call *call, struct error *error);

struct api_route {
    const char *method, *pattern; /* "/v1/records/{type}/{id}" */
    api_handler *handler;
    enum role role; /* that it needs */
};

/* What one daemon serves: its own routes before the shared ones of records. */
struct api_service {
    const struct records *records;
    struct people *people;          /* NULL: whoever comes over TCP is nobody */
    struct aside *aside;            /* of the daemon; NULL: all is answered at once */
    const struct http_server *http; /* over TCP; NULL: there is none */
    const struct api_route *routes;
    size_t route_count;
};

/* Carries the request out. Blocks for as long as the store takes. HTTP_LATER only where the service has an
 * aside, which has taken the request then. */
enum http_handled api_handle(const struct api_service *service, struct http_request *request,
                             uint64_t wall_ms, struct http_response *response);

/* For aside.c: has the route's handler answer the request from *records alone. */
void api_run(const struct api_route *route, const struct records *records, const struct http_request *request,
             uint64_t wall_ms, struct http_response *response);

/* Whether the caller is somebody with an account, by the request's headers alone. */
bool api_knows(const struct api_service *service, const struct http_request *request);

/* A handler for the HTTP server that answers from `service`, which is borrowed. */
struct http_handler api_http_handler(struct api_service *service);

/* In whose name the caller writes: the account, or over the Unix socket what the body says (NULL: nothing).
 * ERROR_INPUT where that is no string. */
bool api_author(const struct api_call *call, const char **author, struct error *error);

/* The string under a key of the body; NULL where there is none. ERROR_INPUT (and NULL) where it is no string.
 */
const char *api_body_string(const struct api_call *call, const char *key, struct error *error);

/* Whether the body has no keys but those of the NULL-ended list. ERROR_INPUT names the other one. */
bool api_body_keys(const struct api_call *call, const char *const *keys, struct error *error);

/* A number from 0 to most in the text, or `absent` where text is NULL. ERROR_INPUT names `what`. */
bool api_number(const char *text, const char *what, uint64_t absent, uint64_t most, uint64_t *number,
                struct error *error);

/* The code of an error's name, as error_code_name gives it; ERROR_INTERNAL for others. */
enum error_code api_error_code(const char *name);

#endif
