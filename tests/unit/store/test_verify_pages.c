/* What LMDB keeps for itself and does not check: which pages are free, and how many there are. */
#include "store/verify_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 400, ROUNDS = 4, VALUE_BYTES = 300, LARGE_BYTES = 20000, PAGE_BYTES = 4096 };

/* Where LMDB's two first pages hold the root of the list of free pages, the last page's number, and that of
 * the transaction; where a page says how far its table of rows reaches. */
enum { FREE_ROOT = 80, LAST_PAGE = 136, TRANSACTION = 144, TABLE_END = 12, PAGE_HEAD_BYTES = 16 };

/* Where they hold how large pages are, and what describes the two databases behind that. */
enum {
    PAGE_SIZE_AT = 40,
    FREE_AT = 46,
    NAMES_AT = 94,
    UP_TO_ROOT_BYTES = 34,
    LARGER_PAGE_BYTES = 4 * PAGE_BYTES
};

static const char *const names[] = {"first", "second"};

struct fixture {
    char directory[64], path[96], text[512];
    uint8_t content[4 * 1024 * 1024];
    size_t size;
    struct environment *environment;
};

static void open_store(struct fixture *fixture)
{
    struct error error;
    fixture->environment = environment_open(fixture->directory, names, 2, 16 * 1024 * 1024, &error);
    if (!fixture->environment)
        fail_msg("%s", error.text);
}

/* Rows of a page's part, and large ones of several pages; `round` changes them. */
static bool write_round(struct fixture *fixture, int round, struct error *error)
{
    static uint8_t value[LARGE_BYTES];
    struct transaction transaction;
    memset(value, 'a' + round, sizeof value);
    if (!transaction_begin(&transaction, fixture->environment, true, error))
        return false;
    for (int i = round; i < ROWS; i++) {
        char key[16];
        snprintf(key, sizeof key, "%06d", i);
        size_t size = i % 50 == 0 ? LARGE_BYTES : VALUE_BYTES;
        if ((i + round) % 3 == 0)
            transaction_delete(&transaction, (unsigned)i % 2, bytes_of_string(key));
        else
            transaction_put(&transaction, (unsigned)i % 2, bytes_of_string(key), bytes_of(value, size));
    }
    return transaction_commit(&transaction, error);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error;
    if (!fixture)
        return -1;
    /* other file systems may put a file's map where larger pages would be whole */
    snprintf(fixture->directory, sizeof fixture->directory, "/dev/shm/hopnhat-test-XXXXXX");
    if (!mkdtemp(fixture->directory))
        return -1;
    snprintf(fixture->path, sizeof fixture->path, "%s/data.mdb", fixture->directory);
    *state = fixture;
    open_store(fixture);
    for (int round = 0; round < ROUNDS; round++)
        if (!write_round(fixture, round, &error))
            return -1;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char lock[96];
    environment_close(fixture->environment);
    snprintf(lock, sizeof lock, "%s/lock.mdb", fixture->directory);
    remove(fixture->path);
    remove(lock);
    remove(fixture->directory);
    free(fixture);
    return 0;
}

static void keep_break(void *context, const char *text)
{
    struct fixture *fixture = context;
    snprintf(fixture->text, sizeof fixture->text, "%s", text);
}

static uint64_t breaks(struct fixture *fixture)
{
    struct verify verify = {.context = fixture, .found = keep_break};
    struct transaction transaction;
    struct error error;
    fixture->text[0] = '\0';
    assert_true(transaction_begin(&transaction, fixture->environment, false, &error));
    verify_databases(&verify, &transaction, names, 2);
    assert_true(verify.breaks || !transaction.failed);
    transaction_abort(&transaction);
    return verify.breaks;
}

