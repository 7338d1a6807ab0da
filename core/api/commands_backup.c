#include "api/commands_backup.h"

#include "api/backup_work.h"
#include "api/output_file.h"
#include "api/recovery.h"
#include "api/store_check.h"
#include "api/wall.h"
#include "base/hex.h"
#include "base/text.h"
#include "store/backup_file.h"
#include "store/environment.h"
#include "store/lock.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_KEEP = 64 };

const char *const command_backup_options[] = {"recovery-key", "keep", NULL};
const char *const command_restore_options[] = {"recovery-key", "replace", NULL};
const char *const command_verify_options[] = {"recovery-key", NULL};

static void print_break(void *context, const char *text)
{
    const struct cli *cli = context;
    if (!cli->json) {
        printf("%s\n", text);
        return;
    }
    json_t *json = json_pack("{s:s}", "break", text);
    cli_print_json(json);
    json_decref(json);
}

/* Ends with an error where breaks were found. */
static bool judge(const struct verify *verify, const char *what, struct error *error)
{
    if (verify->breaks == 0)
        return true;
    return error_set(error, ERROR_CORRUPT, "%s is damaged: %" PRIu64 " breaks were found in %" PRIu64 " rows",
                     what, verify->breaks, verify->rows);
}

/* What is damaged is looked at, and mended, when the daemon starts the next time. */
static void note_damage(const struct cli *cli, struct error *error)
{
    if (error->code != ERROR_CORRUPT)
        return;
    recovery_suspect(cli->data);
    error_prefix(error, "the daemon mends what it can when it is started again");
}

static bool given_key(struct cli *cli, struct recovery_key *key, bool *given, struct error *error)
{
    const char *file = cli_option(cli, "recovery-key");
    *given = file != NULL;
    return !file || recovery_key_read(file, key, error);
}

/* Copies the store, looks at the copy, and writes it to the file. */
static bool make_backup(struct cli *cli, const struct backup_program *program, const struct backup_work *work,
                        Hopnhat__BackupHeader *header, json_t *note, struct error *error)
{
    struct verify verify = {.context = cli, .found = print_break};
    struct recovery_key key;
    bool given;
    header->made_ms = wall_now_ms();
    if (!given_key(cli, &key, &given, error))
        return false;
    if (!environment_copy_beside(work->live, work->copy, error) ||
        !program->verify(work->store, false, &verify, header, note, &cli->arena, error) ||
        !judge(&verify, "the store", error)) {
        note_damage(cli, error);
        return false;
    }
    static char software[] = HOPNHAT_VERSION;
    const uint8_t *seal = given                      ? key.public_key
                          : header->has_recovery_key ? header->recovery_key.data
                                                     : NULL;
    header->software = software;
    bool written = backup_file_write(work->copy, cli->arguments[0], header, seal, &cli->arena, error);
    recovery_key_wipe(&key);
    return written;
}

static json_t *describe(struct cli *cli, const char *file, const Hopnhat__BackupHeader *header)
{
    char epoch[17], replica[17];
    snprintf(epoch, sizeof epoch, "%016" PRIx64, header->epoch);
    snprintf(replica, sizeof replica, "%016" PRIx64, header->replica);
    return json_pack("{s:s, s:s*, s:s, s:s, s:s, s:I, s:I, s:b}", "file", file, "office", header->office,
                     "made", wall_text(header->made_ms, &cli->arena), "epoch", epoch, "replica", replica,
                     "rev", (json_int_t)header->rev, "bytes", (json_int_t)header->content_bytes, "sealed",
                     (int)header->has_sealed_key);
}

static void print_backup(struct cli *cli, const char *did, const Hopnhat__BackupHeader *header)
{
    json_t *json = describe(cli, cli->arguments[0], header);
    if (cli->json)
        cli_print_json(json);
    else
        printf("%s %s: made %s, rev %" PRIu64 ", %" PRIu64 " bytes, %s\n", did, cli->arguments[0],
               wall_text(header->made_ms, &cli->arena), header->rev, header->content_bytes,
               header->has_sealed_key ? "sealed" : "not sealed");
    json_decref(json);
}

/* The path by which the file is known from anywhere, in the cli's arena. */
static char *whole_path(struct cli *cli, const char *file, struct error *error)
{
    char *path = realpath(file, NULL), *copy = path ? arena_string(&cli->arena, path, strlen(path)) : NULL;
    if (!path)
        error_set(error, ERROR_STORE, "cannot find out where %s is: %s", file, strerror(errno));
    else if (!copy)
        out_of_memory(error);
    free(path);
    return copy;
}

