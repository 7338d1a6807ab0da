#include "net/bundle.h"

#include "base/limits.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC_BYTES = 16, SIZE_BYTES = 4, HEADER_BYTES = 4096, HASH_BYTES = 32 };

/* Also what stands first in what is signed: magic, size of the header, header. */
static const char MAGIC[MAGIC_BYTES + 1] = "hopnhat bundle 1";

/* The parts of a file that has all of them. */
struct layout {
    struct bytes signed_part, header, signature, sealed;
};

bool bundle_start(struct bundle *bundle, struct error *error)
{
    *bundle = (struct bundle){.codec = frame_codec_new(error)};
    return bundle->codec != NULL;
}

void bundle_release(struct bundle *bundle)
{
    frame_codec_free(bundle->codec);
    frame_buffer_release(&bundle->frame);
    frame_buffer_release(&bundle->content);
    *bundle = (struct bundle){0};
}

static bool append(struct frame_buffer *to, struct bytes bytes, struct error *error)
{
    if (to->size + bytes.size > to->capacity) {
        size_t capacity = 2 * to->capacity + bytes.size;
        uint8_t *data = realloc(to->data, capacity);
        if (!data)
            return out_of_memory(error);
        to->data = data;
        to->capacity = capacity;
    }
    memcpy(to->data + to->size, bytes.data, bytes.size);
    to->size += bytes.size;
    return true;
}

bool bundle_add(struct bundle *bundle, const Hopnhat__Message *message, struct error *error)
{
    uint8_t size[SIZE_BYTES];
    if (!frame_pack(bundle->codec, message, &bundle->frame, error))
        return false;
    if (bundle->content.size + SIZE_BYTES + bundle->frame.size > LIMIT_BUNDLE_BYTES) {
        bundle->full = true;
        return true;
    }
    put_u32_le(size, (uint32_t)bundle->frame.size);
    return append(&bundle->content, bytes_of(size, sizeof size), error) &&
           append(&bundle->content, frame_buffer_bytes(&bundle->frame), error);
}

static bool hash(struct bytes sealed, uint8_t to[HASH_BYTES])
{
    return crypto_generichash(to, HASH_BYTES, sealed.data, sealed.size, NULL, 0) == 0;
}

bool bundle_finish(struct bundle *bundle, const struct bundle_parties *parties, struct arena *arena,
                   struct bytes *file, struct error *error)
{
    Hopnhat__BundleHeader *header = parties->header;
    uint8_t seed[LINK_KEY_BYTES], content_hash[HASH_BYTES] = {0};
    header->content_bytes = bundle->content.size + SEAL_BYTES;
    header->content_hash = (ProtobufCBinaryData){HASH_BYTES, content_hash};
    size_t header_size = hopnhat__bundle_header__get_packed_size(header);
    size_t signed_size = MAGIC_BYTES + SIZE_BYTES + header_size;
    size_t size = signed_size + SIGNATURE_BYTES + bundle->content.size + SEAL_BYTES;
    uint8_t *made = arena_alloc(arena, size);
    if (!made)
        return out_of_memory(error);
    uint8_t *sealed = made + signed_size + SIGNATURE_BYTES;
    parties->entropy->fill(parties->entropy->context, seed, sizeof seed);
    bool done = keys_seal(parties->recipient, seed, frame_buffer_bytes(&bundle->content), sealed, error);
    keys_wipe(seed, sizeof seed);
    if (!done || !hash(bytes_of(sealed, header->content_bytes), content_hash))
        return done && error_set(error, ERROR_INTERNAL, "a bundle cannot be hashed");
    memcpy(made, MAGIC, MAGIC_BYTES);
    put_u32_le(made + MAGIC_BYTES, (uint32_t)header_size);
    hopnhat__bundle_header__pack(header, made + MAGIC_BYTES + SIZE_BYTES);
    keys_sign(parties->signer, bytes_of(made, signed_size), made + signed_size);
    *file = bytes_of(made, size);
    return true;
}

static bool cut_short(struct error *error)
{
    return error_set(error, ERROR_CORRUPT,
                     "the bundle is cut short: copy the file again, or have it exported again");
}

static bool changed(struct error *error)
{
    return error_set(
        error, ERROR_CORRUPT,
        "the bundle has been changed since it was made: copy the file again, or have it exported again");
}

