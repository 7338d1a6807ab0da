#include "agent/daemon.h"

#include "agent/ask.h"
#include "agent/new_keys.h"
#include "api/aside.h"
#include "api/backup_schedule.h"
#include "api/client.h"
#include "api/wall.h"
#include "base/log.h"
#include "net/backoff.h"
#include "net/frame.h"
#include "net/http_server.h"
#include "net/link_agent.h"
#include "net/link_hub.h"
#include "net/service_manager.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { SLICE_US = 10 * 1000 }; /* of messages taken before the tools have their turn */
enum { RENEW_PAUSE_MS = 2000, RENEW_MOST_MS = 10 * 60 * 1000, HOURS_LOOK_MS = 30 * 1000 };

struct agent_daemon {
    struct loop *loop;
    struct net *net;
    struct link_agent *link;
    struct agent *agent;
    struct agent_session *session;
    struct agent_service service;
    struct ask ask; /* requests that wait for the hub */
    struct http_handler asks;
    uint64_t asked_at; /* by loop_now_ms: the last request */
    uint64_t renew_at; /* when it starts again at the latest; 0: it need not */
    struct http_server *local, *http;
    struct frame_codec *codec;
    struct frame_buffer out;
    struct arena arena; /* of one message */
    bool expects_next;  /* the hub's next link key is tried */
    bool connecting;    /* an attempt is under way, or the link is up */
    unsigned attempts;  /* that failed since the hub was last in session */
    uint64_t retry_at;  /* by loop_now_ms */
    uint64_t followed;  /* the local rev that the views were told last */
    const struct settings_source *source;
    struct settings settings;
    struct backup_schedule *backups;
    struct service_manager manager;
    bool stopping;
    enum link_state told;  /* what the log was told last */
    const char *link_says; /* what became of the link last, in words */
};

static void plan_retry(struct agent_daemon *daemon)
{
    uint64_t random;
    keys_random(&random, sizeof random);
    daemon->connecting = false;
    daemon->retry_at = loop_now_ms() + backoff_ms(daemon->attempts, random);
    if (daemon->attempts < UINT8_MAX)
        daemon->attempts++;
}

static bool send_message(void *context, const Hopnhat__Message *message)
{
    struct agent_daemon *daemon = context;
    struct error error;
    if (!frame_pack(daemon->codec, message, &daemon->out, &error)) {
        log_error("a message could not be packed: %s", error.text);
        return false;
    }
    agent_session_crossed(daemon->session, frame_buffer_bytes(&daemon->out).size, 0);
    return link_agent_send(daemon->link, frame_buffer_bytes(&daemon->out));
}

static void drop_link(void *context, const char *why)
{
    struct agent_daemon *daemon = context;
    log_warning("the link to the hub is dropped: %s", why);
    link_agent_close(daemon->link);
    plan_retry(daemon);
}

static void tell_state(struct agent_daemon *daemon, enum link_state state, const char *text)
{
    daemon->link_says = text;
    if (state == daemon->told)
        return;
    daemon->told = state;
    if (state == LINK_UP)
        log_with(LOG_LEVEL_INFO, "HOPNHAT_PEER", daemon->agent->hub_address, "linked to the hub at %s",
                 daemon->agent->hub_address);
    else
        log_with(LOG_LEVEL_WARNING, "HOPNHAT_PEER", daemon->agent->hub_address,
                 "no link to the hub at %s: %s", daemon->agent->hub_address, text);
}

static void history_answered(void *context, uint32_t number, const Hopnhat__HistoryAnswer *answer,
                             const char *why)
{
    struct agent_daemon *daemon = context;
    ask_answered(&daemon->ask, number, answer, why);
}

/* The hub has proved the key that it was asked for. */
static void believe_hub(struct agent_daemon *daemon)
{
    struct error error;
    if (!daemon->expects_next)
        return;
    daemon->expects_next = false;
    if (new_keys_hub_moved(daemon->agent, &error))
        log_info("the hub has a new link key");
    else
        log_error("that the hub has a new link key was not stored: %s", error.text);
}

static void link_changed(void *user, enum link_state state, const char *text)
{
    struct agent_daemon *daemon = user;
    tell_state(daemon, state, text);
    if (state == LINK_UP) {
        believe_hub(daemon);
        agent_session_link_up(daemon->session, wall_now_ms());
        return;
    }
    if (state == LINK_STRANGER) /* it may have its next key by now, or not have it yet */
        daemon->expects_next = !daemon->expects_next;
    agent_session_link_down(daemon->session, wall_now_ms());
    plan_retry(daemon);
}

