/* A text as a QR code, for a camera before the terminal. */
#ifndef HOPNHAT_HUB_QR_H
#define HOPNHAT_HUB_QR_H

#include "base/error.h"

#include <stdio.h>

/* Prints it in half blocks of UTF-8, two rows of modules to a line, light modules drawn: for light text on a
 * dark ground, which a terminal is told by escape sequences. ERROR_LIMIT: the text is too long for one. */
bool qr_print(const char *text, FILE *to, struct error *error);

#endif
