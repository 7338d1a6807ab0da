/* The hub's store and what of it is kept in memory. One thread, one writer. */
#ifndef HOPNHAT_HUB_STATE_H
#define HOPNHAT_HUB_STATE_H

#include "base/arena.h"
#include "base/entropy.h"
#include "base/limits.h"
#include "base/steady.h"
#include "base/throttle.h"
#include "hub/pace.h"
#include "model/catalog.h"
#include "model/change.h"
#include "model/clock.h"
#include "model/digest.h"
#include "model/gaps.h"
#include "model/office.h"
#include "net/keys.h"
#include "store/audit.h"
#include "store/environment.h"
#include "store/format.h"

#include <uthash.h>

/* Databases of the store; docs/storage.md has their keys and rows. */
enum hub_database {
    HUB_META,
    HUB_LOG,
    HUB_RECORD,
    HUB_FEED,
    HUB_DIGEST,
    HUB_REPLICA,
    HUB_INSTALLATION,
    HUB_ENROLMENT,
    HUB_CONFLICT,
    HUB_CONFLICT_STATE, /* the rows of HUB_CONFLICT by state and time: journal.h */
    HUB_QUARANTINE,
    HUB_SIGNATURE, /* of each pushed batch, under its last dot */
    HUB_CATALOG,   /* every catalog that was ever in force, by tag */
    HUB_BACKUP,    /* backups that are still kept, by their number */
    HUB_IMPORT,    /* as the agent's */
    HUB_CARRIED,   /* link key -> CarriedHello: of the bundle that came last from that installation */
    HUB_PURGED,    /* what purged records leave behind */
    HUB_ACCOUNT,   /* people who come over TCP, by name */
    HUB_AUDIT,     /* administrative acts, by number */
    HUB_URGENT,    /* urgent.h: rev (8) -> urgency (1), group: rows of the feed that go first */
    HUB_PIECE,     /* replica (8) -> of its next change, link key (32) -> of a piece that is given back from
                    * custody, what has come (store/pieces.h) */
    HUB_DATABASES,
};

extern const char *const hub_databases[HUB_DATABASES]; /* their names in LMDB */
extern const struct format hub_format;

/* A source of changes that the hub knows. */
struct replica {
    uint64_t number;
    char office[LIMIT_OFFICE_CODE_BYTES + 1]; /* empty: the hub's own */
    uint8_t link_key[LINK_KEY_BYTES], signing_key[SIGNING_KEY_BYTES];
    uint64_t watermark;
    uint8_t link[LINK_BYTES]; /* the chain's, at the watermark */
    uint64_t last_contact;    /* time at which everything that its log held had come */
    bool revoked;
    uint64_t safe;         /* every change up to here is in the oldest backup still kept */
    struct gaps gaps;      /* changes that this hub lost, and the agent has not any more */
    uint64_t offered_from; /* of the hub's own: the first change beyond the watermark that an agent holds */
    uint64_t in_backups;   /* how many of the kept ones know it */
    struct replica *next_dirty; /* see registry.h */
    bool dirty;
    UT_hash_handle hh;
};

/* Keys that an installation had, or has announced; see FormerKeys of wire.proto. */
struct former_keys {
    uint8_t link_key[LINK_KEY_BYTES], signing_key[SIGNING_KEY_BYTES], signature[SIGNATURE_BYTES];
};

/* A pair of keys that joined. */
struct installation {
    uint8_t link_key[LINK_KEY_BYTES], signing_key[SIGNING_KEY_BYTES];
    char office[LIMIT_OFFICE_CODE_BYTES + 1];
    uint64_t joined_ms;
    bool revoked;
    struct former_keys *former; /* malloc'd, oldest first */
    size_t former_count;
    struct former_keys next; /* announced, where has_next; signed by the present key */
    bool has_next;
    uint32_t next_hub_key;  /* first bytes of the hub's next link key, as far as it is known there; 0: none */
    uint64_t read_rev;      /* by reading.c, as seen_ms: see store.proto */
    uint64_t seen_ms;       /* of the last message, by the wall clock of then */
    uint64_t seen_bound_ms; /* as store.proto says; 0: none */
    uint64_t digest_mismatches; /* as store.proto says */
    bool heard;                 /* one of these is not in its row */
    uint64_t retired_at;        /* the rev at which it was retired; 0: it is not */
    bool came, gave_back; /* since the hub began to wait for what is in custody: with all that it held */
    UT_hash_handle hh;
};

/* An office as its record reads; `office` points into its own arena. */
struct office_state {
    char code[LIMIT_OFFICE_CODE_BYTES + 1];
    struct arena arena;
    struct office office;
    UT_hash_handle hh;
};

/* A group: what its records add up to, and when it last changed. */
struct group_state {
    char name[LIMIT_GROUP_NAME_BYTES + 1];
    struct digest digest;
    uint64_t last_rev; /* of its newest row in the feed */
    bool dirty;
    UT_hash_handle hh;
};

