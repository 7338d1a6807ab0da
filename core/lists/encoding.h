/* The bytes of a list as an office keeps it, made text: UTF-8 in NFC. Pure.
 *
 * What stands at the beginning of the file (a byte order mark) is believed; so is text that is valid UTF-8.
 * Of the encodings with one byte for a letter that Viet Nam used, one is assumed only where the text is plain
 * Vietnamese under it and not under the others; else the caller has to name it. */
#ifndef HOPNHAT_LISTS_ENCODING_H
#define HOPNHAT_LISTS_ENCODING_H

#include "base/bytes.h"
#include "base/error.h"

enum list_encoding {
    LIST_UTF8,
    LIST_UTF16LE,
    LIST_UTF16BE,
    LIST_WINDOWS_1258,
    LIST_TCVN3, /* of the ABC fonts (.VnTime), where capitals are a font's matter */
    LIST_VNI,   /* of the VNI fonts: a letter, then a byte for its marks */
    LIST_ENCODINGS,
};

/* Its name, as encoding_named takes it. */
const char *encoding_name(enum list_encoding encoding);

/* The encoding of that name in either case (also cp1258, tcvn, abc, utf16, …). False: none. */
bool encoding_named(const char *name, enum list_encoding *encoding);

/* Tells the encoding; *assumed says that it was concluded from the letters. ERROR_INPUT where it is not
 * safe to tell; the text says what to do (of a workbook too), and where a file of UTF-8 has its first wrong
 * byte. ERROR_MEMORY. */
bool encoding_detect(struct bytes raw, enum list_encoding *encoding, bool *assumed, struct error *error);

/* The text of the file, NUL-ended, malloc'd: the caller frees it. It is in NFC, unless it is JSON: that
 * begins with a brace. A byte order mark is left out, and what a one-byte encoding has no letter for is read
 * as in Windows-1252. NULL with ERROR_INPUT (not of that encoding, or a NUL, with the line), ERROR_MEMORY. */
char *encoding_read(struct bytes raw, enum list_encoding encoding, size_t *size, struct error *error);

#endif
