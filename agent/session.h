/* The agent's side of the protocol (docs/protocol.md) as a state machine: messages, ticks and the store in,
 * messages out. It knows no socket, no clock and no thread; wall_ms is the wall clock at the call, and may
 * jump. */
#ifndef HOPNHAT_AGENT_SESSION_H
#define HOPNHAT_AGENT_SESSION_H

#include "agent/state.h"
#include "net/protocol.h"

struct agent_outlet {
    void *context;
    /* Hands one message to the link; it is the session's and lives for the call. False: the link cannot take
     * it; then the session drops the link. */
    bool (*send)(void *context, const Hopnhat__Message *message);
    /* The link is of no use: end it, and make a new one when the time has come. The session is down already.
     */
    void (*drop_link)(void *context, const char *why);
    /* The answer to agent_session_history, or with NULL why there is none. It lives for the call. May be NULL
     * where nobody asks. */
    void (*history)(void *context, uint32_t request, const Hopnhat__HistoryAnswer *answer, const char *why);
};

struct agent_session;

/* A session without a link. The agent is borrowed and must live longer. NULL: ERROR_MEMORY. */
struct agent_session *agent_session_new(struct agent *agent, const struct agent_outlet *outlet,
                                        struct error *error);
void agent_session_free(struct agent_session *session); /* NULL is allowed */

/* The link to the hub is there; is gone. */
void agent_session_link_up(struct agent_session *session, uint64_t wall_ms);
void agent_session_link_down(struct agent_session *session, uint64_t wall_ms);

/* A message has come; it is the caller's and lives for the call. Whatever it says is done, in the store and
 * on disk, when the call returns. */
void agent_session_receive(struct agent_session *session, const Hopnhat__Message *message, uint64_t wall_ms);

/* Time has passed, or something was written: timeouts are looked at, new changes are sent. Cheap. */
void agent_session_tick(struct agent_session *session, uint64_t wall_ms);

/* So many bytes have crossed the link, as they were on the wire: what the limits of the agent allow for is
 * less by that. Need not be told where there are no limits. */
void agent_session_crossed(struct agent_session *session, size_t up_bytes, size_t down_bytes);

/* In how many milliseconds the next tick is due; -1: nothing is awaited. */
int64_t agent_session_wait_ms(const struct agent_session *session, uint64_t wall_ms);

/* How long the hub may be silent before the link is taken for dead: the longer, the slower it has been. */
uint64_t agent_session_patience_ms(const struct agent_session *session);

/* Somebody waits for a sync: has the hub answer at once, so that a head is reported after now. */
void agent_session_poke(struct agent_session *session, uint64_t wall_ms);

/* Asks the hub who changed a record; outlet.history is called once, later, with the number that is returned.
 * 0: the hub cannot be asked now. */
uint32_t agent_session_history(struct agent_session *session, const Hopnhat__History *history,
                               uint64_t wall_ms);

/* This side is going away: the hub is told, where it is heard, and the session is down. */
void agent_session_bye(struct agent_session *session, uint64_t wall_ms);

/* The session's state in a word, for status and traces; a static string. */
const char *agent_session_state(const struct agent_session *session);

#endif
