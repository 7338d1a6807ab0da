#include "hub/bundle.h"

#include "hub/audience.h"
#include "hub/enrolment.h"
#include "hub/hello.h"
#include "hub/pulls.h"
#include "hub/push.h"
#include "hub/reading.h"
#include "hub/registry.h"
#include "hub/session.h"
#include "model/echo.h"
#include "net/bundle.h"
#include "store/rows.h"

#include <stdio.h>

/* A session with an office's file. */
struct talk {
    struct hub *hub;
    struct link_peer peer;
    struct hub_outlet outlet;
    struct hub_session *aside; /* over a link; not touched meanwhile */
    uint32_t request, answered;
    struct bundle *out; /* where the answers go; NULL: nowhere */
    bool failed, head, waits;
    uint64_t records;
    struct error error;
};

static bool fail(struct talk *talk, enum error_code code, const char *text)
{
    talk->failed = true;
    return error_set(&talk->error, code, "%s", text);
}

static bool take_answer(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    struct talk *talk = context;
    (void)peer;
    switch (message->body_case) {
    case HOPNHAT__MESSAGE__BODY_WELCOME:
        break;
    case HOPNHAT__MESSAGE__BODY_ACK:
        talk->waits = talk->waits || message->ack->has_waiting_catalog;
        return true;
    case HOPNHAT__MESSAGE__BODY_FEED:
        talk->head = message->feed->head;
        break;
    case HOPNHAT__MESSAGE__BODY_BUSY:
        if (talk->hub->custody.awaited)
            return fail(talk, ERROR_UNAVAILABLE,
                        "headquarters was restored, and waits until offices have given back what they keep "
                        "of its own log: start its daemon, if it does not run, and do it again in a minute");
        return fail(talk, ERROR_UNAVAILABLE,
                    message->busy->reason ? message->busy->reason
                                          : "the hub is busy: do it again in a while");
    case HOPNHAT__MESSAGE__BODY_ERROR:
        return fail(talk, ERROR_REFUSED, message->error->text ? message->error->text : "the hub refuses it");
    default:
        return true;
    }
    talk->answered = message->request;
    if (talk->out && !bundle_add(talk->out, message, &talk->error))
        talk->failed = true;
    else if (message->body_case == HOPNHAT__MESSAGE__BODY_FEED && !(talk->out && talk->out->full))
        talk->records += message->feed->n_items + message->feed->n_own / ECHO_NUMBERS;
    return !talk->failed;
}

static void talk_begin(struct talk *talk, struct hub *hub, const uint8_t key[LINK_KEY_BYTES],
                       struct bundle *out)
{
    *talk = (struct talk){.hub = hub, .out = out, .aside = session_find(hub, key)};
    talk->outlet = (struct hub_outlet){.context = talk, .send = take_answer};
    memcpy(talk->peer.key, key, LINK_KEY_BYTES);
    if (talk->aside)
        HASH_DEL(hub->sessions, talk->aside);
}

/* Ends the session, and the one over the link is in its place again. */
static bool talk_end(struct talk *talk, struct error *error)
{
    struct hub_session *session = session_find(talk->hub, talk->peer.key);
    push_commit(talk->hub, &talk->outlet);
    if (session)
        session_end(talk->hub, session);
    if (talk->aside) {
        HASH_ADD(hh, talk->hub->sessions, key, LINK_KEY_BYTES, talk->aside);
        audience_look(talk->hub, talk->aside, LOOK_NEWS);
    }
    if (talk->failed)
        *error = talk->error;
    return !talk->failed;
}

static bool say(struct talk *talk, Hopnhat__Message *message, uint64_t wall_ms)
{
    message->has_request = true;
    message->request = ++talk->request;
    hub_receive(talk->hub, &talk->peer, message, wall_ms, &talk->outlet);
    return !talk->failed;
}

/* The key that signs for the installation: as known here, or as its certificate says to a restored hub. */
static const uint8_t *signer_of(struct hub *hub, const Hopnhat__BundleHeader *header, struct arena *arena,
                                struct error *error)
{
    const struct installation *installation = registry_installation(hub, header->link_key.data);
    Hopnhat__CertificateBody *body;
    if (memcmp(header->hub_key.data, hub->link_keys.public_key, LINK_KEY_BYTES) != 0) {
        error_set(error, ERROR_REFUSED, "the bundle is for another hub");
        return NULL;
    }
    if (installation && installation->revoked) {
        error_set(error, ERROR_REFUSED, "the bundle is of a machine of office %s that has been revoked",
                  installation->office);
        return NULL;
    }
    if (installation)
        return installation->signing_key;
    if (hub_was_restored(hub) && header->certificate &&
        enrolment_certificate(hub, header->certificate, header->link_key.data, arena, &body))
        return body->signing_key.data;
    error_set(error, ERROR_REFUSED, "the bundle is of a machine that is not known here");
    return NULL;
}

