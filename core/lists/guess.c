#include "lists/guess.h"

#include <utf8proc.h>

enum {
    LEAST_WORDS = 3,     /* accented ones; fewer tell nothing */
    BAD_IN_HUNDRED = 12, /* foreign names have accents too */
    OTHERS_IN_HUNDRED = 30,
    READ_BYTES = 256 * 1024,
};

/* A word under way: whether it can be Vietnamese. A syllable carries one tone; đ begins it; the same vowel
 * does not stand twice; small letters are not followed by capitals (but in TCVN3, whose capitals are a font's
 * matter). */
struct word {
    size_t letters, tones;
    int32_t last;
    bool accented, wrong, small, doubled;
};

struct score {
    size_t accented, wrong;
};

static bool is_tone(int32_t point)
{
    return point == 0x300 || point == 0x301 || point == 0x303 || point == 0x309 || point == 0x323;
}

static bool is_shape(int32_t point)
{
    return point == 0x302 || point == 0x306 || point == 0x31B;
}

static bool is_letter(int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME;
}

static bool is_vowel(int32_t letter)
{
    int32_t small = letter | 0x20;
    return letter < 0x80 &&
           (small == 'a' || small == 'e' || small == 'i' || small == 'o' || small == 'u' || small == 'y');
}

static bool may_carry(int32_t letter, int32_t mark)
{
    int32_t small = letter | 0x20;
    if (letter >= 0x80)
        return false;
    if (mark == 0x302)
        return small == 'a' || small == 'e' || small == 'o';
    if (mark == 0x306)
        return small == 'a';
    if (mark == 0x31B)
        return small == 'o' || small == 'u';
    return is_vowel(letter);
}

/* Takes one code point, decomposed, of which `letter` is the letter that marks go to. */
static void take_point(struct word *word, int32_t point, int32_t *letter, bool capitals_anywhere)
{
    if (is_tone(point) || is_shape(point)) {
        word->accented = true;
        word->tones += is_tone(point);
        word->wrong = word->wrong || !may_carry(*letter, point) || word->tones > 1;
        return;
    }
    *letter = point;
    utf8proc_category_t category = utf8proc_category(point);
    if (point >= 0x80) {
        word->accented = true;
        word->wrong = word->wrong || (point != 0x110 && point != 0x111) || word->letters > 0;
    }
    if (category == UTF8PROC_CATEGORY_LU && word->small && !capitals_anywhere)
        word->wrong = true;
    word->doubled = word->doubled || (point | 0x20) == word->last;
    word->last = is_vowel(point) ? point | 0x20 : 0;
    word->small = category == UTF8PROC_CATEGORY_LL;
    word->letters++;
}

static void end_word(struct word *word, struct score *score)
{
    score->accented += word->accented;
    score->wrong += word->accented && (word->wrong || word->doubled);
    *word = (struct word){0};
}

static struct score score_of(struct bytes raw, legacy_reader *reader, bool capitals_anywhere)
{
    struct score score = {0};
    struct word word = {0};
    int32_t letter = 0;
    uint32_t before = 0;
    for (size_t i = 0; i < raw.size && i < READ_BYTES; i++) {
        uint32_t points[LEGACY_POINTS] = {raw.data[i]};
        size_t count = raw.data[i] < 0x80 ? 1 : reader(raw.data[i], before, points);
        before = count && (points[0] < 0x300 || points[0] > 0x36F) ? points[0] : 0;
        if (count == 0)
            word.accented = word.wrong = true;
        for (size_t j = 0; j < count; j++) {
            utf8proc_int32_t parts[8];
            int last;
            if (!is_letter((int32_t)points[j])) {
                end_word(&word, &score);
                continue;
            }
            utf8proc_ssize_t size =
                utf8proc_decompose_char((utf8proc_int32_t)points[j], parts, 8, UTF8PROC_DECOMPOSE, &last);
            for (utf8proc_ssize_t k = 0; k < size && k < 8; k++)
                take_point(&word, parts[k], &letter, capitals_anywhere);
        }
    }
    end_word(&word, &score);
    return score;
}

bool guess_encoding(struct bytes raw, legacy_reader *const *candidates, size_t count,
                    enum list_encoding *encoding)
{
    size_t good = 0, doubtful = 0;
    for (size_t i = 0; i < count; i++) {
        if (!candidates[i])
            continue;
        struct score score = score_of(raw, candidates[i], i == LIST_TCVN3);
        if (score.accented < LEAST_WORDS)
            continue;
        if (score.wrong * 100 <= score.accented * BAD_IN_HUNDRED) {
            *encoding = (enum list_encoding)i;
            good++;
        } else if (score.wrong * 100 < score.accented * OTHERS_IN_HUNDRED) {
            doubtful++;
        }
    }
    return good == 1 && doubtful == 0;
}
