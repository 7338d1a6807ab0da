#include "store/verify_pages.h"

#include "store/environment_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* LMDB's own: its first two databases, and how it lays out a page and the row that describes a database. Its
 * format 1 holds all of it fixed. */
enum { FREE_LIST, NAMES, FIRST_PAGES = 2, PAGE_HEAD_BYTES = 16, DESCRIPTION_BYTES = 48 };

bool verify_pages_begin(struct verify_pages *pages, struct transaction *transaction, struct error *error)
{
    MDB_envinfo info = {0};
    MDB_stat stat = {0};
    MDB_env *handle = transaction->environment->handle;
    struct stat file = {0};
    mdb_filehandle_t descriptor;
    int code = mdb_env_info(handle, &info);
    if (!code)
        code = mdb_env_stat(handle, &stat);
    if (!code)
        code = mdb_env_get_fd(handle, &descriptor);
    if (!code && fstat(descriptor, &file) != 0)
        code = errno;
    if (code)
        return environment_failed(error, code, "cannot read", transaction->environment->directory);
    *pages = (struct verify_pages){
        .transaction = transaction,
        .count = info.me_last_pgno + 1,
        .page_bytes = stat.ms_psize,
        .written = (uint64_t)file.st_size / stat.ms_psize,
        .aligned = (long)stat.ms_psize <= sysconf(_SC_PAGESIZE),
        .settled = info.me_last_txnid == mdb_txn_id(transaction->handle),
    };
    pages->used = calloc((size_t)(pages->written / 8 + 1), 1);
    pages->free = calloc((size_t)(pages->written / 8 + 1), 1);
    if (pages->used && pages->free)
        return true;
    verify_pages_release(pages);
    return out_of_memory(error);
}

void verify_pages_release(struct verify_pages *pages)
{
    free(pages->used);
    free(pages->free);
    *pages = (struct verify_pages){0};
}

static bool is_marked(const uint8_t *bits, uint64_t page)
{
    return bits[page / 8] & 1 << page % 8;
}

static void put_mark(uint8_t *bits, uint64_t page)
{
    bits[page / 8] |= (uint8_t)(1 << page % 8);
}

/* Marks the pages from the one in which the byte is. */
static void mark(struct verify_pages *pages, const uint8_t *byte, uint64_t count)
{
    const uint8_t *page = byte - (uintptr_t)byte % pages->page_bytes;
    uint64_t number;
    if (!pages->aligned)
        return;
    memcpy(&number, page, sizeof number);
    if (!pages->base && number < pages->written)
        pages->base = page - number * pages->page_bytes;
    const uint64_t place = (uint64_t)(page - pages->base) / pages->page_bytes;
    pages->misplaced += pages->base && number != place;
    number = place;
    for (; pages->base && count-- && number < pages->written; number++)
        put_mark(pages->used, number);
}

/* A row's value is in the page of its key, or fills pages of its own, of which only the first has a head. */
static void mark_row(struct verify_pages *pages, const void *key, const void *value, size_t value_size)
{
    mark(pages, key, 1);
    mark(pages, value, (PAGE_HEAD_BYTES + value_size + pages->page_bytes - 1) / pages->page_bytes);
}

void verify_pages_note(struct verify_pages *pages, const struct cursor *cursor)
{
    if (!cursor->damaged)
        mark_row(pages, cursor->key.data, cursor->value.data, cursor->value.size + ROW_SUM_BYTES);
}

/* One row of the list: how many pages it names, and these, the highest first. False: it is not of that form.
 */
static bool take_free(struct verify_pages *pages, const MDB_val *row, uint64_t *count)
{
    const uint8_t *list = row->mv_data;
    uint64_t named = 0, before = UINT64_MAX, page;
    if (row->mv_size >= sizeof named)
        memcpy(&named, list, sizeof named);
    if (row->mv_size < sizeof named || named > row->mv_size / sizeof named - 1)
        return false;
    for (uint64_t i = 1; i <= named; i++) {
        memcpy(&page, list + i * sizeof page, sizeof page);
        if (page >= before || page < FIRST_PAGES || page >= pages->count)
            return false;
        before = page;
        if (page >= pages->written)
            continue; /* handed out and given back before it was ever written */
        if (is_marked(pages->free, page))
            return false;
        put_mark(pages->free, page);
    }
    *count += named;
    return true;
}

/* The pages of a database, as the row that describes it counts them. */
static uint64_t described(const MDB_val *row)
{
    uint64_t counts[3]; /* of branches, leaves, and pages of large values */
    if (row->mv_size != DESCRIPTION_BYTES)
        return 0;
    memcpy(counts, (const uint8_t *)row->mv_data + 8, sizeof counts);
    return counts[0] + counts[1] + counts[2];
}

/* Goes over one of the two: how many pages are named free, or belong to the databases. 0, or what LMDB says.
 */
static int read_own(struct verify_pages *pages, MDB_dbi database, uint64_t *count)
{
    MDB_cursor *cursor;
    MDB_val key, row;
    MDB_stat stat = {0};
    int code = mdb_stat(pages->transaction->handle, database, &stat);
    if (!code)
        code = mdb_cursor_open(pages->transaction->handle, database, &cursor);
    if (code)
        return code;
    *count += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    while ((code = mdb_cursor_get(cursor, &key, &row, MDB_NEXT)) == 0) {
        mark_row(pages, key.mv_data, row.mv_data, row.mv_size);
        if (database == NAMES)
            *count += described(&row);
        else if (!take_free(pages, &row, count))
            break;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code ? code : MDB_CORRUPTED;
}

void verify_pages_check(struct verify_pages *pages, struct verify *verify)
{
    uint64_t count = FIRST_PAGES, both = 0;
    if (pages->transaction->failed)
        return; /* and told; not all rows were noted */
    int code = read_own(pages, NAMES, &count);
    if (!code)
        code = read_own(pages, FREE_LIST, &count);
    if (code) {
        verify_break(verify, "the list of free pages cannot be used: %s", mdb_strerror(code));
        return;
    }
    if (pages->misplaced)
        verify_break(verify, "%" PRIu64 " times a row was found in a page that is not where its number says",
                     pages->misplaced);
    for (uint64_t page = 0; page < pages->written; page++)
        both += is_marked(pages->used, page) && is_marked(pages->free, page);
    if (both)
        verify_break(verify, "%" PRIu64 " pages are in use, and listed as free", both);
    else if (pages->settled && count != pages->count)
        verify_break(verify, "%" PRIu64 " pages are in use or free, and there are %" PRIu64, count,
                     pages->count);
}
