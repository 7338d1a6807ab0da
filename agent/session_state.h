/* The session's inside, shared by session*.c. */
#ifndef HOPNHAT_AGENT_SESSION_STATE_H
#define HOPNHAT_AGENT_SESSION_STATE_H

#include "agent/custody.h"
#include "agent/link_rate.h"
#include "agent/reconcile.h"
#include "agent/session.h"
#include "store/pieces.h"

enum session_state {
    SESSION_DOWN,        /* no link */
    SESSION_WAITING,     /* for the time to say Hello again */
    SESSION_GREETING,    /* Hello was said */
    SESSION_COMPARING,   /* chains are being compared, to find where they part */
    SESSION_OPEN,        /* changes go up, the feed comes down */
    SESSION_RECONCILING, /* changes go up, differing buckets come down */
    SESSION_STOPPED,     /* the hub does not let us in; asked again much later */
    SESSION_STATES,
};

enum {
    PUSHES_IN_FLIGHT = 16,
    PULLS_IN_FLIGHT = 8, /* of hubs that speak PULLS_PROTOCOL; else: */
    FORMER_PULLS_IN_FLIGHT = 4,
    HISTORIES_IN_FLIGHT = 4,
    SESSION_REQUESTS = PUSHES_IN_FLIGHT + PULLS_IN_FLIGHT + HISTORIES_IN_FLIGHT + 4,
    BRIEF_PROTOCOL = 2, /* hubs that speak this know BriefChange */
    PULLS_PROTOCOL = 2,
    PULL_WAIT_MS = 120 * 1000,
    METERED_WAIT_MS = 600 * 1000,
    LEAST_PATIENCE_MS = 30 * 1000, /* see agent_session_patience_ms */
    MOST_PATIENCE_MS = 180 * 1000,
    HISTORY_MS = 10 * 1000, /* somebody waits for it */
    HEAD_TOLD_MS = 10 * 60 * 1000,
    HELLO_GAP_MS = 250,
    HELLO_GAP_MOST_MS = 10 * 1000,
    STOPPED_MS = 5 * 60 * 1000,
    BYE_MS = 2000,
    MOST_UP_BYTES = 4 * LIMIT_PUSH_BYTES,
    MOST_DOWN_BYTES = 4 * LIMIT_FEED_BYTES,
    PUSH_BYTES = 90,   /* of a Push beside its changes, about: signature, numbers, frame */
    FEED_BYTES = 64,   /* of a Feed beside its items */
    CONTACT_MS = 1000, /* an answer that took no longer sets the clock */
};

enum request_kind {
    REQUEST_HELLO,
    REQUEST_COMPARE,
    REQUEST_PUSH,
    REQUEST_PULL,
    REQUEST_RECONCILE,
    REQUEST_HISTORY,
    REQUEST_CUSTODY,
    REQUEST_ROTATE,
};

/* A request that waits for its answer. */
struct request {
    uint32_t number; /* 0: this place is free */
    enum request_kind kind;
    uint64_t sent_ms, sent_wall_ms;
    uint32_t wait_ms; /* of a Pull */
    size_t log;       /* of a Push: place in the session's logs, seqs, clock reading */
    uint64_t first, last, time;
    struct rate_mark
        mark; /* of a Push or what is given back, or of a Pull or what is to be kept by its credit */
    /* of a Push with a piece: where in the change it ends (0: there is none), and which change that is */
    uint32_t piece_end;
    uint64_t piece_id;
    bool whole;       /* the Push names its last change to the end */
    bool catching_up; /* of a Pull: more was known to be there */
};

/* A log as named in the Hello. */
struct session_log {
    uint64_t replica;
    uint64_t sent; /* last seq that is under way or acknowledged */
    uint64_t paused_until_ms;
    /* of a change that travels in pieces: its seq, what the hub holds of it, and how much of it is under way
     */
    uint64_t piece_seq;
    struct pieces_held piece;
    uint32_t piece_sent;
    bool waits;         /* its next change rests on one of another log that the hub does not have yet */
    bool waits_catalog; /* the hub lacks the catalog that the next change was made under */
    /* while chains are compared: equal at `equal`, parted at `parted`, with what is between not known yet */
    bool decided, forked;
    uint64_t equal, parted;
    unsigned rounds;
};