static uint64_t watermarks(const struct hub *hub, const Hopnhat__Hello *hello)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < hello->n_logs; i++) {
        const struct replica *replica = registry_replica(hub, hello->logs[i]->replica);
        sum += replica ? replica->watermark : 0;
    }
    return sum;
}

/* Keeps the Hello, for the answer. */
static bool keep_hello(struct hub *hub, const Hopnhat__BundleHeader *header, const Hopnhat__Hello *hello,
                       uint64_t wall_ms, struct arena *arena, struct error *error)
{
    struct transaction transaction;
    Hopnhat__CarriedHello row = HOPNHAT__CARRIED_HELLO__INIT;
    row.hello.len = hopnhat__hello__get_packed_size(hello);
    row.hello.data = arena_alloc(arena, row.hello.len);
    row.made_ms = header->made_ms;
    row.taken_ms = wall_ms;
    if (!row.hello.data)
        return out_of_memory(error);
    hopnhat__hello__pack(hello, row.hello.data);
    if (!transaction_begin(&transaction, hub->environment, true, error))
        return false;
    row_put(&transaction, HUB_CARRIED, bytes_of(header->link_key.data, LINK_KEY_BYTES), &row.base);
    return transaction_commit(&transaction, error);
}

/* Plays the messages of an opened bundle to the hub. */
static bool play(struct talk *talk, struct bundle_reader *reader, const Hopnhat__Hello *hello,
                 uint64_t wall_ms, struct hub_bundle *result, struct error *error)
{
    Hopnhat__Message first = HOPNHAT__MESSAGE__INIT, *message;
    struct arena arena;
    bool end = false, done;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    first.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    first.hello = (Hopnhat__Hello *)(uintptr_t)hello;
    done = say(talk, &first, wall_ms);
    while (done && (message = bundle_next(reader, &arena, &end, error))) {
        done = message->body_case == HOPNHAT__MESSAGE__BODY_PUSH ||
               error_set(error, ERROR_CORRUPT, "the bundle holds a message that does not belong there");
        result->changes += done ? message->push->n_changes : 0;
        done = done && say(talk, message, wall_ms);
        arena_reset(&arena);
    }
    arena_release(&arena);
    return done && end;
}

static bool take_in(struct hub *hub, const Hopnhat__BundleHeader *header, struct bundle_reader *reader,
                    uint64_t wall_ms, struct hub_bundle *result, struct arena *arena, struct error *error)
{
    struct talk talk;
    struct error ending;
    bool end;
    const Hopnhat__Message *first = bundle_next(reader, arena, &end, error);
    if (!first)
        return !end ? false : error_set(error, ERROR_CORRUPT, "the bundle is empty");
    if (first->body_case != HOPNHAT__MESSAGE__BODY_HELLO)
        return error_set(error, ERROR_CORRUPT, "the bundle does not begin with a Hello");
    uint64_t before = watermarks(hub, first->hello), quarantined = hub->quarantined;
    talk_begin(&talk, hub, header->link_key.data, NULL);
    bool done = play(&talk, reader, first->hello, wall_ms, result, error);
    if (!talk_end(&talk, &ending)) {
        *error = ending;
        return false;
    }
    result->added = watermarks(hub, first->hello) - before;
    result->refused = hub->quarantined - quarantined;
    result->waits = talk.waits;
    return done && keep_hello(hub, header, first->hello, wall_ms, arena, error);
}

bool hub_bundle_import(struct hub *hub, struct bytes file, uint64_t wall_ms, struct hub_bundle *result,
                       struct error *error)
{
    struct arena arena;
    struct bundle_reader reader = {0};
    const uint8_t *signer = NULL;
    *result = (struct hub_bundle){0};
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    const Hopnhat__BundleHeader *header =
        bundle_header(file, HOPNHAT__BUNDLE_KIND__BUNDLE_CHANGES, &arena, error);
    if (header) {
        snprintf(result->office, sizeof result->office, "%s", header->office);
        result->made_ms = header->made_ms;
        signer = signer_of(hub, header, &arena, error);
    }
    bool done = signer && bundle_open(&reader, file, signer, &hub->link_keys, &arena, error) &&
                take_in(hub, header, &reader, wall_ms, result, &arena, error) &&
                reading_save(hub, wall_ms, error);
    bundle_close(&reader);
    arena_release(&arena);
    return done;
}

