#include "model/country.h"

#include "base/text.h"

/* data/countries.csv, built in: code, alpha3, name_en, name_vi; a name with a comma in it stands in quotes.
 */
extern const unsigned char countries_csv[];
extern const size_t countries_csv_size;

enum { CODE, ALPHA3, NAME_EN, NAME_VI, COLUMNS };
enum { LONGEST_NAME_BYTES = 200, SCRATCH_BYTES = 64 * 1024 };

/* Names that lists hold and the data does not. */
static const struct {
    const char *folded, *code;
} others[] = {
    {"my", "US"},
    {"hop chung quoc hoa ky", "US"},
    {"hoa ki", "US"},
    {"united states of america", "US"},
    {"anh", "GB"},
    {"anh quoc", "GB"},
    {"uk", "GB"},
    {"great britain", "GB"},
    {"lien bang nga", "RU"},
    {"russian federation", "RU"},
    {"cong hoa lien bang duc", "DE"},
    {"chlb duc", "DE"},
    {"chdcnd lao", "LA"},
    {"cong hoa dan chu nhan dan lao", "LA"},
    {"lao pdr", "LA"},
    {"campuchia", "KH"},
    {"viet nam", "VN"},
    {"dai han dan quoc", "KR"},
    {"republic of korea", "KR"},
    {"chdcnd trieu tien", "KP"},
    {"chnd trung hoa", "CN"},
    {"cong hoa nhan dan trung hoa", "CN"},
    {"o-xtray-li-a", "AU"},
    {"in-do-ne-xi-a", "ID"},
    {"ma-lai-xi-a", "MY"},
    {"xinh-ga-po", "SG"},
    {"phi-lip-pin", "PH"},
    {"thuy si", "CH"},
    {"cong hoa sec", "CZ"},
    {"czech republic", "CZ"},
    {"turkey", "TR"},
};

/* Takes the next line apart; false at the end. A line's cells are borrowed, without their quotes. */
static bool next_line(struct bytes *rest, struct bytes cells[COLUMNS])
{
    if (rest->size == 0)
        return false;
    for (int i = 0; i < COLUMNS; i++) {
        const char *start = (const char *)rest->data;
        bool quoted = *start == '"';
        const char *end = start + quoted;
        while (*end && *end != '\n' && *end != '\r' && *end != (quoted ? '"' : ','))
            end++;
        cells[i] = bytes_of(start + quoted, (size_t)(end - start) - quoted);
        while (*end == '"' || *end == '\r')
            end++;
        end += *end == ',' || *end == '\n';
        *rest = bytes_of(end, rest->size - (size_t)(end - start));
    }
    return true;
}

static bool is_code(struct bytes text, struct bytes code)
{
    if (text.size != code.size)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] & ~0x20) != code.data[i])
            return false;
    return true;
}

static bool folds_to(struct arena *scratch, struct bytes name, const char *folded)
{
    struct error ignored;
    arena_reset(scratch);
    const char *other = text_fold(scratch, name, &ignored);
    return other && strcmp(other, folded) == 0;
}

static bool find_by_code(struct bytes text, struct bytes *code)
{
    struct bytes rest = bytes_of(countries_csv, countries_csv_size), cells[COLUMNS];
    while (next_line(&rest, cells)) {
        *code = cells[CODE];
        if (is_code(text, cells[CODE]) || is_code(text, cells[ALPHA3]))
            return code->size == COUNTRY_CODE_BYTES - 1;
    }
    return false;
}

static bool find_by_name(const char *folded, struct bytes *code)
{
    struct bytes rest = bytes_of(countries_csv, countries_csv_size), cells[COLUMNS];
    struct arena scratch;
    bool found = false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].folded, folded) == 0) {
            *code = bytes_of_string(others[i].code);
            return true;
        }
    arena_init(&scratch, SCRATCH_BYTES);
    while (!found && next_line(&rest, cells)) {
        *code = cells[CODE];
        found = code->size == COUNTRY_CODE_BYTES - 1 &&
                (folds_to(&scratch, cells[NAME_VI], folded) || folds_to(&scratch, cells[NAME_EN], folded));
    }
    arena_release(&scratch);
    return found;
}

static bool is_capitals(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 'A' || text.data[i] > 'Z')
            return false;
    return true;
}

/* "Nga" is Russia, and NGA the code of Nigeria: written in capitals it may be either, and is none. */
static bool find(struct bytes text, struct arena *arena, struct bytes *code)
{
    struct error ignored;
    struct bytes named = {0};
    bool coded = text.size <= 3 && find_by_code(text, code);
    if (coded && text.size < 3)
        return true;
    const char *folded = text_fold(arena, text, &ignored);
    if (!folded || !find_by_name(folded, &named))
        return coded;
    if (coded && !bytes_equal(named, *code) && is_capitals(text))
        return false;
    *code = named;
    return true;
}

bool country_find(struct bytes text, char code[COUNTRY_CODE_BYTES])
{
    struct bytes found = {0};
    struct arena arena;
    if (text.size == 0 || text.size > LONGEST_NAME_BYTES)
        return false;
    arena_init(&arena, SCRATCH_BYTES);
    bool there = find(text, &arena, &found);
    arena_release(&arena);
    if (there) {
        memcpy(code, found.data, COUNTRY_CODE_BYTES - 1);
        code[COUNTRY_CODE_BYTES - 1] = '\0';
    }
    return there;
}