static bool split(struct bytes file, struct layout *layout, struct error *error)
{
    const size_t before = MAGIC_BYTES + SIZE_BYTES;
    if (file.size < MAGIC_BYTES || memcmp(file.data, MAGIC, MAGIC_BYTES) != 0)
        return error_set(error, ERROR_INPUT, "the file is no bundle");
    if (file.size < before)
        return cut_short(error);
    size_t header_size = get_u32_le(file.data + MAGIC_BYTES);
    if (header_size > HEADER_BYTES)
        return changed(error);
    if (file.size - before < header_size + SIGNATURE_BYTES)
        return cut_short(error);
    size_t sealed_at = before + header_size + SIGNATURE_BYTES;
    layout->signed_part = bytes_of(file.data, before + header_size);
    layout->header = bytes_of(file.data + before, header_size);
    layout->signature = bytes_of(file.data + before + header_size, SIGNATURE_BYTES);
    layout->sealed = bytes_of(file.data + sealed_at, file.size - sealed_at);
    return true;
}

static const char *made_for(Hopnhat__BundleKind kind)
{
    switch (kind) {
    case HOPNHAT__BUNDLE_KIND__BUNDLE_CHANGES:
        return "the bundle holds an office's changes: import it at the hub, with hopnhat-hub";
    case HOPNHAT__BUNDLE_KIND__BUNDLE_ANSWER:
        return "the bundle holds the hub's answer: import it at the office, with hopnhat-agent";
    default:
        return "the bundle was made by a newer program: upgrade this one";
    }
}

Hopnhat__BundleHeader *bundle_header(struct bytes file, Hopnhat__BundleKind kind, struct arena *arena,
                                     struct error *error)
{
    struct layout layout;
    uint8_t content_hash[HASH_BYTES];
    if (!split(file, &layout, error))
        return NULL;
    Hopnhat__BundleHeader *header =
        hopnhat__bundle_header__unpack(&arena->protobuf, layout.header.size, layout.header.data);
    if (!header || header->link_key.len != LINK_KEY_BYTES || header->hub_key.len != LINK_KEY_BYTES ||
        header->content_hash.len != HASH_BYTES || strlen(header->office) > LIMIT_OFFICE_CODE_BYTES)
        changed(error);
    else if (layout.sealed.size < header->content_bytes)
        cut_short(error);
    else if (layout.sealed.size > header->content_bytes || header->content_bytes < SEAL_BYTES ||
             !hash(layout.sealed, content_hash) ||
             memcmp(content_hash, header->content_hash.data, HASH_BYTES) != 0)
        changed(error);
    else if (header->kind != kind)
        error_set(error, ERROR_INPUT, "%s", made_for(header->kind));
    else
        return header;
    return NULL;
}

bool bundle_open(struct bundle_reader *reader, struct bytes file, const uint8_t signer[SIGNING_KEY_BYTES],
                 const struct link_keys *own, struct arena *arena, struct error *error)
{
    struct layout layout;
    *reader = (struct bundle_reader){0};
    if (!split(file, &layout, error))
        return false;
    if (layout.sealed.size < SEAL_BYTES || layout.sealed.size > LIMIT_BUNDLE_BYTES + SEAL_BYTES)
        return error_set(error, ERROR_LIMIT, "the bundle passes LIMIT_BUNDLE_BYTES");
    if (!keys_verify(signer, layout.signed_part, layout.signature))
        return changed(error);
    uint8_t *content = arena_alloc(arena, layout.sealed.size);
    if (!content)
        return out_of_memory(error);
    if (!keys_open(own, layout.sealed, content))
        return error_set(error, ERROR_REFUSED, "the bundle is sealed to another machine's key");
    reader->left = bytes_of(content, layout.sealed.size - SEAL_BYTES);
    reader->codec = frame_codec_new(error);
    return reader->codec != NULL;
}

void bundle_close(struct bundle_reader *reader)
{
    frame_codec_free(reader->codec);
    *reader = (struct bundle_reader){0};
}

Hopnhat__Message *bundle_next(struct bundle_reader *reader, struct arena *arena, bool *end,
                              struct error *error)
{
    *end = reader->left.size == 0;
    if (*end)
        return NULL;
    size_t room = reader->left.size < SIZE_BYTES ? 0 : reader->left.size - SIZE_BYTES;
    size_t size = room ? get_u32_le(reader->left.data) : 0;
    if (size == 0 || size > room) {
        error_set(error, ERROR_CORRUPT, "the bundle's content is not well formed");
        return NULL;
    }
    struct bytes frame = bytes_of(reader->left.data + SIZE_BYTES, size);
    reader->left = bytes_of(frame.data + size, room - size);
    return frame_unpack(reader->codec, frame, arena, error);
}
