#include "lists/legacy.h"

#include <stdbool.h>
#include <string.h>

enum {
    GRAVE = 0x300,
    ACUTE = 0x301,
    CIRCUMFLEX = 0x302,
    TILDE = 0x303,
    BREVE = 0x306,
    HOOK = 0x309,
    DOT_BELOW = 0x323,
    REPLACEMENT = 0xFFFD,
};

/* Windows-1252 from 0x80 to 0x9F; 0: not used. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

uint32_t legacy_windows_1252(uint8_t byte)
{
    if (byte < 0x80 || byte >= 0xA0)
        return byte;
    return windows_1252[byte - 0x80] ? windows_1252[byte - 0x80] : REPLACEMENT;
}

size_t legacy_windows_1258(uint8_t byte, uint32_t before, uint32_t points[LEGACY_POINTS])
{
    (void)before;
    switch (byte) {
    case 0x8A:
    case 0x8E:
    case 0x9A:
    case 0x9E:
        return 0;
    case 0xC3:
        points[0] = 0x102; /* Ă */
        break;
    case 0xCC:
        points[0] = GRAVE;
        break;
    case 0xD0:
        points[0] = 0x110; /* Đ */
        break;
    case 0xD2:
        points[0] = HOOK;
        break;
    case 0xD5:
        points[0] = 0x1A0; /* Ơ */
        break;
    case 0xDD:
        points[0] = 0x1AF; /* Ư */
        break;
    case 0xDE:
        points[0] = TILDE;
        break;
    case 0xE3:
        points[0] = 0x103; /* ă */
        break;
    case 0xEC:
        points[0] = ACUTE;
        break;
    case 0xF0:
        points[0] = 0x111; /* đ */
        break;
    case 0xF2:
        points[0] = DOT_BELOW;
        break;
    case 0xF5:
        points[0] = 0x1A1; /* ơ */
        break;
    case 0xFD:
        points[0] = 0x1B0; /* ư */
        break;
    case 0xFE:
        points[0] = 0x20AB; /* ₫ */
        break;
    default:
        points[0] = legacy_windows_1252(byte);
    }
    return points[0] != REPLACEMENT;
}

/* TCVN 5712:1993 VN3 from 0xA1 on; 0: not used. */
static const uint16_t tcvn3[95] = {
    0x102,  0xC2,   0xCA,   0xD4,   0x1A0,  0x1AF,  0x110,  0x103,  0xE2,   0xEA,   0xF4,   0x1A1,
    0x1B0,  0x111,  0,      0,      0,      0,      0,      0,      0xE0,   0x1EA3, 0xE3,   0xE1,
    0x1EA1, 0,      0x1EB1, 0x1EB3, 0x1EB5, 0x1EAF, 0,      0,      0,      0,      0,      0,
    0,      0x1EB7, 0x1EA7, 0x1EA9, 0x1EAB, 0x1EA5, 0x1EAD, 0xE8,   0,      0x1EBB, 0x1EBD, 0xE9,
    0x1EB9, 0x1EC1, 0x1EC3, 0x1EC5, 0x1EBF, 0x1EC7, 0xEC,   0x1EC9, 0,      0,      0,      0x129,
    0xED,   0x1ECB, 0xF2,   0,      0x1ECF, 0xF5,   0xF3,   0x1ECD, 0x1ED3, 0x1ED5, 0x1ED7, 0x1ED1,
    0x1ED9, 0x1EDD, 0x1EDF, 0x1EE1, 0x1EDB, 0x1EE3, 0xF9,   0,      0x1EE7, 0x169,  0xFA,   0x1EE5,
    0x1EEB, 0x1EED, 0x1EEF, 0x1EE9, 0x1EF1, 0x1EF3, 0x1EF7, 0x1EF9, 0xFD,   0x1EF5, 0,
};

size_t legacy_tcvn3(uint8_t byte, uint32_t before, uint32_t points[LEGACY_POINTS])
{
    (void)before;
    if (byte == 0xA0) {
        points[0] = byte;
        return 1;
    }
    if (byte < 0xA1 || tcvn3[byte - 0xA1] == 0)
        return 0;
    points[0] = tcvn3[byte - 0xA1];
    return 1;
}

/* The marks of a byte that follows a letter, in small letters' form. */
static const struct {
    uint8_t byte;
    uint16_t marks[2];
} vni_marks[] = {
    {0xF9, {ACUTE, 0}},
    {0xF8, {GRAVE, 0}},
    {0xFB, {HOOK, 0}},
    {0xF5, {TILDE, 0}},
    {0xEF, {DOT_BELOW, 0}},
    {0xE2, {CIRCUMFLEX, 0}},
    {0xE1, {CIRCUMFLEX, ACUTE}},
    {0xE0, {CIRCUMFLEX, GRAVE}},
    {0xE5, {CIRCUMFLEX, HOOK}},
    {0xE3, {CIRCUMFLEX, TILDE}},
    {0xE4, {DOT_BELOW, CIRCUMFLEX}},
    {0xEA, {BREVE, 0}},
    {0xE9, {BREVE, ACUTE}},
    {0xE8, {BREVE, GRAVE}},
    {0xFA, {BREVE, HOOK}},
    {0xFC, {BREVE, TILDE}},
    {0xEB, {DOT_BELOW, BREVE}},
};

/* Letters that are one byte. */
static const struct {
    uint8_t byte;
    uint16_t point;
} vni_letters[] = {
    {0xF1, 0x111}, {0xD1, 0x110}, {0xF6, 0x1B0},  {0xD6, 0x1AF},  {0xF4, 0x1A1},  {0xD4, 0x1A0},
    {0xED, 0xED},  {0xCD, 0xCD},  {0xEC, 0xEC},   {0xCC, 0xCC},   {0xE6, 0x1EC9}, {0xC6, 0x1EC8},
    {0xF3, 0x129}, {0xD3, 0x128}, {0xF2, 0x1ECB}, {0xD2, 0x1ECA}, {0xEE, 0x1EF5}, {0xCE, 0x1EF4},
};

static bool may_carry(uint32_t letter, uint16_t mark)
{
    const char *letters = mark == CIRCUMFLEX ? "aeo" : mark == BREVE ? "a" : "aeiouy";
    if (letter < 0x80)
        return letter && strchr(letters, (int)(letter | 0x20));
    bool horned = letter == 0x1A0 || letter == 0x1A1 || letter == 0x1AF || letter == 0x1B0;
    return horned && mark != CIRCUMFLEX && mark != BREVE;
}

size_t legacy_vni(uint8_t byte, uint32_t before, uint32_t points[LEGACY_POINTS])
{
    uint8_t small = byte >= 0xC0 ? byte | 0x20 : byte;
    for (size_t i = 0; before && i < sizeof vni_marks / sizeof *vni_marks; i++) {
        const uint16_t *marks = vni_marks[i].marks;
        uint16_t shape = marks[1] == CIRCUMFLEX || marks[1] == BREVE ? marks[1] : marks[0];
        if (vni_marks[i].byte != small || !may_carry(before, shape))
            continue;
        points[0] = marks[0];
        points[1] = marks[1];
        return marks[1] ? 2 : 1;
    }
    for (size_t i = 0; i < sizeof vni_letters / sizeof *vni_letters; i++)
        if (vni_letters[i].byte == byte) {
            points[0] = vni_letters[i].point;
            return 1;
        }
    if (byte == 0xA0 || (byte >= 0x91 && byte <= 0x97)) {
        points[0] = legacy_windows_1252(byte);
        return 1;
    }
    return 0;
}
