#include "api/backup_schedule.h"

#include "api/record_json.h"
#include "api/wall.h"
#include "base/log.h"

#include <dirent.h>
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
#include <time.h>
#include <unistd.h>

#define ENDING ".backup"

enum {
    HOUR_MS = 3600 * 1000,
    RETRY_MS = 10 * 60 * 1000, /* after one that failed */
    NAME_BYTES = 64,
    PATH_BYTES = 2048,
    STAMP_BYTES = 16, /* 20251231T173000Z */
    MOST_FILES = 4096,
};

struct backup_schedule {
    struct loop *loop;
    struct loop_source *timer;
    const char *data, *name;
    const struct settings *settings;
    uint64_t due_ms;    /* by loop_now_ms: when the next is to be made */
    uint64_t newest_ms; /* wall clock: when the newest was made; 0: there is none */
    uint64_t begun_ms;  /* wall clock: since when this one is to make them */
    uint64_t failures;
    char trouble[512];
    bool late;
    /* the one under way */
    pid_t child; /* 0: none */
    int child_fd, text_fd;
    struct loop_source *ended;
    uint64_t started_ms; /* wall clock */
    char path[PATH_BYTES];
};

/* The time in the file's name, which is that of a backup of ours; 0: it is none. */
static uint64_t time_of(const struct backup_schedule *schedule, const char *file)
{
    size_t prefix = strlen(schedule->name);
    struct tm utc = {0};
    if (strncmp(file, schedule->name, prefix) != 0 || file[prefix] != '-' ||
        strlen(file) != prefix + 1 + STAMP_BYTES + strlen(ENDING) ||
        strcmp(file + prefix + 1 + STAMP_BYTES, ENDING) != 0)
        return 0;
    const char *end = strptime(file + prefix + 1, "%Y%m%dT%H%M%SZ", &utc);
    time_t seconds = end && strcmp(end, ENDING) == 0 ? timegm(&utc) : -1;
    return seconds > 0 ? (uint64_t)seconds * 1000 : 0;
}

static int later_first(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*right > *left) - (*right < *left);
}

/* The times of the backups in the directory, the newest first: how many, or -1 with an error. */
static int list_times(const struct backup_schedule *schedule, uint64_t *times, struct error *error)
{
    const char *directory = schedule->settings->backup_directory;
    DIR *listing = opendir(directory);
    const struct dirent *entry;
    int count = 0;
    if (!listing) {
        error_set(error, ERROR_STORE, "cannot read the directory of backups %s: %s", directory,
                  strerror(errno));
        return -1;
    }
    while (count < MOST_FILES && (entry = readdir(listing)))
        if ((times[count] = time_of(schedule, entry->d_name)))
            count++;
    closedir(listing);
    qsort(times, (size_t)count, sizeof *times, later_first);
    return count;
}

static bool path_of(const struct backup_schedule *schedule, uint64_t ms, char path[PATH_BYTES])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char stamp[STAMP_BYTES + 1];
    return gmtime_r(&seconds, &utc) && strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc) &&
           snprintf(path, PATH_BYTES, "%s/%s-%s" ENDING, schedule->settings->backup_directory, schedule->name,
                    stamp) < PATH_BYTES;
}

static void failed(struct backup_schedule *schedule, const char *why)
{
    schedule->failures++;
    schedule->due_ms = loop_now_ms() + RETRY_MS;
    snprintf(schedule->trouble, sizeof schedule->trouble, "%s", why);
    log_with(LOG_LEVEL_ERROR, "HOPNHAT_FILE", schedule->path, "the backup was not made: %s", why);
}