/* Closes the store, and reads its file. */
static void take(struct fixture *fixture)
{
    environment_close(fixture->environment);
    fixture->environment = NULL;
    FILE *file = fopen(fixture->path, "rb");
    assert_non_null(file);
    fixture->size = fread(fixture->content, 1, sizeof fixture->content, file);
    assert_int_equal(fclose(file), 0);
    assert_true(fixture->size < sizeof fixture->content);
}

static void put_back(struct fixture *fixture)
{
    FILE *file = fopen(fixture->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(fixture->content, 1, fixture->size, file), fixture->size);
    assert_int_equal(fclose(file), 0);
}

static uint64_t number_at(const struct fixture *fixture, size_t at)
{
    uint64_t number;
    memcpy(&number, fixture->content + at, sizeof number);
    return number;
}

/* The last and lowest of the pages that the newest row of the list names. */
static size_t lowest_free(const struct fixture *fixture)
{
    size_t newest = number_at(fixture, TRANSACTION) > number_at(fixture, PAGE_BYTES + TRANSACTION)
                        ? 0
                        : (size_t)PAGE_BYTES,
           page = (size_t)number_at(fixture, newest + FREE_ROOT) * PAGE_BYTES;
    uint16_t table_end, row;
    memcpy(&table_end, fixture->content + page + TABLE_END, sizeof table_end);
    memcpy(&row, fixture->content + page + table_end - sizeof row, sizeof row);
    size_t named = page + row + 8 /* its head */ + 8 /* its key */;
    return named + 8 * (size_t)number_at(fixture, named);
}

static void what_is_whole_has_no_breaks(void **state)
{
    struct fixture *fixture = *state;
    struct transaction reader;
    struct error error;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t found = breaks(fixture);
        if (found)
            fail_msg("%s", fixture->text);
        assert_true(write_round(fixture, round, &error));
        if (round == 1) /* old pages are kept from now on */
            assert_true(transaction_begin(&reader, fixture->environment, false, &error));
    }
    assert_int_equal(breaks(fixture), 0);
    transaction_abort(&reader);
    take(fixture);
    open_store(fixture);
    assert_int_equal(breaks(fixture), 0);
}

/* LMDB would write over it. */
static void a_page_in_use_that_counts_as_free_is_found(void **state)
{
    struct fixture *fixture = *state;
    take(fixture);
    size_t at = lowest_free(fixture);
    const uint64_t second = number_at(fixture, at - 8); /* the list has to be in its order all the same */
    unsigned found = 0, tried = 0;
    for (uint64_t page = 2; page < second; page++, tried++) {
        uint64_t whole = number_at(fixture, at);
        memcpy(fixture->content + at, &page, sizeof page);
        put_back(fixture);
        memcpy(fixture->content + at, &whole, sizeof whole);
        open_store(fixture);
        found += breaks(fixture) && strstr(fixture->text, "are in use, and listed as free");
        environment_close(fixture->environment);
        fixture->environment = NULL;
    }
    /* not: the page itself, others that are free, and the branches, of which nothing tells */
    assert_true(found > tried / 3);
    put_back(fixture);
    open_store(fixture);
    assert_int_equal(breaks(fixture), 0);
}

static void set_in_both(struct fixture *fixture, size_t at, uint64_t number)
{
    if (fixture->environment)
        take(fixture);
    memcpy(fixture->content + at, &number, sizeof number);
    memcpy(fixture->content + PAGE_BYTES + at, &number, sizeof number);
    put_back(fixture);
}

/* Rows can be read, and none written: verify tells it, and so does what the daemon looks at. */
static void a_list_that_is_gone_is_damage(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.text = ""};
    set_in_both(fixture, FREE_ROOT, 1 << 20);
    open_store(fixture);
    assert_int_equal(breaks(fixture), 1);
    assert_non_null(strstr(fixture->text, "free pages"));
    assert_true(environment_is_sound(fixture->environment, &error));
    assert_false(write_round(fixture, 0, &error));
    assert_false(environment_is_sound(fixture->environment, &error));
    assert_int_equal(error.code, ERROR_CORRUPT);
}

