/* A thread that follows the changes of a store and keeps something that is derived from them up to date. What
 * it does is a step that takes some changes; this is only when: after a wake-up, until there is nothing more,
 * and again after a while where a step has failed. Nothing that fails here ends the daemon. */
#ifndef HOPNHAT_STORE_FOLLOWER_H
#define HOPNHAT_STORE_FOLLOWER_H

#include "base/error.h"

#include <stdint.h>

struct follower;

struct follower_options {
    const char *name; /* for the log; a static string */
    void *context;    /* of the functions, which run in the follower's thread */

    /* Takes some changes; *more tells whether there may be others. */
    bool (*step)(void *context, bool *more, struct error *error);

    /* Called when there is nothing more to do: to give memory back. May be NULL. */
    void (*rest)(void *context);

    uint32_t
        gather_ms; /* after a wake-up waits so long for others, so that one step takes many small changes */
};

/* Starts it; it begins with a step. NULL: ERROR_MEMORY, ERROR_INTERNAL. The caller ends it with
 * follower_stop. */
struct follower *follower_start(const struct follower_options *options, struct error *error);

/* Tells it that there are changes. Does not block; from any thread. */
void follower_wake(struct follower *follower);

/* Ends it after the step under way, and waits for that. NULL is allowed. */
void follower_stop(struct follower *follower);

/* Waits until it has done everything that was there when this was called, or its step has failed: then false.
 */
bool follower_settle(struct follower *follower, struct error *error);

/* Whether its last step failed; then *error says why. */
bool follower_has_trouble(struct follower *follower, struct error *error);

#endif