struct audience;
struct follow;
struct hub_session;
struct push_turn;

/* Headquarters' own log in the agents' hands, as far as is known since the start. */
struct hub_custody {
    bool stale;     /* the custodians are to be chosen again */
    uint64_t seen;  /* watermark of the own log when they were chosen last */
    uint64_t total; /* changes in all logs of headquarters */
    uint64_t held;  /* of these, how many enough agents hold, or backups do */
    bool awaited;   /* the hub has been restored, and does not know yet what it had done since the backup */
    uint64_t awaited_until_ms, most_wait_ms; /* steady; 0: counted from the next look on */
};

/* By intake.c. */
struct hub_intake {
    uint64_t office_bytes_a_day; /* the most that is taken from an office; 0: no bound */
    struct intake_office *offices;
    bool disk_is_low;
};

struct hub {
    int lock;          /* descriptor; -1 for none */
    bool merges_texts; /* text_merge_start was called */
    char *directory;
    struct environment *environment;
    struct entropy entropy;
    struct steady steady; /* what of the hub's times are "steady" is by this one, else by the wall clock */

    uint64_t epoch;
    uint64_t own_replica; /* number of headquarters' own changes */
    uint64_t rev;
    struct clock clock;
    uint64_t urgent_rev; /* of the newest row in HUB_URGENT; 0: none */
    uint64_t conflicts_open, quarantined;
    bool purged;           /* some record was; see purge.h */
    uint64_t forgotten_at; /* rows of feeds up to this rev may be gone */
    bool erasures;         /* something was erased; see erasure.h */
    struct link_keys link_keys;
    struct link_keys next_link_keys; /* announced to the agents, where has_next_link_keys */
    bool has_next_link_keys;
    struct signing_keys signing_keys;
    struct link_keys custody_keys; /* what agents keep for the hub is sealed to these */
    struct catalog *catalog;       /* in force */

    struct replica *replicas, *dirty_replicas;
    struct installation *installations;
    struct office_state *offices;
    struct group_state *groups;
    uint64_t backups, last_backup_ms; /* how many are kept; when the newest was made, 0: never */
    uint32_t last_backup_next_key;    /* first 4 bytes of the next link key in the newest; 0: none */
    struct hub_custody custody;       /* by custody.c */
    struct hub_session *sessions;     /* by session.c */
    struct audience *audiences;       /* by audience.c: who reads each group; sessions to be looked at */
    struct hub_session *looks[2];
    unsigned looked_last;
    struct hub_intake intake;
    struct pace pace;          /* at which sessions may begin */
    uint64_t holds_due_ms;     /* by pulls.c: when to see which Pulls were held long enough; steady */
    struct push_turn *turn;    /* by push.c: what has come in and is not committed; NULL: nothing */
    struct follow *follow;     /* the daemon's, of the views; NULL: there are none to wait for */
    uint64_t malformed;        /* messages that were no messages, since the start */
    struct throttle strangers; /* addresses that come with unknown keys */
    struct budget lookups;     /* of such keys */
};

enum { FIRST_CATALOG_TYPE = 16 }; /* types below are built in */

#define HUB_DEFAULT_MAP_BYTES (UINT64_C(64) << 30)

struct hub_options {
    uint64_t map_bytes; /* 0: HUB_DEFAULT_MAP_BYTES */
    bool take_lock;     /* false only in the simulator, which opens many in one process */
    struct entropy entropy;
    struct steady steady;
    const char *actor; /* of hub_init: who gives the command, for the audit log; NULL: no person does */
};

/* Makes a new hub in an empty or absent directory: keys, epoch, replica number and the first catalog
 * (packed). Errors: ERROR_INPUT where there is one already, and those of the store. */
bool hub_init(const char *directory, const struct hub_options *options, struct bytes catalog,
              uint64_t wall_ms, struct error *error);

/* Opens it and reads what is kept in memory. NULL on error: ERROR_NOT_FOUND where there is none,
 * ERROR_UNAVAILABLE where another process holds it. The caller ends it with hub_close. */
struct hub *hub_open(const char *directory, const struct hub_options *options, struct error *error);
void hub_close(struct hub *hub); /* NULL is allowed; sessions must have ended */

/* Reads everything that is kept in memory anew: after a transaction that did not commit. */
bool hub_reload(struct hub *hub, struct error *error);

/* Marks a store that was put in place from the backup `file` (backups_note_origin): a new epoch, and a new
 * number for headquarters' own changes, at once. Codes that the backup holds are void: they may have been
 * used since. `act` goes into the audit log with it; it may be NULL. */
bool hub_mark_restored(struct hub *hub, const char *file, const struct audit_act *act, struct error *error);

/* Whether the store ever came back from a backup: then agents that it does not know may show a certificate,
 * and may have trimmed what it does not have. */
bool hub_was_restored(struct hub *hub);

#endif
