#include "store/environment.h"

#include "store/key.h"
#include "store/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

enum { FIRST, SECOND, DATABASES };

static const char *const names[DATABASES] = {"first", "second"};
static const uint64_t MAP_BYTES = 16 * 1024 * 1024;

/* A store in a directory of its own. */
struct fixture {
    char directory[64], path[96];
    struct environment *environment;
    struct error error;
};

static void open_store(struct fixture *fixture, uint64_t map_bytes)
{
    fixture->environment = environment_open(fixture->path, names, DATABASES, map_bytes, &fixture->error);
    if (!fixture->environment)
        fail_msg("%s", fixture->error.text);
}

static void reopen(struct fixture *fixture, uint64_t map_bytes)
{
    environment_close(fixture->environment);
    open_store(fixture, map_bytes);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture)
        return -1;
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/hopnhat-test-XXXXXX");
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/store", fixture->directory);
    *state = fixture;
    open_store(fixture, MAP_BYTES);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    static const char *const files[] = {"/store/data.mdb", "/store/lock.mdb", "/store/lock", "/store",
                                        "/copy/data.mdb",  "/copy/lock.mdb",  "/copy",       ""};
    environment_close(fixture->environment);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s%s", fixture->directory, files[i]);
        remove(path);
    }
    free(fixture);
    return 0;
}

static struct bytes text(const char *string)
{
    return bytes_of_string(string);
}

static struct transaction begin(struct fixture *fixture, bool writes)
{
    struct transaction transaction;
    if (!transaction_begin(&transaction, fixture->environment, writes, &fixture->error))
        fail_msg("%s", fixture->error.text);
    return transaction;
}

static void commit(struct fixture *fixture, struct transaction *transaction)
{
    if (!transaction_commit(transaction, &fixture->error))
        fail_msg("%s", fixture->error.text);
    assert_null(transaction->handle);
}

static bool holds(struct fixture *fixture, unsigned database, const char *key, const char *value)
{
    struct transaction transaction = begin(fixture, false);
    struct bytes found;
    bool same = transaction_get(&transaction, database, text(key), &found) && bytes_equal(found, text(value));
    assert_false(transaction.failed);
    transaction_abort(&transaction);
    return same;
}

static void rows_are_put_got_and_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    struct bytes value;
    transaction_put(&transaction, FIRST, text("a"), text("1"));
    transaction_put(&transaction, SECOND, text("a"), text("2"));
    transaction_put(&transaction, FIRST, text("b"), text(""));
    memcpy(transaction_reserve(&transaction, FIRST, text("c"), 3), "xyz", 3);
    assert_true(transaction_get(&transaction, FIRST, text("a"), &value)); /* its own writes are seen */
    assert_int_equal(transaction_count(&transaction, FIRST), 3);
    commit(fixture, &transaction);
    assert_true(holds(fixture, FIRST, "a", "1"));
    assert_true(holds(fixture, SECOND, "a", "2"));
    assert_true(holds(fixture, FIRST, "b", ""));
    assert_true(holds(fixture, FIRST, "c", "xyz"));
    assert_false(holds(fixture, SECOND, "c", "xyz"));
    transaction = begin(fixture, true);
    transaction_put(&transaction, FIRST, text("a"), text("a longer one"));
    transaction_delete(&transaction, FIRST, text("b"));
    transaction_delete(&transaction, FIRST, text("nowhere"));
    transaction_clear(&transaction, SECOND);
    assert_false(transaction.failed);
    commit(fixture, &transaction);
    reopen(fixture, MAP_BYTES);
    assert_true(holds(fixture, FIRST, "a", "a longer one"));
    assert_false(holds(fixture, FIRST, "b", ""));
    assert_false(holds(fixture, SECOND, "a", "2"));
}

static void an_abort_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    transaction_put(&transaction, FIRST, text("a"), text("1"));
    transaction_abort(&transaction);
    assert_null(transaction.handle);
    transaction_abort(&transaction); /* does nothing */
    assert_false(holds(fixture, FIRST, "a", "1"));
    assert_false(transaction_commit(&transaction, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_INTERNAL);
}

static void a_snapshot_stays_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct transaction reader = begin(fixture, false), writer = begin(fixture, true);
    struct bytes value;
    transaction_put(&writer, FIRST, text("a"), text("1"));
    commit(fixture, &writer);
    assert_false(transaction_get(&reader, FIRST, text("a"), &value));
    transaction_abort(&reader);
    assert_true(holds(fixture, FIRST, "a", "1"));
}

