#include "net/frame.h"

#include "base/limits.h"

#include <stdlib.h>
#include <zstd.h>

extern const unsigned char wire_dictionary[];
extern const size_t wire_dictionary_size;

enum { FLAG_PLAIN = 0, FLAG_ZSTD = 1, FLAG_DICTIONARY = 2 };
enum {
    FLAG_BYTES = 1,
    COMPRESSION_LEVEL = 3,
    DICTIONARY_NUMBER = 1,
    DICTIONARY_BELOW_BYTES = 6 * 1024, /* larger messages are smaller without */
};

struct frame_codec {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    ZSTD_CDict *to;
    ZSTD_DDict *from;
    struct frame_buffer packed; /* a message on its way to the compressor */
};

/* A buffer that has grown past this is given back after its use: large messages are rare. */
enum { KEPT_CAPACITY_BYTES = 1024 * 1024 };

struct frame_codec *frame_codec_new(struct error *error)
{
    struct frame_codec *codec = calloc(1, sizeof *codec);
    if (codec) {
        codec->compressor = ZSTD_createCCtx();
        codec->decompressor = ZSTD_createDCtx();
        codec->to = ZSTD_createCDict(wire_dictionary, wire_dictionary_size, COMPRESSION_LEVEL);
        codec->from = ZSTD_createDDict(wire_dictionary, wire_dictionary_size);
    }
    if (!codec || !codec->compressor || !codec->decompressor || !codec->to || !codec->from) {
        frame_codec_free(codec);
        error_set(error, ERROR_MEMORY, "out of memory for the frame codec");
        return NULL;
    }
    return codec;
}

void frame_codec_free(struct frame_codec *codec)
{
    if (!codec)
        return;
    ZSTD_freeCCtx(codec->compressor);
    ZSTD_freeDCtx(codec->decompressor);
    ZSTD_freeCDict(codec->to);
    ZSTD_freeDDict(codec->from);
    frame_buffer_release(&codec->packed);
    free(codec);
}

void frame_buffer_release(struct frame_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct frame_buffer){0};
}

/* Room for size bytes; what the buffer held is lost. */
static bool reserve(struct frame_buffer *buffer, size_t size, struct error *error)
{
    buffer->size = 0;
    if (size <= buffer->capacity)
        return true;
    frame_buffer_release(buffer);
    buffer->data = malloc(size);
    if (!buffer->data)
        return error_set(error, ERROR_MEMORY, "out of memory for a frame of %zu bytes", size);
    buffer->capacity = size;
    return true;
}

static bool compress_into(struct frame_codec *codec, struct bytes packed, struct frame_buffer *out,
                          struct error *error)
{
    size_t bound = FLAG_BYTES + ZSTD_compressBound(packed.size);
    if (!reserve(out, bound, error))
        return false;
    bool dictionary = packed.size < DICTIONARY_BELOW_BYTES;
    uint8_t *to = out->data + FLAG_BYTES;
    size_t room = bound - FLAG_BYTES;
    size_t size =
        dictionary
            ? ZSTD_compress_usingCDict(codec->compressor, to, room, packed.data, packed.size, codec->to)
            : ZSTD_compressCCtx(codec->compressor, to, room, packed.data, packed.size, COMPRESSION_LEVEL);
    if (ZSTD_isError(size))
        return error_set(error, ERROR_MEMORY, "cannot compress a message: %s", ZSTD_getErrorName(size));
    if (size >= packed.size)
        return true; /* out->size is 0: not worth it */
    out->data[0] = dictionary ? FLAG_DICTIONARY : FLAG_ZSTD;
    out->size = FLAG_BYTES + size;
    return true;
}

static bool copy_into(struct bytes packed, struct frame_buffer *out, struct error *error)
{
    if (!reserve(out, FLAG_BYTES + packed.size, error))
        return false;
    out->data[0] = FLAG_PLAIN;
    memcpy(out->data + FLAG_BYTES, packed.data, packed.size);
    out->size = FLAG_BYTES + packed.size;
    return true;
}

static bool pack_large(struct frame_codec *codec, const Hopnhat__Message *message, size_t size,
                       struct frame_buffer *out, struct error *error)
{
    if (!reserve(&codec->packed, size, error))
        return false;
    struct bytes packed = bytes_of(codec->packed.data, hopnhat__message__pack(message, codec->packed.data));
    bool done = compress_into(codec, packed, out, error) && (out->size > 0 || copy_into(packed, out, error));
    if (codec->packed.capacity > KEPT_CAPACITY_BYTES)
        frame_buffer_release(&codec->packed);
    return done;
}