/* Tells the daemon, beside what is in the note. */
static bool tell_of_backup(struct cli *cli, const Hopnhat__BackupHeader *header, json_t *note,
                           struct error *error)
{
    json_t *answer = NULL;
    const char *path = whole_path(cli, cli->arguments[0], error);
    bool told =
        path && ((json_object_set_new(note, "file", json_string(path)) == 0 &&
                  json_object_set_new(note, "made_ms", json_integer((json_int_t)header->made_ms)) == 0 &&
                  json_object_set_new(note, "rev", json_integer((json_int_t)header->rev)) == 0) ||
                 out_of_memory(error));
    told = told && cli_call(cli, "POST", note, &answer, error, "/v1/backups");
    json_decref(answer);
    return told || error_prefix(error, "the backup was written, and could not be noted");
}

/* Whether the file's path can be noted, which is as text. Its directory is there. */
static bool can_be_noted(struct cli *cli, const char *file, struct error *error)
{
    char *copy = arena_string(&cli->arena, file, strlen(file));
    if (!copy)
        return out_of_memory(error);
    const char *directory = whole_path(cli, dirname(copy), error);
    return directory && ((text_is_utf8(bytes_of_string(file)) && text_is_utf8(bytes_of_string(directory))) ||
                         error_set(error, ERROR_INPUT, "the file's path is not UTF-8: name another"));
}

bool command_backup(struct cli *cli, const struct backup_program *program, struct error *error)
{
    struct backup_work work;
    Hopnhat__BackupHeader header = HOPNHAT__BACKUP_HEADER__INIT;
    uint64_t keep;
    json_t *note = json_object();
    if (!note)
        return out_of_memory(error);
    if (!output_file_may_be(cli->arguments[0], "backup", cli->data, &cli->arena, error) ||
        !can_be_noted(cli, cli->arguments[0], error) ||
        !cli_number(cli, "keep", 0, MOST_KEEP, &keep, error) ||
        (cli_option(cli, "keep") && keep < 1 && !error_set(error, ERROR_USAGE, "--keep: 1 at least")) ||
        (cli_option(cli, "keep") && json_object_set_new(note, "keep", json_integer((json_int_t)keep)) != 0 &&
         !out_of_memory(error)) ||
        !backup_work_begin(&work, cli->data, false, error)) {
        json_decref(note);
        return false;
    }
    bool made = make_backup(cli, program, &work, &header, note, error);
    backup_work_end(&work);
    made = made && tell_of_backup(cli, &header, note, error);
    json_decref(note);
    if (made)
        print_backup(cli, "wrote", &header);
    return made;
}

/* Takes the store out of the file into the work directory and looks at it. */
static bool unpack(struct cli *cli, const struct backup_program *program, const struct backup_work *work,
                   Hopnhat__BackupHeader **header, struct verify *verify, struct error *error)
{
    Hopnhat__BackupHeader inside = HOPNHAT__BACKUP_HEADER__INIT;
    struct recovery_key key = {0};
    const char *file = cli->arguments[0];
    bool given;
    if (!given_key(cli, &key, &given, error) || !(*header = backup_file_header(file, &cli->arena, error)))
        return false;
    bool fits = (*header)->kind == program->kind ||
                error_set(error, ERROR_INPUT, "%s is the backup of %s", file,
                          program->kind == HOPNHAT__BACKUP_KIND__BACKUP_HUB ? "an agent: use hopnhat-agent"
                                                                            : "a hub: use hopnhat-hub");
    bool done = fits && backup_file_extract(file, given ? &key : NULL, work->copy, &cli->arena, error) &&
                program->verify(work->store, false, verify, &inside, NULL, &cli->arena, error);
    recovery_key_wipe(&key);
    return done;
}

static bool verify_file(struct cli *cli, const struct backup_program *program, struct error *error)
{
    struct backup_work work;
    struct verify verify = {.context = cli, .found = print_break};
    Hopnhat__BackupHeader *header = NULL;
    if (!backup_work_begin(&work, cli->data, true, error))
        return false;
    bool done =
        unpack(cli, program, &work, &header, &verify, error) && judge(&verify, cli->arguments[0], error);
    backup_work_end(&work);
    if (done)
        print_backup(cli, "sound", header);
    return done;
}