static void check_spent(struct transaction *transaction)
{
    struct bytes value;
    struct cursor cursor;
    transaction_put(transaction, FIRST, text("b"), text("2"));
    transaction_append(transaction, FIRST, text("z"), text("2"));
    transaction_delete(transaction, FIRST, text("a"));
    transaction_clear(transaction, FIRST);
    assert_null(transaction_reserve(transaction, FIRST, text("c"), 3));
    assert_false(transaction_get(transaction, FIRST, text("a"), &value));
    assert_int_equal(transaction_count(transaction, FIRST), 0);
    cursor_open(&cursor, transaction, FIRST);
    assert_false(cursor_seek(&cursor, text("")));
    assert_false(cursor_seek_before(&cursor, text("z")));
    assert_false(cursor_next(&cursor));
    assert_false(cursor_previous(&cursor));
    cursor_delete(&cursor);
    cursor_close(&cursor);
}

/* After the first error nothing is done any more, and the commit tells that error and stores nothing. */
static void the_first_error_sticks(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    static uint8_t large[KEY_BYTES + 1];
    struct error own, other;
    transaction_put(&transaction, FIRST, text("a"), text("1"));
    commit(fixture, &transaction);
    transaction = begin(fixture, true);
    transaction_put(&transaction, FIRST, text("a"), text("2"));
    transaction_put(&transaction, FIRST, bytes_of(large, sizeof large), text("x"));
    assert_true(transaction.failed);
    check_spent(&transaction);
    error_set(&other, ERROR_CORRUPT, "a later one");
    transaction_fail(&transaction, &other);
    assert_false(transaction_commit(&transaction, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_STORE);
    assert_null(transaction.handle);
    transaction = begin(fixture, true);
    transaction_put(&transaction, FIRST, text("a"), text("3"));
    error_set(&own, ERROR_CORRUPT, "what the caller found");
    transaction_fail(&transaction, &own);
    transaction_fail(&transaction, &other);
    assert_false(transaction_commit(&transaction, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_CORRUPT);
    assert_string_equal(fixture->error.text, "what the caller found");
    assert_true(holds(fixture, FIRST, "a", "1"));
    assert_false(holds(fixture, FIRST, "b", "2"));
}

static void a_reader_cannot_write(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, false);
    transaction_put(&transaction, FIRST, text("a"), text("1"));
    assert_true(transaction.failed);
    transaction_abort(&transaction);
    assert_false(holds(fixture, FIRST, "a", "1"));
}

static void appending_takes_any_key(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    static const char *const keys[] = {"b", "d", "c", "a", "d", "e"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        transaction_append(&transaction, FIRST, text(keys[i]), text(i == 4 ? "again" : keys[i]));
    assert_false(transaction.failed);
    assert_int_equal(transaction_count(&transaction, FIRST), 5);
    commit(fixture, &transaction);
    assert_true(holds(fixture, FIRST, "d", "again"));
    assert_true(holds(fixture, FIRST, "a", "a"));
    assert_true(holds(fixture, FIRST, "e", "e"));
}

static void fill(struct transaction *transaction, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct key key = {0};
        char value[100];
        memset(value, (int)i, sizeof value);
        key_add_u32(&key, 2 * i);
        transaction_put(transaction, FIRST, key_bytes(&key), bytes_of(value, sizeof value));
    }
    assert_false(transaction->failed);
}

static bool seek_number(struct cursor *cursor, uint32_t number, bool before)
{
    struct key key = {0};
    key_add_u32(&key, number);
    return before ? cursor_seek_before(cursor, key_bytes(&key)) : cursor_seek(cursor, key_bytes(&key));
}

static uint32_t number_at(const struct cursor *cursor)
{
    assert_int_equal(cursor->key.size, 4);
    assert_int_equal(cursor->value.size, 100);
    return get_u32_be(cursor->key.data);
}

static void a_cursor_seeks_and_walks(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    struct cursor cursor;
    const uint32_t count = 2000;
    cursor_open(&cursor, &transaction, FIRST);
    assert_false(cursor_seek(&cursor, text("")));
    assert_false(cursor_seek_before(&cursor, text("x")));
    assert_false(cursor_next(&cursor));
    fill(&transaction, count);
    for (uint32_t i = 0; i < 2 * count; i += 7) {
        assert_int_equal(seek_number(&cursor, i, false), i <= 2 * count - 2);
        if (i <= 2 * count - 2)
            assert_int_equal(number_at(&cursor), (i + 1) / 2 * 2);
        assert_int_equal(seek_number(&cursor, i, true), i > 0);
        if (i > 0)
            assert_int_equal(number_at(&cursor), (i - 1) / 2 * 2);
    }
    assert_true(seek_number(&cursor, UINT32_MAX, true));
    assert_int_equal(number_at(&cursor), 2 * count - 2);
    assert_false(cursor_next(&cursor));
    assert_true(cursor_seek(&cursor, text("")));
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(number_at(&cursor), 2 * i);
        assert_int_equal(cursor_next(&cursor), i + 1 < count);
    }
    assert_true(seek_number(&cursor, 100, false));
    assert_true(cursor_previous(&cursor));
    assert_int_equal(number_at(&cursor), 98);
    cursor_close(&cursor);
    commit(fixture, &transaction);
}

