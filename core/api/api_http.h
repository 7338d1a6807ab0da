/* The interface over HTTP: connects the router with net/http_server.h. */
#ifndef HOPNHAT_API_API_HTTP_H
#define HOPNHAT_API_API_HTTP_H

#include "api/router.h"
#include "net/http_server.h"

/* A handler for the server that answers at once from `service`, which is borrowed. Requests over TCP may read
 * only: there is nobody yet who says who they are. */
struct http_handler api_http_handler(struct api_service *service);

#endif
