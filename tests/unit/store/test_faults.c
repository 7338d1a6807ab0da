/* The disk fails, or the process is killed, at every single write and sync of a commit. */
#include "../../lib/faults.h"
#include "store/environment.h"
#include "store/key.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 40, VALUE_BYTES = 900, COMMITS = 5 };

static const char *const names[] = {"rows"};
static const uint64_t MAP_BYTES = 16 * 1024 * 1024;

/* A store and the plan of its faults; shared by the tests, since the library reads its plan once. */
struct fixture {
    char directory[64], store[96], file[96];
    struct plan *plan;
    struct environment *environment;
};

static struct fixture fixture;

static int setup_all(void **state)
{
    (void)state;
    snprintf(fixture.directory, sizeof fixture.directory, "/tmp/hopnhat-test-XXXXXX");
    if (!mkdtemp(fixture.directory))
        return -1;
    snprintf(fixture.store, sizeof fixture.store, "%s/store", fixture.directory);
    snprintf(fixture.file, sizeof fixture.file, "%s/plan", fixture.directory);
    int file = open(fixture.file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof(struct plan)) != 0)
        return -1;
    fixture.plan = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    setenv("HOPNHAT_FAULTS", fixture.file, 1);
    setenv("HOPNHAT_FAULTS_PATH", "/store/data.mdb", 1);
    return fixture.plan == MAP_FAILED ? -1 : 0;
}

static void remove_store(void)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", ""};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", fixture.store, files[i]);
        remove(path);
    }
}

static int teardown_all(void **state)
{
    (void)state;
    remove_store();
    remove(fixture.file);
    rmdir(fixture.directory);
    munmap(fixture.plan, sizeof(struct plan));
    return 0;
}

static void arm(uint32_t action, uint32_t kinds, int64_t countdown, int error)
{
    fixture.plan->fired = 0;
    fixture.plan->kinds = kinds;
    fixture.plan->countdown = countdown;
    fixture.plan->error = error;
    fixture.plan->action = action;
}

static void open_store(void)
{
    struct error error;
    fixture.environment = environment_open(fixture.store, names, 1, MAP_BYTES, &error);
    if (!fixture.environment)
        fail_msg("%s", error.text);
}

/* One commit: every row gets the value `number`. */
static bool write_all(uint8_t number, struct error *error)
{
    struct transaction transaction;
    uint8_t value[VALUE_BYTES];
    memset(value, number, sizeof value);
    if (!transaction_begin(&transaction, fixture.environment, true, error))
        return false;
    for (uint32_t i = 0; i < ROWS; i++) {
        struct key key = {0};
        key_add_u32(&key, i);
        transaction_put(&transaction, 0, key_bytes(&key), bytes_of(value, sizeof value));
    }
    return transaction_commit(&transaction, error);
}

/* The number that all rows have: a commit is whole or absent. 0: there are none. */
static uint8_t read_all(void)
{
    struct transaction transaction;
    struct error error;
    struct bytes value;
    uint8_t number = 0;
    assert_true(transaction_begin(&transaction, fixture.environment, false, &error));
    for (uint32_t i = 0; i < ROWS; i++) {
        struct key key = {0};
        key_add_u32(&key, i);
        bool there = transaction_get(&transaction, 0, key_bytes(&key), &value);
        assert_false(transaction.failed);
        assert_true(i == 0 || there == (number != 0));
        if (!there)
            continue;
        assert_int_equal(value.size, VALUE_BYTES);
        if (i == 0)
            number = value.data[0];
        for (size_t j = 0; j < value.size; j++)
            assert_int_equal(value.data[j], number);
    }
    transaction_abort(&transaction);
    return number;
}

static void close_store(void)
{
    environment_close(fixture.environment);
    fixture.environment = NULL;
}