/* A message may take longer than the slice, a few at most: each part of a feed is a transaction. */
static void link_ready(void *user)
{
    struct agent_daemon *daemon = user;
    struct bytes frame;
    const uint64_t began_us = loop_now_us();
    for (int i = 0; i < LINK_SLICE_MESSAGES && loop_now_us() - began_us < SLICE_US &&
                    link_agent_receive(daemon->link, &frame);
         i++) {
        struct error error;
        agent_session_crossed(daemon->session, 0, frame.size);
        Hopnhat__Message *message = frame_unpack(daemon->codec, frame, &daemon->arena, &error);
        if (message)
            agent_session_receive(daemon->session, message, wall_now_ms());
        else
            log_warning("the hub sent what is no message: %s", error.text);
        arena_reset(&daemon->arena);
    }
}

static void signalled(void *user, int number)
{
    struct agent_daemon *daemon = user;
    if (number == SIGHUP && daemon->source->path)
        people_reload_settings(&daemon->service.people, &daemon->settings, daemon->source),
            backup_schedule_changed(daemon->backups);
    else
        daemon->stopping = true;
}

static void sync_now(void *context, uint64_t wall_ms)
{
    struct agent_daemon *daemon = context;
    daemon->attempts = 0;
    daemon->retry_at = 0;
    agent_session_poke(daemon->session, wall_ms);
}

static const char *session_state(void *context)
{
    const struct agent_daemon *daemon = context;
    return agent_session_state(daemon->session);
}

static const char *link_says(void *context)
{
    const struct agent_daemon *daemon = context;
    return daemon->link_says;
}

static void connect_if_due(struct agent_daemon *daemon)
{
    struct error error;
    if (daemon->connecting || loop_now_ms() < daemon->retry_at)
        return;
    daemon->connecting = true;
    link_agent_set_patience(daemon->link, (unsigned)agent_session_patience_ms(daemon->session));
    if (!daemon->agent->has_next_hub_key)
        daemon->expects_next = false;
    const uint8_t *hub_key = daemon->expects_next ? daemon->agent->next_hub_key : daemon->agent->hub_key;
    if (link_agent_connect(daemon->link, daemon->agent->hub_address, hub_key, &daemon->agent->link_keys,
                           &error))
        return;
    tell_state(daemon, LINK_NO_ROUTE, error.text);
    plan_retry(daemon);
}

static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static int64_t retry_wait_ms(const struct agent_daemon *daemon)
{
    return daemon->connecting ? -1 : loop_until_ms(daemon->retry_at);
}

/* What the settings let the link be used for at this moment. */
static void set_limits(struct agent_daemon *daemon, uint64_t wall_ms)
{
    const struct settings *settings = &daemon->settings;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm now = {0};
    localtime_r(&seconds, &now);
    daemon->agent->limits = (struct link_limits){
        .up_bytes_per_second = settings->link_up_kbit * 1000 / 8,
        .down_bytes_per_second = settings->link_down_kbit * 1000 / 8,
        .metered = settings->link_metered,
        .bulk_waits = !settings_hours_hold(settings->link_bulk_hours,
                                           (unsigned)now.tm_hour * 60 + (unsigned)now.tm_min),
    };
}

bool agent_daemon_turn(struct agent_daemon *daemon, int64_t most_wait_ms, struct error *error)
{
    uint64_t wall_ms = wall_now_ms();
    set_limits(daemon, wall_ms);
    agent_session_tick(daemon->session, wall_ms);
    if (daemon->agent->hub_online)
        daemon->attempts = 0;
    connect_if_due(daemon);
    if (daemon->followed != daemon->agent->local_rev)
        follow_wake(daemon->service.follow);
    daemon->followed = daemon->agent->local_rev;
    int64_t wait_ms = sooner(agent_session_wait_ms(daemon->session, wall_ms), retry_wait_ms(daemon));
    if (*daemon->settings.link_bulk_hours)
        wait_ms = sooner(wait_ms, HOURS_LOOK_MS);
    if (daemon->agent->rewrite_due)
        wait_ms = sooner(wait_ms, RENEW_PAUSE_MS);
    wait_ms = sooner(wait_ms, environment_rest(daemon->agent->environment, loop_now_ms()));
    return agent_daemon_is_sound(daemon, error) &&
           loop_run_once(daemon->loop, sooner(wait_ms, most_wait_ms), error);
}

bool agent_daemon_is_sound(const struct agent_daemon *daemon, struct error *error)
{
    return environment_is_sound(daemon->agent->environment, error);
}

const char *agent_daemon_office(const struct agent_daemon *daemon)
{
    return daemon->agent->office_code;
}

bool agent_daemon_is_stopping(const struct agent_daemon *daemon)
{
    return daemon->stopping;
}

const struct api_service *agent_daemon_api(const struct agent_daemon *daemon)
{
    return &daemon->service.api;
}

static bool open_store(struct agent_daemon *daemon, const char *data, struct error *error)
{
    struct agent_options options = {.take_lock = true, .entropy = entropy_system()};
    struct agent_outlet outlet = {
        .context = daemon, .send = send_message, .drop_link = drop_link, .history = history_answered};
    int waited_ms = 0;
    while (!(daemon->agent = agent_open(data, &options, error)))
        if (error->code != ERROR_UNAVAILABLE || !client_try_again(data, &waited_ms))
            return false;
    if (!(daemon->session = agent_session_new(daemon->agent, &outlet, error)))
        return false;
    agent_service_start(&daemon->service, daemon->agent);
    ask_start(&daemon->ask, &daemon->service, daemon->session);
    if (!(daemon->service.follow = agent_follow(daemon->agent, true, error)))
        return false;
    daemon->service.sync = sync_now;
    daemon->service.state = session_state;
    daemon->service.link = link_says;
    daemon->service.context = daemon;
    return true;
}

