#include "hub/audience.h"

#include <stdlib.h>
#include <utlist.h>

/* Everyone who reads a group. */
struct audience {
    char name[LIMIT_GROUP_NAME_BYTES + 1];
    struct seat *seats;
    uint64_t urgent[URGENCY_NONE]; /* the newest rev of each urgency, since somebody has sat here */
    UT_hash_handle hh;
};

struct seat {
    struct audience *audience;
    struct hub_session *session;
    struct seat *next, *prev;
};

static struct audience *audience_of(struct hub *hub, const char *name, bool make)
{
    struct audience *audience;
    HASH_FIND_STR(hub->audiences, name, audience);
    if (audience || !make || strlen(name) > LIMIT_GROUP_NAME_BYTES ||
        !(audience = calloc(1, sizeof *audience)))
        return audience;
    memcpy(audience->name, name, strlen(name));
    HASH_ADD_STR(hub->audiences, name, audience);
    return audience;
}

static void stand_up(struct hub *hub, struct hub_session *session)
{
    for (size_t i = 0; i < session->seat_count; i++) {
        struct audience *audience = session->seats[i].audience;
        DL_DELETE(audience->seats, &session->seats[i]);
        if (!audience->seats) {
            HASH_DEL(hub->audiences, audience);
            free(audience);
        }
    }
    free(session->seats);
    session->seats = NULL;
    session->seat_count = 0;
}

static bool sits_right(const struct hub_session *session, const struct office *office)
{
    bool same = session->seat_count == office->group_count;
    for (size_t i = 0; same && i < office->group_count; i++)
        same = strcmp(session->seats[i].audience->name, office->groups[i]) == 0;
    return same;
}

bool audience_seat(struct hub *hub, struct hub_session *session, const struct office *office)
{
    if (sits_right(session, office))
        return true;
    stand_up(hub, session);
    session->seats = calloc(office->group_count, sizeof *session->seats);
    for (size_t i = 0; session->seats && i < office->group_count; i++) {
        struct seat *seat = &session->seats[i];
        seat->session = session;
        seat->audience = audience_of(hub, office->groups[i], true);
        if (!seat->audience) {
            stand_up(hub, session);
            return false;
        }
        DL_APPEND(seat->audience->seats, seat);
        session->seat_count++;
    }
    return session->seats != NULL;
}

static void forget_look(struct hub *hub, struct hub_session *session)
{
    if (session->look)
        DL_DELETE2(hub->looks[session->look - 1], session, look_prev, look_next);
    session->look = LOOK_NOT;
}

void audience_leave(struct hub *hub, struct hub_session *session)
{
    forget_look(hub, session);
    stand_up(hub, session);
}

void audience_look(struct hub *hub, struct hub_session *session, enum look_reason reason)
{
    if (session->look)
        return;
    session->look = reason;
    DL_APPEND2(hub->looks[reason - 1], session, look_prev, look_next);
}

void audience_tell(struct hub *hub, const char *group)
{
    const struct audience *audience = audience_of(hub, group, false);
    for (const struct seat *seat = audience ? audience->seats : NULL; seat; seat = seat->next)
        if (seat->session->pull_count)
            audience_look(hub, seat->session, LOOK_NEWS);
}

void audience_urgent(struct hub *hub, const char *group, enum urgency urgency)
{
    struct audience *audience = audience_of(hub, group, false);
    if (audience)
        audience->urgent[urgency] = hub->rev;
}

uint64_t audience_urgent_rev(struct hub *hub, const char *group, enum urgency urgency)
{
    const struct audience *audience = audience_of(hub, group, false);
    return audience ? audience->urgent[urgency] : 0;
}

struct hub_session *audience_next(struct hub *hub)
{
    size_t first = hub->looked_last == LOOK_NEWS ? LOOK_ASKED - 1 : LOOK_NEWS - 1;
    struct hub_session *session = hub->looks[first] ? hub->looks[first] : hub->looks[1 - first];
    if (session) {
        hub->looked_last = session->look;
        forget_look(hub, session);
    }
    return session;
}

bool audience_waits(const struct hub *hub)
{
    return hub->looks[0] || hub->looks[1];
}
