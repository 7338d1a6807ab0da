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
    {"vuongquoclienhiepanhvabacailen", "GB"},
    {"lienhiepanh", "GB"},
    {"britain", "GB"},
    {"lienbangnga", "RU"},
    {"chlbnga", "RU"},
    {"russianfederation", "RU"},
    {"lbnga", "RU"},
    {"conghoalienbangduc", "DE"},
    {"chlbduc", "DE"},
    {"lbduc", "DE"},
    {"lienbangduc", "DE"},
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
    {"lienbangthuysi", "CH"},
    {"lienbangthuysy", "CH"},
    {"conghoasec", "CZ"},
    {"chsec", "CZ"},
    {"czechrepublic", "CZ"},
    {"czech", "CZ"},
    {"xlovakia", "SK"},
    {"hungari", "HU"},
    {"hunggari", "HU"},
    {"hunggary", "HU"},
    {"bungari", "BG"},
    {"bungary", "BG"},
    {"rumani", "RO"},
    {"rumania", "RO"},
    {"ucraina", "UA"},
    {"belarut", "BY"},
    {"bachnga", "BY"},
    {"ailen", "IE"},
    {"chailen", "IE"},
    {"conghoaailen", "IE"},
    {"conghoaireland", "IE"},
    {"aixolen", "IS"},
    {"lucxambua", "LU"},
    {"lucxembua", "LU"},
    {"luxemburg", "LU"},
    {"turkey", "TR"},
    {"conghoathonhiky", "TR"},
    {"thonhiki", "TR"},
    {"hilap", "GR"},
    {"chdcndlao", "LA"},
    {"conghoadanchunhandanlao", "LA"},
    {"laopdr", "LA"},
    {"conghoadcndlao", "LA"},
    {"campuchia", "KH"},
    {"vuongquoccampuchia", "KH"},
    {"kampuchea", "KH"},
    {"vuongquocthailan", "TH"},
    {"vietnam", "VN"},
    {"chxhcnvietnam", "VN"},
    {"conghoaxahoichunghiavietnam", "VN"},
    {"myanmar", "MM"},
    {"myanma", "MM"},
    {"mianma", "MM"},
    {"miendien", "MM"},
    {"burma", "MM"},
    {"xingapo", "SG"},
    {"xinhgapo", "SG"},
    {"xinggapo", "SG"},
    {"singgapo", "SG"},
    {"malaixia", "MY"},
    {"malai", "MY"},
    {"malayxia", "MY"},
    {"indonexia", "ID"},
    {"philippin", "PH"},
    {"philipin", "PH"},
    {"philippine", "PH"},
    {"philuattan", "PH"},
    {"brunay", "BN"},
    {"bruneidarussalam", "BN"},
    {"dongtimo", "TL"},
    {"dongtimor", "TL"},
    {"timoletxte", "TL"},
    {"nhat", "JP"},
    {"han", "KR"},
    {"daihandanquoc", "KR"},
    {"conghoahanquoc", "KR"},
    {"republicofkorea", "KR"},
    {"namhan", "KR"},
    {"namtrieutien", "KR"},
    {"chhanquoc", "KR"},
    {"chdcndtrieutien", "KP"},
    {"conghoadanchunhandantrieutien", "KP"},
    {"bactrieutien", "KP"},
    {"bachan", "KP"},
    {"dprk", "KP"},
    {"chndtrunghoa", "CN"},
    {"conghoanhandantrunghoa", "CN"},
    {"trunghoa", "CN"},
    {"chndtrungquoc", "CN"},
    {"prc", "CN"},
    {"hongkong", "HK"},
    {"hongcong", "HK"},
    {"huongcang", "HK"},
    {"hongkongtrungquoc", "HK"},
    {"hongcongtrungquoc", "HK"},
    {"hongkongchina", "HK"},
    {"macao", "MO"},
    {"macau", "MO"},
    {"aomon", "MO"},
    {"macaotrungquoc", "MO"},
    {"conghoaando", "IN"},
    {"chando", "IN"},
    {"xrilanca", "LK"},
    {"bangladet", "BD"},
    {"pakixtan", "PK"},
    {"pakitxtan", "PK"},
    {"nepan", "NP"},
    {"cadacxtan", "KZ"},
    {"kazakstan", "KZ"},
    {"kadacxtan", "KZ"},
    {"irac", "IQ"},
    {"xyri", "SY"},
    {"xiri", "SY"},
    {"gioocdani", "JO"},
    {"giocdani", "JO"},
    {"coet", "KW"},
    {"cooet", "KW"},
    {"uae", "AE"},
    {"tieuvuongquocarapthongnhat", "AE"},
    {"ixraen", "IL"},
    {"itxraen", "IL"},
    {"palestine", "PS"},
    {"palextin", "PS"},
    {"paletxtin", "PS"},
    {"nhanuocpalestine", "PS"},
    {"palestin", "PS"},
    {"oxtraylia", "AU"},
    {"otxtraylia", "AU"},
    {"oxtoraylia", "AU"},
    {"niudilan", "NZ"},
    {"niudilen", "NZ"},
    {"niuzilan", "NZ"},
    {"mehico", "MX"},
    {"conghoacuba", "CU"},
    {"chcuba", "CU"},
    {"braxin", "BR"},
    {"achentina", "AR"},
    {"venexuela", "VE"},
    {"urugoay", "UY"},
    {"paragoay", "PY"},
    {"nicaragoa", "NI"},
    {"angieri", "DZ"},
    {"angieria", "DZ"},
    {"anggola", "AO"},
    {"modambich", "MZ"},
    {"mozambich", "MZ"},
    {"tandania", "TZ"},
    {"nigieria", "NG"},
    {"etiopia", "ET"},
    {"chdccongo", "CD"},
    {"conghoadanchucongo", "CD"},
    {"chdcconggo", "CD"},
    {"conghoadanchuconggo", "CD"},
    {"drc", "CD"},
    {"conghoacongo", "CG"},
    {"conghoaconggo", "CG"},
    {"chconggo", "CG"},
    {"chcongo", "CG"},
    {"dailoantrungquoc", "TW"},
    {"arapsaudi", "SA"},
    {"arapxeudi", "SA"},
    {"arapxeudit", "SA"},
    {"vuongquocarapxeut", "SA"},
    {"chbalan", "PL"},
    {"conghoabalan", "PL"},
    {"chnamphi", "ZA"},
    {"conghoanamphi", "ZA"},
    {"vuongquoctaybannha", "ES"},
    {"chao", "AT"},
    {"conghoaao", "AT"},
    {"extonia", "EE"},
    {"etxtonia", "EE"},
    {"xlovennia", "SI"},
    {"xlovenia", "SI"},
    {"xecbia", "RS"},
    {"secbia", "RS"},
    {"xecbi", "RS"},
    {"secbi", "RS"},
    {"apganixtan", "AF"},
    {"apganitxtan", "AF"},
    {"butan", "BT"},
    {"liban", "LB"},
    {"cata", "QA"},
    {"udobekixtan", "UZ"},
    {"tuocmenixtan", "TM"},
    {"tatgikixtan", "TJ"},
    {"curoguxtan", "KG"},
    {"adecbaigian", "AZ"},
    {"agiecbaigian", "AZ"},
    {"acmenia", "AM"},
    {"grudia", "GE"},
    {"gruzia", "GE"},
    {"libi", "LY"},
    {"libia", "LY"},
    {"tuynidi", "TN"},
    {"tuynidia", "TN"},
    {"xudang", "SD"},
    {"namxudang", "SS"},
    {"kenia", "KE"},
    {"dimbabue", "ZW"},
    {"zimbabue", "ZW"},
    {"dambia", "ZM"},
    {"bobiennga", "CI"},
    {"ivorycoast", "CI"},
    {"cotdivoa", "CI"},
    {"gana", "GH"},
    {"xenegan", "SN"},
    {"madagaxca", "MG"},
    {"camorun", "CM"},
    {"ruanda", "RW"},
    {"benanh", "BJ"},
    {"buockinaphaxo", "BF"},
    {"xomali", "SO"},
    {"ecuado", "EC"},
    {"chdominica", "DO"},
    {"conghoadominicana", "DO"},
    {"hamaica", "JM"},
    {"giamaica", "JM"},
    {"goatemala", "GT"},
    {"ondurat", "HN"},
    {"enxanvado", "SV"},
    {"coxtarica", "CR"},
    {"manta", "MT"},
    {"macedonia", "MK"},
    {"maxedonia", "MK"},
    {"bacmaxedonia", "MK"},
    {"anbani", "AL"},
    {"anbania", "AL"},
    {"boxniavahecxegovina", "BA"},
    {"bosniaandherzegovina", "BA"},
    {"bosniaherzegovina", "BA"},
    {"bosnia", "BA"},
    {"mondova", "MD"},
    {"vaticang", "VA"},
    {"vatican", "VA"},
    {"toathanhvatican", "VA"},
    {"toathanh", "VA"},
    {"mandivo", "MV"},
    {"papuaniughine", "PG"},
    {"phigi", "FJ"},
    {"caboverde", "CV"},
    {"swaziland", "SZ"},
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

/* The text folded and without what parts syllables and words: "Cu-ba", "Cu Ba" and "Cuba" are one, as are the
 * hyphens and quotes of word processors (U+2010 to U+2019) and plain ones. NULL: no text, or out of memory.
 */
static const char *name_of(struct bytes text, struct arena *arena)
{
    struct error ignored;
    char *name = text_fold(arena, text, &ignored), *to = name;
    for (const char *from = name; from && *from; from++)
        if (strncmp(from, "\xE2\x80", 2) == 0 && (uint8_t)from[2] >= 0x90 && (uint8_t)from[2] <= 0x99)
            from += 2;
        else if (!strchr(" -.,'()", *from))
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
