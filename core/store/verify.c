#include "store/verify.h"

#include "store/rows.h"

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

void verify_rows(struct verify *verify, struct transaction *transaction, unsigned database, const char *name,
                 size_t key_bytes, const ProtobufCMessageDescriptor *type, verify_row *look, void *context)
{
    struct cursor cursor;
    struct arena arena;
    char text[2 * NAMED_BYTES + 1];
    if (transaction->failed)
        return;
    arena_init(&arena, ROW_ARENA_BYTES);
    cursor_open(&cursor, transaction, database);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        void *message = NULL;
        verify->rows++;
        if (key_bytes && cursor.key.size != key_bytes) {
            verify_break(verify, "%s: the row %s has a key of %zu bytes, not %zu", name,
                         key_text(cursor.key, text), cursor.key.size, key_bytes);
            continue;
        }
        if (type)
            message = protobuf_c_message_unpack(type, &arena.protobuf, cursor.value.size, cursor.value.data);
        if (type && !message)
            verify_break(verify, "%s: the row %s cannot be unpacked", name, key_text(cursor.key, text));
        else if (look)
            look(context, cursor.key, cursor.value, message, &arena);
        arena_reset(&arena);
    }
    cursor_close(&cursor);
    arena_release(&arena);
    if (transaction->failed)
        verify_break(verify, "%s cannot be read to its end, and what follows was not looked at: %s", name,
                     transaction->error.text);
}

struct log_walk {
    struct verify *verify;
    struct verify_log *logs, *present;
    bool out_of_memory;
};

static struct verify_log *begin_log(struct log_walk *walk, uint64_t replica, uint64_t first)
{
    struct verify_log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->replica = replica;
    log->first = first;
    log->last = first - 1;
    chain_start(replica, log->link);
    HASH_ADD(hh, walk->logs, replica, sizeof log->replica, log);
    return log;
}

/* The link after the row, from the one before. What cannot be chained at all is a break. */
static bool next_link(struct log_walk *walk, struct dot dot, const Hopnhat__LogRow *row, struct arena *arena)
{
    struct change change = {0};
    struct error error;
    bool sound = change_unpack(&change, dot, bytes_of(row->logged.data, row->logged.len), arena, &error);
    if (!sound && !change.chainable)
        return false;
    return chain_next(walk->present->link, change.logged, walk->present->link, &error);
}

static void look_at_log(void *context, struct bytes key, struct bytes value, void *message,
                        struct arena *arena)
{
    struct log_walk *walk = context;
    const Hopnhat__LogRow *row = message;
    struct dot dot = {get_u64_be(key.data), get_u64_be(key.data + 8)};
    (void)value;
    if (!walk->present || walk->present->replica != dot.replica)
        walk->present = begin_log(walk, dot.replica, dot.seq);
    if (!walk->present) {
        walk->out_of_memory = true;
        return;
    }
    if (dot.seq != walk->present->last + 1)
        verify_break(walk->verify, "log %016" PRIx64 ": changes %" PRIu64 " to %" PRIu64 " are missing",
                     dot.replica, walk->present->last + 1, dot.seq - 1);
    walk->present->last = dot.seq;
    if (!next_link(walk, dot, row, arena))
        verify_break(walk->verify, "log %016" PRIx64 ": change %" PRIu64 " cannot be read", dot.replica,
                     dot.seq);
    else if (row->link.len != LINK_BYTES || memcmp(row->link.data, walk->present->link, LINK_BYTES) != 0)
        verify_break(walk->verify, "log %016" PRIx64 ": the chain breaks at change %" PRIu64, dot.replica,
                     dot.seq);
    if (row->link.len == LINK_BYTES) /* each break is told once, and not again by all that follow */
        memcpy(walk->present->link, row->link.data, LINK_BYTES);
}

bool verify_logs(struct verify *verify, struct transaction *transaction, unsigned database,
                 struct verify_log **logs, struct error *error)
{
    struct log_walk walk = {.verify = verify};
    verify_rows(verify, transaction, database, "log", 16, &hopnhat__log_row__descriptor, look_at_log, &walk);
    *logs = walk.logs;
    return !walk.out_of_memory || error_set(error, ERROR_MEMORY, "out of memory");
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
        free(log);
    }
}
