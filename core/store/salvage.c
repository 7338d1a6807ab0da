#include "store/salvage.h"

#include <string.h>

enum { ROWS_IN_COMMIT = 5000 };

struct salvage {
    struct environment *from, *to;
    unsigned database;
    struct transaction reader, writer;
    uint64_t copied, counted;
    uint8_t last[KEY_BYTES]; /* of the rows that were read from the front on */
    size_t last_size;
    struct error *error;
};

static bool store_row(struct salvage *salvage, const struct cursor *cursor)
{
    transaction_put(&salvage->writer, salvage->database, cursor->key, cursor->value);
    salvage->copied++;
    if (salvage->copied % ROWS_IN_COMMIT != 0)
        return true;
    return transaction_commit(&salvage->writer, salvage->error) &&
           transaction_begin(&salvage->writer, salvage->to, true, salvage->error);
}

static bool open_cursor(struct salvage *salvage, struct cursor *cursor)
{
    if (!transaction_begin(&salvage->reader, salvage->from, false, salvage->error))
        return false;
    salvage->reader.takes_damaged = true;
    salvage->counted = transaction_count(&salvage->reader, salvage->database);
    cursor_open(cursor, &salvage->reader, salvage->database);
    return true;
}

static void close_cursor(struct salvage *salvage, struct cursor *cursor)
{
    cursor_close(cursor);
    transaction_abort(&salvage->reader);
}

/* From the front to the end, or to where it cannot be read: then *broken. */
static bool copy_forward(struct salvage *salvage, bool *broken)
{
    struct cursor cursor;
    bool done = open_cursor(salvage, &cursor);
    if (!done)
        return false;
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here && done; here = cursor_next(&cursor)) {
        *broken = cursor.key.size > KEY_BYTES ||
                  (salvage->last_size &&
                   bytes_compare(bytes_of(salvage->last, salvage->last_size), cursor.key) >= 0);
        if (*broken)
            break;
        memcpy(salvage->last, cursor.key.data, cursor.key.size);
        salvage->last_size = cursor.key.size;
        if (!cursor.damaged)
            done = store_row(salvage, &cursor);
    }
    *broken = *broken || salvage->reader.failed;
    close_cursor(salvage, &cursor);
    return done;
}

/* From the end back to what copy_forward has reached, or to where it cannot be read. */
static bool copy_backward(struct salvage *salvage)
{
    uint8_t high[KEY_BYTES];
    struct cursor cursor;
    bool done = open_cursor(salvage, &cursor);
    if (!done)
        return false;
    memset(high, 0xff, sizeof high);
    for (bool here = cursor_seek_before(&cursor, bytes_of(high, sizeof high));
         here && done && cursor.key.size <= KEY_BYTES &&
         bytes_compare(cursor.key, bytes_of(salvage->last, salvage->last_size)) > 0;
         here = cursor_previous(&cursor)) {
        if (!cursor.damaged)
            done = store_row(salvage, &cursor);
        if (salvage->copied > salvage->counted)
            break; /* it goes round */
    }
    close_cursor(salvage, &cursor);
    return done;
}

bool salvage_database(struct environment *from, struct environment *to, unsigned database, uint64_t *lost,
                      struct error *error)
{
    struct salvage salvage = {.from = from, .to = to, .database = database, .error = error};
    bool broken = false;
    if (!transaction_begin(&salvage.writer, to, true, error))
        return false;
    bool done = copy_forward(&salvage, &broken) && (!broken || copy_backward(&salvage));
    *lost = salvage.counted > salvage.copied ? salvage.counted - salvage.copied : 0;
    if (done)
        return transaction_commit(&salvage.writer, error);
    transaction_abort(&salvage.writer);
    return false;
}
