#include "store/words.h"

#include "base/text.h"

#include <stdlib.h>
#include <utf8proc.h>

enum kind { KIND_NONE, KIND_LETTER, KIND_IDEOGRAPH };

static bool is_ideograph(int32_t point)
{
    return (point >= 0x2E80 && point < 0x3130) || (point >= 0x31A0 && point < 0xA000) ||
           (point >= 0xF900 && point < 0xFB00) || (point >= 0x20000 && point < 0x40000);
}

static enum kind kind_of(int32_t point)
{
    if (point < 0x80)
        return (point >= 'a' && point <= 'z') || (point >= '0' && point <= '9') ? KIND_LETTER : KIND_NONE;
    utf8proc_category_t category = utf8proc_category(point);
    bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
    return !letter ? KIND_NONE : is_ideograph(point) ? KIND_IDEOGRAPH : KIND_LETTER;
}

static bool put(struct words *words, const char *start, size_t size, struct arena *arena, struct error *error)
{
    if (words->count == LIMIT_WORDS_PER_RECORD)
        return true;
    if (words->count == words->capacity) {
        size_t capacity = words->capacity ? 2 * words->capacity : 32;
        struct bytes *grown = arena_alloc(arena, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(error);
        if (words->count)
            memcpy(grown, words->words, words->count * sizeof *grown);
        words->words = grown;
        words->capacity = capacity;
    }
    if (size > WORD_BYTES) {
        size = WORD_BYTES;
        while ((start[size] & 0xC0) == 0x80) /* not in the middle of a character */
            size--;
    }
    words->words[words->count++] = bytes_of(start, size);
    return true;
}

bool words_add(struct words *words, struct bytes text, struct arena *arena, struct error *error)
{
    struct error unsound;
    char *folded = text_fold(arena, text, &unsound);
    if (!folded)
        return unsound.code != ERROR_MEMORY || out_of_memory(error);
    const char *word = NULL;
    for (const char *at = folded; *at;) {
        int32_t point = (uint8_t)*at;
        utf8proc_ssize_t length = 1;
        if (point >= 0x80 && (length = utf8proc_iterate((const uint8_t *)at, -1, &point)) <= 0)
            break;
        enum kind kind = kind_of(point);
        if (word && kind != KIND_LETTER && !put(words, word, (size_t)(at - word), arena, error))
            return false;
        if (kind == KIND_IDEOGRAPH && !put(words, at, (size_t)length, arena, error))
            return false;
        word = kind != KIND_LETTER ? NULL : word ? word : at;
        at += length;
    }
    return !word || put(words, word, strlen(word), arena, error);
}

static int by_bytes(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

void words_sort(struct words *words)
{
    size_t kept = 0;
    if (words->count)
        qsort(words->words, words->count, sizeof *words->words, by_bytes);
    for (size_t i = 0; i < words->count; i++)
        if (i == 0 || !bytes_equal(words->words[i], words->words[kept - 1]))
            words->words[kept++] = words->words[i];
    words->count = kept;
}

bool words_have(const struct words *words, struct bytes word, bool begins)
{
    size_t low = 0, high = words->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(words->words[middle], word) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == words->count)
        return false;
    struct bytes found = words->words[low];
    return begins ? found.size >= word.size && memcmp(found.data, word.data, word.size) == 0
                  : bytes_equal(found, word);
}
