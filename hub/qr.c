#include "hub/qr.h"

#include <qrencode.h>
#include <unistd.h>

enum { QUIET = 4 }; /* modules around it that must be light (ISO/IEC 18004) */

static bool is_light(const QRcode *code, int row, int column)
{
    if (row < 0 || column < 0 || row >= code->width || column >= code->width)
        return true;
    return !(code->data[row * code->width + column] & 1);
}

bool qr_print(const char *text, FILE *to, struct error *error)
{
    static const char *const halves[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}};
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    bool is_terminal = isatty(fileno(to));
    if (!code)
        return error_set(error, ERROR_LIMIT, "the text does not fit in a QR code");
    for (int row = -QUIET; row < code->width + QUIET; row += 2) {
        fputs(is_terminal ? "\033[40;97m" : "", to);
        for (int column = -QUIET; column < code->width + QUIET; column++)
            fputs(halves[is_light(code, row, column)][is_light(code, row + 1, column)], to);
        fputs(is_terminal ? "\033[0m\n" : "\n", to);
    }
    QRcode_free(code);
    return true;
}
