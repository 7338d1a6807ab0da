/* Bytes as hexadecimal digits. */
#ifndef HOPNHAT_BASE_HEX_H
#define HOPNHAT_BASE_HEX_H

#include "base/bytes.h"

/* Writes 2 * data.size lower-case digits and a NUL to text. */
void hex_encode(struct bytes data, char *text);

/* Reads `digits` (an even number) digits of either case into digits / 2 bytes. False on anything else; then
 * what `to` holds is not defined. */
bool hex_decode(const char *text, size_t digits, uint8_t *to);

#endif