struct agent_session {
    struct agent *agent;
    uint64_t carried; /* agent->carried as of the last Hello */
    bool in_order;    /* fills a bundle: logs go by age, and no answer is waited for */
    struct agent_outlet outlet;
    enum session_state state;
    uint64_t last_wall_ms, now_ms; /* time as it passes here: never back, whatever the wall clock does */
    uint32_t last_request;
    struct request requests[SESSION_REQUESTS];
    uint64_t heard_ms; /* when the hub was heard last */
    uint64_t hello_after_ms, hello_gap_ms;
    uint64_t wake_ms; /* in WAITING and STOPPED: when to say Hello */
    /* when there is room for another Push, another Pull; UINT64_MAX: not by time alone */
    uint64_t push_after_ms, pull_after_ms;
    uint64_t ask_after_ms; /* Compare, Pull and Reconcile wait until then: the hub is busy */

    struct session_log logs[LIMIT_LOGS_PER_AGENT];
    uint64_t replicas[LIMIT_LOGS_PER_AGENT]; /* of `logs` */
    size_t log_count;
    Hopnhat__Welcome *welcome; /* in `arena`, while chains are compared */
    uint64_t welcome_sent_wall_ms;
    uint64_t queries[LIMIT_CHAIN_QUERIES];
    size_t query_count, query_log;

    uint8_t seed_key[SEED_KEY_BYTES]; /* as said in the Hello */
    uint32_t protocol;                /* of the session; 0: there is none */
    uint64_t whole_until; /* it could not use a Push that ended there: up to here changes are sent whole */
    size_t push_bytes, feed_bytes;       /* the hub's bounds */
    struct allowance may_send, may_take; /* by agent->limits */
    size_t sent_bytes, came_bytes;       /* of the last message each way, as it crossed; 0: not known */
    Hopnhat__PullScope scope;            /* of the last Pull */
    struct link_rate up, down;           /* what may be under way; kept from session to session */
    uint64_t head_due_ms;                /* when the hub is to be told again where the present log ends */
    uint32_t credit_told;                /* by the last Pull of this session */
    uint32_t applied;                    /* request of the last part applied in this session; 0: none */
    uint64_t records_come, bytes_come;   /* by the feed since the start */
    uint32_t poked; /* Pulls up to this one were asked before somebody began to wait for a head */
    bool urgent;    /* the next Pull is to be answered at once */
    struct reconciliation round;
    /* headquarters' log in custody here: something is to be said of it; the hub has all that is held; it was
     * told that no pieces are taken; a piece was not kept in this session; from where on it wants it back */
    bool custody_due, custody_settled, custody_waits, custody_full;
    struct custody_want want;
    bool rotate_refused;  /* the hub does not take the new keys: not asked again in this session */
    unsigned mended;      /* how often all was reconciled since the digests were equal */
    struct arena arena;   /* of the greeting */
    struct arena message; /* of one message on its way out */
};

/* Moves to another state, which the table in session.c must allow. */
void session_move(struct agent_session *session, enum session_state to);

/* Sends *message (filled in but for session and request) as a request of that kind. NULL: the link is down
 * now. */
struct request *session_ask(struct agent_session *session, Hopnhat__Message *message, enum request_kind kind,
                            uint64_t wall_ms);

/* The request that the message answers, which is thereby answered. False: none that waits. */
bool session_answered(struct agent_session *session, const Hopnhat__Message *message,
                      struct request *request);

/* Of the requests of the kind that wait for an answer: bytes of Pushes or Pulls, how many; forgets all of
 * them. */
size_t session_under_way(const struct agent_session *session, enum request_kind kind);
size_t session_asked(const struct agent_session *session, enum request_kind kind);
/* When there is room for one more of so many bytes: a time that has come, one that will, or UINT64_MAX (not
 * before there is an answer). */
uint64_t session_room_ms(const struct agent_session *session, enum request_kind kind,
                         const struct link_rate *rate, size_t size_bytes);
void session_forget(struct agent_session *session, enum request_kind kind);