/* Over many pages, every third row and then all. */
static void a_cursor_deletes_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    struct cursor cursor;
    const uint32_t count = 5000;
    uint32_t seen = 0;
    fill(&transaction, count);
    cursor_open(&cursor, &transaction, FIRST);
    for (bool here = cursor_seek(&cursor, text("")); here; here = cursor_next(&cursor)) {
        assert_int_equal(number_at(&cursor), 2 * seen);
        if (seen++ % 3 == 0)
            cursor_delete(&cursor);
    }
    assert_int_equal(seen, count);
    assert_int_equal(transaction_count(&transaction, FIRST), count - (count + 2) / 3);
    seen = 0;
    for (bool here = cursor_seek(&cursor, text("")); here; here = cursor_next(&cursor), seen++)
        cursor_delete(&cursor);
    assert_int_equal(seen, count - (count + 2) / 3);
    assert_int_equal(transaction_count(&transaction, FIRST), 0);
    cursor_close(&cursor);
    commit(fixture, &transaction);
}

static void a_prefix_ends_a_walk(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    static const char *const keys[] = {"a", "ab", "abc", "abd", "ac", "b"};
    struct cursor cursor;
    size_t count = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        transaction_put(&transaction, FIRST, text(keys[i]), text("x"));
    cursor_open(&cursor, &transaction, FIRST);
    for (bool here = cursor_seek(&cursor, text("ab")); here && cursor_within(&cursor, text("ab"));
         here = cursor_next(&cursor))
        count++;
    assert_int_equal(count, 3);
    assert_true(cursor_seek(&cursor, text("a")));
    assert_false(cursor_within(&cursor, text("ab"))); /* shorter than the prefix */
    assert_true(cursor_within(&cursor, text("")));
    cursor_close(&cursor);
    commit(fixture, &transaction);
}

static void number_key(struct key *key, uint32_t number)
{
    key->size = 0;
    key_add_u32(key, number);
}

