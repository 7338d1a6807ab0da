/* Requests that read for long, as a report over all records does: each is answered in a thread of its own,
 * over a snapshot of its own, so that the loop goes on with all else. The router knows which they are. */
#ifndef HOPNHAT_API_ASIDE_H
#define HOPNHAT_API_ASIDE_H

#include "api/router.h"

enum { ASIDE_MOST = 4 }; /* under way at once */

struct aside;

/* Answers in turns of the loop, which is borrowed. NULL: ERROR_MEMORY, ERROR_NETWORK. The caller ends it with
 * aside_free before the HTTP servers, the views and the store. */
struct aside *aside_new(struct loop *loop, struct error *error);

/* Has what is under way end, waits for it and forgets its requests. NULL is allowed. */
void aside_free(struct aside *aside);

/* Takes the request, which is answered later (http_answer). The handler of the route finds `catalog` and
 * `querier` in its records, both as of now and its own, and nothing else. ERROR_UNAVAILABLE past ASIDE_MOST,
 * ERROR_MEMORY and what the querier says: the request is not taken. */
bool aside_begin(struct aside *aside, const struct records *records, const struct api_route *route,
                 struct http_request *request, uint64_t wall_ms, struct error *error);

#endif
