/* The hub's side of every agent's session: a state machine over messages, without sockets, clocks or threads.
 * What arrives between two turns is committed together; nothing is acknowledged before. */
#ifndef HOPNHAT_HUB_SESSION_H
#define HOPNHAT_HUB_SESSION_H

#include "hub/feed.h"
#include "hub/reading.h"
#include "model/brief.h"
#include "net/link_hub.h"
#include "net/protocol.h"

#include "wire.pb-c.h"

enum { PULLS_WAITING = 8 };

/* Where answers go. Sending may fail: the agent asks again. The message lives for the call only. */
struct hub_outlet {
    void *context;
    bool (*send)(void *context, const struct link_peer *peer, const Hopnhat__Message *message);
};

/* A part of the feed that the agent has not said to have applied. */
struct sent_part {
    struct sent_part *next;
    uint32_t request;
    struct feed_state after; /* where the agent stands once it has applied it */
};

struct waiting_pull {
    uint32_t request, credit_bytes;
    uint64_t hold_until_ms; /* steady */
    Hopnhat__PullScope scope;
};

/* Why a session is to be looked at (audience.h). */
enum look_reason { LOOK_NOT, LOOK_NEWS, LOOK_ASKED };

struct seat;

/* Of one direction, by office_status.c: how far the agent had got, and since when it got no further though
 * something waited. */
struct progress {
    uint64_t at, since_ms; /* steady */
};

/* One agent at work, by its link key. A new Hello of a key ends its older session. */
struct hub_session {
    struct read_mark mark;
    uint8_t key[LINK_KEY_BYTES];
    struct link_peer peer;
    char office[LIMIT_OFFICE_CODE_BYTES + 1]; /* of the installation */
    uint32_t credit_bytes;                    /* of the last Pull */
    struct feed_state confirmed;              /* where the agent stands for sure */
    uint32_t confirmed_request; /* the Pull that was answered with the part it applied last; 0: none */
    uint32_t last_pull;         /* the number of the newest Pull; 0: none has come */
    struct sent_part *sent;     /* parts under way, in their order */
    Hopnhat__PullScope scope;   /* of the last Pull */
    struct waiting_pull pulls[PULLS_WAITING];
    size_t pull_count; /* that wait for their answers, in their order */
    bool key_told;     /* of the hub's next link key, by its Welcome */
    bool has_seed_key; /* of its Hello, for changes in their brief form */
    uint8_t seed_key[SEED_KEY_BYTES];
    uint64_t last_message_ms; /* steady */
    uint64_t reconciled;      /* answers to Reconcile that it was sent */
    struct progress up, down;
    /* custody.c: whether the agent has said what it holds, and how much of headquarters' logs that is with
     * what is in every backup; whether it takes more now, is to hold more, and has been told so in a Feed */
    bool custody_known, custody_takes, custodian, custody_flagged;
    uint64_t custody_held;
    /* audience.c: places in the groups of its office; whether it is to be looked at, and its neighbours there
     */
    struct seat *seats;
    size_t seat_count;
    enum look_reason look;
    struct hub_session *look_next, *look_prev;
    UT_hash_handle hh;
    size_t log_count;
    /* of the logs, in `logs` behind the replica numbers: what is known to stand in the agent's own ones (to
     * `heads`, after `trimmed`) */
    uint64_t *heads, *trimmed;
    uint64_t logs[]; /* replica numbers, as in the Hello */
};

/* Whether a key may connect: an installation that is not revoked, the one-time key of a code, or, at a hub
 * that came back from a backup, anybody who may yet show a certificate. From an address (NULL: not known)
 * that keeps coming with keys that nobody knows, and past what the hub looks up in a second, neither codes
 * nor certificates are looked at: a certificate that is shown makes its key known, and known keys never wait.
 */
bool hub_admits(struct hub *hub, const uint8_t key[LINK_KEY_BYTES], const char *address, uint64_t wall_ms);

/* Takes one message of a peer whose key the link has proved. Answers at once, or at the next turn. */
void hub_receive(struct hub *hub, const struct link_peer *peer, const Hopnhat__Message *message,
                 uint64_t wall_ms, const struct hub_outlet *outlet);

/* Commits what has come, acknowledges it, and answers the Pulls for which there is something. To be called
 * after each slice of messages, after headquarters' own edits, and when hub_wait_ms has passed. */
void hub_turn(struct hub *hub, const struct hub_outlet *outlet);

/* Who reads the feed in this session; borrows from both, until the next change of either. */
struct feed_reader session_reader(const struct hub *hub, const struct hub_session *session);

/* Milliseconds until hub_turn has something to do by itself; -1: not before the next message. */
int64_t hub_wait_ms(const struct hub *hub);

/* Forgets what seeds of changes in brief form are made of: something is erased. Agents that sent such say
 * Hello again. */
void session_forget_seed_keys(struct hub *hub);

/* Ends all sessions; before hub_close. */
void hub_end_sessions(struct hub *hub);

/* Whether the agent was heard in the last minutes. */
bool session_is_online(const struct hub *hub, const struct hub_session *session);

/* How many agents were heard in the last minutes (a held Pull is renewed every two). */
size_t hub_sessions_online(const struct hub *hub);

#endif
