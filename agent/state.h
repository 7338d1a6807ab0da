/* The agent's store and what of it is kept in memory. One thread, one writer; no clock, no socket: the wall
 * clock's reading (milliseconds since 1970) is an argument, randomness comes from options. */
#ifndef HOPNHAT_AGENT_STATE_H
#define HOPNHAT_AGENT_STATE_H

#include "agent/link_limit.h"
#include "base/entropy.h"
#include "base/limits.h"
#include "model/brief.h"
#include "model/catalog.h"
#include "model/clock.h"
#include "model/digest.h"
#include "model/office.h"
#include "net/keys.h"
#include "store/audit.h"
#include "store/environment.h"
#include "store/format.h"

#include "wire.pb-c.h"

enum { CHAIN_LINK_BYTES = 32 };

/* Databases of the store; docs/storage.md has their keys and rows. */
enum agent_database {
    AGENT_META,
    AGENT_LOG,      /* replica, seq -> LogRow */
    AGENT_MIRROR,   /* type, record -> Record, as the hub has it */
    AGENT_DRAFT,    /* type, record -> Draft */
    AGENT_REFUSED,  /* replica, seq -> Refusal */
    AGENT_DIGEST,   /* group -> sum over its mirrored records (16) */
    AGENT_CURSOR,   /* group -> base (8), position (8), place in the list (4), to be reconciled (1) */
    AGENT_OWNLOG,   /* number of the log (8), rising with its age -> OwnLog */
    AGENT_CHANGED,  /* local rev (8) -> type, record: each record once, at its latest */
    AGENT_PLACE,    /* type, record -> its local rev (8) */
    AGENT_CONFLICT, /* type, record, field (4) -> nothing: what people see there is in open conflict */
    AGENT_CATALOG,  /* tag (4) -> packed catalog */
    AGENT_CUSTODY,  /* replica of the hub, first seq -> last seq (8), the sealed piece */
    AGENT_IMPORT,   /* number (8) -> Import; number, place (4) -> ImportedRecord */
    AGENT_OUTVOTED, /* type, record, field (4) -> Outvoted */
    AGENT_ACCOUNT,  /* people who come over TCP, by name */
    AGENT_AUDIT,    /* administrative acts, by number */
    AGENT_PIECE,    /* PIECES_OF_… (1) -> of what comes in pieces, what has come (store/pieces.h) */
    AGENT_DATABASES,
};

/* The transfers in AGENT_PIECE. */
#define PIECES_OF_FEED(place) bytes_of(&"fghi"[place], 1) /* PIECES_AT_ONCE of them */
#define PIECES_OF_RECONCILE   bytes_of("r", 1)
#define PIECES_OF_CUSTODY     bytes_of("c", 1)

extern const char *const agent_databases[AGENT_DATABASES]; /* their names in LMDB */
extern const struct format agent_format;

/* One log of this installation. Every seq up to `head` is in the store. */
struct own_log {
    uint64_t number; /* logs in the order in which they were begun */
    uint64_t replica, head;
    uint8_t link[CHAIN_LINK_BYTES]; /* at head */
    uint64_t acknowledged, safe;    /* on the hub's disk; in its oldest backup still kept */
    uint64_t refusal_heard;         /* highest refused seq that the hub has told */
    uint64_t trimmed;               /* changes up to here are not kept any more (agent/trim.h) */
    uint8_t trimmed_link[CHAIN_LINK_BYTES];
    uint64_t urgent;  /* changes up to here were marked urgent by a person */
    uint64_t settled; /* with agent.settled, not stored: no draft holds one up to here */
    bool continues;   /* by agent_pass: the store is that of the log before, too */
    bool dirty;
};

/* A group: how far its feed has been read, and what its mirrored records add up to. */
struct agent_group {
    char name[LIMIT_GROUP_NAME_BYTES + 1];
    bool listed; /* the hub says that the office is in it; else records came at joining */
    uint32_t place;
    uint64_t base, position;
    bool reconcile; /* the mirror is not known to be what the cursor says */
    struct digest digest;
    bool dirty;
};

enum { AGENT_GROUPS = 2 * LIMIT_GROUPS_PER_OFFICE };

struct agent {
    int lock; /* descriptor; -1 for none */
    char *directory;
    struct environment *environment;
    struct entropy entropy;
    bool stale; /* memory is not what the store says: read anew before the next use */

    /* who we are; fixed at joining */
    char office_code[LIMIT_OFFICE_CODE_BYTES + 1];
    char *hub_address;
    uint8_t hub_key[LINK_KEY_BYTES], hub_signing_key[SIGNING_KEY_BYTES];
    struct link_keys link_keys;
    struct signing_keys signing_keys;
    Hopnhat__Certificate *certificate;

    /* new_keys.h: keys that are to follow, where there are some */
    bool has_next_keys, has_next_hub_key;
    struct link_keys next_link_keys;
    struct signing_keys next_signing_keys;
    uint8_t next_hub_key[LINK_KEY_BYTES];

    /* saved with every transaction */
    uint64_t epoch;    /* of the hub's store that the cursors belong to */
    uint64_t ahead[2]; /* up to which rev what is urgent has been read, by enum urgency */
    struct clock clock;
    uint64_t local_rev, digest_mismatches, last_contact_ms;
    uint8_t hub_catalog[CATALOG_HASH_BYTES]; /* in force at the hub, as far as we have heard */
    struct own_log *logs;                    /* oldest first; the last one takes new changes */
    size_t log_count;
    struct log_place *places; /* of all logs, by replica */
    struct agent_group groups[AGENT_GROUPS];
    size_t group_count;

