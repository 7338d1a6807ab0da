#include "api/backup_schedule.h"

#include "api/record_json.h"
#include "api/wall.h"
#include "base/hex.h"
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

#define ENDING       ".backup"
#define PART         ".part"
#define STAMP_FORMAT "%Y%m%dT%H%M%SZ"

enum {
    HOUR_MS = 3600 * 1000,
    RETRY_MS = 10 * 60 * 1000, /* after one that failed */
    LOOK_MS = 10 * 1000,       /* whether one is overdue, and what counts is there */
    KEY_BYTES = 4,             /* of the key, in names */
    NAME_BYTES = 160,
    PATH_BYTES = 2048,
    MOST_FILES = 4096,
};

/* What a file's name says. The numbers are the order in which they were written, whatever the clock was; 0:
 * before there were numbers. */
struct backup_name {
    uint64_t number, ms;
};

struct backup_schedule {
    struct backup_schedule_options options;
    struct loop_source *timer;
    char name[NAME_BYTES]; /* of the files, before the number */
    uint64_t due_ms;       /* by loop_now_ms: when the next is to be made */
    uint64_t looked_ms;    /* by loop_now_ms: when run looked last */
    uint64_t newest_ms;    /* wall clock: when the newest was made; 0: there is none */
    uint64_t begun_ms;     /* wall clock: since when this one is to make them in the directory */
    uint64_t failures;
    size_t counting, missing; /* files that should be in the directory; of these, those that are not */
    char trouble[512];
    char directory[PATH_BYTES]; /* of the settings, when they changed last */
    bool late;
    /* the one under way */
    pid_t child; /* 0: none */
    int child_fd, text_fd;
    struct loop_source *ended;
    uint64_t started_ms; /* wall clock */
    char path[PATH_BYTES];
};

static bool write_name(const struct backup_schedule *schedule, const struct backup_name *name,
                       char file[NAME_BYTES])
{
    time_t seconds = (time_t)(name->ms / 1000);
    struct tm utc;
    char stamp[32];
    return gmtime_r(&seconds, &utc) && strftime(stamp, sizeof stamp, STAMP_FORMAT, &utc) &&
           (name->number
                ? snprintf(file, NAME_BYTES, "%s-%06llu-%s" ENDING, schedule->name,
                           (unsigned long long)name->number, stamp)
                : snprintf(file, NAME_BYTES, "%s-%s" ENDING, schedule->options.name, stamp)) < NAME_BYTES;
}

/* Whether it is the name of a backup of ours. */
static bool read_name(const struct backup_schedule *schedule, const char *file, struct backup_name *name)
{
    const char *own = schedule->name, *former = schedule->options.name;
    struct tm utc = {0};
    char *end, again[NAME_BYTES];
    name->number = 0;
    if (strncmp(file, own, strlen(own)) == 0 && file[strlen(own)] == '-')
        name->number = strtoull(file + strlen(own) + 1, &end, 10);
    else if (schedule->options.former && strncmp(file, former, strlen(former)) == 0)
        end = (char *)(uintptr_t)file + strlen(former);
    else
        return false;
    if (*end != '-' || !strptime(end + 1, STAMP_FORMAT, &utc))
        return false;
    name->ms = (uint64_t)timegm(&utc) * 1000;
    return write_name(schedule, name, again) && strcmp(again, file) == 0;
}

static int later_first(const void *a, const void *b)
{
    const struct backup_name *left = a, *right = b;
    return left->number != right->number ? (right->number > left->number) - (right->number < left->number)
                                         : (right->ms > left->ms) - (right->ms < left->ms);
}

/* The backups of ours in the directory, the newest first: how many. What is left of one that was given up is
 * removed, where none is under way. */
static size_t list_names(const struct backup_schedule *schedule, const char *directory,
                         struct backup_name *names)
{
    DIR *listing = opendir(directory);
    const struct dirent *entry;
    size_t count = 0;
    while (listing && count < MOST_FILES && (entry = readdir(listing))) {
        char file[sizeof entry->d_name];
        snprintf(file, sizeof file, "%s", entry->d_name);
        size_t length = strlen(file), rest = strlen(PART);
        bool part = length > rest && strcmp(file + length - rest, PART) == 0;
        file[part ? length - rest : length] = '\0';
        if (!read_name(schedule, file, &names[count]))
            continue;
        if (!part)
            count++;
        else if (!schedule->child && unlinkat(dirfd(listing), entry->d_name, 0) == 0)
            log_info("removed %s/%s, which was never ended", directory, entry->d_name);
    }
    if (listing)
        closedir(listing);
    qsort(names, count, sizeof *names, later_first);
    return count;
}