static void print_verified(void *context, const struct verify *verify)
{
    const struct cli *cli = context;
    if (cli->json) {
        json_t *json =
            json_pack("{s:I, s:I}", "rows", (json_int_t)verify->rows, "breaks", (json_int_t)verify->breaks);
        cli_print_json(json);
        json_decref(json);
    } else if (verify->breaks == 0) {
        printf("%" PRIu64 " rows, all sound\n", verify->rows);
    }
}

static void print_proved(void *context, const char *office, uint64_t replica, uint64_t last,
                         uint64_t signed_to)
{
    const struct cli *cli = context;
    if (cli->json) {
        json_t *json = json_pack("{s:s, s:o, s:I, s:I}", "office", office, "replica",
                                 json_sprintf("%016" PRIx64, replica), "last", (json_int_t)last, "signed_to",
                                 (json_int_t)signed_to);
        cli_print_json(json);
        json_decref(json);
    } else {
        printf("%s %016" PRIx64 ": changes 1 to %" PRIu64 ", signed to %" PRIu64 "\n",
               *office ? office : "headquarters", replica, last, signed_to);
    }
}

bool command_verify(struct cli *cli, const struct backup_program *program, struct error *error)
{
    if (cli->argument_count)
        return verify_file(cli, program, error);
    struct store_check check = {.data = cli->data,
                                .program = program,
                                .context = cli,
                                .found = print_break,
                                .looked = print_verified,
                                .proved = cli_option(cli, "chains") ? print_proved : NULL};
    if (store_check_run(&check, error))
        return true;
    note_damage(cli, error);
    return false;
}

static bool put_in_place(struct cli *cli, const struct backup_program *program, struct backup_work *work,
                         const Hopnhat__BackupHeader *header, bool replace, char aside[BACKUP_PATH_BYTES],
                         struct error *error)
{
    const struct audit_act act = {
        .actor = cli_actor(cli, error),
        .act = "restore",
        .detail = arena_format(&cli->arena, "%s, made %s", cli->arguments[0],
                               wall_text(header->made_ms, &cli->arena)),
        .wall_ms = wall_now_ms(),
    };
    const char *file = whole_path(cli, cli->arguments[0], error);
    aside[0] = '\0';
    if (!act.actor || !file)
        return false;
    if (!act.detail)
        return out_of_memory(error);
    if (!program->restored(work->directory, file, &act, error))
        return false;
    if (replace && (!backup_work_mark(work, error) || !backup_move_aside(cli->data, aside, error)))
        return false;
    return backup_work_install(work, error);
}

bool command_restore(struct cli *cli, const struct backup_program *program, struct error *error)
{
    struct backup_work work;
    struct verify verify = {.context = cli, .found = print_break};
    Hopnhat__BackupHeader *header = NULL;
    char aside[BACKUP_PATH_BYTES] = "";
    bool replace = cli_option(cli, "replace") != NULL, done = false;
    int lock = lock_take(cli->data, true, error);
    if (lock < 0) {
        if (error->code == ERROR_UNAVAILABLE)
            error_prefix(error, "stop the daemon first");
        return false;
    }
    bool there = backup_store_is_there(cli->data);
    if (there && !replace)
        error_set(error, ERROR_INPUT, "there is a store in %s already: --replace moves it aside", cli->data);
    else if (backup_work_begin(&work, cli->data, false, error)) {
        done = unpack(cli, program, &work, &header, &verify, error) &&
               judge(&verify, cli->arguments[0], error) &&
               put_in_place(cli, program, &work, header, there, aside, error);
        backup_work_end(&work);
    }
    lock_release(lock);
    if (!done)
        return false;
    print_backup(cli, "restored", header);
    if (aside[0] && !cli->json)
        printf("what was there is in %s now\n", aside);
    return true;
}

bool command_recovery_key(struct cli *cli, struct error *error)
{
    struct recovery_key key;
    char text[2 * RECOVERY_KEY_BYTES + 1];
    json_t *answer = NULL;
    if (!recovery_key_make(cli->arguments[0], &key, error))
        return false;
    hex_encode(bytes_of(key.public_key, RECOVERY_KEY_BYTES), text);
    recovery_key_wipe(&key);
    json_t *body = json_pack("{s:s}", "public", text);
    bool done = body && cli_call(cli, "POST", body, &answer, error, "/v1/recovery-key");
    json_decref(body);
    json_decref(answer);
    if (!done) {
        unlink(cli->arguments[0]);
        return false;
    }
    printf("backups are sealed to %s; keep that file away from this machine: without it none can be opened\n",
           cli->arguments[0]);
    return true;
}
