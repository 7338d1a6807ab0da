#include "agent/command.h"

#include "agent/joining.h"
#include "api/wall.h"
#include "net/frame.h"
#include "net/link_agent.h"
#include "store/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { JOIN_TIMEOUT_MS = 5 * 60 * 1000 }; /* the catalog comes along: over a thin link that takes minutes */

/* One attempt to join. */
struct attempt {
    struct join join;
    const char *address;
    struct link_agent *link;
    struct frame_codec *codec;
    struct arena arena;
    const Hopnhat__Joined *joined; /* in the arena */
    struct join_parts parts;
    bool moved;      /* a part has come since that was looked at */
    bool by_own_key; /* a Join has been tried by the one-time key, and is by the installation's own now */
    bool ended;
    struct error *error;
};

static bool connect_by(struct attempt *attempt, const struct link_keys *own)
{
    return link_agent_connect(attempt->link, attempt->address, attempt->join.hub_key, own, attempt->error);
}

/* The same words whether the code is wrong, used or past its time: nobody learns anything from them. */
static void refuse(struct attempt *attempt)
{
    if (attempt->join.again && !attempt->by_own_key) {
        /* the code may have been used up by the attempt before, whose answer was lost: then the hub knows us
         */
        attempt->by_own_key = true;
        attempt->ended = !connect_by(attempt, &attempt->join.link_keys);
        return;
    }
    attempt->ended = true;
    error_set(
        attempt->error, ERROR_REFUSED,
        "the code does not hold: it was mistyped, has been used, or is past its time, or too much was tried "
        "from this address: look at it again, wait some minutes, and then ask headquarters for a new one");
}

static void send_join(struct attempt *attempt)
{
    struct frame_buffer out = {0};
    Hopnhat__Message *message =
        join_message(&attempt->join, &attempt->parts.held, &attempt->arena, attempt->error);
    if (!message || !frame_pack(attempt->codec, message, &out, attempt->error))
        attempt->ended = true;
    else if (!link_agent_send(attempt->link, frame_buffer_bytes(&out)))
        attempt->ended = !error_set(attempt->error, ERROR_NETWORK, "the hub could not be reached");
    frame_buffer_release(&out);
}

/* The code is used up by the first part: the others are asked for by the installation's own key. */
static void take_part(struct attempt *attempt, const Hopnhat__Joined *part)
{
    attempt->moved = true;
    if (!join_add_part(&attempt->parts, part, &attempt->arena, &attempt->joined, attempt->error))
        return;
    attempt->ended = attempt->joined;
    if (!attempt->ended && attempt->by_own_key) {
        send_join(attempt);
    } else if (!attempt->ended) {
        attempt->by_own_key = true;
        attempt->ended = !connect_by(attempt, &attempt->join.link_keys);
    }
}

static void changed(void *user, enum link_state state, const char *text)
{
    struct attempt *attempt = user;
    if (state == LINK_UP) {
        send_join(attempt);
    } else if (state == LINK_CUT && attempt->parts.held.held_bytes) {
        attempt->ended = !connect_by(attempt, &attempt->join.link_keys); /* it goes on where it was */
    } else if (state == LINK_REFUSED || state == LINK_STRANGER) {
        refuse(attempt);
    } else {
        attempt->ended = true;
        error_set(attempt->error, ERROR_UNAVAILABLE,
                  "the hub could not be reached: %s; give the same command again", text);
    }
}

static void ready(void *user)
{
    struct attempt *attempt = user;
    struct bytes frame;
    while (!attempt->ended && link_agent_receive(attempt->link, &frame)) {
        const Hopnhat__Message *message =
            frame_unpack(attempt->codec, frame, &attempt->arena, attempt->error);
        attempt->ended = true;
        if (message && message->body_case == HOPNHAT__MESSAGE__BODY_JOINED && message->joined->piece)
            take_part(attempt, message->joined);
        else if (message && message->body_case == HOPNHAT__MESSAGE__BODY_JOINED)
            attempt->joined = message->joined;
        else if (message && message->body_case == HOPNHAT__MESSAGE__BODY_ERROR &&
                 message->error->code == HOPNHAT__ERROR_CODE__ERROR_PROTOCOL)
            error_set(attempt->error, ERROR_REFUSED, "%s",
                      message->error->text ? message->error->text : "the versions do not fit");
        else if (message)
            refuse(attempt);
    }
}

/* Carries the messages; true with attempt->joined. */
static bool ask_hub(struct attempt *attempt, struct loop *loop, struct error *error)
{
    uint64_t end = loop_now_ms() + JOIN_TIMEOUT_MS;
    if (!connect_by(attempt, &attempt->join.once))
        return false;
    while (!attempt->ended) {
        uint64_t now = loop_now_ms();
        if (attempt->moved)
            end = now + JOIN_TIMEOUT_MS;
        attempt->moved = false;
        if (now >= end)
            return error_set(error, ERROR_UNAVAILABLE,
                             "the hub at %s did not answer in time: give the same command again",
                             attempt->address);
        if (!loop_run_once(loop, (int64_t)(end - now), error))
            return false;
    }
    return attempt->joined != NULL;
}

static bool run_attempt(struct attempt *attempt, struct cli *cli, struct error *error)
{
    struct agent_options options = {
        .take_lock = true, .entropy = entropy_system(), .actor = cli_actor(cli, error)};
    struct link_agent_options link_options = {.changed = changed, .ready = ready, .user = attempt};
    struct net *net = options.actor ? net_new(error) : NULL;
    struct loop *loop = net ? loop_new(error) : NULL;
    bool done = loop && (attempt->codec = frame_codec_new(error)) &&
                (attempt->link = link_agent_new(net, loop, &link_options, error)) &&
                ask_hub(attempt, loop, error);
    link_agent_free(attempt->link);
    frame_codec_free(attempt->codec);
    loop_free(loop);
    net_free(net);
    return done && join_finish(&attempt->join, attempt->joined, attempt->address, cli->data, &options,
                               wall_now_ms(), error);
}

/* To be known before the code is used up: a store can be made there, and there is none. */
static bool is_free(const char *data, struct error *error)
{
    char *store = NULL;
    int lock = lock_take(data, true, error);
    if (lock < 0)
        return false;
    lock_release(lock);
    if (asprintf(&store, "%s/store", data) < 0)
        return out_of_memory(error);
    bool taken = access(store, F_OK) == 0;
    free(store);
    return !taken || error_set(error, ERROR_INPUT, "there is a store in %s already", data);
}

static bool run_join(struct cli *cli, struct error *error)
{
    const char *hub = cli_option(cli, "hub"), *code = cli_option(cli, "code");
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (!attempt)
        return out_of_memory(error);
    attempt->error = error;
    attempt->address = hub;
    arena_init(&attempt->arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool done =
        (hub && code) || error_set(error, ERROR_USAGE, "join needs --hub tcp://HOST:PORT and --code CODE");
    done = done && is_free(cli->data, error) && join_begin(&attempt->join, code, error) &&
           joining_keep(cli->data, &attempt->join, error) && run_attempt(attempt, cli, error);
    if (done)
        joining_forget(cli->data);
    join_wipe(&attempt->join);
    arena_release(&attempt->arena);
    free(attempt->parts.data);
    free(attempt);
    return done;
}

static const char *const join_options[] = {"hub", "code", NULL};

const struct cli_command agent_command_join = {
    .name = "join",
    .arguments = "--hub tcp://HOST:PORT --code CODE",
    .help = "make this office's store, with the one-time code that headquarters gave out",
    .options = join_options,
    .run = run_join,
};
