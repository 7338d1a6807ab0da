#include "api/waiting.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct waiting {
    char text[200];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool ends;
};

static void *show(void *context)
{
    struct waiting *waiting = context;
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next); /* the time of day may be put right meanwhile */
    pthread_mutex_lock(&waiting->mutex);
    for (unsigned seconds = 0; !waiting->ends; seconds++) {
        if (seconds)
            fprintf(stderr, "\r\033[K%s %u s", waiting->text, seconds);
        else
            fprintf(stderr, "\r\033[K%s", waiting->text);
        next.tv_sec++;
        while (!waiting->ends &&
               pthread_cond_clockwait(&waiting->ended, &waiting->mutex, CLOCK_MONOTONIC, &next) == 0)
            ;
    }
    fprintf(stderr, "\r\033[K");
    pthread_mutex_unlock(&waiting->mutex);
    return NULL;
}

struct waiting *waiting_begin(const char *text)
{
    sigset_t all, former;
    struct waiting *waiting = isatty(STDERR_FILENO) ? calloc(1, sizeof *waiting) : NULL;
    if (!waiting)
        return NULL;
    snprintf(waiting->text, sizeof waiting->text, "%s", text);
    pthread_mutex_init(&waiting->mutex, NULL);
    pthread_cond_init(&waiting->ended, NULL);
    sigfillset(&all); /* signals are for the thread that works */
    pthread_sigmask(SIG_SETMASK, &all, &former);
    bool began = pthread_create(&waiting->thread, NULL, show, waiting) == 0;
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (began)
        return waiting;
    free(waiting);
    return NULL;
}

void waiting_end(struct waiting *waiting)
{
    if (!waiting)
        return;
    pthread_mutex_lock(&waiting->mutex);
    waiting->ends = true;
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->mutex);
    pthread_join(waiting->thread, NULL);
    pthread_cond_destroy(&waiting->ended);
    pthread_mutex_destroy(&waiting->mutex);
    free(waiting);
}
