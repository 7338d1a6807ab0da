#include "model/country.h"

#include "base/text.h"

/* data/countries.csv, built in: code, alpha3, name_en, name_vi; a name with a comma in it stands in quotes.
 */
extern const unsigned char countries_csv[];
extern const size_t countries_csv_size;

enum { CODE, ALPHA3, NAME_EN, NAME_VI, COLUMNS };
enum { LONGEST_NAME_BYTES = 200, SCRATCH_BYTES = 64 * 1024 };

/* Names that lists hold and the data does not, as name_of writes them. */
static const struct {
    const char *name, *code;
} others[] = {
    {"my", "US"},
    {"hopchungquochoaky", "US"},
    {"hoaki", "US"},
    {"usa", "US"},
    {"unitedstatesofamerica", "US"},
    {"anh", "GB"},
    {"anhquoc", "GB"},
    {"uk", "GB"},
    {"greatbritain", "GB"},
    {"lienhiepvuongquocanhvabacireland", "GB"},
    {"lienhiepvuongquocanhvabacailen", "GB"},
    {"lienbangnga", "RU"},
    {"chlbnga", "RU"},
    {"russianfederation", "RU"},
    {"conghoalienbangduc", "DE"},
    {"chlbduc", "DE"},
    {"conghoaphap", "FR"},
    {"chphap", "FR"},
    {"y", "IT"},
    {"italia", "IT"},
    {"hoalan", "NL"},
    {"vuongquochalan", "NL"},
    {"holland", "NL"},
    {"thenetherlands", "NL"},
    {"vuongquocbi", "BE"},
    {"thuysi", "CH"},
    {"thuysy", "CH"},
    {"conghoasec", "CZ"},
    {"chsec", "CZ"},
    {"czechrepublic", "CZ"},
    {"xlovakia", "SK"},
    {"hungari", "HU"},
    {"hunggari", "HU"},
    {"bungari", "BG"},
    {"rumani", "RO"},
    {"ucraina", "UA"},
    {"belarut", "BY"},
    {"ailen", "IE"},
    {"aixolen", "IS"},
    {"lucxambua", "LU"},
    {"turkey", "TR"},
    {"chdcndlao", "LA"},
    {"conghoadanchunhandanlao", "LA"},
    {"laopdr", "LA"},
    {"campuchia", "KH"},
    {"vuongquoccampuchia", "KH"},
    {"vuongquocthailan", "TH"},
    {"vietnam", "VN"},
    {"myanmar", "MM"},
    {"myanma", "MM"},
    {"mianma", "MM"},
    {"miendien", "MM"},
    {"xingapo", "SG"},
    {"xinhgapo", "SG"},
    {"malaixia", "MY"},
    {"indonexia", "ID"},
    {"philippin", "PH"},
    {"philipin", "PH"},
    {"brunay", "BN"},
    {"dongtimo", "TL"},
    {"dongtimor", "TL"},
    {"nhat", "JP"},
    {"han", "KR"},
    {"daihandanquoc", "KR"},
    {"conghoahanquoc", "KR"},
    {"republicofkorea", "KR"},
    {"chdcndtrieutien", "KP"},
    {"conghoadanchunhandantrieutien", "KP"},
    {"chndtrunghoa", "CN"},
    {"conghoanhandantrunghoa", "CN"},
    {"trunghoa", "CN"},
    {"hongkong", "HK"},
    {"macao", "MO"},
    {"conghoaando", "IN"},
    {"xrilanca", "LK"},
    {"bangladet", "BD"},
    {"pakixtan", "PK"},
    {"nepan", "NP"},
    {"cadacxtan", "KZ"},
    {"irac", "IQ"},
    {"xyri", "SY"},
    {"gioocdani", "JO"},
    {"coet", "KW"},
    {"uae", "AE"},
    {"ixraen", "IL"},
    {"palestine", "PS"},
    {"palextin", "PS"},
    {"oxtraylia", "AU"},
    {"niudilan", "NZ"},
    {"mehico", "MX"},
    {"conghoacuba", "CU"},
    {"braxin", "BR"},
    {"achentina", "AR"},
    {"venexuela", "VE"},
    {"urugoay", "UY"},
    {"paragoay", "PY"},
    {"nicaragoa", "NI"},
    {"angieri", "DZ"},
    {"anggola", "AO"},
    {"modambich", "MZ"},
    {"tandania", "TZ"},
    {"nigieria", "NG"},
    {"etiopia", "ET"},
    {"chdccongo", "CD"},
    {"conghoadanchucongo", "CD"},
    {"conghoacongo", "CG"},
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

/* The text folded and without what parts syllables: "Cu-ba", "Cu Ba" and "Cuba" are one. NULL: no text, or
 * out of memory. */
static const char *name_of(struct bytes text, struct arena *arena)
{
    struct error ignored;
    char *name = text_fold(arena, text, &ignored), *to = name;
    for (const char *from = name; from && *from; from++)
        if (!strchr(" -.", *from))
            *to++ = *from;
    if (to)
        *to = '\0';
    return name;
}

static bool is_named(struct arena *scratch, struct bytes text, const char *name)
{
    arena_reset(scratch);
    const char *other = name_of(text, scratch);
    return other && strcmp(other, name) == 0;
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

static bool find_by_name(const char *name, struct bytes *code)
{
    struct bytes rest = bytes_of(countries_csv, countries_csv_size), cells[COLUMNS];
    struct arena scratch;
    bool found = false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].name, name) == 0) {
            *code = bytes_of_string(others[i].code);
            return true;
        }
    arena_init(&scratch, SCRATCH_BYTES);
    while (!found && next_line(&rest, cells)) {
        *code = cells[CODE];
        found = code->size == COUNTRY_CODE_BYTES - 1 &&
                (is_named(&scratch, cells[NAME_VI], name) || is_named(&scratch, cells[NAME_EN], name));
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
    struct bytes named = {0};
    bool coded = text.size <= 3 && find_by_code(text, code);
    if (coded && text.size < 3)
        return true;
    const char *name = name_of(text, arena);
    if (!name || !find_by_name(name, &named))
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
