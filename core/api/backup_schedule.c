#include "api/backup_schedule.h"

#include "api/backup_files.h"
#include "api/record_json.h"
#include "api/wall.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HOUR_MS = 3600 * 1000,
    RETRY_MS = 10 * 60 * 1000, /* after one that failed */
    LOOK_MS = 10 * 1000,       /* whether one is overdue, and what counts is there */
};

struct backup_schedule {
    struct backup_schedule_options options;
    struct loop_source *timer;
    struct backup_files files;
    uint64_t due_ms;    /* by loop_now_ms: when the next is to be made */
    uint64_t looked_ms; /* by loop_now_ms: when run looked last */
    uint64_t newest_ms; /* wall clock: when the newest was made; 0: there is none */
    uint64_t begun_ms;  /* wall clock: since when this one is to make them in the directory */
    uint64_t failures;
    size_t counting, missing; /* files that should be in the directory; of these, those that are not */
    char trouble[512];
    char directory[BACKUP_PATH_BYTES]; /* of the settings, when they changed last */
    bool late;
    /* the one under way */
    pid_t child; /* 0: none */
    int child_fd, text_fd;
    struct loop_source *ended;
    uint64_t started_ms; /* wall clock */
    char path[BACKUP_PATH_BYTES];
};

/* What counts, as the options say; the caller's. */
static json_t *list_counting(const struct backup_schedule *schedule)
{
    return schedule->options.counting ? schedule->options.counting(schedule->options.context) : json_array();
}

/* A backup that counts and is not there is one that offices rely on in vain. */
static void look_for_missing(struct backup_schedule *schedule)
{
    if (!schedule->options.counting) /* so that a disk which does not answer holds up nobody for nothing */
        return;
    const char *directory = schedule->options.settings->backup_directory;
    size_t before = schedule->missing;
    json_t *list = list_counting(schedule);
    if (list)
        backup_files_missing(directory, list, &schedule->counting, &schedule->missing);
    if (schedule->missing && !before)
        log_error("of %zu backups in %s that count %zu are not there: is the right disk mounted?",
                  schedule->counting, directory, schedule->missing);
    json_decref(list);
}

/* The newest in the directory of the settings. */
static struct backup_name newest(const struct backup_schedule *schedule)
{
    return backup_files_newest(&schedule->files, schedule->options.settings->backup_directory,
                               schedule->child != 0);
}

static void remove_old(const struct backup_schedule *schedule)
{
    const struct settings *settings = schedule->options.settings;
    json_t *list = list_counting(schedule);
    backup_files_remove_old(&schedule->files, settings->backup_directory, settings->backup_keep, list);
    json_decref(list);
}

static void failed(struct backup_schedule *schedule, const char *why)
{
    schedule->failures++;
    schedule->due_ms = loop_now_ms() + RETRY_MS;
    snprintf(schedule->trouble, sizeof schedule->trouble, "%s", why);
    log_with(LOG_LEVEL_ERROR, "HOPNHAT_FILE", schedule->path, "the backup was not made: %s", why);
}

/* The first line of what the child wrote to its stderr. */
static void read_text(const struct backup_schedule *schedule, char *text, size_t size)
{
    ssize_t length = read(schedule->text_fd, text, size - 1);
    text[length > 0 ? length : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static void let_go(struct backup_schedule *schedule)
{
    loop_remove(schedule->options.loop, schedule->ended);
    schedule->ended = NULL;
    if (schedule->child_fd >= 0)
        close(schedule->child_fd);
    if (schedule->text_fd >= 0)
        close(schedule->text_fd);
    schedule->child = 0;
    schedule->child_fd = schedule->text_fd = -1;
}

/* Whether the backup under way, or the last one, is in the directory that the settings name now. */
static bool is_here(const struct backup_schedule *schedule)
{
    const char *directory = schedule->options.settings->backup_directory;
    size_t length = strlen(directory);
    return strncmp(schedule->path, directory, length) == 0 &&
           schedule->path + length == strrchr(schedule->path, '/');
}

static void child_ended(void *user)
{
    struct backup_schedule *schedule = user;
    int status = 0;
    char text[400];
    if (waitpid(schedule->child, &status, WNOHANG) == 0)
        return;
    read_text(schedule, text, sizeof text);
    let_go(schedule);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        schedule->trouble[0] = '\0';
        schedule->late = false;
        schedule->newest_ms = schedule->started_ms;
        schedule->due_ms = loop_now_ms() + schedule->options.settings->backup_interval_h * HOUR_MS;
        log_with(LOG_LEVEL_INFO, "HOPNHAT_FILE", schedule->path, "wrote the backup %s", schedule->path);
    } else if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "it was ended by signal %d: run verify", WTERMSIG(status));
        failed(schedule, text);
    } else {
        failed(schedule, text);
    }
    if (is_here(schedule))
        remove_old(schedule);
    else
        backup_schedule_changed(schedule);
}

