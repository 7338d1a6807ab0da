#include "store/verify.h"

#include "store/rows.h"
#include "store/verify_pages.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROW_ARENA_BYTES = 256 * 1024 * 1024, NAMED_BYTES = 24 };

void verify_break(struct verify *verify, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (verify->breaks++ >= VERIFY_TOLD)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    verify->found(verify->context, text);
}

/* The key's first bytes, as hexadecimal digits. */
static const char *key_text(struct bytes key, char text[2 * NAMED_BYTES + 1])
{
    size_t size = key.size < NAMED_BYTES ? key.size : NAMED_BYTES;
    text[0] = '\0';
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", key.data[i]);
    return text;
}

/* A walk over a database, row by row, which ends where the pages are out of order: they might go round. */
struct walk {
    struct cursor cursor;
    uint8_t last[KEY_BYTES];
    size_t last_size;
    bool disordered;
};

static bool walk_next(struct walk *walk, bool first)
{
    struct cursor *cursor = &walk->cursor;
    if (!(first ? cursor_seek(cursor, bytes_of(NULL, 0)) : cursor_next(cursor)))
        return false;
    walk->disordered = cursor->key.size > KEY_BYTES ||
                       (!first && bytes_compare(bytes_of(walk->last, walk->last_size), cursor->key) >= 0);
    if (walk->disordered)
        return false;
    memcpy(walk->last, cursor->key.data, cursor->key.size);
    walk->last_size = cursor->key.size;
    return true;
}

static void check_database(struct verify *verify, struct transaction *transaction, unsigned database,
                           const char *name, struct verify_pages *pages)
{
    struct walk walk = {0};
    char text[2 * NAMED_BYTES + 1];
    uint64_t rows = 0;
    cursor_open(&walk.cursor, transaction, database);
    for (bool here = walk_next(&walk, true); here; here = walk_next(&walk, false)) {
        rows++;
        verify_pages_note(pages, &walk.cursor);
        if (walk.cursor.damaged)
            verify_break(verify, "%s: the row %s is not what was written", name,
                         key_text(walk.cursor.key, text));
    }
    cursor_close(&walk.cursor);
    verify->rows += rows;
    if (transaction->failed)
        verify_break(verify, "%s cannot be read to its end, and what follows was not looked at: %s", name,
                     transaction->error.text);
    else if (walk.disordered)
        verify_break(verify, "%s: its pages are out of order after the row %s", name,
                     key_text(bytes_of(walk.last, walk.last_size), text));
    else if (rows != transaction_count(transaction, database))
        verify_break(verify, "%s: %" PRIu64 " rows are found, and %" PRIu64 " are counted", name, rows,
                     transaction_count(transaction, database));
}

void verify_databases(struct verify *verify, struct transaction *transaction, const char *const *names,
                      size_t count)
{
    struct verify_pages pages;
    struct error error;
    transaction->takes_damaged = true;
    if (!verify_pages_begin(&pages, transaction, &error)) {
        transaction_fail(transaction, &error);
        return;
    }
    for (size_t i = 0; i < count && !transaction->failed; i++)
        check_database(verify, transaction, (unsigned)i, names[i], &pages);
    verify_pages_check(&pages, verify);
    verify_pages_release(&pages);
}

void verify_rows(struct verify *verify, struct transaction *transaction, unsigned database, const char *name,
                 size_t key_bytes, const ProtobufCMessageDescriptor *type, verify_row *look, void *context)
{
    struct walk walk = {0};
    struct arena arena;
    char text[2 * NAMED_BYTES + 1];
    arena_init(&arena, ROW_ARENA_BYTES);
    cursor_open(&walk.cursor, transaction, database);
    for (bool here = walk_next(&walk, true); here; here = walk_next(&walk, false)) {
        const struct cursor *cursor = &walk.cursor;
        void *message = NULL;
        if (cursor->damaged)
            continue;
        if (key_bytes && cursor->key.size != key_bytes) {
            verify_break(verify, "%s: the row %s has a key of %zu bytes, not %zu", name,
                         key_text(cursor->key, text), cursor->key.size, key_bytes);
            continue;
        }
        if (type)
            message =
                protobuf_c_message_unpack(type, &arena.protobuf, cursor->value.size, cursor->value.data);
        if (type && !message)
            verify_break(verify, "%s: the row %s cannot be unpacked", name, key_text(cursor->key, text));
        else if (look)
            look(context, cursor->key, cursor->value, message, &arena);
        arena_reset(&arena);
    }
    cursor_close(&walk.cursor);
    arena_release(&arena);
}