static bool open_link(struct agent_daemon *daemon, struct error *error)
{
    struct link_agent_options options = {.changed = link_changed, .ready = link_ready, .user = daemon};
    return (daemon->loop = loop_new(error)) && loop_watch_signals(daemon->loop, signalled, daemon, error) &&
           (daemon->service.api.aside = aside_new(daemon->loop, error)) && (daemon->net = net_new(error)) &&
           (daemon->codec = frame_codec_new(error)) &&
           (daemon->link = link_agent_new(daemon->net, daemon->loop, &options, error));
}

static enum http_handled handle_request(void *user, struct http_request *request,
                                        struct http_response *response)
{
    struct agent_daemon *daemon = user;
    daemon->asked_at = loop_now_ms();
    return daemon->asks.handle(daemon->asks.user, request, response);
}

static bool knows(void *user, const struct http_request *request)
{
    const struct agent_daemon *daemon = user;
    return api_knows(&daemon->service.api, request);
}

static bool open_http(struct agent_daemon *daemon, const char *data, const char *http, struct error *error)
{
    struct http_handler handler = {.handle = handle_request, .knows = knows, .user = daemon};
    daemon->asks = ask_handler(&daemon->ask);
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

static bool start_backups(struct agent_daemon *daemon, const char *data, struct error *error)
{
    struct backup_schedule_options options = {.loop = daemon->loop,
                                              .data = data,
                                              .name = daemon->agent->office_code,
                                              .key = daemon->agent->signing_keys.public_key,
                                              .settings = &daemon->settings};
    daemon->backups = backup_schedule_new(&options, error);
    daemon->service.backups = daemon->backups;
    return daemon->backups != NULL;
}

struct agent_daemon *agent_daemon_new(const char *data, const struct settings_source *source,
                                      struct error *error)
{
    struct agent_daemon *daemon = calloc(1, sizeof *daemon);
    if (!daemon) {
        out_of_memory(error);
        return NULL;
    }
    daemon->source = source;
    if (!settings_begin(&daemon->settings, source, error)) {
        free(daemon);
        return NULL;
    }
    arena_init(&daemon->arena, LIMIT_MESSAGE_ARENA_BYTES);
    daemon->told = LINK_CUT;
    daemon->link_says = "not tried yet";
    if (open_store(daemon, data, error) && open_link(daemon, error) &&
        open_http(daemon, data, daemon->settings.http, error) && start_backups(daemon, data, error) &&
        service_manager_ready(&daemon->manager, daemon->loop, error))
        return daemon;
    agent_daemon_free(daemon);
    return NULL;
}

void agent_daemon_free(struct agent_daemon *daemon)
{
    if (!daemon)
        return;
    ask_forget(&daemon->ask);
    aside_free(daemon->service.api.aside);
    backup_schedule_free(daemon->backups);
    http_server_free(daemon->local);
    http_server_free(daemon->http);
    if (daemon->session)
        agent_session_bye(daemon->session, wall_now_ms());
    agent_session_free(daemon->session);
    link_agent_free(daemon->link);
    frame_codec_free(daemon->codec);
    frame_buffer_release(&daemon->out);
    loop_free(daemon->loop);
    net_free(daemon->net);
    agent_service_end(&daemon->service);
    agent_close(daemon->agent);
    arena_release(&daemon->arena);
    settings_release(&daemon->settings);
    free(daemon);
}

/* A pause is waited for, so that no tool's call is cut; if none comes, for long enough. */
static bool may_renew(struct agent_daemon *daemon)
{
    uint64_t now = loop_now_ms();
    if (!daemon->agent->rewrite_due || daemon->agent->stale)
        return false;
    if (daemon->renew_at == 0)
        daemon->renew_at = now + RENEW_MOST_MS;
    return now >= daemon->asked_at + RENEW_PAUSE_MS || now >= daemon->renew_at;
}

bool agent_daemon_renew(struct agent_daemon **daemon, struct error *error)
{
    const struct agent *agent = (*daemon)->agent;
    if (!may_renew(*daemon))
        return true;
    const struct settings_source *source = (*daemon)->source;
    uint64_t heads = agent->heads; /* a tool that waits for the next head goes on waiting for it */
    char *data = strdup(agent->directory);
    if (!data)
        return true; /* with the next turn, then */
    agent_daemon_free(*daemon);
    *daemon = agent_daemon_new(data, source, error);
    if (*daemon)
        (*daemon)->agent->heads = heads;
    free(data);
    return *daemon != NULL;
}
