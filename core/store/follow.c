#include "store/follow.h"

#include "base/log.h"
#include "store/follower.h"

#include <stdio.h>
#include <stdlib.h>

static const uint64_t MAP_BYTES = UINT64_C(64) << 30;

struct follow {
    struct record_source source;
    struct views *views;          /* NULL: they could not be opened */
    struct view_builder *builder; /* the thread's, where there is one */
    struct follower *follower;    /* NULL: no thread */
    struct querier *querier;
    bool trouble;
    struct error error;
    uint64_t damaged; /* rows of the views that were found so, as far as the thread has been told */
};

static bool step(void *context, bool *more, struct error *error)
{
    return view_builder_step(context, more, error);
}

static void rest(void *context)
{
    view_builder_rest(context);
}

static bool open_views(struct follow *follow, const struct follow_options *options, struct error *error)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/views", options->data) >= (int)sizeof path)
        return error_set(error, ERROR_USAGE, "the name of the data directory is too long");
    follow->views =
        views_open(path, options->map_bytes ? options->map_bytes : MAP_BYTES, &follow->source, error);
    if (!follow->views)
        return false;
    follow->builder = view_builder_new(follow->views, &options->builder, error);
    if (!follow->builder || !options->thread)
        return follow->builder != NULL;
    struct follower_options thread = {
        .name = "the views",
        .context = follow->builder,
        .step = step,
        .rest = rest,
        .gather_ms = options->gather_ms,
    };
    follow->follower = follower_start(&thread, error);
    return follow->follower != NULL;
}

static void close_views(struct follow *follow)
{
    follower_stop(follow->follower);
    view_builder_free(follow->builder);
    views_close(follow->views);
    follow->follower = NULL;
    follow->builder = NULL;
    follow->views = NULL;
}

struct follow *follow_open(const struct follow_options *options, struct error *error)
{
    struct follow *follow = calloc(1, sizeof *follow);
    if (!follow) {
        out_of_memory(error);
        return NULL;
    }
    follow->source = options->source;
    if (!open_views(follow, options, &follow->error)) {
        log_warning("there are no search and sort indexes: %s", follow->error.text);
        close_views(follow);
        follow->trouble = true;
    }
    follow->querier = querier_new(&follow->source, follow->views, error);
    if (follow->querier)
        return follow;
    follow_close(follow);
    return NULL;
}

void follow_close(struct follow *follow)
{
    if (!follow)
        return;
    close_views(follow);
    querier_free(follow->querier);
    free(follow);
}

void follow_wake(struct follow *follow)
{
    if (follow->follower)
        follower_wake(follow->follower);
}

uint64_t follow_lag(const struct follow *follow, uint64_t rev)
{
    struct error error;
    uint64_t lag = follow->views && follow->follower ? views_lag(follow->views, rev) : 0;
    return lag && follower_has_trouble(follow->follower, &error) ? 0 : lag;
}

/* Without a thread: now. */
static bool catch_up(struct follow *follow)
{
    bool was = follow->trouble;
    if (follow->follower || !follow->builder)
        return !follow->trouble;
    follow->trouble = !view_builder_catch_up(follow->builder, &follow->error);
    if (follow->trouble && !was)
        log_warning("the views are not up to date: %s", follow->error.text);
    return !follow->trouble;
}

const struct querier *follow_querier(struct follow *follow)
{
    catch_up(follow);
    uint64_t damaged = follow->views ? environment_damaged(follow->views->environment) : 0;
    if (damaged != follow->damaged)
        follow_wake(follow); /* to build the views anew */
    follow->damaged = damaged;
    return follow->querier;
}

void follow_status(struct follow *follow, struct follow_status *status)
{
    *status = (struct follow_status){.trouble = follow->trouble, .error = follow->error};
    if (follow->follower)
        status->trouble = follower_has_trouble(follow->follower, &status->error);
    if (!follow->views)
        return;
    status->position = follow->views->position;
    status->skipped = follow->views->skipped;
    status->building = status->position < follow->views->target;
}

bool follow_settle(struct follow *follow, struct error *error)
{
    if (follow->follower)
        return follower_settle(follow->follower, error);
    bool done = catch_up(follow);
    if (!done)
        *error = follow->error;
    return done;
}
