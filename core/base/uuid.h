/* Record ids: UUID version 7 (RFC 9562), so that ids made one after the other sort by time. */
#ifndef HOPNHAT_BASE_UUID_H
#define HOPNHAT_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

enum { RECORD_ID_BYTES = 16, RECORD_ID_TEXT_BYTES = 37 /* with the NUL */ };

struct record_id {
    uint8_t bytes[RECORD_ID_BYTES];
};

/* Makes an id of the milliseconds since 1970 (the low 48 bits count) and 74 of the 80 random bits. Pure. */
void record_id_generate(struct record_id *id, uint64_t now_ms, const uint8_t random[10]);

/* Writes the usual text form, 36 characters in lower case, and a NUL. */
void record_id_format(const struct record_id *id, char text[RECORD_ID_TEXT_BYTES]);

/* Reads the 36-character form in either case; any version of UUID. False, leaving *id alone, for all else. */
bool record_id_parse(const char *text, struct record_id *id);

#endif
