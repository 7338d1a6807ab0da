/* Unicode text: is it valid, its one stored form (NFC), and the form in which it is searched and matched.
 * Pure: no locale, no I/O. Text is UTF-8; a NUL is never part of it. */
#ifndef HOPNHAT_BASE_TEXT_H
#define HOPNHAT_BASE_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

/* Whether text is valid UTF-8 (no surrogates, nothing overlong) and holds no NUL. */
bool text_is_utf8(struct bytes text);

/* Whether text is valid as above and in NFC. Allocates nothing for ASCII and for usual Vietnamese text.
 * Errors: ERROR_INPUT (what is wrong with it), ERROR_MEMORY. */
bool text_check_nfc(struct bytes text, struct error *error);

/* text in NFC, NUL-ended, owned by the arena. Errors: ERROR_INPUT (not valid), ERROR_MEMORY. */
char *text_nfc(struct arena *arena, struct bytes text, struct error *error);

/* text as it is searched and matched, NUL-ended, owned by the arena: decomposed (compatibility forms too),
 * without marks, case-folded, đ and Đ as d, each run of white space (no-break spaces are that too) as one
 * blank, none at the ends, invisible characters left out. "Quảng  Trị", "QUANG TRI" and "quang tri" are one.
 * Errors: ERROR_INPUT (not valid), ERROR_MEMORY. */
char *text_fold(struct arena *arena, struct bytes text, struct error *error);

/* text without white space (no-break spaces are that too) at both ends; borrowed from text, which is valid.
 */
struct bytes text_trim(struct bytes text);

#endif