/* Removes all but the newest that are to be kept. */
static void remove_old(const struct backup_schedule *schedule)
{
    struct error error;
    uint64_t *times = calloc(MOST_FILES, sizeof *times);
    int count = times ? list_times(schedule, times, &error) : 0;
    for (int i = (int)schedule->settings->backup_keep; i < count; i++) {
        char path[PATH_BYTES];
        if (path_of(schedule, times[i], path) && unlink(path) != 0)
            log_with(LOG_LEVEL_WARNING, "HOPNHAT_FILE", path, "cannot remove the old backup %s: %s", path,
                     strerror(errno));
    }
    free(times);
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
    loop_remove(schedule->loop, schedule->ended);
    schedule->ended = NULL;
    if (schedule->child_fd >= 0)
        close(schedule->child_fd);
    if (schedule->text_fd >= 0)
        close(schedule->text_fd);
    schedule->child = 0;
    schedule->child_fd = schedule->text_fd = -1;
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
        schedule->due_ms = loop_now_ms() + schedule->settings->backup_interval_h * HOUR_MS;
        log_with(LOG_LEVEL_INFO, "HOPNHAT_FILE", schedule->path, "wrote the backup %s", schedule->path);
        remove_old(schedule);
    } else if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "it was ended by signal %d", WTERMSIG(status));
        failed(schedule, text);
    } else {
        failed(schedule, text);
    }
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
        schedule->ended = loop_add_fd(schedule->loop, schedule->child_fd, child_ended, schedule, error);
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
    char keep[24], program[NAME_BYTES] = "backup";
    snprintf(keep, sizeof keep, "%llu", (unsigned long long)schedule->settings->backup_keep);
    schedule->started_ms = wall_now_ms();
    char *arguments[] = {program,
                         (char[]){"backup"},
                         schedule->path,
                         (char[]){"--data"},
                         (char *)(uintptr_t)schedule->data,
                         (char[]){"--keep"},
                         keep,
                         NULL};
    struct stat status;
    if (stat(schedule->settings->backup_directory, &status) != 0) {
        snprintf(schedule->path, sizeof schedule->path, "%s", schedule->settings->backup_directory);
        error_set(&error, ERROR_STORE, "the directory of backups %s cannot be used: %s", schedule->path,
                  strerror(errno));
        failed(schedule, error.text);
    } else if (!path_of(schedule, schedule->started_ms, schedule->path)) {
        failed(schedule, "the name of the directory is too long");
    } else if (!spawn(schedule, arguments, &error)) {
        give_up_child(schedule);
        failed(schedule, error.text);
    }
}

static void tell_late(struct backup_schedule *schedule)
{
    uint64_t since_ms = schedule->newest_ms ? schedule->newest_ms : schedule->begun_ms,
             now_ms = wall_now_ms();
    uint64_t most_ms = 2 * schedule->settings->backup_interval_h * HOUR_MS;
    bool late = now_ms > since_ms && now_ms - since_ms > most_ms;
    if (late && !schedule->late)
        log_error("no backup was made for more than %llu hours", (unsigned long long)(most_ms / HOUR_MS));
    schedule->late = late;
}

static int64_t wait_ms(void *user)
{
    const struct backup_schedule *schedule = user;
    uint64_t now_ms = loop_now_ms();
    if (!*schedule->settings->backup_directory || schedule->child)
        return -1;
    return schedule->due_ms > now_ms ? (int64_t)(schedule->due_ms - now_ms) : 0;
}

static void run(void *user)
{
    struct backup_schedule *schedule = user;
    tell_late(schedule);
    start_backup(schedule);
}

void backup_schedule_changed(struct backup_schedule *schedule)
{
    struct error error;
    uint64_t *times = calloc(MOST_FILES, sizeof *times), now_ms = wall_now_ms();
    uint64_t interval_ms = schedule->settings->backup_interval_h * HOUR_MS, age_ms = interval_ms;
    schedule->newest_ms = 0;
    schedule->trouble[0] = '\0';
    if (*schedule->settings->backup_directory && times && list_times(schedule, times, &error) > 0)
        schedule->newest_ms = times[0];
    free(times);
    if (schedule->newest_ms &&
        schedule->newest_ms <= now_ms) /* else the clock was wrong once: make one now */
        age_ms = now_ms - schedule->newest_ms;
    schedule->due_ms = loop_now_ms() + (age_ms < interval_ms ? interval_ms - age_ms : 0);
}

struct backup_schedule *backup_schedule_new(struct loop *loop, const char *data, const char *name,
                                            const struct settings *settings, struct error *error)
{
    struct backup_schedule *schedule = calloc(1, sizeof *schedule);
    if (!schedule) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    *schedule = (struct backup_schedule){.loop = loop,
                                         .data = data,
                                         .name = name,
                                         .settings = settings,
                                         .begun_ms = wall_now_ms(),
                                         .child_fd = -1,
                                         .text_fd = -1};
    if (!(schedule->timer = loop_add_timer(loop, wait_ms, run, schedule, error))) {
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
    loop_remove(schedule->loop, schedule->timer);
    free(schedule);
}

bool backup_schedule_status(json_t *status, struct backup_schedule *schedule, struct error *error)
{
    bool scheduled = schedule && *schedule->settings->backup_directory;
    const char *trouble = "";
    if (scheduled) {
        tell_late(schedule);
        trouble = schedule->trouble[0] ? schedule->trouble
                  : schedule->late     ? "the newest backup is older than two intervals"
                                       : "";
    }
    json_t *members = json_pack("{s:b, s:b, s:I, s:o}", "backup_scheduled", (int)scheduled, "backup_running",
                                (int)(schedule && schedule->child), "backup_failures",
                                (json_int_t)(schedule ? schedule->failures : 0), "backup_trouble",
                                bytes_json(bytes_of_string(trouble)));
    bool done = members && json_object_update(status, members) == 0;
    json_decref(members);
    return done || error_set(error, ERROR_MEMORY, "out of memory");
}
