/* The command's side of the interface: asks the daemon that holds the store, and where there is none opens
 * the store itself and takes the same way through the router. */
#ifndef HOPNHAT_API_CLIENT_H
#define HOPNHAT_API_CLIENT_H

#include "api/router.h"

/* How a command opens the store itself. */
struct store_opener {
    /* Opens the store in the directory and points *service at what serves it. NULL with ERROR_UNAVAILABLE
     * where another process holds it, ERROR_NOT_FOUND where there is none, or another error. */
    void *(*open)(const char *data, const struct api_service **service, struct error *error);
    void (*close)(void *opened);
};

struct client;

/* For the store in the directory `data`. Connects or opens it: where another process holds it and does not
 * answer yet, waits for a while. NULL with what `open` says, ERROR_UNAVAILABLE, ERROR_MEMORY. The caller
 * frees it. */
struct client *client_new(const char *data, const struct store_opener *opener, struct error *error);
void client_free(struct client *client);

/* A client of a service in this process, which is borrowed. NULL: ERROR_MEMORY. */
struct client *client_of(const struct api_service *service, struct error *error);

/* Whether a daemon answers (and not this process itself). */
bool client_has_daemon(const struct client *client);

/* Sends one request; path_and_query is encoded (http_escape). body may be NULL. *answer is a new reference.
 * Where the answer is an error, false with its code and text. Blocks for as long as the daemon takes. */
bool client_call(struct client *client, const char *method, const char *path_and_query, const json_t *body,
                 json_t **answer, struct error *error);

/* The text under the key of an answer or of a part of it, borrowed from it; "" where there is none. */
const char *client_text(const json_t *answer, const char *key);

/* For who found a store held by another process (ERROR_UNAVAILABLE) and wants it for itself: waits a moment,
 * as a command may hold it that is soon done, and returns whether to try again: false where a daemon answers
 * there, or where *waited_ms (0 at first) has come to an end. */
bool client_try_again(const char *data, int *waited_ms);

/* The path of the daemon's socket in the directory, malloc'd. NULL: out of memory. */
char *client_socket_path(const char *data);

#endif