bool frame_pack(struct frame_codec *codec, const Hopnhat__Message *message, struct frame_buffer *out,
                struct error *error)
{
    out->size = 0;
    size_t size = hopnhat__message__get_packed_size(message);
    if (size > LIMIT_MESSAGE_BYTES)
        return error_set(error, ERROR_LIMIT, "a message of %zu bytes; LIMIT_MESSAGE_BYTES is %d", size,
                         LIMIT_MESSAGE_BYTES);
    if (size > LIMIT_COMPRESS_ABOVE_BYTES) {
        if (!pack_large(codec, message, size, out, error))
            return false;
    } else {
        if (!reserve(out, FLAG_BYTES + size, error))
            return false;
        out->data[0] = FLAG_PLAIN;
        out->size = FLAG_BYTES + hopnhat__message__pack(message, out->data + FLAG_BYTES);
    }
    if (out->size > LIMIT_FRAME_BYTES) {
        size_t too_large = out->size;
        out->size = 0;
        return error_set(error, ERROR_LIMIT, "a frame of %zu bytes; LIMIT_FRAME_BYTES is %d", too_large,
                         LIMIT_FRAME_BYTES);
    }
    return true;
}

/* The size is read from the zstd frame's own header, so that a bomb is refused before it unfolds. */
static bool decompress(struct frame_codec *codec, struct bytes body, bool dictionary, struct arena *arena,
                       struct bytes *packed, struct error *error)
{
    unsigned long long size = ZSTD_getFrameContentSize(body.data, body.size);
    if (size == ZSTD_CONTENTSIZE_ERROR)
        return error_set(error, ERROR_CORRUPT, "a frame that is no zstd frame");
    if (size == ZSTD_CONTENTSIZE_UNKNOWN)
        return error_set(error, ERROR_CORRUPT, "a compressed frame that does not name its content size");
    if (size > LIMIT_MESSAGE_BYTES)
        return error_set(error, ERROR_LIMIT, "a frame that unfolds to %llu bytes; LIMIT_MESSAGE_BYTES is %d",
                         size, LIMIT_MESSAGE_BYTES);
    if (ZSTD_getDictID_fromFrame(body.data, body.size) != (dictionary ? DICTIONARY_NUMBER : 0))
        return error_set(error, ERROR_CORRUPT, "a compressed frame with a dictionary that is not known here");
    if (ZSTD_findFrameCompressedSize(body.data, body.size) != body.size)
        return error_set(error, ERROR_CORRUPT, "a compressed frame that is cut or has something behind it");
    uint8_t *to = arena_alloc(arena, (size_t)size);
    if (!to)
        return error_set(error, ERROR_MEMORY, "out of memory for a message of %llu bytes", size);
    size_t got = dictionary
                     ? ZSTD_decompress_usingDDict(codec->decompressor, to, (size_t)size, body.data, body.size,
                                                  codec->from)
                     : ZSTD_decompressDCtx(codec->decompressor, to, (size_t)size, body.data, body.size);
    if (ZSTD_isError(got) || got != size)
        return error_set(error, ERROR_CORRUPT, "a compressed frame that does not unfold: %s",
                         ZSTD_isError(got) ? ZSTD_getErrorName(got) : "wrong content size");
    *packed = bytes_of(to, got);
    return true;
}

Hopnhat__Message *frame_unpack(struct frame_codec *codec, struct bytes frame, struct arena *arena,
                               struct error *error)
{
    if (frame.size > LIMIT_FRAME_BYTES) {
        error_set(error, ERROR_LIMIT, "a frame of %zu bytes; LIMIT_FRAME_BYTES is %d", frame.size,
                  LIMIT_FRAME_BYTES);
        return NULL;
    }
    if (frame.size < FLAG_BYTES) {
        error_set(error, ERROR_CORRUPT, "an empty frame");
        return NULL;
    }
    struct bytes packed = bytes_of(frame.data + FLAG_BYTES, frame.size - FLAG_BYTES);
    if (frame.data[0] == FLAG_ZSTD || frame.data[0] == FLAG_DICTIONARY) {
        if (!decompress(codec, packed, frame.data[0] == FLAG_DICTIONARY, arena, &packed, error))
            return NULL;
    } else if (frame.data[0] != FLAG_PLAIN) {
        error_set(error, ERROR_CORRUPT, "a frame coded as %u, which this version does not know",
                  (unsigned)frame.data[0]);
        return NULL;
    }
    Hopnhat__Message *message = hopnhat__message__unpack(&arena->protobuf, packed.size, packed.data);
    if (!message)
        error_set(error, ERROR_CORRUPT,
                  "a frame of %zu bytes that holds no message, or one too large to unpack", frame.size);
    return message;
}
