#include "api/recovery.h"

#include "api/backup_work.h"
#include "api/child.h"
#include "api/store_check.h"
#include "api/wall.h"
#include "base/log.h"
#include "base/patience.h"

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

static void make_mark(const char *path)
{
    int mark = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (mark >= 0)
        close(mark);
}

void recovery_suspect(const char *data)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/suspect", data) < (int)sizeof path)
        make_mark(path);
}

/* Once a signal: the handler is gone by now, and the signal ends the process. */
static void crashed(int number)
{
    make_mark(mark_path);
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

static bool check(const struct recovery *recovery, const char *data, struct error *error)
{
    struct store_check look = {
        .data = data, .program = recovery->program, .found = log_break, .looked = log_verified};
    patience_ask();
    return store_check_run(&look, error);
}

/* A store that is being made anew. */
struct mending {
    const struct recovery *recovery;
    struct backup_work work;
};

static void note_lost(void *context, const char *text)
{
    const struct mending *mending = context;
    note(mending->recovery->data, text);
}

/* In another process. */
static int make_anew(void *context)
{
    struct mending *mending = context;
    struct error error;
    if (mending->recovery->program->repair(mending->work.live, mending->work.directory, note_lost, mending,
                                           &error))
        return 0;
    note(mending->recovery->data, error.text);
    return 1;
}

/* Puts a store in the place of the damaged one that is made of what is whole in it. */
static bool mend(const struct recovery *recovery, struct error *error)
{
    struct mending mending = {.recovery = recovery};
    char aside[BACKUP_PATH_BYTES], text[LINE_BYTES];
    int status = 1;
    if (!recovery->program->repair || !backup_work_begin(&mending.work, recovery->data, false, error))
        return false;
    patience_ask();
    bool mended = child_run(make_anew, &mending, &status, error) &&
                  (status == 0 ||
                   error_set(error, ERROR_CORRUPT, "the store in %s cannot be mended", recovery->data)) &&
                  check(recovery, mending.work.directory, error) && backup_work_mark(&mending.work, error) &&
                  backup_move_aside(recovery->data, aside, error) &&
                  backup_work_install(&mending.work, error);
    backup_work_end(&mending.work);
    if (!mended)
        return false;
    snprintf(text, sizeof text,
             "the store was damaged, and has been made anew of what was whole: it was verified, is sound, "
             "and in use again; the damaged one is kept in %.400s",
             aside);
    note(recovery->data, text);
    return true;
}

/* The views may be what is damaged; they are built again. */
static void drop_views(const char *data)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[4096];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (snprintf(path, sizeof path, "%s/views/%s", data, names[i]) < (int)sizeof path)
            unlink(path);
}

/* Whether this is the second time that the daemon crashed, or came upon damage, in a store that verify finds
 * sound; the first leaves a mark. What verify does not read, as the branches of LMDB's trees, is wrong then,
 * and a store that is made anew has others. */
static bool stumbled_again(const char *data)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/crashed", data) >= (int)sizeof path || unlink(path) == 0)
        return true;
    make_mark(path);
    return false;
}

/* Looks at the store that has become suspect; `stumbled`: by what the daemon met in it, or by its end. */
static bool look(const struct recovery *recovery, bool stumbled, struct error *error)
{
    char text[LINE_BYTES];
    drop_views(recovery->data);
    bool sound = check(recovery, recovery->data, error);
    if (sound ? stumbled && stumbled_again(recovery->data) : error->code == ERROR_CORRUPT)
        sound = mend(recovery, error);
    else if (sound)
        note(recovery->data, "the store was verified: it is sound, and in use again");
    if (sound) {
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
    bool suspect = access(mark_path, F_OK) == 0, again = false, stumbled = suspect;
    if (backup_work_resume(recovery->data))
        note(recovery->data, "the store that was made anew when the daemon ended was put in place");
    if (suspect)
        note(recovery->data,
             "the store is suspect (the daemon had crashed, or verify found damage): it is verified first");
    for (;;) {
        time_t began = time(NULL);
        enum run_end end = RUN_UNSOUND;
        if (!suspect || look(recovery, stumbled, error))
            end = recovery->run(recovery->context, error);
        else if (error->code == ERROR_CORRUPT)
            return false;
        if (end == RUN_STOPPED || (end == RUN_FAILED && !again))
            return end == RUN_STOPPED;
        if (end == RUN_DAMAGED && suspect) /* and verify sees nothing, or nothing any more */
            return error_prefix(error, "restore the newest backup");
        snprintf(text, sizeof text, "the store is closed, and will be verified and opened again: %s",
                 error->text);
        note(recovery->data, text);
        stumbled = end == RUN_UNSOUND && error->code == ERROR_CORRUPT; /* else the disk failed */
        suspect = again = true;
        make_mark(mark_path);
        pause_s = next_pause(pause_s, began);
        if (!pause_for(pause_s))
            return true;
    }
}
