#include "net/loop.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>
#include <zmq.h>

struct loop_source {
    struct loop_source *prev, *next;
    void *socket; /* either a libzmq socket, or a fd, or (neither) a timer */
    int fd;
    void (*ready)(void *user);
    int64_t (*wait_ms)(void *user);
    void *user;
    bool removed; /* freed at the end of the turn: somebody up the stack may hold it */
    bool due;
};

struct loop {
    struct loop_source *sources;
    zmq_pollitem_t *items; /* one for each source that is no timer, in the order of the list */
    size_t item_count, item_capacity;
    bool changed; /* the items are not those of the list */
    int wake_fd;
    void (*woken)(void *user);
    void *woken_user;
    int signal_fd;
    void (*signalled)(void *user, int number);
    void *signalled_user;
};

uint64_t loop_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int64_t loop_until_ms(uint64_t at_ms)
{
    uint64_t now_ms = loop_now_ms();
    return at_ms > now_ms ? (int64_t)(at_ms - now_ms) : 0;
}

uint64_t loop_now_ms(void)
{
    return loop_now_us() / 1000;
}

static struct loop_source *add(struct loop *loop, struct loop_source source, struct error *error)
{
    struct loop_source *added = malloc(sizeof *added);
    if (!added) {
        error_set(error, ERROR_MEMORY, "out of memory for an event source");
        return NULL;
    }
    *added = source;
    DL_APPEND(loop->sources, added);
    loop->changed = true;
    return added;
}

struct loop_source *loop_add_fd(struct loop *loop, int fd, void (*ready)(void *user), void *user,
                                struct error *error)
{
    return add(loop, (struct loop_source){.fd = fd, .ready = ready, .user = user}, error);
}

struct loop_source *loop_add_socket(struct loop *loop, void *socket, void (*ready)(void *user), void *user,
                                    struct error *error)
{
    return add(loop, (struct loop_source){.socket = socket, .fd = -1, .ready = ready, .user = user}, error);
}

struct loop_source *loop_add_timer(struct loop *loop, int64_t (*wait_ms)(void *user), void (*run)(void *user),
                                   void *user, struct error *error)
{
    return add(loop, (struct loop_source){.fd = -1, .ready = run, .wait_ms = wait_ms, .user = user}, error);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    if (!source)
        return;
    source->removed = true;
    loop->changed = true;
}

static void free_removed(struct loop *loop)
{
    struct loop_source *source, *next;
    DL_FOREACH_SAFE(loop->sources, source, next)
    {
        if (!source->removed)
            continue;
        DL_DELETE(loop->sources, source);
        free(source);
    }
}

static void take_wake(void *user)
{
    struct loop *loop = user;
    uint64_t count;
    while (read(loop->wake_fd, &count, sizeof count) > 0)
        ;
    if (loop->woken)
        loop->woken(loop->woken_user);
}

struct loop *loop_new(struct error *error)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        error_set(error, ERROR_MEMORY, "out of memory for the event loop");
        return NULL;
    }
    loop->signal_fd = -1;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        error_set(error, ERROR_NETWORK, "cannot make an event descriptor: %s", strerror(errno));
    if (loop->wake_fd < 0 || !loop_add_fd(loop, loop->wake_fd, take_wake, loop, error)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    struct loop_source *source;
    DL_FOREACH(loop->sources, source)
    {
        source->removed = true;
    }
    free_removed(loop);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
    free(loop->items);
    free(loop);
}

static void take_signals(void *user)
{
    struct loop *loop = user;
    struct signalfd_siginfo info;
    while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop->signalled(loop->signalled_user, (int)info.ssi_signo);
}

bool loop_watch_signals(struct loop *loop, void (*signalled)(void *user, int number), void *user,
                        struct error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    loop->signalled = signalled;
    loop->signalled_user = user;
    loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signal_fd < 0 || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
        signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return error_set(error, ERROR_NETWORK, "cannot watch signals: %s", strerror(errno));
    return loop_add_fd(loop, loop->signal_fd, take_signals, loop, error) != NULL;
}

bool loop_stop_waits(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

bool loop_watch_wake(struct loop *loop, void (*woken)(void *user), void *user, struct error *error)
{
    if (loop->woken)
        return error_set(error, ERROR_INTERNAL, "two watch the wake-ups of one loop");
    loop->woken = woken;
    loop->woken_user = user;
    return true;
}

void loop_wake(struct loop *loop)
{
    const uint64_t one = 1;
    int saved = errno;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; /* it fails only where enough wake-ups wait already */
    errno = saved;
}

static bool fill_items(struct loop *loop, struct error *error)
{
    struct loop_source *source;
    size_t count = 0;
    free_removed(loop);
    DL_FOREACH(loop->sources, source)
    {
        count += !source->wait_ms;
    }
    if (count > loop->item_capacity) {
        zmq_pollitem_t *items = realloc(loop->items, 2 * count * sizeof *items);
        if (!items)
            return error_set(error, ERROR_MEMORY, "out of memory for the event loop");
        loop->items = items;
        loop->item_capacity = 2 * count;
    }
    loop->item_count = 0;
    DL_FOREACH(loop->sources, source)
    {
        if (!source->wait_ms)
            loop->items[loop->item_count++] =
                (zmq_pollitem_t){.socket = source->socket, .fd = source->fd, .events = ZMQ_POLLIN};
    }
    loop->changed = false;
    return true;
}

/* The time until the first timer, but at most timeout_ms. */
static int64_t first_timer(struct loop *loop, int64_t timeout_ms)
{
    struct loop_source *source;
    DL_FOREACH(loop->sources, source)
    {
        int64_t wait = source->wait_ms && !source->removed ? source->wait_ms(source->user) : -1;
        if (wait >= 0 && (timeout_ms < 0 || wait < timeout_ms))
            timeout_ms = wait;
    }
    return timeout_ms;
}

/* Marks what is due before anything is called: callbacks change the list. */
static void mark_due(struct loop *loop)
{
    struct loop_source *source;
    size_t item = 0;
    DL_FOREACH(loop->sources, source)
    {
        if (!source->wait_ms)
            source->due = item < loop->item_count && loop->items[item++].revents != 0;
        else
            source->due = !source->removed && source->wait_ms(source->user) == 0;
    }
}

bool loop_run_once(struct loop *loop, int64_t timeout_ms, struct error *error)
{
    int64_t wait = first_timer(loop, timeout_ms);
    if (loop->changed && !fill_items(loop, error))
        return false;
    if (wait > INT_MAX)
        wait = INT_MAX;
    if (zmq_poll(loop->items, (int)loop->item_count, (long)wait) < 0) {
        if (errno != EINTR)
            return error_set(error, ERROR_NETWORK, "cannot wait for events: %s", zmq_strerror(errno));
        return true;
    }
    mark_due(loop);
    struct loop_source *source;
    DL_FOREACH(loop->sources, source) /* what callbacks append has nothing due yet */
    {
        if (!source->due || source->removed)
            continue;
        source->due = false;
        source->ready(source->user);
    }
    return true;
}
