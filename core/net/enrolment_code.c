#include "net/enrolment_code.h"

#include <ctype.h>

enum {
    CHECK_BYTES = 2,
    RAW_BYTES = LINK_KEY_BYTES + CODE_SEED_BYTES + CHECK_BYTES,
    SYMBOLS = RAW_BYTES * 8 / 5,
    GROUP_SYMBOLS = 5,
};
_Static_assert(RAW_BYTES * 8 % 5 == 0, "the code fills its characters");
_Static_assert(SYMBOLS + SYMBOLS / GROUP_SYMBOLS == ENROLMENT_CODE_TEXT_BYTES,
               "with dashes between and a NUL");

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* CRC-16 with the polynomial 0x1021. The start value also names the form of the code: another one takes
 * another start, and the two are never mistaken for each other. */
static uint16_t check_of(const uint8_t *data, size_t size)
{
    uint16_t crc = 0x6861;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint16_t)(data[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

void enrolment_code_format(const struct enrolment_code *code, char text[ENROLMENT_CODE_TEXT_BYTES])
{
    uint8_t raw[RAW_BYTES];
    memcpy(raw, code->hub_key, LINK_KEY_BYTES);
    memcpy(raw + LINK_KEY_BYTES, code->seed, CODE_SEED_BYTES);
    put_u16_be(raw + RAW_BYTES - CHECK_BYTES, check_of(raw, RAW_BYTES - CHECK_BYTES));
    unsigned held = 0, bits = 0;
    size_t next = 0;
    for (int i = 0; i < SYMBOLS; i++) {
        if (bits < 5) {
            held = held << 8 | raw[next++];
            bits += 8;
        }
        bits -= 5;
        if (i > 0 && i % GROUP_SYMBOLS == 0)
            *text++ = '-';
        *text++ = alphabet[held >> bits & 31];
    }
    *text = '\0';
    keys_wipe(raw, sizeof raw);
}

static int symbol_value(char symbol)
{
    int upper = toupper((unsigned char)symbol);
    if (upper == 'O')
        return 0;
    if (upper == 'I' || upper == 'L')
        return 1;
    const char *found = strchr(alphabet, upper);
    return found ? (int)(found - alphabet) : -1;
}

static bool is_filler(char symbol)
{
    return symbol == '-' || isspace((unsigned char)symbol);
}

/* Gathers the symbols' bits into raw; an error names the group that a person has to look at. */
static bool decode(const char *text, uint8_t raw[RAW_BYTES], struct error *error)
{
    unsigned held = 0, bits = 0;
    size_t next = 0, count = 0;
    for (; *text; text++) {
        if (is_filler(*text))
            continue;
        int value = symbol_value(*text);
        if (value < 0)
            return error_set(
                error, ERROR_INPUT,
                "the code holds a character that no code has, in group %zu (of %d characters each)",
                count / GROUP_SYMBOLS + 1, GROUP_SYMBOLS);
        if (++count > SYMBOLS)
            return error_set(error, ERROR_INPUT, "the code is too long: it has %d characters in %d groups",
                             SYMBOLS, SYMBOLS / GROUP_SYMBOLS);
        held = held << 5 | (unsigned)value;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            raw[next++] = (uint8_t)(held >> bits);
        }
    }
    if (count < SYMBOLS)
        return error_set(error, ERROR_INPUT, "the code is too short: %zu characters of %d", count, SYMBOLS);
    return true;
}

bool enrolment_code_parse(const char *text, struct enrolment_code *code, struct error *error)
{
    uint8_t raw[RAW_BYTES], check[CHECK_BYTES];
    bool read = decode(text, raw, error);
    if (read) {
        put_u16_be(check, check_of(raw, RAW_BYTES - CHECK_BYTES));
        read = memcmp(check, raw + RAW_BYTES - CHECK_BYTES, CHECK_BYTES) == 0 ||
               error_set(error, ERROR_INPUT, "the code is mistyped: its check characters do not fit");
    }
    if (read) {
        memcpy(code->hub_key, raw, LINK_KEY_BYTES);
        memcpy(code->seed, raw + LINK_KEY_BYTES, CODE_SEED_BYTES);
    }
    keys_wipe(raw, sizeof raw);
    return read;
}
