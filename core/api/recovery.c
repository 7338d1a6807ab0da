#include "api/recovery.h"

#include "api/store_check.h"
#include "api/wall.h"
#include "base/log.h"
#include "net/service_manager.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_FIRST_S = 1, PAUSE_MOST_S = 60, STEADY_S = 600, LINE_BYTES = 1024 };

/* Where the mark of a crash goes: a signal handler is given nothing else. */
static char mark_path[4096];

static void make_mark(void)
{
    int mark = open(mark_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (mark >= 0)
        close(mark);
}

/* Once a signal: the handler is gone by now, and the signal ends the process. */
static void crashed(int number)
{
    make_mark();
    raise(number);
}

static bool watch_crashes(const char *data, struct error *error)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
    struct sigaction action = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND};
    if (snprintf(mark_path, sizeof mark_path, "%s/suspect", data) >= (int)sizeof mark_path)
        return error_set(error, ERROR_USAGE, "the name of the data directory is too long");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    return true;
}

static FILE *open_incidents(const char *data, const char *mode)
{
    char path[4096];
    return snprintf(path, sizeof path, "%s/incidents", data) < (int)sizeof path ? fopen(path, mode) : NULL;
}

/* Logs what happened, and keeps it for the status. */
static void note(const char *data, const char *text)
{
    struct arena arena;
    FILE *file = open_incidents(data, "ae");
    log_warning("%s", text);
    if (!file)
        return; /* on a failing disk the log has to do */
    arena_init(&arena, LINE_BYTES);
    const char *when = wall_text(wall_now_ms(), &arena);
    fprintf(file, "%s %s\n", when ? when : "?", text);
    fclose(file);
    arena_release(&arena);
}

void recovery_status(const char *data, struct environment *environment, json_t *status)
{
    char line[LINE_BYTES] = "";
    struct error trouble = {.text = ""};
    json_int_t count = 0;
    FILE *file = open_incidents(data, "re");
    while (file && fgets(line, sizeof line, file))
        count++;
    if (file)
        fclose(file);
    line[strcspn(line, "\n")] = '\0';
    environment_has_trouble(environment, &trouble);
    json_object_set_new(status, "store_trouble", json_string(trouble.text));
    json_object_set_new(status, "incidents", json_integer(count));
    json_object_set_new(status, "last_incident", count ? json_string(line) : json_null());
}

static void log_break(void *context, const char *text)
{
    (void)context;
    log_error("verify: %s", text);
}

static void log_verified(void *context, const struct verify *verify)
{
    (void)context;
    log_info("verify: %" PRIu64 " rows, %" PRIu64 " breaks", verify->rows, verify->breaks);
}

/* Looks at the store that has become suspect. */
static bool look(const struct recovery *recovery, struct error *error)
{
    const struct store_check check = {
        .data = recovery->data, .program = recovery->program, .found = log_break, .looked = log_verified};
    char text[LINE_BYTES];
    service_manager_patience();
    if (store_check_run(&check, error)) {
        note(recovery->data, "the store was verified: it is sound, and in use again");
        unlink(mark_path);
        return true;
    }
    if (error->code == ERROR_CORRUPT)
        error_prefix(error, "restore the newest backup");
    snprintf(text, sizeof text, "%s", error->text);
    note(recovery->data, text);
    return false;
}

/* Waits; false: told to stop meanwhile. The signals are blocked since the daemon's loop watched them. */
static bool pause_for(unsigned seconds)
{
    sigset_t set;
    const struct timespec time = {.tv_sec = seconds};
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return sigtimedwait(&set, NULL, &time) < 0;
}

static unsigned next_pause(unsigned pause_s, time_t began)
{
    if (pause_s == 0 || time(NULL) - began > STEADY_S)
        return PAUSE_FIRST_S;
    return 2 * pause_s < PAUSE_MOST_S ? 2 * pause_s : PAUSE_MOST_S;
}

bool recovery_run(const struct recovery *recovery, struct error *error)
{
    unsigned pause_s = 0;
    char text[LINE_BYTES];
    if (!watch_crashes(recovery->data, error))
        return false;
    bool suspect = access(mark_path, F_OK) == 0, again = false;
    if (suspect)
        note(recovery->data, "the daemon had crashed: the store is verified first");
    for (;;) {
        time_t began = time(NULL);
        enum run_end end = RUN_UNSOUND;
        if (!suspect || look(recovery, error))
            end = recovery->run(recovery->context, error);
        else if (error->code == ERROR_CORRUPT)
            return false;
        if (end == RUN_STOPPED || (end == RUN_FAILED && !again))
            return end == RUN_STOPPED;
        snprintf(text, sizeof text, "the store is closed, and will be verified and opened again: %s",
                 error->text);
        note(recovery->data, text);
        suspect = again = true;
        make_mark();
        pause_s = next_pause(pause_s, began);
        if (!pause_for(pause_s))
            return true;
    }
}
