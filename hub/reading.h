/* How far each installation has read, and that it has pushed whatever it wrote before: what a purge waits
 * for. */
#ifndef HOPNHAT_HUB_READING_H
#define HOPNHAT_HUB_READING_H

#include "hub/state.h"

#include "wire.pb-c.h"

struct hub_session;

/* What waits to be known of a session's installation. */
struct read_mark {
    uint64_t rev;                         /* it has read up to here; 0: nothing waits */
    uint64_t heads[LIMIT_LOGS_PER_AGENT]; /* where its logs, in the order of the Hello, ended then */
};

/* A session has begun: its installation has read as far as the Hello says. A store that came back from a copy
 * has read less than was known. */
void reading_begin(const struct hub *hub, struct hub_session *session, const Hopnhat__Hello *hello);

/* The agent asks for more: it has applied all that the session has confirmed, and its present log ended at
 * `head` (absent where it does not say) when it asked. */
void reading_goes_on(const struct hub *hub, struct hub_session *session, const Hopnhat__Pull *pull);

/* A message of the session has come. */
void reading_heard(const struct hub *hub, struct hub_session *session, uint64_t wall_ms);

/* When a message of the installation came last, as far as the wall clock can tell now: nobody was heard later
 * than now, and where the clock was ahead then and was set right since, no later than when that was noticed
 * (reading_save). seen_ms itself stays as it was: the clock may be the one that is wrong now, and whoever is
 * bounded by it for good would be retired once it is right. */
uint64_t reading_seen_ms(const struct installation *installation, uint64_t wall_ms);

/* Takes note, in memory, of what the session has told so far. */
void reading_note(const struct hub *hub, struct hub_session *session);

/* Takes note of all sessions, and of when installations were heard, in their rows; to be called now and then,
 * and at the end. In a transaction of its own; what is kept in memory is read anew where that fails. */
bool reading_save(struct hub *hub, uint64_t wall_ms, struct error *error);

#endif
