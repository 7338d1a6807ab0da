/* libFuzzer: a bundle, as somebody carries it in. The first byte says what follows: an even one the file, an
 * odd one what a file holds once it is opened, so that the search need not break the seal. */
#include "net/bundle.h"
#include "base/limits.h"
#include "fuzz/fuzz.h"

static void read_messages(struct bundle_reader *reader, struct arena *arena)
{
    struct error error;
    bool end = false;
    size_t left = reader->left.size;
    while (bundle_next(reader, arena, &end, &error)) {
        fuzz_assert(reader->left.size < left);
        left = reader->left.size;
    }
    fuzz_assert(!end || left == 0);
}

static void read_file(struct bytes file, struct arena *arena)
{
    static const uint8_t seed[SIGNING_SEED_BYTES] = {7};
    struct bundle_reader reader;
    struct signing_keys signer;
    struct link_keys own = {.secret_key = {64}};
    struct error error;
    fuzz_assert(link_keys_from_secret(&own, &error));
    signing_keys_from_seed(&signer, seed);
    if (!bundle_header(file, HOPNHAT__BUNDLE_KIND__BUNDLE_CHANGES, arena, &error))
        return;
    if (bundle_open(&reader, file, signer.public_key, &own, arena, &error))
        read_messages(&reader, arena);
    bundle_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    struct bytes rest = bytes_of(data + (size > 0), size - (size > 0));
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    if (size && data[0] % 2) {
        struct bundle_reader reader = {.codec = frame_codec_new(&error), .left = rest};
        fuzz_assert(reader.codec != NULL);
        read_messages(&reader, &arena);
        bundle_close(&reader);
    } else {
        read_file(rest, &arena);
    }
    arena_release(&arena);
    return 0;
}
