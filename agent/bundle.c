#include "agent/bundle.h"

#include "agent/feed.h"
#include "agent/log.h"
#include "agent/session_state.h"
#include "model/echo.h"
#include "net/bundle.h"

/* A session whose messages go into a bundle. */
struct filling {
    struct bundle *bundle;
    struct agent_bundle *result;
    bool failed;
    struct error error;
};

/* Nobody knows how long a file is under way: so it carries no reading of the clock, and says nothing of what
 * the log holds when it arrives. */
static bool put_message(void *context, const Hopnhat__Message *message)
{
    struct filling *filling = context;
    Hopnhat__Message carried = *message;
    Hopnhat__Push push = HOPNHAT__PUSH__INIT;
    if (message->body_case == HOPNHAT__MESSAGE__BODY_PUSH) {
        push = *message->push;
        push.has_age_ms = false;
        push.has_more = push.more = true;
        carried.push = &push;
    }
    filling->failed = filling->failed || !bundle_add(filling->bundle, &carried, &filling->error);
    if (!filling->failed && !filling->bundle->full)
        filling->result->changes += push.n_changes + (push.piece && push.signature.len);
    return !filling->failed;
}

static void give_up(void *context, const char *why)
{
    struct filling *filling = context;
    if (!filling->failed)
        error_set(&filling->error, ERROR_STORE, "%s", why);
    filling->failed = true;
}

/* Says Hello and pushes all there is, as over a link whose hub has what is known to be acknowledged. */
static bool fill(struct agent *agent, struct filling *filling, uint64_t wall_ms, struct error *error)
{
    const struct agent_outlet outlet = {.context = filling, .send = put_message, .drop_link = give_up};
    struct agent_session *session = agent_session_new(agent, &outlet, error);
    if (!session)
        return false;
    agent_session_link_up(session, wall_ms);
    for (size_t i = 0; i < session->log_count; i++)
        session->logs[i].sent = agent_log(agent, session->replicas[i])->acknowledged;
    session->in_order = true;
    session->push_bytes = LIMIT_PUSH_BYTES;
    session->up.window_bytes = MOST_UP_BYTES; /* nobody waits behind it */
    while (!filling->failed && !filling->bundle->full && !session_all_pushed(session)) {
        session_push(session, wall_ms);
        session_forget(session, REQUEST_PUSH); /* no answer is awaited */
    }
    agent_session_free(session);
    if (filling->failed)
        *error = filling->error;
    filling->result->more = filling->bundle->full;
    return !filling->failed;
}

bool agent_bundle_export(struct agent *agent, uint64_t wall_ms, struct arena *arena, struct bytes *file,
                         struct agent_bundle *result, struct error *error)
{
    static char software[] = "hopnhat-agent " HOPNHAT_VERSION;
    Hopnhat__BundleHeader header = HOPNHAT__BUNDLE_HEADER__INIT;
    struct bundle bundle;
    struct filling filling = {.bundle = &bundle, .result = result};
    const bool online = agent->hub_online, at_head = agent->at_head; /* those of the session over the link */
    *result = (struct agent_bundle){0};
    if (!bundle_start(&bundle, error))
        return false;
    bool done = fill(agent, &filling, wall_ms, error);
    agent->hub_online = online;
    agent->at_head = at_head;
    header.kind = HOPNHAT__BUNDLE_KIND__BUNDLE_CHANGES;
    header.office = agent->office_code;
    header.link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, agent->link_keys.public_key};
    header.hub_key = (ProtobufCBinaryData){LINK_KEY_BYTES, agent->hub_key};
    header.made_ms = wall_ms;
    header.certificate = agent->certificate;
    header.software = software;
    const struct bundle_parties parties = {&header, agent->hub_key, &agent->signing_keys, &agent->entropy};
    done = done && bundle_finish(&bundle, &parties, arena, file, error);
    bundle_release(&bundle);
    return done;
}

/* --- the answer --- */

/* An answer on its way in. */
struct taking {
    struct agent *agent;
    const Hopnhat__Welcome *welcome; /* NULL once it has been taken over */
    uint64_t replicas[LIMIT_LOGS_PER_AGENT];
    size_t replica_count;
    bool head;
    struct agent_bundle *result;
};

static bool not_for_now(struct error *error)
{
    return error_set(
        error, ERROR_REFUSED,
        "the bundle is not for where this office stands now: it was taken already, or answers an "
        "older bundle. Export a new one and have it answered");
}

static bool mark_fits(const struct agent *agent, struct transaction *transaction,
                      const Hopnhat__LogMark *mark, struct arena *arena, struct error *error)
{
    const struct own_log *log = agent_log(agent, mark->replica);
    uint8_t link[LINK_BYTES];
    if (log && mark->watermark < log->acknowledged)
        return not_for_now(error);
    if (!log || mark->watermark > log->head || (mark->watermark && mark->link.len != LINK_BYTES))
        return error_set(
            error, ERROR_REFUSED,
            "the hub knows another log of this machine (a store that was put back?): sync over a link");
    if (!log_link(transaction, log, mark->watermark, link, arena))
        return false;
    if (mark->watermark && memcmp(link, mark->link.data, LINK_BYTES) != 0)
        return error_set(
            error, ERROR_REFUSED,
            "the hub has other changes under this machine's number (a store that was put back?): "
            "sync over a link");
    return true;
}