static bool spawn(struct backup_schedule *schedule, char *const *arguments, struct error *error)
{
    int text[2];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    if (pipe2(text, O_CLOEXEC | O_NONBLOCK) != 0)
        return error_set(error, ERROR_STORE, "cannot make a pipe: %s", strerror(errno));
    sigemptyset(&none); /* the loop's thread blocks what it reads otherwise, and children inherit that */
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, text[1], STDERR_FILENO);
    int code = posix_spawn(&schedule->child, "/proc/self/exe", &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(text[1]);
    schedule->text_fd = text[0];
    if (code) {
        let_go(schedule);
        return error_set(error, ERROR_STORE, "cannot start a process: %s", strerror(code));
    }
    schedule->child_fd = pidfd_open(schedule->child, 0);
    if (schedule->child_fd >= 0)
        schedule->ended =
            loop_add_fd(schedule->options.loop, schedule->child_fd, child_ended, schedule, error);
    else
        error_set(error, ERROR_STORE, "cannot watch a process: %s", strerror(errno));
    return schedule->ended != NULL;
}

static void give_up_child(struct backup_schedule *schedule)
{
    if (!schedule->child)
        return;
    kill(schedule->child, SIGKILL);
    while (waitpid(schedule->child, NULL, 0) < 0 && errno == EINTR)
        ;
    let_go(schedule);
}

static void start_backup(struct backup_schedule *schedule)
{
    struct error error;
    const char *directory = schedule->options.settings->backup_directory;
    char program[] = "backup";
    char *arguments[] = {program,
                         (char[]){"backup"},
                         schedule->path,
                         (char[]){"--data"},
                         (char *)(uintptr_t)schedule->options.data,
                         NULL};
    struct stat status;
    struct backup_name name = {.number = newest(schedule).number + 1, .ms = wall_now_ms()};
    schedule->started_ms = name.ms;
    if (stat(directory, &status) != 0) {
        snprintf(schedule->path, sizeof schedule->path, "%s", directory);
        error_set(&error, ERROR_STORE, "the directory of backups %s cannot be used: %s", schedule->path,
                  strerror(errno));
        failed(schedule, error.text);
    } else if (!backup_files_path(&schedule->files, directory, &name, schedule->path)) {
        failed(schedule, "the name of the directory is too long");
    } else if (!spawn(schedule, arguments, &error)) {
        give_up_child(schedule);
        failed(schedule, error.text);
    }
}

static void tell_late(struct backup_schedule *schedule)
{
    uint64_t now_ms = wall_now_ms(), most_ms = 2 * schedule->options.settings->backup_interval_h * HOUR_MS,
             *since_ms = schedule->newest_ms ? &schedule->newest_ms : &schedule->begun_ms;
    if (*since_ms > now_ms) /* the clock was ahead then */
        *since_ms = now_ms;
    bool late = now_ms - *since_ms > most_ms;
    if (late && !schedule->late) {
        log_error("no backup was made for more than %llu hours%s", (unsigned long long)(most_ms / HOUR_MS),
                  schedule->child ? ", and one that was begun has not ended" : "");
        schedule->due_ms = loop_now_ms(); /* as where the clock was behind when the next was planned */
    }
    schedule->late = late;
}

