#include "agent/command.h"

#include "agent/daemon.h"
#include "agent/session.h"
#include "api/command_run.h"
#include "api/commands.h"
#include "api/recovery.h"
#include "api/wall.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/service_manager.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SYNC_TIMEOUT_S = 60, SYNC_MOST_S = 24 * 3600, SYNC_PAUSE_MS = 20 };

struct served {
    const char *data;
    struct settings_source source;
};

static enum run_end serve(void *context, struct error *error)
{
    const struct served *served = context;
    struct agent_daemon *daemon = agent_daemon_new(served->data, &served->source, error);
    struct error unsound;
    bool running = daemon != NULL;
    enum run_end end = RUN_STOPPED;
    if (daemon)
        log_with(LOG_LEVEL_INFO, "HOPNHAT_OFFICE", agent_daemon_office(daemon), "the agent of %s serves %s",
                 agent_daemon_office(daemon), served->data);
    while (running && !agent_daemon_is_stopping(daemon))
        running = agent_daemon_turn(daemon, -1, error) && agent_daemon_renew(&daemon, error);
    if (running) {
        service_manager_stopping();
        log_info("the agent stops");
    } else {
        bool damaged = !daemon && error->code == ERROR_CORRUPT;
        end = daemon && !agent_daemon_is_sound(daemon, &unsound) ? RUN_UNSOUND
              : damaged                                          ? RUN_DAMAGED
                                                                 : RUN_FAILED;
    }
    agent_daemon_free(daemon);
    return end;
}

static bool run_run(struct cli *cli, struct error *error)
{
    static const struct run_shorthand shorthands[] = {{"http", "http"}, {NULL, NULL}};
    struct served served = {.data = cli->data};
    const struct recovery recovery = {
        .data = cli->data, .program = &agent_backup_program, .context = &served, .run = serve};
    if (command_run_help(cli, SETTINGS_AGENT))
        return true;
    return command_run_source(cli, SETTINGS_AGENT, shorthands, &served.source, error) &&
           recovery_run(&recovery, error);
}

/* A sync under way: over the daemon, or with one of its own. */
struct sync {
    struct cli *cli;
    struct agent_daemon *daemon; /* NULL: another process runs it */
    json_t *status;              /* as last heard */
    json_int_t heads_before;
    uint64_t shown_ms; /* when progress was shown last */
};

static bool ask_status(struct sync *sync, struct error *error)
{
    json_t *status = NULL;
    if (!cli_call(sync->cli, "GET", NULL, &status, error, "/v1/status"))
        return false;
    json_decref(sync->status);
    sync->status = status;
    return true;
}

static bool is_done(const struct sync *sync)
{
    return json_integer_value(json_object_get(sync->status, "heads")) > sync->heads_before &&
           json_is_true(json_object_get(sync->status, "caught_up"));
}

static bool pause_sync(struct sync *sync, struct error *error)
{
    if (sync->daemon)
        return agent_daemon_turn(sync->daemon, SYNC_PAUSE_MS, error);
    nanosleep(&(struct timespec){.tv_nsec = SYNC_PAUSE_MS * 1000000L}, NULL);
    return true;
}

/* Whether the link holds and the hub does not let the session go on: then its trouble says why. */
static bool is_turned_away(const json_t *status)
{
    const char *state = json_string_value(json_object_get(status, "state"));
    return state && (strcmp(state, "stopped") == 0 || strcmp(state, "waiting") == 0) &&
           json_string_length(json_object_get(status, "trouble")) > 0;
}

/* Why the sync is not done yet. */
static bool explain(const struct sync *sync, uint64_t timeout_s, struct error *error)
{
    const json_t *status = sync->status;
    const char *trouble = json_string_value(json_object_get(status, "trouble"));
    const bool turned_away = is_turned_away(status);
    char why[300];
    if (turned_away)
        snprintf(why, sizeof why, "%.250s", trouble);
    else if (!json_is_true(json_object_get(status, "hub_online")))
        snprintf(why, sizeof why, "the hub is away: %s", json_string_value(json_object_get(status, "link")));
    else if (json_string_length(json_object_get(status, "waits_for")) > 0)
        snprintf(why, sizeof why, "%s",
                 strcmp(json_string_value(json_object_get(status, "waits_for")), "hours") == 0
                     ? "the rest waits for the hours of the setting link_bulk_hours"
                     : "the link is metered: only what is urgent moves (`sync --urgent`)");
    else if (json_integer_value(json_object_get(status, "pending")) > 0)
        snprintf(why, sizeof why, "changes are not at the hub yet");
    else if (json_is_false(json_object_get(status, "digests_equal")))
        snprintf(why, sizeof why, "the digests are not known to be equal");
    else
        snprintf(why, sizeof why, "the hub's head has not been reached");
    if (turned_away || !trouble)
        trouble = "";
    return error_set(error, ERROR_UNAVAILABLE, "not caught up within %llu s: %s (pending %lld)%s%.250s",
                     (unsigned long long)timeout_s, why,
                     (long long)json_integer_value(json_object_get(status, "pending")), *trouble ? "; " : "",
                     trouble);
}

