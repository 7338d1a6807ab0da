#include "base/hex.h"

void hex_encode(struct bytes data, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < data.size; i++) {
        *text++ = digits[data.data[i] >> 4];
        *text++ = digits[data.data[i] & 15];
    }
    *text = '\0';
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool hex_decode(const char *text, size_t digits, uint8_t *to)
{
    if (digits % 2 != 0)
        return false;
    for (size_t i = 0; i < digits; i += 2) {
        int high = digit_value(text[i]);
        int low = high < 0 ? -1 : digit_value(text[i + 1]);
        if (low < 0)
            return false;
        *to++ = (uint8_t)(high << 4 | low);
    }
    return true;
}
