#include "base/uuid.h"

#include "base/bytes.h"
#include "base/hex.h"

#include <string.h>

/* The five groups of the text form, in bytes. */
static const unsigned char groups[] = {4, 2, 2, 2, 6};

void record_id_generate(struct record_id *id, uint64_t now_ms, const uint8_t random[10])
{
    uint8_t time[8];
    put_u64_be(time, now_ms);
    memcpy(id->bytes, time + 2, 6);
    memcpy(id->bytes + 6, random, 10);
    id->bytes[6] = (uint8_t)(0x70 | (id->bytes[6] & 0x0f)); /* version 7 */
    id->bytes[8] = (uint8_t)(0x80 | (id->bytes[8] & 0x3f)); /* the variant of RFC 9562 */
}

void record_id_format(const struct record_id *id, char text[RECORD_ID_TEXT_BYTES])
{
    const uint8_t *from = id->bytes;
    for (size_t i = 0; i < sizeof groups; i++) {
        hex_encode(bytes_of(from, groups[i]), text);
        from += groups[i];
        text += (size_t)2 * groups[i];
        if (i + 1 < sizeof groups)
            *text++ = '-';
    }
}

bool record_id_parse(const char *text, struct record_id *id)
{
    struct record_id read;
    uint8_t *to = read.bytes;
    if (strlen(text) != RECORD_ID_TEXT_BYTES - 1)
        return false;
    for (size_t i = 0; i < sizeof groups; i++) {
        if (i > 0 && *text++ != '-')
            return false;
        if (!hex_decode(text, (size_t)2 * groups[i], to))
            return false;
        text += (size_t)2 * groups[i];
        to += groups[i];
    }
    *id = read;
    return true;
}
