#include "store/follower.h"

#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { RETRY_MS = 1000, RETRY_MOST_MS = 60000 };

struct follower {
    struct follower_options options;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* one of those below */
    bool stop;
    unsigned waiting;      /* how many wait in follower_settle */
    uint64_t wanted, done; /* wake-ups so far; those whose changes have been taken */
    uint64_t failures;     /* steps that failed */
    bool trouble;
    struct error error;
};

static struct timespec after_ms(uint32_t ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += (long)(ms % 1000) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

/* With the mutex held: waits for that long, or until it is to stop or somebody waits. */
static void pause_for(struct follower *follower, uint32_t ms)
{
    struct timespec until = after_ms(ms);
    while (!follower->stop && !follower->waiting &&
           pthread_cond_clockwait(&follower->changed, &follower->mutex, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
        ;
}

/* Steps until there is nothing more. */
static bool take_all(struct follower *follower, struct error *error)
{
    bool more = true, stop = false, done = true;
    while (done && more && !stop) {
        done = follower->options.step(follower->options.context, &more, error);
        pthread_mutex_lock(&follower->mutex);
        stop = follower->stop;
        pthread_mutex_unlock(&follower->mutex);
    }
    return done;
}

/* With the mutex held. */
static void note(struct follower *follower, bool done, const struct error *error)
{
    if (!done && (!follower->trouble || follower->error.code != error->code))
        log_warning("%s: %s; it will be tried again", follower->options.name, error->text);
    else if (done && follower->trouble)
        log_info("%s: goes on", follower->options.name);
    follower->trouble = !done;
    follower->failures += !done;
    if (!done)
        follower->error = *error;
}

static void *run(void *argument)
{
    struct follower *follower = argument;
    uint32_t retry_ms = RETRY_MS;
    pthread_mutex_lock(&follower->mutex);
    while (!follower->stop) {
        if (follower->wanted == follower->done) {
            pthread_cond_wait(&follower->changed, &follower->mutex);
            continue;
        }
        if (follower->options.gather_ms && follower->done)
            pause_for(follower, follower->options.gather_ms);
        uint64_t wanted = follower->wanted;
        struct error error = {0};
        pthread_mutex_unlock(&follower->mutex);
        bool done = take_all(follower, &error);
        if (follower->options.rest)
            follower->options.rest(follower->options.context);
        pthread_mutex_lock(&follower->mutex);
        note(follower, done, &error);
        if (done)
            follower->done = wanted;
        pthread_cond_broadcast(&follower->changed);
        if (done)
            retry_ms = RETRY_MS;
        else if (!follower->stop) {
            pause_for(follower, retry_ms);
            retry_ms = retry_ms < RETRY_MOST_MS / 2 ? 2 * retry_ms : RETRY_MOST_MS;
        }
    }
    pthread_mutex_unlock(&follower->mutex);
    return NULL;
}

static bool make_locks(struct follower *follower)
{
    if (pthread_cond_init(&follower->changed, NULL) != 0)
        return false;
    if (pthread_mutex_init(&follower->mutex, NULL) == 0)
        return true;
    pthread_cond_destroy(&follower->changed);
    return false;
}

/* Signals are for the main thread. */
static bool start_thread(struct follower *follower)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    bool started = pthread_create(&follower->thread, NULL, run, follower) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

struct follower *follower_start(const struct follower_options *options, struct error *error)
{
    struct follower *follower = calloc(1, sizeof *follower);
    if (!follower) {
        out_of_memory(error);
        return NULL;
    }
    follower->options = *options;
    follower->wanted = 1;
    if (!make_locks(follower)) {
        free(follower);
        error_set(error, ERROR_INTERNAL, "%s: no lock for its thread", options->name);
        return NULL;
    }
    if (start_thread(follower))
        return follower;
    pthread_cond_destroy(&follower->changed);
    pthread_mutex_destroy(&follower->mutex);
    free(follower);
    error_set(error, ERROR_INTERNAL, "%s: its thread cannot be started", options->name);
    return NULL;
}

void follower_wake(struct follower *follower)
{
    pthread_mutex_lock(&follower->mutex);
    follower->wanted++;
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->mutex);
}

void follower_stop(struct follower *follower)
{
    if (!follower)
        return;
    pthread_mutex_lock(&follower->mutex);
    follower->stop = true;
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->mutex);
    pthread_join(follower->thread, NULL);
    pthread_cond_destroy(&follower->changed);
    pthread_mutex_destroy(&follower->mutex);
    free(follower);
}

bool follower_settle(struct follower *follower, struct error *error)
{
    pthread_mutex_lock(&follower->mutex);
    uint64_t wanted = ++follower->wanted, failures = follower->failures;
    follower->waiting++;
    pthread_cond_broadcast(&follower->changed);
    while (follower->done < wanted && follower->failures == failures && !follower->stop)
        pthread_cond_wait(&follower->changed, &follower->mutex);
    follower->waiting--;
    bool done = follower->done >= wanted;
    if (!done)
        *error = follower->error;
    pthread_mutex_unlock(&follower->mutex);
    return done;
}

bool follower_has_trouble(struct follower *follower, struct error *error)
{
    pthread_mutex_lock(&follower->mutex);
    bool trouble = follower->trouble;
    if (trouble)
        *error = follower->error;
    pthread_mutex_unlock(&follower->mutex);
    return trouble;
}
