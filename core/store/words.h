/* Text as the words by which it is found. */
#ifndef HOPNHAT_STORE_WORDS_H
#define HOPNHAT_STORE_WORDS_H

#include "base/arena.h"
#include "base/error.h"

enum {
    WORD_BYTES = 64,                /* longer words are cut, in texts and in what is looked for alike */
    LIMIT_WORDS_PER_RECORD = 65536, /* words after that many are not found */
};

/* Words in an arena; begin with all zero. */
struct words {
    struct bytes *words;
    size_t count, capacity;
};

/* Appends the words of a text: runs of letters, marks and digits, folded (base/text.h), so that "quảng trị"
 * gives quang and tri; each ideograph is one word. Text that is no UTF-8 has no words. Errors: ERROR_MEMORY.
 */
bool words_add(struct words *words, struct bytes text, struct arena *arena, struct error *error);

/* Sorts them by bytes, each once. */
void words_sort(struct words *words);

/* Whether a sorted list has the word, or (`begins`) one that begins so. */
bool words_have(const struct words *words, struct bytes word, bool begins);

#endif
