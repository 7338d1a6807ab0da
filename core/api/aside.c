#include "api/aside.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

struct job {
    struct aside *aside;
    struct http_request *request;
    const struct api_route *route;
    uint64_t wall_ms;
    struct records records;
    struct catalog *catalog; /* its own copy: the one in force may end before the job does */
    struct querier *querier;
    struct http_response response;
    pthread_t thread;
    atomic_bool done;
    struct job *prev, *next;
};

struct aside {
    struct loop *loop;
    struct loop_source *source;
    int wake_fd; /* an eventfd: a job is done */
    atomic_bool stop;
    struct job *jobs;
};

static const struct catalog *catalog_of(void *context)
{
    const struct job *job = context;
    return job->catalog;
}

static const struct querier *querier_of(void *context, struct error *error)
{
    (void)error;
    const struct job *job = context;
    return job->querier;
}

static void *run(void *argument)
{
    struct job *job = argument;
    const uint64_t one = 1;
    api_run(job->route, &job->records, job->request, job->wall_ms, &job->response);
    atomic_store(&job->done, true);
    ssize_t written = write(job->aside->wake_fd, &one, sizeof one);
    (void)written; /* it fails only where enough wake-ups wait already */
    return NULL;
}

static void free_job(struct job *job)
{
    querier_free(job->querier);
    catalog_free(job->catalog);
    free(job->response.body);
    free(job);
}

static void answer_done(void *user)
{
    struct aside *aside = user;
    struct job *job, *next;
    uint64_t count;
    while (read(aside->wake_fd, &count, sizeof count) > 0)
        ;
    DL_FOREACH_SAFE(aside->jobs, job, next)
    {
        if (!atomic_load(&job->done))
            continue;
        pthread_join(job->thread, NULL);
        DL_DELETE(aside->jobs, job);
        http_answer(job->request, &job->response);
        free_job(job);
    }
}

struct aside *aside_new(struct loop *loop, struct error *error)
{
    struct aside *aside = calloc(1, sizeof *aside);
    if (!aside) {
        out_of_memory(error);
        return NULL;
    }
    aside->loop = loop;
    aside->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (aside->wake_fd < 0)
        error_set(error, ERROR_NETWORK, "cannot make an event descriptor: %s", strerror(errno));
    else
        aside->source = loop_add_fd(loop, aside->wake_fd, answer_done, aside, error);
    if (aside->source)
        return aside;
    aside_free(aside);
    return NULL;
}

void aside_free(struct aside *aside)
{
    struct job *job, *next;
    if (!aside)
        return;
    atomic_store(&aside->stop, true);
    DL_FOREACH_SAFE(aside->jobs, job, next)
    {
        pthread_join(job->thread, NULL);
        DL_DELETE(aside->jobs, job);
        free_job(job);
    }
    loop_remove(aside->loop, aside->source);
    if (aside->wake_fd >= 0)
        close(aside->wake_fd);
    free(aside);
}

/* What the thread works with. */
static bool equip(struct job *job, const struct records *records, struct error *error)
{
    const struct querier *querier = records->querier(records->context, error);
    if (!querier ||
        !(job->catalog = catalog_load(catalog_packed(records->catalog(records->context)), error)) ||
        !(job->querier = querier_new(querier->source, NULL, error)))
        return false;
    job->querier->stop = &job->aside->stop;
    job->records = (struct records){.context = job, .catalog = catalog_of, .querier = querier_of};
    return true;
}

bool aside_begin(struct aside *aside, const struct records *records, const struct api_route *route,
                 struct http_request *request, uint64_t wall_ms, struct error *error)
{
    struct job *job;
    int count;
    DL_COUNT(aside->jobs, job, count);
    if (count >= ASIDE_MOST)
        return error_set(error, ERROR_UNAVAILABLE, "%d reports are under way: ask again when one is done",
                         count);
    job = calloc(1, sizeof *job);
    if (!job)
        return out_of_memory(error);
    job->aside = aside;
    job->route = route;
    job->request = request;
    job->wall_ms = wall_ms;
    bool begun = equip(job, records, error);
    if (begun && pthread_create(&job->thread, NULL, run, job) != 0)
        begun = error_set(error, ERROR_INTERNAL, "a thread for the report cannot be started");
    if (begun)
        DL_APPEND(aside->jobs, job);
    else
        free_job(job);
    return begun;
}
