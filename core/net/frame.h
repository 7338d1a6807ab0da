/* One frame on the wire: a byte that says how it is coded, then the message.
 *
 *   0  a packed Message
 *   1  a zstd frame of a packed Message; it names its content size
 *   2  as 1, with the dictionary whose id the zstd frame names. There is one so far, data/wire-1.dictionary,
 * which every version knows (made by tests/bench/dictionary); a later one will have to be announced in Hello
 * and Welcome
 */
#ifndef HOPNHAT_NET_FRAME_H
#define HOPNHAT_NET_FRAME_H

#include "base/arena.h"
#include "base/error.h"
#include "wire.pb-c.h"

/* The compressor's and decompressor's state, reused from frame to frame. One for each thread. */
struct frame_codec;

/* An owned, growing buffer. Begin with {0}. */
struct frame_buffer {
    uint8_t *data;
    size_t size, capacity;
};

/* NULL with ERROR_MEMORY. The caller frees it. */
struct frame_codec *frame_codec_new(struct error *error);
void frame_codec_free(struct frame_codec *codec);

/* Packs the message into *out in place of what it held, compressed where that makes it smaller. The memory
 * of *out stays the caller's and is used again. ERROR_LIMIT for a message that passes a bound; then, as on
 * any error, out->size is 0. */
bool frame_pack(struct frame_codec *codec, const Hopnhat__Message *message, struct frame_buffer *out,
                struct error *error);

/* Reads one frame of an untrusted sender. The result lives in the arena and points at nothing else; there is
 * no need to free it singly. Nothing is allocated before the bounds were checked. NULL with ERROR_LIMIT for
 * what passes a bound, ERROR_CORRUPT for what is no frame or no message (or one that outgrows the arena),
 * ERROR_MEMORY. */
Hopnhat__Message *frame_unpack(struct frame_codec *codec, struct bytes frame, struct arena *arena,
                               struct error *error);

/* The frame in the buffer, valid until the buffer is used again. */
static inline struct bytes frame_buffer_bytes(const struct frame_buffer *buffer)
{
    return bytes_of(buffer->data, buffer->size);
}

/* Gives the memory back; the buffer is empty and may be used again. */
void frame_buffer_release(struct frame_buffer *buffer);

#endif
