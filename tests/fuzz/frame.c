/* libFuzzer: frame_unpack on anything, and what it takes can be packed and read again. Read again is not
 * always taken again: protobuf-c bears with a field number 0 in a long form, writes it in the short one, and
 * refuses that. */
#include "net/frame.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct arena arena;
    struct frame_buffer buffer = {0};
    struct frame_codec *codec = frame_codec_new(&error);
    fuzz_assert(codec != NULL);
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    Hopnhat__Message *message = frame_unpack(codec, bytes_of(data, size), &arena, &error);
    if (message) {
        fuzz_assert(frame_pack(codec, message, &buffer, &error));
        frame_unpack(codec, frame_buffer_bytes(&buffer), &arena, &error);
    }
    frame_buffer_release(&buffer);
    arena_release(&arena);
    frame_codec_free(codec);
    return 0;
}