/* The row of the office's installation whose bundle came last; its key to `key`. */
static const Hopnhat__CarriedHello *find_hello(struct hub *hub, const char *office,
                                               uint8_t key[LINK_KEY_BYTES], struct arena *arena,
                                               struct error *error)
{
    struct transaction transaction;
    const Hopnhat__CarriedHello *newest = NULL;
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return NULL;
    for (const struct installation *i = hub->installations; i; i = i->hh.next) {
        if (strcmp(i->office, office) != 0 || i->revoked)
            continue;
        const Hopnhat__CarriedHello *row =
            row_get(&transaction, HUB_CARRIED, bytes_of(i->link_key, LINK_KEY_BYTES),
                    &hopnhat__carried_hello__descriptor, arena);
        if (!row || (newest && newest->taken_ms > row->taken_ms))
            continue;
        newest = row;
        memcpy(key, i->link_key, LINK_KEY_BYTES);
    }
    if (transaction.failed) {
        *error = transaction.error;
        newest = NULL;
    } else if (!newest) {
        error_set(error, ERROR_NOT_FOUND,
                  "no bundle of office %s has been imported: its `hopnhat-agent bundle export` makes one",
                  office);
    }
    transaction_abort(&transaction);
    return newest;
}

/* The answers to the Hello: a Welcome, and the feed up to its head, or as much as fits. */
static bool converse(struct talk *talk, Hopnhat__Hello *hello, uint64_t wall_ms)
{
    Hopnhat__Message greeting = HOPNHAT__MESSAGE__INIT;
    greeting.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    greeting.hello = hello;
    bool done = say(talk, &greeting, wall_ms);
    uint32_t applied = 0;
    while (done && !talk->head && !talk->out->full) {
        Hopnhat__Message asking = HOPNHAT__MESSAGE__INIT;
        Hopnhat__Pull pull = HOPNHAT__PULL__INIT;
        pull.has_applied = applied != 0;
        pull.applied = talk->request + 1 - applied;
        pull.has_credit_bytes = pull.has_wait_ms = true;
        pull.credit_bytes = LIMIT_FEED_BYTES;
        pull.wait_ms = 0;
        asking.body_case = HOPNHAT__MESSAGE__BODY_PULL;
        asking.pull = &pull;
        done = say(talk, &asking, wall_ms);
        struct hub_session *session = session_find(talk->hub, talk->peer.key);
        if (done && session)
            pulls_answer(talk->hub, session, &talk->outlet);
        done =
            done && !talk->failed &&
            (talk->answered == talk->request || fail(talk, ERROR_INTERNAL, "the hub does not answer a Pull"));
        applied = talk->answered;
    }
    return done;
}

bool hub_bundle_export(struct hub *hub, const char *office, uint64_t wall_ms, struct arena *arena,
                       struct bytes *file, struct hub_bundle *result, struct error *error)
{
    static char software[] = "hopnhat-hub " HOPNHAT_VERSION;
    Hopnhat__BundleHeader header = HOPNHAT__BUNDLE_HEADER__INIT;
    uint8_t key[LINK_KEY_BYTES];
    struct bundle bundle;
    struct talk talk;
    *result = (struct hub_bundle){0};
    const Hopnhat__CarriedHello *row = find_hello(hub, office, key, arena, error);
    if (!row)
        return false;
    const struct installation before = *registry_installation(hub, key);
    Hopnhat__Hello *hello = hopnhat__hello__unpack(&arena->protobuf, row->hello.len, row->hello.data);
    if (!hello)
        return error_set(error, ERROR_CORRUPT, "the Hello of office %s's bundle cannot be read", office);
    if (!bundle_start(&bundle, error))
        return false;
    talk_begin(&talk, hub, key, &bundle);
    converse(&talk, hello, wall_ms);
    bool done = talk_end(&talk, error);
    struct installation *installation = registry_installation(hub, key);
    if (installation) { /* what it said it said then */
        installation->seen_ms = before.seen_ms;
        installation->seen_bound_ms = before.seen_bound_ms;
    }
    header.kind = HOPNHAT__BUNDLE_KIND__BUNDLE_ANSWER;
    header.office = (char *)(uintptr_t)office;
    header.link_key = (ProtobufCBinaryData){LINK_KEY_BYTES, key};
    header.hub_key = (ProtobufCBinaryData){LINK_KEY_BYTES, hub->link_keys.public_key};
    header.made_ms = wall_ms;
    header.software = software;
    const struct bundle_parties parties = {&header, key, &hub->signing_keys, &hub->entropy};
    done = done && bundle_finish(&bundle, &parties, arena, file, error);
    snprintf(result->office, sizeof result->office, "%s", office);
    result->made_ms = row->made_ms;
    result->records = talk.records;
    result->more = bundle.full;
    bundle_release(&bundle);
    return done;
}
