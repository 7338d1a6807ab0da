/* The simulated world: one hub, a few agents, and the links between them, all in one process. It runs the
 * real sessions on real stores; time, randomness and the links are its own. One seed, one history. */
#ifndef HOPNHAT_TESTS_SIM_WORLD_H
#define HOPNHAT_TESTS_SIM_WORLD_H

#include "agent/records.h"
#include "agent/session.h"
#include "agent/write.h"
#include "hub/headquarters.h"
#include "hub/session.h"
#include "model/edit.h"

enum {
    AGENTS = 4,
    KEYS = 5,
    COPIES = 3,
    MOST_CATALOGS = 5, /* in a history; afterwards each alteration comes once more */
    ALTERATIONS = 6,
    FORGOTTEN = COPIES,
    QUEUE = 256,
    TYPE_THING = 16,
    TYPE_PAPER = 17
};

enum { STICKS = 2 }; /* bundles of an office that lie about, each way */

#define WORLD_BEGINS_MS UINT64_C(1750000000000)

/* Which misfortunes a run has. */
struct mode {
    const char *name;
    bool agent_restore;  /* an agent's store comes back from a copy, by command */
    bool agent_put_back; /* the same, but nobody says so: a disk image, a cloned machine */
    bool hub_restore;
    bool hub_gap; /* it comes back from a backup that it did not count as kept any more */
};

/* What is printed of a history: nothing, what happens in its steps, or each message and the end as well. */
enum telling { TELL_NOTHING, TELL_STEPS, TELL_ALL };

/* A packed message under way. */
struct parcel {
    uint8_t *data;
    size_t size;
    uint32_t connection;
    uint8_t key[LINK_KEY_BYTES]; /* the office's, of the connection */
};

struct queue {
    struct parcel parcels[QUEUE];
    size_t count;
};

/* What somebody was shown of a record some time ago. */
struct view {
    struct shown token;
    struct entry_id ids[200];
    size_t count;
    bool valid;
};

struct node {
    char directory[160];
    struct agent *agent;
    struct agent_session *session;
    struct world *world;
    int64_t clock_off_ms;        /* how wrong its wall clock is */
    uint64_t stopped_ms;         /* not 0: its clock stands there */
    uint8_t key[LINK_KEY_BYTES]; /* that the last connection was made with */
    bool up;
    uint32_t connection;
    struct queue to_hub, to_agent;
    struct queue late; /* of ended connections, and doubles: may come at any time, in either direction */
    struct queue late_to_agent;
    struct parcel sticks_up[STICKS], sticks_down[STICKS]; /* bundles that lie about */
    struct view views[KEYS];
    unsigned copies;     /* made so far */
    unsigned generation; /* raised whenever the store goes back in time or is lost */
};

struct world {
    const struct mode *mode;
    char directory[128];
    struct bytes catalogs[MOST_CATALOGS + ALTERATIONS]; /* every version; all but the first are owned */
    size_t catalog_count;
    uint64_t seed, random;
    uint64_t now_ms;
    struct hub *hub;
    char hub_directory[160];
    unsigned hub_copies, hub_restores;
    bool forgotten_copy; /* there is a copy of the hub that it has not been told of */
    bool gap_allowed;    /* it came back from a copy that it did not count as a backup: logs may have gaps */
    bool hub_mute;       /* what the hub sends is lost: it is about to crash */
    struct node nodes[AGENTS];
    uint32_t connections;
    uint8_t keys[KEYS][RECORD_ID_BYTES];
    uint64_t trace; /* hash of all that happened */
    uint64_t steps;
    unsigned words; /* written in this step: each is another */
    enum telling telling;
    bool calm;         /* the end: no more misfortunes */
    char failure[600]; /* empty: all is well so far */
    struct truth *truth;
};

/* Builds the world in a directory of its own: hub, offices, joined agents. False: world->failure says why. */
bool world_start(struct world *world, const struct mode *mode, uint64_t seed, struct bytes catalog,
                 const char *directory);
void world_end(struct world *world);
void world_remove(const char *directory); /* takes its files away */

/* Seeded randomness. */
uint64_t world_random(struct world *world, uint64_t below);
bool world_chance(struct world *world, unsigned percent);
void world_reseed(struct world *world, uint64_t step);
struct entropy world_entropy(struct world *world);