struct log_walk {
    struct verify *verify;
    struct verify_log **logs, *present;
    bool out_of_memory;
};

struct verify_log *verify_expect(struct verify_log **logs, uint64_t replica)
{
    struct verify_log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->replica = replica;
    chain_start(replica, log->link);
    HASH_ADD(hh, *logs, replica, sizeof log->replica, log);
    return log;
}

static struct verify_log *log_at(struct log_walk *walk, uint64_t replica)
{
    if (walk->present && walk->present->replica == replica)
        return walk->present;
    struct verify_log *log = verify_log_of(*walk->logs, replica);
    return log ? log : verify_expect(walk->logs, replica);
}

/* Passes over a gap, where the log has come to one. */
static void pass_gap(struct verify_log *log)
{
    const struct gap *gap = gaps_at(&log->gaps, log->last + 1);
    if (!gap)
        return;
    log->last = gap->to;
    memcpy(log->link, gap->link, LINK_BYTES);
}

static bool look_at_change(struct log_walk *walk, struct dot dot, const Hopnhat__LogRow *row,
                           struct change *change, struct arena *arena)
{
    struct error error;
    *change = (struct change){0};
    if (change_unpack(change, dot, bytes_of(row->logged.data, row->logged.len), arena, &error) ||
        change->chainable)
        return true;
    verify_break(walk->verify, "log %016" PRIx64 ": change %" PRIu64 " cannot be read", dot.replica, dot.seq);
    return false;
}

static void look_at_log(void *context, struct bytes key, struct bytes value, void *message,
                        struct arena *arena)
{
    struct log_walk *walk = context;
    const Hopnhat__LogRow *row = message;
    struct dot dot = {get_u64_be(key.data), get_u64_be(key.data + 8)};
    struct verify_log *log = walk->present = log_at(walk, dot.replica);
    struct change change;
    struct error error;
    (void)value;
    walk->out_of_memory = walk->out_of_memory || !log;
    if (!log || !look_at_change(walk, dot, row, &change, arena))
        return;
    if (gaps_at(&log->gaps, dot.seq))
        return; /* kept, though it need not be: nothing is chained to it */
    pass_gap(log);
    bool follows = dot.seq == log->last + 1;
    if (!follows)
        verify_break(walk->verify, "log %016" PRIx64 ": changes %" PRIu64 " to %" PRIu64 " are missing",
                     dot.replica, log->last + 1, dot.seq - 1);
    else if (!chain_next(log->link, change.logged, log->link, &error) || row->link.len != LINK_BYTES ||
             memcmp(row->link.data, log->link, LINK_BYTES) != 0)
        verify_break(walk->verify, "log %016" PRIx64 ": the chain breaks at change %" PRIu64, dot.replica,
                     dot.seq);
    log->last = dot.seq;
    if (row->link.len == LINK_BYTES) /* each break is told once, and not again by all that follow */
        memcpy(log->link, row->link.data, LINK_BYTES);
}

bool verify_logs(struct verify *verify, struct transaction *transaction, unsigned database,
                 struct verify_log **logs, struct error *error)
{
    struct log_walk walk = {.verify = verify, .logs = logs};
    verify_rows(verify, transaction, database, "log", 16, &hopnhat__log_row__descriptor, look_at_log, &walk);
    for (struct verify_log *log = *logs; log; log = log->hh.next)
        pass_gap(log);
    return !walk.out_of_memory || out_of_memory(error);
}

struct verify_log *verify_log_of(struct verify_log *logs, uint64_t replica)
{
    struct verify_log *log;
    HASH_FIND(hh, logs, &replica, sizeof replica, log);
    return log;
}

void verify_logs_free(struct verify_log *logs)
{
    struct verify_log *log, *next;
    HASH_ITER(hh, logs, log, next)
    {
        HASH_DEL(logs, log);
        gaps_free(&log->gaps);
        free(log);
    }
}