/* Fails one call of these kinds after the other until a commit has no more of them; how many there were. */
static int64_t fail_each(uint32_t action, uint32_t kinds, int code)
{
    struct error error, unsound;
    for (int64_t call = 1;; call++) {
        remove_store();
        open_store();
        assert_true(write_all(1, &error));
        arm(action, kinds, call, code);
        bool committed = write_all(2, &error);
        bool fired = fixture.plan->fired != 0;
        fixture.plan->action = NOTHING;
        assert_int_equal(committed, !fired);
        if (fired && code == EIO) {
            assert_int_equal(error.code, ERROR_STORE);
            assert_false(environment_is_sound(fixture.environment, &unsound));
        }
        close_store();
        open_store();
        uint8_t number = read_all();
        assert_true(committed ? number == 2 : number == 1 || number == 2);
        assert_true(write_all(3, &error)); /* and it goes on */
        assert_int_equal(read_all(), 3);
        assert_true(environment_is_sound(fixture.environment, &unsound));
        close_store();
        if (!fired)
            return call - 1;
    }
}

static void an_error_at_any_call_is_no_commit(void **state)
{
    (void)state;
    assert_true(fail_each(FAIL_ONCE, WRITES, EIO) >= 1);
    assert_int_equal(fail_each(FAIL_ONCE, SYNCS, EIO), 1);
    assert_true(fail_each(FAIL_ONCE, DSYNC_WRITES, EIO) >= 1); /* the meta page */
    assert_true(fail_each(FAIL_FROM, ALL_KINDS, EIO) >= 3);
    assert_true(fail_each(FAIL_FROM, DSYNC_WRITES, EIO) >= 1);
}

/* No room, and then room again, without opening anew. */
static void a_full_disk_goes_on_when_there_is_room(void **state)
{
    struct error error, trouble;
    static const int codes[] = {ENOSPC, EDQUOT, EROFS};
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        remove_store();
        open_store();
        assert_true(write_all(1, &error));
        arm(FAIL_FROM, WRITES, 1, codes[i]);
        for (int again = 0; again < 3; again++) {
            assert_false(write_all(2, &error));
            assert_int_equal(error.code, codes[i] == EROFS ? ERROR_STORE : ERROR_FULL);
            assert_true(environment_has_trouble(fixture.environment, &trouble));
            assert_string_equal(trouble.text, error.text);
            assert_true(environment_is_sound(fixture.environment, &trouble));
            assert_int_equal(read_all(), 1);
        }
        fixture.plan->action = NOTHING;
        assert_true(write_all(3, &error));
        assert_false(environment_has_trouble(fixture.environment, &trouble));
        assert_int_equal(read_all(), 3);
        close_store();
    }
}

/* In another process: commits 1, 2, …, each told when it is done. */
static void commit_and_tell(int pipe)
{
    struct error error;
    open_store();
    for (uint8_t number = 1; number <= COMMITS; number++)
        if (!write_all(number, &error) || write(pipe, &number, 1) != 1)
            _exit(2);
    _exit(0);
}

/* The last commit that was told before the process ended; *killed: it was. */
static uint8_t run_child(bool *killed)
{
    int pipes[2], status;
    uint8_t told = 0, number;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        commit_and_tell(pipes[1]);
    }
    close(pipes[1]);
    while (read(pipes[0], &number, 1) == 1)
        told = number;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    *killed = WIFSIGNALED(status);
    assert_true(*killed || WEXITSTATUS(status) == 0);
    return told;
}

static void a_kill_at_any_call_loses_nothing_that_was_told(void **state)
{
    static const uint32_t actions[] = {KILL_BEFORE, KILL_TORN, KILL_AFTER};
    (void)state;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        bool killed = true;
        for (int64_t call = 1; killed; call++) {
            struct error error;
            remove_store();
            arm(actions[i], ALL_KINDS, call, EIO);
            uint8_t told = run_child(&killed);
            fixture.plan->action = NOTHING;
            assert_true(killed || call > 10);
            open_store();
            uint8_t number = read_all();
            assert_true(number == told || number == told + 1);
            assert_true(write_all(9, &error));
            close_store();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_at_any_call_is_no_commit),
        cmocka_unit_test(a_full_disk_goes_on_when_there_is_room),
        cmocka_unit_test(a_kill_at_any_call_loses_nothing_that_was_told),
    };
    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
