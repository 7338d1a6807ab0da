/* A backup's file: what is read is what was written, and whatever else is refused whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/backup_file.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char directory[64], copy[96], file[96], out[96], key_file[96];
    struct arena arena;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hopnhat-backup-XXXXXX");
    if (!fixture || sodium_init() < 0 || !mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->copy, sizeof fixture->copy, "%s/copy", fixture->directory);
    snprintf(fixture->file, sizeof fixture->file, "%s/file", fixture->directory);
    snprintf(fixture->out, sizeof fixture->out, "%s/out", fixture->directory);
    snprintf(fixture->key_file, sizeof fixture->key_file, "%s/key", fixture->directory);
    arena_init(&fixture->arena, 16 << 20);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->copy);
    unlink(fixture->file);
    unlink(fixture->out);
    unlink(fixture->key_file);
    rmdir(fixture->directory);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

static void put_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static size_t get_file(const char *path, uint8_t *data, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(data, 1, room, file);
    fclose(file);
    return size;
}

static void write_backup(struct fixture *fixture, const uint8_t *content, size_t size, const uint8_t *key)
{
    struct error error = {0};
    Hopnhat__BackupHeader header = HOPNHAT__BACKUP_HEADER__INIT;
    header.epoch = 7;
    header.rev = 42;
    put_file(fixture->copy, content, size);
    if (!backup_file_write(fixture->copy, fixture->file, &header, key, &fixture->arena, &error))
        fail_msg("%s", error.text);
}

static void assert_round_trip(struct fixture *fixture, size_t size, const struct recovery_key *key)
{
    static uint8_t content[300000], again[300001];
    struct error error = {0};
    struct stat status;
    randombytes_buf_deterministic(content, sizeof content, (const uint8_t[32]){1});
    write_backup(fixture, content, size, key ? key->public_key : NULL);
    assert_int_equal(stat(fixture->file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    if (!backup_file_extract(fixture->file, key, fixture->out, &fixture->arena, &error))
        fail_msg("%s", error.text);
    assert_int_equal(get_file(fixture->out, again, sizeof again), size);
    assert_memory_equal(content, again, size);
    const Hopnhat__BackupHeader *header = backup_file_header(fixture->file, &fixture->arena, &error);
    assert_non_null(header);
    assert_int_equal(header->rev, 42);
    assert_int_equal(header->content_bytes, size);
    assert_int_equal(header->has_sealed_key, key != NULL);
}

static void what_is_read_is_what_was_written(void **state)
{
    static const size_t sizes[] = {1, 4096, 65535, 65536, 65537, 131072, 300000};
    struct fixture *fixture = *state;
    struct error error = {0};
    struct recovery_key key;
    assert_true(recovery_key_make(fixture->key_file, &key, &error));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_round_trip(fixture, sizes[i], NULL);
        assert_round_trip(fixture, sizes[i], &key);
    }
}

/* The file with one byte altered, shortened, or made longer is refused, and nothing is left of it. */
static void assert_refused(struct fixture *fixture, const uint8_t *data, size_t size,
                           const struct recovery_key *key)
{
    struct error error = {0};
    put_file(fixture->file, data, size);
    assert_false(backup_file_extract(fixture->file, key, fixture->out, &fixture->arena, &error));
    assert_int_not_equal(error.code, ERROR_NONE);
    assert_int_equal(access(fixture->out, F_OK), -1);
    arena_reset(&fixture->arena);
}

static void assert_every_alteration_is_refused(struct fixture *fixture, const struct recovery_key *key)
{
    static const uint8_t content[] = "the store of an office";
    uint8_t file[1024];
    write_backup(fixture, content, sizeof content, key ? key->public_key : NULL);
    size_t size = get_file(fixture->file, file, sizeof file);
    assert_in_range(size, 1, sizeof file - 1);
    unlink(fixture->out);
    for (size_t i = 0; i < size; i++) {
        file[i] ^= 4;
        assert_refused(fixture, file, size, key);
        file[i] ^= 4;
        assert_refused(fixture, file, i, key);
    }
    assert_refused(fixture, file, size + 1, key);
}

static void every_alteration_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct recovery_key key;
    assert_true(recovery_key_make(fixture->key_file, &key, &error));
    assert_every_alteration_is_refused(fixture, NULL);
    assert_every_alteration_is_refused(fixture, &key);
}

/* What others may have laid at the file's name while it is written is neither followed nor inherited. */
static void the_file_is_a_new_one(void **state)
{
    static const uint8_t content[] = "all records and keys", others[] = "somebody's";
    struct fixture *fixture = *state;
    uint8_t again[64];
    char part[128];
    struct stat is;
    snprintf(part, sizeof part, "%s.part", fixture->file);
    put_file(part, others, sizeof others);
    assert_int_equal(chmod(part, 0666), 0);
    assert_int_equal(link(part, fixture->out), 0);
    write_backup(fixture, content, sizeof content, NULL);
    assert_int_equal(stat(fixture->file, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    assert_int_equal(get_file(fixture->out, again, sizeof again), sizeof others);
    assert_int_equal(symlink(fixture->out, part), 0);
    write_backup(fixture, content, sizeof content, NULL);
    assert_int_equal(lstat(fixture->file, &is), 0);
    assert_true(S_ISREG(is.st_mode));
    assert_int_equal(get_file(fixture->out, again, sizeof again), sizeof others);
    assert_memory_equal(again, others, sizeof others);
}

static void a_sealed_one_opens_with_its_key_only(void **state)
{
    static const uint8_t content[] = "the store of an office";
    struct fixture *fixture = *state;
    struct error error = {0};
    struct recovery_key key, read, other;
    uint8_t file[1024];
    assert_true(recovery_key_make(fixture->key_file, &key, &error));
    assert_true(recovery_key_read(fixture->key_file, &read, &error));
    assert_memory_equal(&key, &read, sizeof key);
    assert_false(recovery_key_make(fixture->key_file, &other, &error)); /* it is there */
    unlink(fixture->key_file);
    assert_true(recovery_key_make(fixture->key_file, &other, &error));
    write_backup(fixture, content, sizeof content, key.public_key);
    size_t size = get_file(fixture->file, file, sizeof file);
    assert_null(memmem(file, size, "office", 6));
    assert_false(backup_file_extract(fixture->file, NULL, fixture->out, &fixture->arena, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_false(backup_file_extract(fixture->file, &other, fixture->out, &fixture->arena, &error));
    assert_int_equal(error.code, ERROR_REFUSED);
    assert_true(backup_file_extract(fixture->file, &read, fixture->out, &fixture->arena, &error));
}

static void what_is_no_key_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct recovery_key key, read;
    uint8_t text[1024];
    assert_true(recovery_key_make(fixture->key_file, &key, &error));
    size_t size = get_file(fixture->key_file, text, sizeof text);
    text[size - 5] = text[size - 5] == '0' ? '1' : '0'; /* the secret is not that of the public half */
    put_file(fixture->key_file, text, size);
    assert_false(recovery_key_read(fixture->key_file, &read, &error));
    put_file(fixture->key_file, text, size - 72); /* without the line of the secret */
    assert_true(recovery_key_read(fixture->key_file, &read, &error));
    assert_false(read.has_secret);
    put_file(fixture->key_file, text, 10);
    assert_false(recovery_key_read(fixture->key_file, &read, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_read_is_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(every_alteration_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_a_new_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sealed_one_opens_with_its_key_only, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_key_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