/* On a terminal, what is left to do: at most once a second, over the line before. */
static void show_progress(struct sync *sync, bool done)
{
    const json_t *status = sync->status, *seconds = json_object_get(status, "seconds_to_go");
    char left[60] = "";
    if (sync->cli->json || !isatty(STDERR_FILENO) || (!done && loop_now_ms() < sync->shown_ms + 1000))
        return;
    sync->shown_ms = loop_now_ms();
    if (json_is_integer(seconds))
        snprintf(left, sizeof left, ", about %lld s", (long long)json_integer_value(seconds));
    if (done)
        fprintf(stderr, "\r%78s\r", "");
    else
        fprintf(stderr, "\r%lld changes to send, %lld records to come%s          ",
                (long long)json_integer_value(json_object_get(status, "pending")),
                (long long)json_integer_value(json_object_get(status, "records_to_come")), left);
    fflush(stderr);
}

static bool wait_for_head(struct sync *sync, uint64_t timeout_s, struct error *error)
{
    uint64_t end = loop_now_ms() + timeout_s * 1000;
    json_t *answer = NULL;
    if (!cli_call(sync->cli, "POST", NULL, &answer, error, "/v1/sync"))
        return false;
    sync->heads_before = json_integer_value(json_object_get(answer, "heads"));
    json_decref(answer);
    while (ask_status(sync, error)) {
        bool over = is_done(sync) || loop_now_ms() >= end;
        show_progress(sync, over);
        if (over)
            return is_done(sync) || explain(sync, timeout_s, error);
        if (!pause_sync(sync, error))
            return false;
    }
    return false;
}

/* Without --wait the daemon is told, and that is all. */
static bool only_tell(struct sync *sync, struct error *error)
{
    json_t *answer = NULL;
    if (!cli_call(sync->cli, "POST", NULL, &answer, error, "/v1/sync"))
        return false;
    json_decref(answer);
    return !sync->cli->json || ask_status(sync, error);
}

static bool mark_urgent(struct cli *cli, struct error *error)
{
    json_t *answer = NULL;
    if (!cli_call(cli, "POST", NULL, &answer, error, "/v1/urgent"))
        return false;
    json_decref(answer);
    return true;
}

static bool run_sync(struct cli *cli, struct error *error)
{
    static const struct settings_source defaults = {.program = SETTINGS_AGENT};
    struct sync sync = {.cli = cli};
    uint64_t timeout_s;
    if (!cli_number(cli, "timeout", SYNC_TIMEOUT_S, SYNC_MOST_S, &timeout_s, error) ||
        !cli_client(cli, error))
        return false;
    bool done = true;
    if (!client_has_daemon(cli->client)) {
        /* The store is open in this process: let go of it, and run the agent here until it is done. */
        client_free(cli->client);
        cli->client = NULL;
        sync.daemon = agent_daemon_new(cli->data, &defaults, error);
        cli->client = sync.daemon ? client_of(agent_daemon_api(sync.daemon), error) : NULL;
        done = cli->client != NULL;
    }
    if (done && cli_option(cli, "urgent"))
        done = mark_urgent(cli, error);
    if (done)
        done = cli_option(cli, "wait") || sync.daemon ? wait_for_head(&sync, timeout_s, error)
                                                      : only_tell(&sync, error);
    if (sync.status && cli->json)
        cli_print_json(sync.status);
    json_decref(sync.status);
    client_free(cli->client);
    cli->client = NULL;
    agent_daemon_free(sync.daemon);
    return done;
}

static const char *const run_options[] = {"config", "set", "help-config", "http", NULL};
static const char *const sync_options[] = {"wait", "timeout", "urgent", NULL};

const struct cli_command agent_command_run = {
    .name = "run",
    .arguments = "[--config FILE] [--set KEY=VALUE]... [--http ADDRESS:PORT]",
    .help = "serve this office: keep the link to the hub, until stopped",
    .options = run_options,
    .run = run_run,
};
const struct cli_command agent_command_sync = {
    .name = "sync",
    .arguments = "[--urgent] [--wait [--timeout SECONDS]]",
    .help = "sync now; with --wait end with 0 once nothing is pending, all is read and the digests are equal",
    .options = sync_options,
    .run = run_sync,
};