/* Commits of 64 KiB, at most `most`, until there is no room; how many were stored. */
static uint32_t fill_up(struct fixture *fixture, uint32_t most)
{
    static uint8_t value[64 * 1024];
    for (uint32_t i = 0; i < most; i++) {
        struct transaction transaction = begin(fixture, true);
        struct key key;
        number_key(&key, i);
        transaction_put(&transaction, FIRST, key_bytes(&key), bytes_of(value, sizeof value));
        if (!transaction_commit(&transaction, &fixture->error)) {
            assert_int_equal(fixture->error.code, ERROR_FULL);
            return i;
        }
    }
    return most;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* a sanitizer needs all addresses itself */
#else
enum { SANITIZED = 0 };
#endif

/* No more memory addresses for the process than it has, and `more`; its former limit is given back. Where
 * nobody holds it to that (an emulator), the test is skipped. */
static struct rlimit limit_addresses(uint64_t more)
{
    struct rlimit former, limit;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    assert_int_equal(getrlimit(RLIMIT_AS, &former), 0);
    limit = former;
    limit.rlim_cur = pages * (uint64_t)sysconf(_SC_PAGESIZE) + more;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    void *beyond = mmap(NULL, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void *further = mmap(NULL, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (beyond != MAP_FAILED)
        munmap(beyond, more);
    if (further != MAP_FAILED) {
        munmap(further, more);
        setrlimit(RLIMIT_AS, &former);
        skip();
    }
    return former;
}

static void a_map_grows_as_it_fills(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t small = 2 * 1024 * 1024;
    struct bytes value;
    struct key key;
    reopen(fixture, small);
    struct transaction reader = begin(fixture, false);
    uint32_t stored = fill_up(fixture, 1000); /* somebody reads: the map stays where it is */
    assert_true(stored > 10 && stored < 40);
    assert_false(transaction_get(&reader, FIRST, text("a"), &value));
    transaction_abort(&reader);
    assert_int_equal(environment_usage(fixture->environment).map_bytes, small);
    assert_int_equal(fill_up(fixture, 200), 200);
    struct environment_usage usage = environment_usage(fixture->environment);
    assert_true(usage.map_bytes >= 200 * 64 * 1024 && usage.used_bytes <= usage.map_bytes);
    assert_true(environment_is_sound(fixture->environment, &fixture->error));
    reopen(fixture, small); /* as it is on the disk, whatever is asked for */
    struct transaction transaction = begin(fixture, false);
    number_key(&key, 199);
    assert_true(transaction_get(&transaction, FIRST, key_bytes(&key), &value));
    transaction_abort(&transaction);
    assert_int_equal(fill_up(fixture, 300), 300);
}

/* Without addresses for a larger map the store is full, stays whole, and goes on once there are some. */
static void a_full_map_is_whole_and_goes_on_with_room(void **state)
{
    struct fixture *fixture = *state;
    if (SANITIZED)
        skip();
    const uint64_t small = 2 * 1024 * 1024;
    struct key key;
    reopen(fixture, small);
    struct rlimit former = limit_addresses(2 * small - small / 2);
    uint32_t stored = fill_up(fixture, 1000);
    assert_true(stored > 10 && stored < 1000);
    uint64_t full = environment_usage(fixture->environment).map_bytes;
    assert_true(environment_is_sound(fixture->environment, &fixture->error));
    struct transaction transaction = begin(fixture, false);
    assert_int_equal(transaction_count(&transaction, FIRST), stored);
    transaction_abort(&transaction);
    for (uint32_t i = 0; i < stored; i += 2) { /* what is taken out makes room */
        transaction = begin(fixture, true);
        number_key(&key, i);
        transaction_delete(&transaction, FIRST, key_bytes(&key));
        commit(fixture, &transaction);
    }
    transaction = begin(fixture, true);
    transaction_put(&transaction, SECOND, text("small"), text("fits"));
    commit(fixture, &transaction);
    assert_int_equal(environment_usage(fixture->environment).map_bytes, full);
    assert_int_equal(setrlimit(RLIMIT_AS, &former), 0);
    assert_int_equal(fill_up(fixture, 2 * stored), 2 * stored);
    assert_true(environment_usage(fixture->environment).map_bytes > full);
    assert_true(holds(fixture, SECOND, "small", "fits"));
}

/* Where the machine has no room for the map that is asked for, a smaller one does. */
static void a_small_machine_gets_a_small_map(void **state)
{
    struct fixture *fixture = *state;
    if (SANITIZED)
        skip();
    struct rlimit former = limit_addresses(256 * MAP_BYTES);
    reopen(fixture, 1024 * MAP_BYTES);
    assert_true(environment_usage(fixture->environment).map_bytes <= 256 * MAP_BYTES);
    assert_int_equal(setrlimit(RLIMIT_AS, &former), 0);
    assert_int_equal(fill_up(fixture, 100), 100);
}

/* Turns one bit of the row's value round where it stands in the file. */
static void damage(struct fixture *fixture, const char *value)
{
    char path[128];
    static uint8_t content[1024 * 1024];
    snprintf(path, sizeof path, "%s/data.mdb", fixture->path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    size_t size = fread(content, 1, sizeof content, file), found = 0;
    for (size_t i = 0; i + strlen(value) <= size; i++)
        if (memcmp(content + i, value, strlen(value)) == 0) {
            found++;
            assert_int_equal(fseek(file, (long)i, SEEK_SET), 0);
            fputc(content[i] ^ 4, file);
        }
    assert_int_equal(fclose(file), 0);
    assert_true(found > 0);
}

static void a_row_that_was_altered_is_not_given_out(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    struct bytes value;
    struct cursor cursor;
    transaction_put(&transaction, FIRST, text("a"), text("the first"));
    memcpy(transaction_reserve(&transaction, FIRST, text("b"), 10), "the second", 10);
    transaction_append(&transaction, FIRST, text("c"), text("the third"));
    commit(fixture, &transaction);
    environment_close(fixture->environment);
    damage(fixture, "the second");
    open_store(fixture, MAP_BYTES);
    assert_true(holds(fixture, FIRST, "a", "the first"));
    assert_true(holds(fixture, FIRST, "c", "the third"));
    assert_int_equal(environment_damaged(fixture->environment), 0);
    transaction = begin(fixture, true);
    assert_false(transaction_get(&transaction, FIRST, text("b"), &value));
    assert_true(transaction.failed);
    assert_int_equal(transaction.error.code, ERROR_CORRUPT);
    assert_non_null(strstr(transaction.error.text, "\"first\""));
    assert_false(transaction_commit(&transaction, &fixture->error));
    assert_int_equal(environment_damaged(fixture->environment), 1);
    assert_false(environment_is_sound(fixture->environment, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_CORRUPT);
    transaction = begin(fixture, true);
    cursor_open(&cursor, &transaction, FIRST);
    assert_true(cursor_seek(&cursor, text("a")));
    assert_false(cursor_next(&cursor));
    assert_true(transaction.failed);
    cursor_close(&cursor);
    transaction_abort(&transaction);
    transaction = begin(fixture, true);
    transaction.takes_damaged = true;
    assert_false(transaction_get(&transaction, FIRST, text("b"), &value));
    cursor_open(&cursor, &transaction, FIRST);
    assert_true(cursor_seek(&cursor, text("b")));
    assert_true(cursor.damaged);
    cursor_delete(&cursor);
    assert_true(cursor_next(&cursor));
    assert_false(cursor.damaged);
    cursor_close(&cursor);
    commit(fixture, &transaction);
    assert_false(holds(fixture, FIRST, "b", "the second"));
}

static void a_copy_is_a_store(void **state)
{
    struct fixture *fixture = *state;
    char directory[96], path[128];
    struct transaction transaction = begin(fixture, true);
    fill(&transaction, 1000);
    transaction_put(&transaction, SECOND, text("a"), text("1"));
    commit(fixture, &transaction);
    snprintf(directory, sizeof directory, "%s/copy", fixture->directory);
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    assert_false(environment_copy(fixture->environment, path, &fixture->error)); /* no such directory */
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_true(environment_copy(fixture->environment, path, &fixture->error));
    assert_false(environment_copy(fixture->environment, path, &fixture->error)); /* never over another */
    struct fixture copy = {0};
    snprintf(copy.path, sizeof copy.path, "%s", directory);
    open_store(&copy, MAP_BYTES);
    assert_true(holds(&copy, SECOND, "a", "1"));
    transaction = begin(&copy, false);
    assert_int_equal(transaction_count(&transaction, FIRST), 1000);
    transaction_abort(&transaction);
    environment_close(copy.environment);
}

static void what_is_no_store_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", fixture->path);
    environment_close(fixture->environment);
    fixture->environment = NULL;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    for (int i = 0; i < 8192; i++)
        fputc('x', file);
    assert_int_equal(fclose(file), 0);
    assert_null(environment_open(fixture->path, names, DATABASES, MAP_BYTES, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_CORRUPT);
    assert_null(environment_open("/nowhere/at/all", names, DATABASES, MAP_BYTES, &fixture->error));
    assert_int_equal(fixture->error.code, ERROR_STORE);
}

static void nothing_is_a_part_of_a_key(void **state)
{
    struct key key = {0};
    (void)state;
    key_add(&key, NULL, 0);
    key_add_u32(&key, 7);
    key_add(&key, NULL, 0);
    assert_int_equal(key.size, 4);
}

static void keys_are_in_the_order_of_their_numbers(void **state)
{
    (void)state;
    struct key low = {0}, high = {0};
    key_dot(&low, 1, UINT64_MAX);
    key_dot(&high, 2, 0);
    assert_true(bytes_compare(key_bytes(&low), key_bytes(&high)) < 0);
    key_feed(&low, "a", UINT64_MAX);
    key_feed(&high, "a-b", 0);
    assert_true(bytes_compare(key_bytes(&low), key_bytes(&high)) < 0);
    key_number(&low, 255);
    key_number(&high, 256);
    assert_true(bytes_compare(key_bytes(&low), key_bytes(&high)) < 0);
    high.size = 0;
    for (int i = 0; i < 100; i++)
        key_add(&high, "0123456789", 10);
    assert_int_equal(high.size, KEY_BYTES);
}

/* What a child that tries to take the lock gets. */
static enum error_code take_in_child(const char *directory)
{
    struct error error = {.code = ERROR_NONE};
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(lock_take(directory, false, &error) < 0 ? (int)error.code : ERROR_NONE);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (enum error_code)WEXITSTATUS(status);
}

static void one_process_holds_the_lock(void **state)
{
    struct fixture *fixture = *state;
    char missing[128];
    struct stat info;
    int lock = lock_take(fixture->path, false, &fixture->error);
    assert_true(lock >= 0);
    assert_int_equal(take_in_child(fixture->path), ERROR_UNAVAILABLE);
    assert_int_equal(lock_take(fixture->path, false, &fixture->error), -1);
    lock_release(lock);
    assert_int_equal(take_in_child(fixture->path), ERROR_NONE); /* and a process that ended holds nothing */
    lock = lock_take(fixture->path, false, &fixture->error);
    assert_true(lock >= 0);
    lock_release(lock);
    lock_release(-1);
    snprintf(missing, sizeof missing, "%s/copy", fixture->directory);
    assert_int_equal(lock_take(missing, false, &fixture->error), -1);
    assert_int_equal(fixture->error.code, ERROR_NOT_FOUND);
    lock = lock_take(missing, true, &fixture->error);
    assert_true(lock >= 0);
    lock_release(lock);
    assert_int_equal(stat(missing, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    snprintf(missing, sizeof missing, "%s/copy/lock", fixture->directory);
    assert_int_equal(remove(missing), 0);
}

static uint64_t sum_of_file(struct fixture *fixture)
{
    static uint8_t content[1024 * 1024];
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", fixture->path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(content, 1, sizeof content, file);
    assert_int_equal(fclose(file), 0);
    return XXH3_64bits(content, size);
}

/* It may be mended from what is left of it, but not once an empty one stands in its place. */
static void a_lost_database_is_not_made_anew(void **state)
{
    struct fixture *fixture = *state;
    struct transaction transaction = begin(fixture, true);
    transaction_put(&transaction, SECOND, text("a"), text("of the other"));
    commit(fixture, &transaction);
    environment_close(fixture->environment);
    damage(fixture, names[SECOND]);
    uint64_t before = sum_of_file(fixture);
    fixture->environment = environment_open(fixture->path, names, DATABASES, MAP_BYTES, &fixture->error);
    assert_null(fixture->environment);
    assert_int_equal(fixture->error.code, ERROR_CORRUPT);
    assert_non_null(strstr(fixture->error.text, "\"second\""));
    fixture->environment = environment_open_reading(fixture->path, names, DATABASES, &fixture->error);
    assert_null(fixture->environment);
    assert_int_equal(fixture->error.code, ERROR_CORRUPT);
    assert_true(sum_of_file(fixture) == before);
}

/* As a store of a version before has fewer. */
static void a_new_database_is_made(void **state)
{
    static const char *const more[] = {"first", "another", "second"};
    struct fixture *fixture = *state;
    environment_close(fixture->environment);
    fixture->environment = environment_open(fixture->path, more, 3, MAP_BYTES, &fixture->error);
    assert_non_null(fixture->environment);
    struct transaction transaction = begin(fixture, true);
    transaction_put(&transaction, 1, text("a"), text("value"));
    commit(fixture, &transaction);
    reopen(fixture, MAP_BYTES);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(rows_are_put_got_and_deleted),
        WITH_STORE(an_abort_leaves_nothing),
        WITH_STORE(a_snapshot_stays_as_it_is),
        WITH_STORE(the_first_error_sticks),
        WITH_STORE(a_reader_cannot_write),
        WITH_STORE(appending_takes_any_key),
        WITH_STORE(a_cursor_seeks_and_walks),
        WITH_STORE(a_cursor_deletes_and_goes_on),
        WITH_STORE(a_prefix_ends_a_walk),
        WITH_STORE(a_map_grows_as_it_fills),
        WITH_STORE(a_full_map_is_whole_and_goes_on_with_room),
        WITH_STORE(a_small_machine_gets_a_small_map),
        WITH_STORE(a_row_that_was_altered_is_not_given_out),
        WITH_STORE(a_lost_database_is_not_made_anew),
        WITH_STORE(a_new_database_is_made),
        WITH_STORE(a_copy_is_a_store),
        WITH_STORE(what_is_no_store_is_refused),
        cmocka_unit_test(nothing_is_a_part_of_a_key),
        cmocka_unit_test(keys_are_in_the_order_of_their_numbers),
        WITH_STORE(one_process_holds_the_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