/* Whether the hub that answers is the one that is known here, and speaks of our logs. Changes nothing. */
static bool welcome_fits(struct taking *taking, const Hopnhat__Welcome *welcome, struct arena *arena,
                         struct error *error)
{
    struct transaction transaction;
    bool fits = true;
    if (welcome->epoch != taking->agent->epoch)
        return error_set(
            error, ERROR_REFUSED,
            "the hub came back from a backup since this office heard from it last: sync over a link");
    if (welcome->n_logs > LIMIT_LOGS_PER_AGENT)
        return error_set(error, ERROR_LIMIT, "the bundle's Welcome names too many logs");
    if (!agent_read(taking->agent, &transaction, error))
        return false;
    for (size_t i = 0; i < welcome->n_logs && fits; i++) {
        fits = mark_fits(taking->agent, &transaction, welcome->logs[i], arena, error);
        taking->replicas[taking->replica_count++] = welcome->logs[i]->replica;
    }
    fits = transaction_is_sound(&transaction, error) && fits;
    transaction_abort(&transaction);
    return fits;
}

static uint64_t acknowledged(const struct agent *agent)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < agent->log_count; i++)
        sum += agent->logs[i].acknowledged;
    return sum;
}

/* One part. Those from before where the office stands (a former import got so far) are passed over. */
static bool take_part(struct taking *taking, const Hopnhat__Feed *feed, uint64_t wall_ms, struct error *error)
{
    struct agent *agent = taking->agent;
    if (taking->welcome) {
        if (!feed_fits(agent, feed))
            return true;
        if (!session_take_over(agent, taking->welcome, 0, wall_ms, error))
            return false;
        taking->welcome = NULL;
        agent->carried++;
    }
    switch (feed_apply(agent, feed, taking->replicas, taking->replica_count, error)) {
    case FEED_APPLIED:
        taking->result->records += feed->n_items + feed->n_own / ECHO_NUMBERS;
        taking->head = feed->head;
        return true;
    case FEED_LATE:
        return not_for_now(error);
    default:
        return false;
    }
}

static bool take_answer(struct taking *taking, struct bundle_reader *reader, uint64_t wall_ms,
                        struct arena *arena, struct error *error)
{
    const Hopnhat__Message *message;
    struct arena part;
    bool end;
    message = bundle_next(reader, arena, &end, error);
    if (!message)
        return !end ? false : error_set(error, ERROR_CORRUPT, "the bundle is empty");
    if (message->body_case != HOPNHAT__MESSAGE__BODY_WELCOME)
        return error_set(error, ERROR_CORRUPT, "the bundle does not begin with a Welcome");
    if (!welcome_fits(taking, message->welcome, arena, error))
        return false;
    taking->welcome = message->welcome;
    uint64_t before = acknowledged(taking->agent);
    bool done = true;
    arena_init(&part, LIMIT_MESSAGE_ARENA_BYTES);
    while (done && (message = bundle_next(reader, &part, &end, error))) {
        done = message->body_case == HOPNHAT__MESSAGE__BODY_FEED
                   ? take_part(taking, message->feed, wall_ms, error)
                   : error_set(error, ERROR_CORRUPT, "the bundle holds a message that does not belong there");
        arena_reset(&part);
    }
    arena_release(&part);
    taking->result->changes = acknowledged(taking->agent) - before;
    taking->result->more = !taking->head;
    return done && end && (!taking->welcome || not_for_now(error));
}

bool agent_bundle_import(struct agent *agent, struct bytes file, uint64_t wall_ms,
                         struct agent_bundle *result, struct error *error)
{
    struct arena arena;
    struct bundle_reader reader = {0};
    struct taking taking = {.agent = agent, .result = result};
    *result = (struct agent_bundle){0};
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    const Hopnhat__BundleHeader *header =
        bundle_header(file, HOPNHAT__BUNDLE_KIND__BUNDLE_ANSWER, &arena, error);
    bool done = header != NULL;
    if (done && memcmp(header->hub_key.data, agent->hub_key, LINK_KEY_BYTES) != 0)
        done = error_set(error, ERROR_REFUSED, "the bundle is of another hub");
    if (done && memcmp(header->link_key.data, agent->link_keys.public_key, LINK_KEY_BYTES) != 0)
        done = error_set(error, ERROR_REFUSED, "the bundle is for another machine, of office %s",
                         header->office);
    result->made_ms = header ? header->made_ms : 0;
    done = done && bundle_open(&reader, file, agent->hub_signing_key, &agent->link_keys, &arena, error) &&
           take_answer(&taking, &reader, wall_ms, &arena, error);
    bundle_close(&reader);
    arena_release(&arena);
    return done;
}
