#include "hub/office_status.h"

#include "api/wall.h"
#include "hub/hello.h"
#include "hub/intake.h"
#include "hub/reading.h"
#include "hub/registry.h"

/* How much of its logs is here. */
static uint64_t brought(const struct hub *hub, const struct hub_session *session)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < session->log_count; i++) {
        const struct replica *replica = registry_replica(hub, session->logs[i]);
        sum += replica ? replica->watermark : 0;
    }
    return sum;
}

/* How much of the feed it has applied. */
static uint64_t taken(const struct hub_session *session)
{
    uint64_t sum = session->reconciled;
    for (size_t i = 0; i < session->confirmed.group_count; i++)
        sum += session->confirmed.cursors[i].position + session->confirmed.cursors[i].base;
    return sum;
}

/* Whether the agent has named changes that are not here yet. */
static bool has_more(const struct hub *hub, const struct hub_session *session)
{
    for (size_t i = 0; i < session->log_count; i++) {
        const struct replica *replica = registry_replica(hub, session->logs[i]);
        if (replica && replica->watermark < session->heads[i])
            return true;
    }
    return false;
}

static bool lacks_something(struct hub *hub, const struct hub_session *session)
{
    const struct feed_reader reader = {.office = registry_office(hub, session->office),
                                       .logs = session->logs,
                                       .log_count = session->log_count};
    return reader.office && feed_has_news(hub, &reader, &session->confirmed, HOPNHAT__PULL_SCOPE__PULL_ALL);
}

static void note(struct progress *progress, uint64_t at, bool waits, uint64_t now_ms)
{
    if (at != progress->at || !waits || !progress->since_ms)
        *progress = (struct progress){at, now_ms};
}

void office_progress(struct hub *hub, struct hub_session *session)
{
    const uint64_t now_ms = steady_ms(&hub->steady);
    bool all = session->scope == HOPNHAT__PULL_SCOPE__PULL_ALL; /* else it waits because the office says so */
    note(&session->up, brought(hub, session), all && has_more(hub, session), now_ms);
    note(&session->down, taken(session), all && lacks_something(hub, session), now_ms);
}

static bool stands_still(const struct progress *progress, uint64_t at, uint64_t now_ms)
{
    return at == progress->at && progress->since_ms && now_ms - progress->since_ms > OFFICE_STALLED_MS;
}

static bool is_stalled(struct hub *hub, const struct hub_session *session)
{
    const uint64_t now_ms = steady_ms(&hub->steady);
    return (stands_still(&session->up, brought(hub, session), now_ms) && has_more(hub, session)) ||
           (stands_still(&session->down, taken(session), now_ms) && lacks_something(hub, session));
}

/* How many revs there are past where the agent stands in the group where it is furthest behind. */
static uint64_t behind(struct hub *hub, const struct hub_session *session)
{
    uint64_t most = session->confirmed.groups_told ? 0 : hub->rev;
    for (size_t i = 0; i < session->confirmed.group_count; i++) {
        const struct feed_cursor *cursor = &session->confirmed.cursors[i];
        const struct group_state *group = registry_group(hub, bytes_of_string(cursor->group));
        if (group && group->last_rev > cursor->position && hub->rev - cursor->position > most)
            most = hub->rev - cursor->position;
    }
    return most;
}

/* When a message of the installation came last, by the wall clock as it is now. */
static uint64_t last_contact_ms(const struct hub *hub, const struct installation *one, uint64_t wall_ms)
{
    const struct hub_session *session = session_find(hub, one->link_key);
    uint64_t ago_ms = session ? steady_ms(&hub->steady) - session->last_message_ms : 0;
    if (session)
        return wall_ms > ago_ms ? wall_ms - ago_ms : 0;
    return reading_seen_ms(one, wall_ms);
}

/* The sum over the office's machines of what each has told. */
static void add_mismatches(json_t *office, uint64_t count)
{
    json_t *sum = json_object_get(office, "digest_mismatches");
    json_integer_set(sum, json_integer_value(sum) + (json_int_t)count);
}

static void set_contact(json_t *office, uint64_t ms)
{
    struct arena arena;
    arena_init(&arena, 4096);
    const char *text = wall_text(ms, &arena),
               *former = json_string_value(json_object_get(office, "last_contact"));
    if (text && (!former || strcmp(former, text) < 0)) /* of one form, so that they sort as they follow */
        json_object_set_new(office, "last_contact", json_string(text));
    arena_release(&arena);
}

/* Several agents of one office: the one that is worst off counts. Whether it is a stalled one. */
static bool add_session(json_t *office, struct hub *hub, const struct hub_session *session)
{
    json_int_t revs = (json_int_t)behind(hub, session);
    bool stalled = is_stalled(hub, session);
    json_object_set_new(office, "online", json_true());
    if (json_integer_value(json_object_get(office, "behind")) <= revs)
        json_object_set_new(office, "behind", json_integer(revs));
    if (stalled)
        json_object_set_new(office, "stalled", json_true());
    return stalled;
}

static json_t *list_offices(struct hub *hub, uint64_t wall_ms, size_t *stalled)
{
    json_t *list = json_object(), *office;
    *stalled = 0;
    for (const struct office_state *state = hub->offices; list && state; state = state->hh.next)
        json_object_set_new(list, state->code,
                            json_pack("{s:b, s:n, s:n, s:b, s:I, s:I, s:b}", "online", 0, "last_contact",
                                      "behind", "stalled", 0, "digest_mismatches", (json_int_t)0,
                                      "taken_today_bytes",
                                      (json_int_t)intake_today(hub, state->code, wall_ms), "held_back",
                                      intake_is_spent(hub, state->code, wall_ms)));
    for (const struct installation *one = hub->installations; one; one = one->hh.next)
        if ((office = json_object_get(list, one->office))) {
            add_mismatches(office, one->digest_mismatches);
            if (!one->revoked)
                set_contact(office, last_contact_ms(hub, one, wall_ms));
        }
    for (struct hub_session *session = hub->sessions; session; session = session->hh.next)
        if (session_is_online(hub, session) && (office = json_object_get(list, session->office)))
            *stalled += add_session(office, hub, session);
    return list;
}

bool office_status_add(json_t *status, struct hub *hub, uint64_t wall_ms, struct error *error)
{
    size_t stalled;
    json_t *list = list_offices(hub, wall_ms, &stalled);
    if (list && json_object_set_new(status, "offices_stalled", json_integer((json_int_t)stalled)) == 0 &&
        json_object_set_new(status, "by_office", list) == 0)
        return true;
    return out_of_memory(error);
}