/* Whether the list of what counts has the file; what is not known counts. */
static bool counts(const json_t *list, const char *path)
{
    size_t i;
    const json_t *file;
    json_array_foreach((json_t *)(uintptr_t)list, i, file)
    {
        if (strcmp(json_string_value(file), path) == 0)
            return true;
    }
    return !list;
}

/* Removes all but the newest that are to be kept, and what counts. */
static void remove_old(const struct backup_schedule *schedule, const char *directory, const json_t *list,
                       const struct backup_name *names, size_t count)
{
    for (size_t i = schedule->options.settings->backup_keep; i < count; i++) {
        char file[NAME_BYTES], path[PATH_BYTES];
        if (!write_name(schedule, &names[i], file) ||
            snprintf(path, sizeof path, "%s/%s", directory, file) >= PATH_BYTES || counts(list, path))
            continue;
        if (unlink(path) != 0)
            log_with(LOG_LEVEL_WARNING, "HOPNHAT_FILE", path, "cannot remove the old backup %s: %s", path,
                     strerror(errno));
    }
}

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
    const char *set = schedule->options.settings->backup_directory;
    char *found = realpath(set, NULL);
    const char *directory = found ? found : set; /* as where the disk is gone with the directory on it */
    size_t i, length = strlen(directory), before = schedule->missing;
    json_t *list = list_counting(schedule);
    const json_t *file;
    if (list)
        schedule->counting = schedule->missing = 0;
    json_array_foreach((json_t *)(uintptr_t)list, i, file)
    {
        const char *path = json_string_value(file);
        if (strncmp(path, directory, length) != 0 || path[length] != '/' || strchr(path + length + 1, '/'))
            continue;
        schedule->counting++;
        if (access(path, F_OK) != 0)
            schedule->missing++;
    }
    if (schedule->missing && !before)
        log_error("of %zu backups in %s that count %zu are not there: is the right disk mounted?",
                  schedule->counting, directory, schedule->missing);
    json_decref(list);
    free(found);
}

/* Looks through the directory, and removes what is too old there where it is to be `tidied`. The newest
 * backup in it; zeros: there is none. */
static struct backup_name look(struct backup_schedule *schedule, bool tidied)
{
    struct backup_name newest = {0}, *names = calloc(MOST_FILES, sizeof *names);
    char *directory = realpath(schedule->options.settings->backup_directory, NULL);
    size_t count = names && directory ? list_names(schedule, directory, names) : 0;
    if (count)
        newest = names[0];
    if (tidied && count) {
        json_t *list = list_counting(schedule);
        remove_old(schedule, directory, list, names, count);
        json_decref(list);
    }
    free(directory);
    free(names);
    return newest;
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
        snprintf(text, sizeof text, "it was ended by signal %d", WTERMSIG(status));
        failed(schedule, text);
    } else {
        failed(schedule, text);
    }
    if (is_here(schedule))
        look(schedule, true);
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
    char file[NAME_BYTES], program[] = "backup";
    char *arguments[] = {program,
                         (char[]){"backup"},
                         schedule->path,
                         (char[]){"--data"},
                         (char *)(uintptr_t)schedule->options.data,
                         NULL};
    struct stat status;
    struct backup_name name = {.number = look(schedule, false).number + 1, .ms = wall_now_ms()};
    schedule->started_ms = name.ms;
    if (stat(directory, &status) != 0) {
        snprintf(schedule->path, sizeof schedule->path, "%s", directory);
        error_set(&error, ERROR_STORE, "the directory of backups %s cannot be used: %s", schedule->path,
                  strerror(errno));
        failed(schedule, error.text);
    } else if (!write_name(schedule, &name, file) ||
               snprintf(schedule->path, PATH_BYTES, "%s/%s", directory, file) >= PATH_BYTES) {
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
        snprintf(schedule->directory, PATH_BYTES, "%s", directory);
        schedule->begun_ms = now_ms;
    }
    schedule->newest_ms = scheduled ? look(schedule, false).ms : 0;
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
    char key[2 * KEY_BYTES + 1];
    if (!schedule) {
        error_set(error, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    *schedule = (struct backup_schedule){.options = *options, .child_fd = -1, .text_fd = -1};
    hex_encode(bytes_of(options->key, KEY_BYTES), key);
    snprintf(schedule->name, sizeof schedule->name, "%s-%s", options->name, key);
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
    return done || error_set(error, ERROR_MEMORY, "out of memory");
}
