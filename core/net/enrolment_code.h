/* The one-time code that the hub prints and an office types in: the hub's CURVE public key (32 bytes), the
 * seed of a one-time key (16 bytes) and a CRC-16, in Crockford's base 32: 80 characters in groups of five.
 * The CRC finds every single wrong character and every two neighbours that changed places. */
#ifndef HOPNHAT_NET_ENROLMENT_CODE_H
#define HOPNHAT_NET_ENROLMENT_CODE_H

#include "net/keys.h"

enum { ENROLMENT_CODE_TEXT_BYTES = 80 + 15 + 1 }; /* characters, dashes, NUL */

struct enrolment_code {
    uint8_t hub_key[LINK_KEY_BYTES];
    uint8_t seed[CODE_SEED_BYTES]; /* secret until it is used up */
};

/* Writes the printed form, NUL-ended. */
void enrolment_code_format(const struct enrolment_code *code, char text[ENROLMENT_CODE_TEXT_BYTES]);

/* Reads a typed code: either case, blanks and dashes anywhere, O for 0, I and L for 1. ERROR_INPUT with a
 * text that says what to look for; then *code is left alone. */
bool enrolment_code_parse(const char *text, struct enrolment_code *code, struct error *error);

#endif