/* Notes that something does not hold; the first one stays. Always false. */
bool world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something happens: it is added to the trace, and printed where the world tells of it. */
void world_trace(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t node_wall_ms(const struct node *node);
char node_name(const struct node *node);

/* Daemons that start and stop. */
void node_open(struct node *node);
void node_close(struct node *node);
void world_open_hub(struct world *world);
void world_close_hub(struct world *world);

/* Links. */
void node_connect(struct node *node);
void node_cut(struct node *node);
/* Delivers one waiting message, in one direction; false: none waits. */
bool node_deliver_to_hub(struct node *node);
bool node_deliver_to_agent(struct node *node);
/* Delivers one message of an ended connection; false: there is none. */
bool node_deliver_late(struct node *node);
void world_hub_turn(struct world *world);

/* Crashes: what was in memory is gone. */
void node_crash(struct node *node);
void world_crash_hub(struct world *world);

/* tests/sim/copies.c: copies of a store, and its coming back as one of them. */
void node_copy(struct node *node);
void node_come_back(struct node *node, bool by_command);
/* A bit of a mirrored record, or of one at the hub, is turned round, and the store is mended. */
void node_is_damaged(struct node *node);
void world_hub_is_damaged(struct world *world);
void world_copy_hub(struct world *world);
void world_restore_hub(struct world *world);

/* tests/sim/actions.c: event number `step`, from 1 on, by chance; what it draws depends on nothing before it,
 * so that others can be left out. */
void world_step(struct world *world, uint64_t step);
/* Mends everything and lets all sync. */
void world_settle(struct world *world);
/* Lets those of the set (bit i: agent i) sync; false: they do not catch up. */
bool world_sync(struct world *world, unsigned set);

/* tests/sim/forget.c */
void world_erases(struct world *world);
void world_housekeeps(struct world *world);
/* Those of the set read that records were deleted, the others are retired, and the records are purged. */
void world_forgets(struct world *world, unsigned set);
void world_changes_catalog(struct world *world);
void world_applies_catalogs(struct world *world);

/* All alterations one after the other, in a world that is in step: hub and offices list the same as open. */
void world_check_catalogs(struct world *world);
void check_forgotten(struct world *world);

/* tests/sim/carry.c: a bundle is made or taken; all are thrown away */
void node_carry(struct node *node);
void node_drop_sticks(struct node *node);

/* tests/sim/truth.c: what really happened, kept beside the program under test. */
struct truth *truth_new(void);
void truth_free(struct truth *truth);
void truth_saved(struct world *world, struct node *node, struct dot dot);
void truth_superseded(struct world *world, const struct new_edit *edit, const Hopnhat__Record *shown);
/* A value that stands there already is written once more, to settle a conflict. */
void truth_taken(struct world *world, const Hopnhat__Record *record, uint32_t field, struct bytes value);
/* A field was settled on the value, with that note. */
void truth_settled(struct world *world, const char *office, const char *note, struct bytes value);
void truth_acknowledged(struct world *world, struct node *node);
void truth_sent(struct world *world, struct node *node, const Hopnhat__Message *message);
void truth_lost(struct world *world, struct node *node);

/* tests/sim/check.c: everything that must hold at the end. */
void world_check(struct world *world);
void check_oracle(struct world *world);
void check_texts(struct world *world);   /* tests/sim/texts.c */
void check_journal(struct world *world); /* tests/sim/journal.c */
void check_told(struct world *world);    /* tests/sim/outvoted.c */
void check_truth(struct world *world);
void check_custody(struct world *world);

/* After each turn of the hub: no Pull is held although there is something to answer. */
void check_pulls(struct world *world);

/* A value that somebody wrote over one that they saw. Values of these fields are written once only, so that
 * they can be told apart whatever name their entry has by now. */
struct overwritten {
    uint32_t type, field;
    uint8_t record[RECORD_ID_BYTES];
    char by[24], value[24];
};
const struct overwritten *truth_overwritten(const struct world *world, size_t *count);
/* Whether the value was written more than once all the same, by somebody who took it. */
bool truth_was_taken(const struct world *world, const struct overwritten *over, const char *value);

/* Who settled a conflict with that note, and on what. NULL: nobody. */
struct settled {
    char note[24], office[24], value[400];
};
const struct settled *truth_settlement(const struct world *world, const char *note);

#endif
