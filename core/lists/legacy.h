/* Vietnamese encodings with one byte for a letter or a mark. Used by lists/encoding.c alone. */
#ifndef HOPNHAT_LISTS_LEGACY_H
#define HOPNHAT_LISTS_LEGACY_H

#include <stddef.h>
#include <stdint.h>

enum { LEGACY_POINTS = 3 };

/* Each reads the byte *at, whose letter before it in the text is `before` (0: none or no letter), into up to
 * LEGACY_POINTS code points, marks apart, and returns how many: 0 where the encoding does not know the byte
 * there. */
typedef size_t legacy_reader(uint8_t byte, uint32_t before, uint32_t points[LEGACY_POINTS]);

legacy_reader legacy_windows_1258, legacy_tcvn3, legacy_vni;

/* The code point of the byte in Windows-1252; U+FFFD where there is none. */
uint32_t legacy_windows_1252(uint8_t byte);

#endif
