/* The event loop of one thread: file descriptors, libzmq sockets, timers, signals, and wake-ups from other
 * threads. Callbacks run one after another in the thread that runs the loop; each should do a bounded piece
 * of work and return. A source that still has something to read is called again in the next turn. Callbacks
 * may add and remove sources, their own too. */
#ifndef HOPNHAT_NET_LOOP_H
#define HOPNHAT_NET_LOOP_H

#include "base/error.h"

#include <stdint.h>

struct loop;
struct loop_source; /* one registration; owned by the loop */

/* NULL with ERROR_MEMORY or ERROR_NETWORK. The caller frees it, after what was registered with it; sources
 * that are left are removed. */
struct loop *loop_new(struct error *error);
void loop_free(struct loop *loop);

/* Calls `ready` when fd can be read (or has failed). The fd stays the caller's, who removes the source before
 * it closes the fd. NULL with ERROR_MEMORY. */
struct loop_source *loop_add_fd(struct loop *loop, int fd, void (*ready)(void *user), void *user,
                                struct error *error);

/* The same for a libzmq socket; for core/net. */
struct loop_source *loop_add_socket(struct loop *loop, void *socket, void (*ready)(void *user), void *user,
                                    struct error *error);

/* A timer asks in every turn: `wait_ms` says in how many milliseconds `run` wants to be called: 0 in this
 * turn, -1 not at all. NULL with ERROR_MEMORY. */
struct loop_source *loop_add_timer(struct loop *loop, int64_t (*wait_ms)(void *user), void (*run)(void *user),
                                   void *user, struct error *error);

/* Ends a registration; it is not called again. NULL is allowed. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* Takes SIGTERM, SIGINT and SIGHUP out of their usual way and calls `signalled` in a turn for each; ignores
 * SIGPIPE. To be called before other threads start, once. ERROR_NETWORK, ERROR_MEMORY. */
bool loop_watch_signals(struct loop *loop, void (*signalled)(void *user, int number), void *user,
                        struct error *error);

/* Whether a SIGTERM or SIGINT waits for the next turn: for what takes long within one and can be given up.
 * Without loop_watch_signals never, since they end the process themselves. */
bool loop_stop_waits(void);

/* Calls `woken` in a turn after any number of loop_wake. Once for each loop. ERROR_MEMORY. */
bool loop_watch_wake(struct loop *loop, void (*woken)(void *user), void *user, struct error *error);

/* Ends the wait of the present or next turn. From any thread and from signal handlers. */
void loop_wake(struct loop *loop);

/* One turn: waits up to timeout_ms (-1: without end) for something to do, and does it. ERROR_NETWORK when it
 * cannot wait. An interrupted wait is a turn in which nothing happened. */
bool loop_run_once(struct loop *loop, int64_t timeout_ms, struct error *error);

/* Milliseconds of a clock that never jumps, and goes on while the machine sleeps; its zero means nothing. */
uint64_t loop_now_ms(void);
uint64_t loop_now_us(void); /* the same in microseconds */

/* Milliseconds until that clock shows at_ms, as a timer's wait; 0: it has. */
int64_t loop_until_ms(uint64_t at_ms);

#endif
