#include "hub/feed_merge.h"

#include "hub/admission.h"
#include "store/key.h"

#include <stdlib.h>

/* One group's feed, at its next row. */
struct stream {
    struct cursor cursor;
    uint64_t rev;
    char group[LIMIT_GROUP_NAME_BYTES + 1];
};

/* A heap of them: the least rev first. A record that moved stands twice under one: first where it left. */
struct merge {
    struct stream **streams;
    size_t count, capacity;
};

static bool left_at(const struct stream *stream)
{
    return stream->cursor.value.data[0] == HOPNHAT__ITEM_KIND__ITEM_LEFT;
}

static bool comes_before(const struct stream *a, const struct stream *b)
{
    return a->rev != b->rev ? a->rev < b->rev : left_at(a) && !left_at(b);
}

static void swap(struct merge *merge, size_t a, size_t b)
{
    struct stream *kept = merge->streams[a];
    merge->streams[a] = merge->streams[b];
    merge->streams[b] = kept;
}

static void sift_up(struct merge *merge, size_t place)
{
    while (place > 0 && comes_before(merge->streams[place], merge->streams[(place - 1) / 2])) {
        swap(merge, (place - 1) / 2, place);
        place = (place - 1) / 2;
    }
}

static void sift_down(struct merge *merge, size_t place)
{
    for (;;) {
        size_t least = place;
        for (size_t child = 2 * place + 1; child <= 2 * place + 2 && child < merge->count; child++)
            if (comes_before(merge->streams[child], merge->streams[least]))
                least = child;
        if (least == place)
            return;
        swap(merge, place, least);
        place = least;
    }
}

static bool push(struct merge *merge, struct stream *stream)
{
    if (merge->count == merge->capacity) {
        size_t capacity = merge->capacity ? 2 * merge->capacity : 16;
        struct stream **grown = realloc(merge->streams, capacity * sizeof(struct stream *));
        if (!grown)
            return false;
        merge->streams = grown;
        merge->capacity = capacity;
    }
    merge->streams[merge->count++] = stream;
    sift_up(merge, merge->count - 1);
    return true;
}

static void close_stream(struct stream *stream)
{
    cursor_close(&stream->cursor);
    free(stream);
}

/* The name of the group in a row's key; false where the key is none of a feed. */
static bool group_of(struct bytes key, char group[LIMIT_GROUP_NAME_BYTES + 1])
{
    const uint8_t *end = memchr(key.data, 0, key.size);
    if (!end || end - key.data > LIMIT_GROUP_NAME_BYTES || key.size - (size_t)(end - key.data) != 9)
        return false;
    memcpy(group, key.data, (size_t)(end - key.data) + 1);
    return true;
}

/* Whether the cursor stands in the group. */
static bool stands(const struct cursor *cursor, const char *group)
{
    return cursor_within(cursor, bytes_of(group, strlen(group) + 1)) && cursor->value.size == FEED_ROW_BYTES;
}

static uint64_t rev_at(const struct cursor *cursor)
{
    return get_u64_be(cursor->key.data + cursor->key.size - 8);
}

/* Adds a stream that begins at the row where the cursor stands. */
static bool add_stream(struct merge *merge, const struct cursor *at, const char *group, struct error *error)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return out_of_memory(error);
    memcpy(stream->group, group, strlen(group) + 1);
    cursor_open(&stream->cursor, at->transaction, HUB_FEED);
    if (!cursor_seek(&stream->cursor, at->key)) { /* the snapshot has failed */
        close_stream(stream);
        return true;
    }
    stream->rev = rev_at(&stream->cursor);
    if (push(merge, stream))
        return true;
    close_stream(stream);
    return out_of_memory(error);
}

/* Finds the groups by leaping from each to the next, and to its rows above `after`. */
static bool open_groups(struct merge *merge, struct transaction *snapshot, uint64_t after,
                        struct error *error)
{
    struct cursor cursor;
    char group[LIMIT_GROUP_NAME_BYTES + 1];
    struct key key = {0};
    bool done = true;
    cursor_open(&cursor, snapshot, HUB_FEED);
    while (done && cursor_seek(&cursor, key_bytes(&key))) {
        if (!group_of(cursor.key, group)) {
            done = error_set(error, ERROR_CORRUPT, "a row of the feed cannot be read: run verify");
            break;
        }
        key_feed(&key, group, after + 1);
        if (cursor_seek(&cursor, key_bytes(&key)) && stands(&cursor, group))
            done = add_stream(merge, &cursor, group, error);
        key.size = 0;
        key_add(&key, group, strlen(group));
        key_add(&key, "\1", 1); /* after the name's NUL */
    }
    cursor_close(&cursor);
    return done;
}

/* Takes the row of the first stream, and moves that on. */
static void take(struct merge *merge, struct source_row *row, bool *left)
{
    struct stream *first = merge->streams[0];
    struct bytes value = first->cursor.value;
    *left = left_at(first);
    *row = (struct source_row){.rev = first->rev, .type = get_u32_be(value.data + 1)};
    memcpy(row->id, value.data + 5, RECORD_ID_BYTES);
    if (cursor_next(&first->cursor) && stands(&first->cursor, first->group)) {
        first->rev = rev_at(&first->cursor);
    } else {
        close_stream(first);
        merge->streams[0] = merge->streams[--merge->count];
    }
    sift_down(merge, 0);
}

static bool same_record(const struct source_row *a, const struct source_row *b)
{
    return a->type == b->type && memcmp(a->id, b->id, sizeof a->id) == 0;
}

/* A place that a record left matters only where it does not come again. */
static size_t drop_left(struct source_row *rows, const bool *left, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        for (size_t j = i + 1; left[i] && j < count && !again; j++)
            again = same_record(&rows[i], &rows[j]);
        if (!again)
            rows[kept++] = rows[i];
    }
    return kept;
}

static void release(struct merge *merge)
{
    for (size_t i = 0; i < merge->count; i++)
        close_stream(merge->streams[i]);
    free(merge->streams);
}

bool feed_merge_next(struct transaction *snapshot, uint64_t after, struct source_row *rows, size_t most,
                     size_t *count, bool *all, struct error *error)
{
    struct merge merge = {0};
    bool *left = malloc(most * sizeof *left);
    *count = 0;
    if (!left)
        return out_of_memory(error);
    bool done = open_groups(&merge, snapshot, after, error);
    while (done && merge.count && *count < most) {
        take(&merge, &rows[*count], &left[*count]);
        (*count)++;
    }
    *all = merge.count == 0;
    release(&merge);
    done = done && transaction_is_sound(snapshot, error);
    if (done)
        *count = drop_left(rows, left, *count);
    free(left);
    return done;
}
