#include "crowd.h"

#include "api/wall.h"
#include "net/backoff.h"
#include "net/link_hub.h"

#include <sys/epoll.h>

enum { CREDIT_BYTES = 64 * 1024, WAIT_MS = 120 * 1000, HANDSHAKE_MS = 10 * 1000, AT_ONCE_MS = 100 };

static void watch(struct member *member, bool added)
{
    struct epoll_event event = {.events = EPOLLIN | (curve_wants_to_write(&member->curve) ? EPOLLOUT : 0),
                                .data.ptr = member};
    member->wants_write = curve_wants_to_write(&member->curve);
    epoll_ctl(member->crowd->epoll, added ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, member->curve.fd, &event);
}

static void set_open(struct member *member, bool open)
{
    member->crowd->counts.open += (uint64_t)open - (uint64_t)member->open;
    member->open = open;
}

void member_down(struct member *member)
{
    struct crowd *crowd = member->crowd;
    if (member->state == MEMBER_CONNECTING)
        crowd->connecting--;
    else if (member->state != MEMBER_DOWN)
        crowd->counts.up--;
    crowd->counts.cuts += member->state > MEMBER_CONNECTING;
    set_open(member, false);
    curve_close(&member->curve);
    member->state = MEMBER_DOWN;
    uint64_t wait_ms =
        crowd->at_once ? AT_ONCE_MS : backoff_ms(member->attempts, author_random(&member->author));
    member->attempts += member->attempts < UINT8_MAX;
    member->due_ms = crowd->now_ms + wait_ms;
}

static void connect_member(struct member *member)
{
    struct crowd *crowd = member->crowd;
    member->state = MEMBER_CONNECTING;
    member->due_ms = crowd->now_ms + HANDSHAKE_MS;
    crowd->connecting++;
    if (curve_connect(&member->curve, &crowd->address, &member->author.link_keys, crowd->head.hub_key))
        watch(member, true);
    else
        member_down(member);
}

/* Sends *message as the member's next request, and waits for its answer. */
static void ask(struct member *member, Hopnhat__Message *message)
{
    struct crowd *crowd = member->crowd;
    struct error error;
    message->has_request = true;
    message->request = ++member->author.request;
    member->waits_for = message->request;
    member->due_ms = UINT64_MAX;
    if (!frame_pack(crowd->codec, message, &crowd->out, &error) ||
        !curve_send(&member->curve, frame_buffer_bytes(&crowd->out)))
        member_down(member);
}

static void say_hello(struct member *member)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Hello hello = HOPNHAT__HELLO__INIT;
    Hopnhat__LogHead log = HOPNHAT__LOG_HEAD__INIT, *logs[] = {&log};
    Hopnhat__Cursor cursors[] = {HOPNHAT__CURSOR__INIT, HOPNHAT__CURSOR__INIT};
    Hopnhat__Cursor *both[] = {&cursors[0], &cursors[1]};
    member->state = MEMBER_GREETING;
    member->applied = 0;
    log.replica = member->author.replica;
    log.head = member->author.seq;
    log.has_link = log.head != 0;
    log.link = (ProtobufCBinaryData){LINK_BYTES, member->author.link};
    for (size_t i = 0; i < 2; i++) {
        cursors[i].group = i ? member->group : (char *)(uintptr_t)GROUP_EVERYONE;
        cursors[i].base_rev = cursors[i].position = member->rev;
    }
    hello.protocol = PROTOCOL_VERSION;
    hello.time = time_of_ms(wall_now_ms());
    hello.has_epoch = true;
    hello.epoch = member->crowd->head.epoch;
    hello.logs = logs;
    hello.n_logs = 1;
    hello.cursors = both;
    hello.n_cursors = 2;
    message.body_case = HOPNHAT__MESSAGE__BODY_HELLO;
    message.hello = &hello;
    ask(member, &message);
}

static void push(struct member *member)
{
    member->state = MEMBER_PUSHING;
    ask(member, member->pushing);
}

static void pull(struct member *member)
{
    Hopnhat__Message message = HOPNHAT__MESSAGE__INIT;
    Hopnhat__Pull body = HOPNHAT__PULL__INIT;
    member->state = MEMBER_PULLING;
    body.has_applied = member->applied != 0;
    body.applied = member->author.request + 1 - member->applied;
    body.has_credit_bytes = true;
    body.credit_bytes = CREDIT_BYTES;
    body.has_wait_ms = true;
    body.wait_ms = WAIT_MS;
    message.body_case = HOPNHAT__MESSAGE__BODY_PULL;
    message.pull = &body;
    ask(member, &message);
}