static void pages_that_are_nowhere_are_found(void **state)
{
    struct fixture *fixture = *state;
    set_in_both(fixture, LAST_PAGE, 1 << 20);
    open_store(fixture);
    assert_int_equal(breaks(fixture), 1);
}

/* It is not for want of memory that it cannot be mapped. */
static void a_store_that_claims_too_much_is_damaged(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    for (unsigned bit = 40; bit < 64; bit++) {
        set_in_both(fixture, LAST_PAGE, UINT64_C(1) << bit);
        assert_null(environment_open(fixture->directory, names, 2, 16 * 1024 * 1024, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
        assert_null(environment_open_reading(fixture->directory, names, 2, &error));
        assert_int_equal(error.code, ERROR_CORRUPT);
    }
}

/* When it is written anew LMDB would free the other page. */
static void a_page_that_says_to_be_another_is_found(void **state)
{
    struct fixture *fixture = *state;
    unsigned found = 0, pages;
    take(fixture);
    pages = (unsigned)(fixture->size / PAGE_BYTES);
    for (unsigned page = 2; page < pages; page++) {
        fixture->content[page * PAGE_BYTES + 1] ^= 1;
        put_back(fixture);
        fixture->content[page * PAGE_BYTES + 1] ^= 1;
        open_store(fixture);
        found += breaks(fixture) && strstr(fixture->text, "not where its number says");
        environment_close(fixture->environment);
        fixture->environment = NULL;
    }
    assert_true(found > pages / 10); /* others are free, or branches, or go on with a large value */
}

/* An empty store as another machine makes it, of which the memory has larger pages. */
static void make_with_larger_pages(struct fixture *fixture)
{
    const uint32_t page_bytes = LARGER_PAGE_BYTES;
    const uint64_t last_page = 1, none = UINT64_MAX;
    take(fixture);
    memset(fixture->content + 2 * PAGE_BYTES, 0, 2 * (size_t)LARGER_PAGE_BYTES);
    for (uint64_t page = 2; page-- > 0;) {
        uint8_t *head = fixture->content + page * LARGER_PAGE_BYTES;
        memmove(head, fixture->content + page * PAGE_BYTES, PAGE_BYTES);
        memcpy(head + PAGE_SIZE_AT, &page_bytes, sizeof page_bytes);
        memset(head + FREE_AT, 0, UP_TO_ROOT_BYTES);
        memcpy(head + FREE_ROOT, &none, sizeof none);
        memset(head + NAMES_AT, 0, UP_TO_ROOT_BYTES);
        memcpy(head + NAMES_AT + UP_TO_ROOT_BYTES, &none, sizeof none);
        memcpy(head + LAST_PAGE, &last_page, sizeof last_page);
        memcpy(head + TRANSACTION, &page, sizeof page);
    }
    fixture->size = 2 * (size_t)LARGER_PAGE_BYTES;
    put_back(fixture);
}

/* Its pages need not lie in memory as in the file, wherever this machine maps it. */
static void a_store_of_another_machine_is_whole(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    make_with_larger_pages(fixture);
    for (int round = 0; round < 2 * ROUNDS; round++) {
        open_store(fixture);
        assert_true(write_round(fixture, round % ROUNDS, &error));
        if (breaks(fixture))
            fail_msg("%s", fixture->text);
        take(fixture);
        assert_int_equal(fixture->content[PAGE_SIZE_AT + 1], LARGER_PAGE_BYTES >> 8);
    }
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(what_is_whole_has_no_breaks),
        WITH_STORE(a_page_in_use_that_counts_as_free_is_found),
        WITH_STORE(a_list_that_is_gone_is_damage),
        WITH_STORE(pages_that_are_nowhere_are_found),
        WITH_STORE(a_page_that_says_to_be_another_is_found),
        WITH_STORE(a_store_that_claims_too_much_is_damaged),
        WITH_STORE(a_store_of_another_machine_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
