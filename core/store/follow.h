/* The views of one store and all that belongs to them: the files, the thread that keeps them up to date, and
 * what the main thread asks with. The same at the agent and at the hub. */
#ifndef HOPNHAT_STORE_FOLLOW_H
#define HOPNHAT_STORE_FOLLOW_H

#include "store/query.h"
#include "store/view_builder.h"

struct follow;

struct follow_options {
    const char *data;            /* the store's directory; the views stand in DATA/views */
    uint64_t map_bytes;          /* of the views; 0: 64 GiB */
    struct record_source source; /* its environment must live longer */
    struct view_builder_options builder;
    bool thread;        /* false: the views are brought up to date when somebody asks */
    uint32_t gather_ms; /* how long small changes are gathered before the thread takes them */
};

/* Opens the views. Where that fails the trouble is logged and questions are answered without them. NULL:
 * ERROR_MEMORY, ERROR_INTERNAL. The caller ends it with follow_close, before the store. */
struct follow *follow_open(const struct follow_options *options, struct error *error);
void follow_close(struct follow *follow); /* NULL is allowed; waits for the step under way */

/* Tells that changes have been committed. Does not block. */
void follow_wake(struct follow *follow);

/* How far the views are behind the source's head `rev`: admission holds back above LIMIT_FOLLOWER_LAG, so
 * that questions have little to look at one by one. 0 while the views are in trouble: what is derived does
 * not keep changes from coming in. */
uint64_t follow_lag(const struct follow *follow, uint64_t rev);

/* What the main thread asks with; the follow's. Without a thread this brings the views up to date first, and
 * blocks for as long as it takes; trouble in that is logged. */
const struct querier *follow_querier(struct follow *follow);

struct follow_status {
    uint64_t position, skipped;
    bool building; /* the views are being made from the start */
    bool trouble;
    struct error error; /* what the trouble is */
};
/* Fills in *status as of now. */
void follow_status(struct follow *follow, struct follow_status *status);

/* Waits until the views hold everything that was committed before the call. False with the trouble. */
bool follow_settle(struct follow *follow, struct error *error);

#endif