/* A new record of its own, as somebody in the office would have saved. */
static void make_change(struct member *member)
{
    struct made made;
    struct error error;
    member->pushing = author_new_records(&member->author, 1, &made, &error);
    member->crowd->counts.saved += member->pushing != NULL;
}

void member_write(struct member *member)
{
    if (member->state != MEMBER_PULLING || member->pushing)
        return;
    make_change(member);
    if (member->pushing)
        push(member);
}

/* The hub has everything up to the watermark. */
static void acknowledge(struct member *member, uint64_t watermark)
{
    struct crowd_counts *counts = &member->crowd->counts;
    if (watermark < member->acknowledged)
        counts->lost += member->acknowledged - watermark;
    else
        counts->acknowledged += watermark - member->acknowledged;
    member->acknowledged = watermark;
    if (watermark < member->author.seq)
        return;
    member->pushing = NULL;
    arena_release(&member->author.arena);
}

static void take_welcome(struct member *member, const Hopnhat__Welcome *welcome)
{
    member->attempts = 0;
    acknowledge(member, welcome->n_logs ? welcome->logs[0]->watermark : 0);
    if (!member->pushing)
        make_change(member);
    if (member->pushing)
        push(member);
    else
        member_down(member);
}

static void take_feed(struct member *member, const Hopnhat__Feed *feed)
{
    member->applied = member->waits_for;
    member->crowd->counts.feeds++;
    bool head = feed->head && feed->n_after == 1;
    if (head || feed->has_advance) {
        member->rev = head ? feed->after[0] : member->rev + feed->advance;
        set_open(member, true);
    }
    pull(member);
}

static void take_error(struct member *member, const Hopnhat__Error *error)
{
    if (error->code == HOPNHAT__ERROR_CODE__ERROR_SAY_HELLO) {
        say_hello(member);
        return;
    }
    member->crowd->counts.refused++;
    fprintf(stderr, "crowd: refused: %s\n", error->text ? error->text : "");
    member_down(member);
}

static void take_message(struct member *member, const Hopnhat__Message *message)
{
    if (message->request != member->waits_for)
        return;
    switch (message->body_case) {
    case HOPNHAT__MESSAGE__BODY_WELCOME:
        take_welcome(member, message->welcome);
        break;
    case HOPNHAT__MESSAGE__BODY_ACK:
        acknowledge(member, message->ack->has_watermark ? message->ack->watermark : member->author.seq);
        pull(member);
        break;
    case HOPNHAT__MESSAGE__BODY_FEED:
        take_feed(member, message->feed);
        break;
    case HOPNHAT__MESSAGE__BODY_BUSY: {
        uint64_t jitter_ms = author_random(&member->author) % (message->busy->retry_ms / 2 + 100);
        member->crowd->counts.busy++;
        member->due_ms = member->crowd->now_ms + message->busy->retry_ms + jitter_ms;
        break;
    }
    case HOPNHAT__MESSAGE__BODY_ERROR:
        take_error(member, message->error);
        break;
    default:
        break;
    }
}

void member_tick(struct member *member)
{
    if (member->state > MEMBER_CONNECTING && member->ping_ms <= member->crowd->now_ms) {
        member->ping_ms = member->crowd->now_ms + LINK_HEARTBEAT_MS;
        if (!curve_ping(&member->curve))
            member_down(member);
    }
    if (member->due_ms > member->crowd->now_ms)
        return;
    switch (member->state) {
    case MEMBER_DOWN:
        connect_member(member);
        break;
    case MEMBER_CONNECTING:
        member_down(member);
        break;
    case MEMBER_GREETING:
        say_hello(member);
        break;
    case MEMBER_PUSHING:
        push(member);
        break;
    case MEMBER_PULLING:
        pull(member);
        break;
    }
}

void member_work(struct member *member)
{
    struct crowd *crowd = member->crowd;
    struct bytes frame;
    bool was_up = member->curve.state == CURVE_UP, works = curve_work(&member->curve);
    if (works && !was_up && member->curve.state == CURVE_UP) {
        crowd->connecting--;
        crowd->counts.up++;
        member->ping_ms = crowd->now_ms + LINK_HEARTBEAT_MS;
        say_hello(member);
    }
    while (member->state > MEMBER_CONNECTING && curve_receive(&member->curve, &frame)) {
        struct error error;
        const Hopnhat__Message *message = frame_unpack(crowd->codec, frame, &crowd->arena, &error);
        if (message)
            take_message(member, message);
        arena_reset(&crowd->arena);
    }
    if (!works && member->state != MEMBER_DOWN)
        member_down(member);
    else if (member->state != MEMBER_DOWN && member->wants_write != curve_wants_to_write(&member->curve))
        watch(member, false);
}
