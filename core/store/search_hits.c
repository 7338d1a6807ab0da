#include "store/search_hits.h"

#include "store/contribution.h"

#include <stdlib.h>

enum { FOUND_MOST = 500000 };

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, RECORD_KEY_BYTES);
}

/* Gathers every record that has a word with that beginning. */
static bool gather(struct search_hits *hits, struct bytes beginning, struct error *error)
{
    struct cursor cursor;
    size_t capacity = 0;
    bool done = true;
    cursor_open(&cursor, hits->views, VIEW_WORDS);
    for (bool here = cursor_seek(&cursor, beginning); done && here && cursor_within(&cursor, beginning);
         here = cursor_next(&cursor)) {
        if (hits->found_count == FOUND_MOST)
            done =
                error_set(error, ERROR_LIMIT, "search: too many records have words that begin with \"%.*s\"",
                          (int)beginning.size, (const char *)beginning.data);
        if (done && hits->found_count == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            void *grown = realloc(hits->found, capacity * sizeof *hits->found);
            done = grown || out_of_memory(error);
            if (done)
                hits->found = grown;
        }
        if (done && cursor.key.size > RECORD_KEY_BYTES)
            memcpy(hits->found[hits->found_count++], cursor.key.data + cursor.key.size - RECORD_KEY_BYTES,
                   RECORD_KEY_BYTES);
    }
    cursor_close(&cursor);
    if (hits->found_count)
        qsort(hits->found, hits->found_count, sizeof *hits->found, by_key);
    return done;
}

bool search_hits_open(struct search_hits *hits, struct transaction *views, const struct search_terms *terms,
                      struct error *error)
{
    *hits = (struct search_hits){.views = views, .terms = terms};
    for (size_t i = 0; i < terms->count; i++) {
        if (terms->words[i].begins)
            continue;
        hits->words[hits->cursor_count] = &terms->words[i];
        cursor_open(&hits->cursors[hits->cursor_count++], views, VIEW_WORDS);
    }
    hits->by_beginning = hits->cursor_count == 0;
    return !hits->by_beginning || gather(hits, terms->words[0].word, error);
}

void search_hits_close(struct search_hits *hits)
{
    for (size_t i = 0; i < hits->cursor_count; i++)
        cursor_close(&hits->cursors[i]);
    free(hits->found);
}

/* Moves *key on to the first record at or after it that has the word. */
static bool next_of_word(struct search_hits *hits, size_t place, uint8_t key[RECORD_KEY_BYTES])
{
    struct key start = {0};
    struct bytes word = hits->words[place]->word;
    key_add(&start, word.data, word.size);
    key_add(&start, "", 1);
    struct bytes prefix = bytes_of(start.data, start.size);
    key_add(&start, key, RECORD_KEY_BYTES);
    struct cursor *cursor = &hits->cursors[place];
    if (!cursor_seek(cursor, key_bytes(&start)) || !cursor_within(cursor, prefix) ||
        cursor->key.size != start.size)
        return false;
    memcpy(key, cursor->key.data + prefix.size, RECORD_KEY_BYTES);
    return true;
}

static bool next_found(struct search_hits *hits, uint8_t key[RECORD_KEY_BYTES])
{
    while (hits->found_next < hits->found_count &&
           memcmp(hits->found[hits->found_next], key, RECORD_KEY_BYTES) < 0)
        hits->found_next++;
    if (hits->found_next == hits->found_count)
        return false;
    memcpy(key, hits->found[hits->found_next], RECORD_KEY_BYTES);
    return true;
}

bool search_hits_next(struct search_hits *hits, uint8_t key[RECORD_KEY_BYTES])
{
    if (hits->by_beginning)
        return next_found(hits, key);
    size_t agree = 0;
    for (size_t i = 0; agree < hits->cursor_count; i = (i + 1) % hits->cursor_count) {
        uint8_t before[RECORD_KEY_BYTES];
        memcpy(before, key, sizeof before);
        if (!next_of_word(hits, i, key))
            return false;
        agree = memcmp(before, key, sizeof before) == 0 ? agree + 1 : 1;
    }
    return true;
}
