#include "hub/daemon.h"

#include "api/aside.h"
#include "api/backup_schedule.h"
#include "api/client.h"
#include "api/wall.h"
#include "base/log.h"
#include "hub/backups.h"
#include "hub/purge.h"
#include "hub/service.h"
#include "hub/session.h"
#include "net/frame.h"
#include "net/http_server.h"
#include "net/link_hub.h"
#include "net/service_manager.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SLICE_US = 10 * 1000 }; /* of messages taken before the others have their turn */
enum { READING_SAVE_MS = 10 * 60 * 1000 };
enum { PURGE_STEP_ROWS = 2000, PURGE_STEP_MS = 200, PURGE_PASS_MS = 6 * 3600 * 1000 };

struct hub_daemon {
    struct loop *loop;
    struct net *net;
    struct link_hub *link;
    struct hub *hub;
    struct hub_outlet outlet;
    struct hub_service service;
    struct http_server *local, *http;
    struct frame_codec *codec;
    struct frame_buffer out;
    struct arena arena; /* of one message */
    uint64_t followed;  /* the rev that the views were told last */
    const struct settings_source *source;
    struct settings settings;
    struct backup_schedule *backups;
    struct service_manager manager;
    struct purge_pass purge;
    uint64_t purge_at_ms; /* by loop_now_ms: when the next step is due */
    uint64_t save_at_ms;  /* likewise: of who was heard when */
    bool stopping;
};

static bool send_message(void *context, const struct link_peer *peer, const Hopnhat__Message *message)
{
    struct hub_daemon *daemon = context;
    struct error error;
    if (!frame_pack(daemon->codec, message, &daemon->out, &error)) {
        log_error("a message could not be packed: %s", error.text);
        return false;
    }
    return link_hub_send(daemon->link, peer, frame_buffer_bytes(&daemon->out));
}

static enum link_admission admit(void *user, const uint8_t key[LINK_KEY_BYTES], const char *address)
{
    struct hub_daemon *daemon = user;
    return hub_admits(daemon->hub, key, address, wall_now_ms()) ? LINK_ADMIT : LINK_REFUSE;
}

static void take_settings(struct hub_daemon *daemon)
{
    daemon->hub->intake.office_bytes_a_day = daemon->settings.office_mib_per_day << 20;
}

/* What the slice brought is committed before anything else runs: its transaction may be open until then. */
static void link_ready(void *user)
{
    struct hub_daemon *daemon = user;
    struct link_peer peer;
    struct bytes frame;
    const uint64_t began_us = loop_now_us();
    for (int i = 0; i < LINK_SLICE_MESSAGES && loop_now_us() - began_us < SLICE_US &&
                    link_hub_receive(daemon->link, &peer, &frame);
         i++) {
        struct error error;
        Hopnhat__Message *message = frame_unpack(daemon->codec, frame, &daemon->arena, &error);
        if (message)
            hub_receive(daemon->hub, &peer, message, wall_now_ms(), &daemon->outlet);
        else
            daemon->hub->malformed++;
        arena_reset(&daemon->arena);
    }
    hub_turn(daemon->hub, &daemon->outlet);
    pace_measure(&daemon->hub->pace, loop_now_us() - began_us);
}

static void signalled(void *user, int number)
{
    struct hub_daemon *daemon = user;
    if (number == SIGHUP && daemon->source->path)
        people_reload_settings(&daemon->service.people, &daemon->settings, daemon->source),
            take_settings(daemon), backup_schedule_changed(daemon->backups);
    else
        daemon->stopping = true;
}

static uint64_t passing_ms(void *context)
{
    (void)context;
    return loop_now_ms();
}

static bool open_store(struct hub_daemon *daemon, const char *data, struct error *error)
{
    struct hub_options options = {
        .take_lock = true, .entropy = entropy_system(), .steady = {.now_ms = passing_ms}};
    daemon->outlet = (struct hub_outlet){.context = daemon, .send = send_message};
    int waited_ms = 0;
    while (!(daemon->hub = hub_open(data, &options, error)))
        if (error->code != ERROR_UNAVAILABLE || !client_try_again(data, &waited_ms))
            return false;
    hub_service_start(&daemon->service, daemon->hub);
    daemon->service.follow = daemon->hub->follow = hub_follow(daemon->hub, true, error);
    return daemon->service.follow != NULL;
}