static int64_t wait_ms(void *user)
{
    const struct backup_schedule *schedule = user;
    uint64_t at_ms = schedule->looked_ms + LOOK_MS;
    if (!*schedule->options.settings->backup_directory)
        return -1;
    if (!schedule->child && schedule->due_ms < at_ms)
        at_ms = schedule->due_ms;
    return loop_until_ms(at_ms);
}

static void run(void *user)
{
    struct backup_schedule *schedule = user;
    schedule->looked_ms = loop_now_ms();
    tell_late(schedule);
    look_for_missing(schedule);
    if (!schedule->child && schedule->due_ms <= schedule->looked_ms)
        start_backup(schedule);
}

void backup_schedule_changed(struct backup_schedule *schedule)
{
    uint64_t now_ms = wall_now_ms(), interval_ms = schedule->options.settings->backup_interval_h * HOUR_MS,
             age_ms = interval_ms;
    const char *directory = schedule->options.settings->backup_directory;
    bool scheduled = *directory != '\0';
    if (strcmp(schedule->directory, directory) != 0) {
        snprintf(schedule->directory, BACKUP_PATH_BYTES, "%s", directory);
        schedule->begun_ms = now_ms;
    }
    schedule->newest_ms = scheduled ? newest(schedule).ms : 0;
    schedule->trouble[0] = '\0';
    if (schedule->newest_ms &&
        schedule->newest_ms <= now_ms) /* else the clock was wrong once: make one now */
        age_ms = now_ms - schedule->newest_ms;
    schedule->due_ms = loop_now_ms() + (age_ms < interval_ms ? interval_ms - age_ms : 0);
}

struct backup_schedule *backup_schedule_new(const struct backup_schedule_options *options,
                                            struct error *error)
{
    struct backup_schedule *schedule = calloc(1, sizeof *schedule);
    if (!schedule) {
        out_of_memory(error);
        return NULL;
    }
    *schedule = (struct backup_schedule){.options = *options, .child_fd = -1, .text_fd = -1};
    backup_files_init(&schedule->files, options->name, options->key, options->former);
    if (!(schedule->timer = loop_add_timer(options->loop, wait_ms, run, schedule, error))) {
        free(schedule);
        return NULL;
    }
    backup_schedule_changed(schedule);
    return schedule;
}

void backup_schedule_free(struct backup_schedule *schedule)
{
    if (!schedule)
        return;
    give_up_child(schedule);
    loop_remove(schedule->options.loop, schedule->timer);
    free(schedule);
}

uint64_t backup_schedule_keep(const struct backup_schedule *schedule)
{
    return schedule ? schedule->options.settings->backup_keep : UINT64_MAX;
}

bool backup_schedule_status(json_t *status, struct backup_schedule *schedule, struct error *error)
{
    bool scheduled = schedule && *schedule->options.settings->backup_directory;
    char trouble[sizeof schedule->trouble] = "";
    if (scheduled) {
        tell_late(schedule);
        look_for_missing(schedule);
        if (schedule->trouble[0] || schedule->late)
            snprintf(trouble, sizeof trouble, "%s",
                     schedule->trouble[0] ? schedule->trouble
                                          : "the newest backup is older than two intervals");
        else if (schedule->missing)
            snprintf(
                trouble, sizeof trouble,
                "of %zu backups in its directory that count %zu are not there: is the right disk mounted?",
                schedule->counting, schedule->missing);
    }
    json_t *members = json_pack("{s:b, s:b, s:I, s:o}", "backup_scheduled", (int)scheduled, "backup_running",
                                (int)(schedule && schedule->child), "backup_failures",
                                (json_int_t)(schedule ? schedule->failures : 0), "backup_trouble",
                                bytes_json(bytes_of_string(trouble)));
    bool done = members && json_object_update(status, members) == 0;
    json_decref(members);
    return done || out_of_memory(error);
}