/* What is held of a transfer in AGENT_PIECE, for the hub to go on from there. False: nothing, or the store
 * cannot be read. */
bool session_held(struct agent_session *session, struct bytes transfer, Hopnhat__PieceHeld *to);

/* Something went wrong: kept for status, and logged where it is not what was logged last. */
void session_trouble(struct agent_session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The link is of no use, or the store failed: everything under way is forgotten. */
void session_lose_link(struct agent_session *session, const char *why);

/* The same, where the own store failed so. */
void session_store_failed(struct agent_session *session, const struct error *error);

/* Says Hello, now or when it is time; a session that there was ends. */
void session_hello(struct agent_session *session, uint64_t wall_ms);

/* The hub did something for us: the next Hello need not wait. */
void session_progress(struct agent_session *session);

/* session_hello.c: says Hello at once; goes on when nothing, or less, is left to compare */
void session_say_hello(struct agent_session *session, uint64_t wall_ms);
void session_go_on(struct agent_session *session, uint64_t wall_ms);
/* Whether a log that the hub lacks something of had no room in the Hello. */
bool session_left_out(const struct agent_session *session);
void session_take_welcome(struct agent_session *session, const struct request *request,
                          const Hopnhat__Welcome *welcome, uint64_t wall_ms);

/* All chains agree: takes over what the Welcome says, in one transaction. sent_wall_ms: when the Hello was
 * sent; 0: it was carried as a file, and says nothing of clocks. */
bool session_take_over(struct agent *agent, const Hopnhat__Welcome *welcome, uint64_t sent_wall_ms,
                       uint64_t wall_ms, struct error *error);

/* session_compare.c */
void session_take_compared(struct agent_session *session, const Hopnhat__Compared *compared,
                           uint64_t wall_ms);
void session_compare(struct agent_session *session, uint64_t wall_ms);

/* What may move now, by the limits of the link. */
Hopnhat__PullScope session_scope(const struct agent_session *session);

/* session_up.c */
void session_push(struct agent_session *session, uint64_t wall_ms);
/* Whether the hub has everything that it can take now. */
bool session_all_pushed(const struct agent_session *session);
void session_take_ack(struct agent_session *session, const struct request *request, const Hopnhat__Ack *ack,
                      uint64_t wall_ms);
/* Whether changes wait because the hub takes none now. */
bool session_pushes_wait(const struct agent_session *session);
void session_push_again(struct agent_session *session, size_t log, uint64_t from, uint64_t pause_ms);

/* session_down.c */
void session_pull(struct agent_session *session, uint64_t wall_ms);
void session_take_feed(struct agent_session *session, const struct request *request,
                       const Hopnhat__Feed *feed, uint64_t wall_ms);
void session_reconcile(struct agent_session *session, uint64_t wall_ms);
void session_take_reconciled(struct agent_session *session, const Hopnhat__Reconciled *reconciled,
                             uint64_t wall_ms);
void session_group_refused(struct agent_session *session, uint64_t wall_ms);

/* session_history.c: tells who asked; gives up those whose time has come, or all of them */
void session_take_history(struct agent_session *session, const struct request *request,
                          const Hopnhat__HistoryAnswer *answer, const char *why);
void session_give_up_histories(struct agent_session *session, bool all);

/* session_custody.c: a session begins; whether a hub that was restored is to be given first what it has lost;
 * says what there is to say; takes the answer, or (NULL) that there is none */
void session_custody_begin(struct agent_session *session);
bool session_custody_first(const struct agent_session *session);
void session_custody(struct agent_session *session, uint64_t wall_ms);
void session_take_custody(struct agent_session *session, const struct request *request,
                          const Hopnhat__Custody *custody);

/* session_rotate.c: announces new keys, where there are some; takes the answer, or (NULL) that there is none,
 * and why */
void session_rotate(struct agent_session *session, uint64_t wall_ms);
void session_take_rotated(struct agent_session *session, const Hopnhat__Rotated *rotated, const char *why);

/* Whether a time of the session's own has come. */
static inline bool session_is_due(const struct agent_session *session, uint64_t at_ms)
{
    return session->now_ms >= at_ms;
}

#endif