static int64_t purge_wait_ms(void *user)
{
    const struct hub_daemon *daemon = user;
    return loop_until_ms(daemon->purge_at_ms);
}

/* A little of a pass, and more after a pause, so that nobody waits for it. */
static void purge_some(void *user)
{
    struct hub_daemon *daemon = user;
    struct purge_rules rules;
    struct error error;
    if (!purge_rules_load(daemon->hub, &rules, &error) ||
        !purge_step(daemon->hub, &rules, wall_now_ms(), PURGE_STEP_ROWS, &daemon->purge, &error))
        log_error("deleted records were not looked through: %s", error.text);
    daemon->purge_at_ms = loop_now_ms() + (daemon->purge.under_way ? PURGE_STEP_MS : PURGE_PASS_MS);
}

static int64_t save_wait_ms(void *user)
{
    const struct hub_daemon *daemon = user;
    return loop_until_ms(daemon->save_at_ms);
}

static void save_reading(void *user)
{
    struct hub_daemon *daemon = user;
    struct error error;
    if (!reading_save(daemon->hub, wall_now_ms(), &error))
        log_warning("when offices were heard last is not stored: %s", error.text);
    daemon->save_at_ms = loop_now_ms() + READING_SAVE_MS;
}

static bool open_link(struct hub_daemon *daemon, const char *listen, struct error *error)
{
    struct link_hub_options options = {
        .endpoint = listen,
        .keys = &daemon->hub->link_keys,
        .admit = admit,
        .ready = link_ready,
        .user = daemon,
    };
    net_raise_file_limit();
    daemon->purge_at_ms = loop_now_ms() + PURGE_PASS_MS;
    if (!(daemon->loop = loop_new(error)) || !loop_watch_signals(daemon->loop, signalled, daemon, error) ||
        !(daemon->service.api.aside = aside_new(daemon->loop, error)) || !(daemon->net = net_new(error)) ||
        !(daemon->codec = frame_codec_new(error)) ||
        !loop_add_timer(daemon->loop, purge_wait_ms, purge_some, daemon, error) ||
        !loop_add_timer(daemon->loop, save_wait_ms, save_reading, daemon, error) ||
        !(daemon->link = link_hub_new(daemon->net, daemon->loop, &options, error)))
        return false;
    daemon->service.listens = link_hub_endpoint(daemon->link);
    return true;
}

/* Closes the link and opens it under the hub's new key, at the same address, which is free again in a moment.
 * All agents come back by themselves. */