    struct catalog *catalog;        /* in force */
    struct catalog *former_catalog; /* within a transaction that brought a new one */
    struct office office;           /* as its mirrored record reads; in office_arena */
    struct arena office_arena;
    bool settled; /* own_log.settled is known, from the first head on after the store was read */
    bool office_dirty;
    bool erasures_came;   /* within a transaction; see erasure.h */
    bool rewrite_due;     /* the store has been planned to be written anew since it was opened */
    struct arena scratch; /* of one small step within a transaction */

    /* seeds of changes are made of it while a session has one, and need not be sent (model/brief.h); never
     * stored */
    bool has_seed_key;
    uint8_t seed_key[SEED_KEY_BYTES];

    /* what the session knows, for agent_status and agent_progress; not stored */
    struct agent_pace {
        uint64_t up_bytes_per_second, down_bytes_per_second, record_bytes; /* 0: not known */
        uint64_t records_to_come; /* in this session, after the last part */
        struct packing up, down;
    } pace;
    struct link_limits limits; /* by the daemon's settings */
    uint64_t
        carried; /* how often a file moved cursors and watermarks: a session under way then begins anew */
    bool hub_online, at_head, digests_equal;
    uint64_t heads;    /* how often the hub's head was reached since the start */
    char trouble[512]; /* last trouble with the hub or the store; empty when all is well */
};

#define AGENT_DEFAULT_MAP_BYTES (UINT64_C(8) << 30)

struct agent_options {
    uint64_t map_bytes; /* 0: AGENT_DEFAULT_MAP_BYTES */
    bool take_lock;     /* false only in the simulator, which opens many in one process */
    struct entropy entropy;
    const char *actor; /* of agent_create: who gives the command, for the audit log; NULL: no person does */
};

/* What a join has brought; everything is borrowed. */
struct agent_identity {
    const char *hub_address;
    const uint8_t *hub_key; /* LINK_KEY_BYTES */
    const struct link_keys *link_keys;
    const struct signing_keys *signing_keys;
    const char *office; /* from the checked certificate */
    const Hopnhat__Joined *joined;
};

/* Makes the store of an agent that has joined, in an empty or absent directory. Errors: ERROR_INPUT where
 * there is one already, and those of the store. Blocks on the disk, as everything below that writes. */
bool agent_create(const char *directory, const struct agent_options *options,
                  const struct agent_identity *identity, uint64_t wall_ms, struct error *error);

/* Opens it. NULL on error: ERROR_NOT_FOUND where there is none, ERROR_UNAVAILABLE where another process holds
 * it. The caller ends it with agent_close, after its session. */
struct agent *agent_open(const char *directory, const struct agent_options *options, struct error *error);
void agent_close(struct agent *agent); /* NULL is allowed */

/* Reads everything that is kept in memory anew. Called by agent_commit and agent_abort where it is needed. */
bool agent_reload(struct agent *agent, struct error *error);

/* A transaction that writes. Ends with agent_commit or agent_abort, which keep memory and store the same. */
bool agent_begin(struct agent *agent, struct transaction *transaction, struct error *error);
bool agent_commit(struct agent *agent, struct transaction *transaction, struct error *error);
void agent_abort(struct agent *agent, struct transaction *transaction);

/* A transaction that reads; ends with transaction_abort. Hold it briefly. */
bool agent_read(struct agent *agent, struct transaction *transaction, struct error *error);

/* To be called for a store that was put in place from a backup: from now on changes are numbered under a new
 * replica number; former logs are kept and offered. `act` goes into the audit log with it; it may be NULL. */
bool agent_restored(struct agent *agent, const struct audit_act *act, struct error *error);

/* The log that takes new changes. There always is one. */
static inline struct own_log *agent_present_log(const struct agent *agent)
{
    return &agent->logs[agent->log_count - 1];
}

/* Names this store since it was made or came back from a copy: local revs mean nothing in another one. */
uint64_t agent_store_name(const struct agent *agent);

/* The log of that replica; NULL where it is not ours. Quick also where there were thousands of restores. */
struct own_log *agent_log(const struct agent *agent, uint64_t replica);

/* Makes agent_log know the logs that are in memory. False: out of memory, nothing was changed. */
bool agent_index_logs(struct agent *agent);

/* Begins a log under a new random number, in the transaction, and returns it; it takes new changes from now
 * on. NULL: out of memory. Pointers into agent->logs end. */
struct own_log *agent_new_log(struct agent *agent);

/* Much was written at once, as by an import, in the transaction: what is written from now on need not wait
 * until all of it is at the hub, for it stands in a log of its own. Does nothing where too many logs are
 * under way. False: out of memory. Pointers into agent->logs end. */
bool agent_pass(struct agent *agent);

/* All that was written here so far is urgent: a person says so. ERROR_… of the store. */
bool agent_mark_urgent(struct agent *agent, struct error *error);

/* Makes the transaction fail with ERROR_MEMORY. */
void agent_fail_memory(struct transaction *transaction);

/* The group of that name; where there is none and `make` says so, a new one. NULL: none, or no room. */
struct agent_group *agent_group(struct agent *agent, const char *name, bool make);

#endif