static bool reopen_link(struct hub_daemon *daemon, struct error *error)
{
    enum { TRIES = 200, PAUSE_MS = 10 };
    char endpoint[LINK_ENDPOINT_BYTES];
    snprintf(endpoint, sizeof endpoint, "%s", link_hub_endpoint(daemon->link));
    struct link_hub_options options = {.endpoint = endpoint,
                                       .keys = &daemon->hub->link_keys,
                                       .admit = admit,
                                       .ready = link_ready,
                                       .user = daemon};
    daemon->service.rekeyed = false;
    hub_end_sessions(daemon->hub);
    link_hub_free(daemon->link);
    for (int i = 0; i < TRIES; i++) {
        daemon->link = link_hub_new(daemon->net, daemon->loop, &options, error);
        if (daemon->link)
            break;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
    if (daemon->link)
        daemon->service.listens = link_hub_endpoint(daemon->link);
    return daemon->link != NULL;
}

static bool open_http(struct hub_daemon *daemon, const char *data, const char *http, struct error *error)
{
    struct http_handler handler = api_http_handler(&daemon->service.api);
    char *path = client_socket_path(data);
    if (!path)
        return out_of_memory(error);
    if (*http)
        daemon->http = http_server_open_tcp(daemon->loop, http, daemon->settings.http_names, &handler, error);
    daemon->service.api.http = daemon->http;
    if (!*http || daemon->http)
        daemon->local = http_server_open_unix(daemon->loop, path, &handler, error);
    free(path);
    return daemon->local != NULL;
}

static bool start_backups(struct hub_daemon *daemon, const char *data, struct error *error)
{
    struct backup_schedule_options options = {.loop = daemon->loop,
                                              .data = data,
                                              .name = "hub",
                                              .former = true,
                                              .key = daemon->hub->signing_keys.public_key,
                                              .settings = &daemon->settings,
                                              .counting = backups_files,
                                              .context = daemon->hub};
    daemon->backups = backup_schedule_new(&options, error);
    daemon->service.backups = daemon->backups;
    return daemon->backups != NULL;
}

static bool turn(struct hub_daemon *daemon, struct error *error)
{
    hub_turn(daemon->hub, &daemon->outlet);
    if (daemon->followed != daemon->hub->rev)
        follow_wake(daemon->service.follow);
    daemon->followed = daemon->hub->rev;
    int64_t wait_ms = hub_wait_ms(daemon->hub),
            rest_ms = environment_rest(daemon->hub->environment, loop_now_ms());
    if (rest_ms >= 0 && (wait_ms < 0 || rest_ms < wait_ms))
        wait_ms = rest_ms;
    return environment_is_sound(daemon->hub->environment, error) &&
           (!daemon->service.rekeyed || reopen_link(daemon, error)) &&
           loop_run_once(daemon->loop, wait_ms, error);
}

static void release(struct hub_daemon *daemon)
{
    aside_free(daemon->service.api.aside);
    backup_schedule_free(daemon->backups);
    http_server_free(daemon->local);
    http_server_free(daemon->http);
    if (daemon->hub)
        hub_end_sessions(daemon->hub);
    link_hub_free(daemon->link);
    frame_codec_free(daemon->codec);
    frame_buffer_release(&daemon->out);
    loop_free(daemon->loop);
    net_free(daemon->net);
    hub_service_end(&daemon->service);
    hub_close(daemon->hub);
    arena_release(&daemon->arena);
    settings_release(&daemon->settings);
    free(daemon);
}

enum run_end hub_daemon_run(const struct hub_daemon_options *options, struct error *error)
{
    const char *data = options->data;
    struct hub_daemon *daemon = calloc(1, sizeof *daemon);
    struct error unsound;
    enum run_end end = RUN_STOPPED;
    if (!daemon) {
        out_of_memory(error);
        return RUN_FAILED;
    }
    daemon->source = &options->source;
    if (!settings_begin(&daemon->settings, daemon->source, error)) {
        free(daemon);
        return RUN_FAILED;
    }
    arena_init(&daemon->arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool running = open_store(daemon, data, error) && open_link(daemon, daemon->settings.listen, error) &&
                   open_http(daemon, data, daemon->settings.http, error) &&
                   start_backups(daemon, data, error) &&
                   service_manager_ready(&daemon->manager, daemon->loop, error);
    if (running) {
        daemon->hub->custody.most_wait_ms =
            daemon->settings.custody_wait_s * 1000 + 1; /* 0: the usual time */
        take_settings(daemon);
        log_info("the hub serves %s and listens at %s", data, daemon->service.listens);
    }
    while (running && !daemon->stopping)
        running = turn(daemon, error);
    if (running) {
        service_manager_stopping();
        hub_end_sessions(daemon->hub);
        save_reading(daemon);
        log_info("the hub stops");
    } else {
        bool damaged = !daemon->hub && error->code == ERROR_CORRUPT;
        end = daemon->hub && !environment_is_sound(daemon->hub->environment, &unsound) ? RUN_UNSOUND
              : damaged                                                                ? RUN_DAMAGED
                                                                                       : RUN_FAILED;
    }
    release(daemon);
    return end;
}
