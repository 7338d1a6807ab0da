#include "store/backup_file.h"

#include "base/new_file.h"
#include "store/directory.h"

#include <errno.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

enum {
    FORMAT = 1,
    CHUNK_BYTES = 64 * 1024,
    SEALED_CHUNK_BYTES = CHUNK_BYTES + crypto_secretstream_xchacha20poly1305_ABYTES,
    STREAM_KEY_BYTES = crypto_secretstream_xchacha20poly1305_KEYBYTES,
    STREAM_HEADER_BYTES = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    HASH_BYTES = 32,
    MOST_HEADER_BYTES = 64 * 1024,
    MAGIC_BYTES = 16,
};

static const char MAGIC[MAGIC_BYTES + 1] = "hopnhat backup 1";

/* A backup's content on its way in or out. */
struct stream {
    const char *path;
    FILE *file;
    bool sealed;
    crypto_secretstream_xchacha20poly1305_state state;
    struct bytes head; /* the packed head: authenticated with the first chunk */
    uint64_t size;
};

static bool file_error(const char *what, const char *path, struct error *error)
{
    enum error_code code = errno == ENOENT ? ERROR_NOT_FOUND : errno == ENOSPC ? ERROR_FULL : ERROR_STORE;
    return error_set(error, code, "%s %s: %s", what, path, strerror(errno));
}

static FILE *open_new(const char *path, struct error *error)
{
    int descriptor = new_file_open(path, 0600);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w+b");
    if (!file) {
        file_error("cannot make", path, error);
        if (descriptor >= 0)
            close(descriptor);
    }
    return file;
}

static bool put(struct stream *stream, const void *data, size_t size, struct error *error)
{
    return fwrite(data, 1, size, stream->file) == size || file_error("cannot write", stream->path, error);
}

/* Hash and size of the file's content. */
static bool measure(const char *path, uint8_t hash[HASH_BYTES], uint64_t *size, struct error *error)
{
    crypto_generichash_state state;
    uint8_t chunk[CHUNK_BYTES];
    size_t count;
    FILE *file = fopen(path, "rb");
    if (!file)
        return file_error("cannot read", path, error);
    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
    *size = 0;
    while ((count = fread(chunk, 1, sizeof chunk, file)) > 0) {
        crypto_generichash_update(&state, chunk, count);
        *size += count;
    }
    bool read = !ferror(file);
    crypto_generichash_final(&state, hash, HASH_BYTES);
    fclose(file);
    return read || file_error("cannot read", path, error);
}

static bool put_chunk(struct stream *stream, const uint8_t *chunk, size_t size, bool last,
                      struct error *error)
{
    uint8_t sealed[SEALED_CHUNK_BYTES];
    unsigned char tag = last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0;
    if (!stream->sealed)
        return put(stream, chunk, size, error);
    crypto_secretstream_xchacha20poly1305_push(&stream->state, sealed, NULL, chunk, size, stream->head.data,
                                               stream->head.size, tag);
    stream->head = bytes_of(NULL, 0);
    return put(stream, sealed, size + crypto_secretstream_xchacha20poly1305_ABYTES, error);
}

/* The content in chunks, all of full size but for the last. */
static bool put_content(struct stream *stream, const char *copy, struct error *error)
{
    uint8_t chunk[CHUNK_BYTES];
    FILE *from = fopen(copy, "rb");
    bool done = from || file_error("cannot read", copy, error), last = false;
    while (done && !last) {
        size_t size = fread(chunk, 1, sizeof chunk, from);
        int next = fgetc(from);
        last = next == EOF;
        if (!last)
            ungetc(next, from);
        done = !ferror(from) || file_error("cannot read", copy, error);
        done = done && put_chunk(stream, chunk, size, last, error);
    }
    if (from)
        fclose(from);
    return done;
}

static bool put_head(struct stream *stream, const uint8_t stream_key[STREAM_KEY_BYTES], struct error *error)
{
    uint8_t size[4], header[STREAM_HEADER_BYTES], hash[HASH_BYTES];
    put_u32_le(size, (uint32_t)stream->head.size);
    crypto_generichash(hash, sizeof hash, stream->head.data, stream->head.size, NULL, 0);
    if (!put(stream, MAGIC, MAGIC_BYTES, error) || !put(stream, size, sizeof size, error) ||
        !put(stream, stream->head.data, stream->head.size, error) || !put(stream, hash, sizeof hash, error))
        return false;
    if (!stream->sealed)
        return true;
    crypto_secretstream_xchacha20poly1305_init_push(&stream->state, header, stream_key);
    return put(stream, header, sizeof header, error);
}

/* Fills in what the content decides, and packs the head. */
static bool fill_header(const char *copy, Hopnhat__BackupHeader *header, const uint8_t *recovery_key,
                        const uint8_t stream_key[STREAM_KEY_BYTES], struct arena *arena, struct bytes *packed,
                        struct error *error)
{
    static const size_t SEALED_KEY_BYTES = STREAM_KEY_BYTES + crypto_box_SEALBYTES;
    uint8_t *hash = arena_alloc(arena, HASH_BYTES), *sealed = arena_alloc(arena, SEALED_KEY_BYTES);
    if (!hash || !sealed)
        return out_of_memory(error);
    if (!measure(copy, hash, &header->content_bytes, error))
        return false;
    header->format = FORMAT;
    header->content_hash = (ProtobufCBinaryData){HASH_BYTES, hash};
    header->has_recovery_key = header->has_sealed_key = recovery_key != NULL;
    if (recovery_key) {
        header->recovery_key.len = RECOVERY_KEY_BYTES;
        header->recovery_key.data = arena_copy(arena, recovery_key, RECOVERY_KEY_BYTES);
        header->sealed_key = (ProtobufCBinaryData){SEALED_KEY_BYTES, sealed};
        if (!header->recovery_key.data)
            return out_of_memory(error);
        if (crypto_box_seal(sealed, stream_key, STREAM_KEY_BYTES, recovery_key) != 0)
            return error_set(error, ERROR_INPUT, "the recovery key cannot be used");
    }
    size_t size = hopnhat__backup_header__get_packed_size(header);
    uint8_t *data = arena_alloc(arena, size);
    if (!data)
        return out_of_memory(error);
    hopnhat__backup_header__pack(header, data);
    *packed = bytes_of(data, size);
    return true;
}

static bool get(struct stream *stream, void *data, size_t size, struct error *error)
{
    if (fread(data, 1, size, stream->file) == size)
        return true;
    if (ferror(stream->file))
        return file_error("cannot read", stream->path, error);
    return error_set(error, ERROR_CORRUPT, "%s ends too early: it is no whole backup", stream->path);
}

/* Whether the head is followed by its hash. */
static bool get_head_hash(struct stream *stream, struct error *error)
{
    uint8_t stored[HASH_BYTES], hash[HASH_BYTES];
    if (!get(stream, stored, sizeof stored, error))
        return false;
    crypto_generichash(hash, sizeof hash, stream->head.data, stream->head.size, NULL, 0);
    return memcmp(hash, stored, sizeof hash) == 0 ||
           error_set(error, ERROR_CORRUPT, "%s has been altered: its head is not what was written",
                     stream->path);
}

/* Opens the file and reads its head; *stream stands at the content. The file is closed on error. */
static Hopnhat__BackupHeader *get_head(struct stream *stream, struct arena *arena, struct error *error)
{
    uint8_t magic[MAGIC_BYTES], size[4];
    Hopnhat__BackupHeader *header = NULL;
    stream->file = fopen(stream->path, "rb");
    if (!stream->file) {
        file_error("cannot read", stream->path, error);
        return NULL;
    }
    if (get(stream, magic, sizeof magic, error) && get(stream, size, sizeof size, error)) {
        size_t count = (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
        uint8_t *data = count <= MOST_HEADER_BYTES ? arena_alloc(arena, count + 1) : NULL;
        bool is_backup = memcmp(magic, MAGIC, MAGIC_BYTES) == 0 && data;
        if (!is_backup)
            error_set(error, ERROR_CORRUPT, "%s is no backup of hopnhat", stream->path);
        stream->head = bytes_of(data, count);
        if (is_backup && get(stream, data, count, error) && get_head_hash(stream, error) &&
            !(header = hopnhat__backup_header__unpack(&arena->protobuf, count, data)))
            error_set(error, ERROR_CORRUPT, "the head of %s cannot be read", stream->path);
    }
    if (header && header->format > FORMAT) {
        error_set(error, ERROR_REFUSED, "%s was written by a newer program: use that one", stream->path);
        header = NULL;
    }
    if (!header)
        fclose(stream->file);
    return header;
}

/* The next chunk of content, of *size bytes; *last where nothing follows. */
static bool get_chunk(struct stream *stream, uint64_t left, uint8_t chunk[CHUNK_BYTES], size_t *size,
                      struct error *error)
{
    uint8_t sealed[SEALED_CHUNK_BYTES];
    unsigned long long opened = 0;
    unsigned char tag;
    *size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    if (!stream->sealed)
        return get(stream, chunk, *size, error);
    size_t count = *size + crypto_secretstream_xchacha20poly1305_ABYTES;
    if (!get(stream, sealed, count, error))
        return false;
    bool fits = crypto_secretstream_xchacha20poly1305_pull(&stream->state, chunk, &opened, &tag, sealed,
                                                           count, stream->head.data, stream->head.size) == 0;
    stream->head = bytes_of(NULL, 0);
    return (fits && opened == *size) || error_set(error, ERROR_CORRUPT, "%s has been altered", stream->path);
}

/* Reads the content to its end, into `to` (NULL: nowhere), and checks its hash. Closes the file. */
static bool get_content(struct stream *stream, const Hopnhat__BackupHeader *header, const uint8_t *stream_key,
                        FILE *to, const char *to_path, struct error *error)
{
    uint8_t chunk[CHUNK_BYTES], hash[HASH_BYTES], stream_header[STREAM_HEADER_BYTES];
    crypto_generichash_state state;
    uint64_t left = header->content_bytes;
    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
    stream->sealed = header->has_sealed_key;
    bool done = !stream->sealed || get(stream, stream_header, sizeof stream_header, error);
    if (done && stream->sealed &&
        crypto_secretstream_xchacha20poly1305_init_pull(&stream->state, stream_header, stream_key) != 0)
        done = error_set(error, ERROR_CORRUPT, "%s has been altered", stream->path);
    while (done && left) {
        size_t size;
        done = get_chunk(stream, left, chunk, &size, error);
        if (!done)
            break;
        crypto_generichash_update(&state, chunk, size);
        left -= size;
        if (to && fwrite(chunk, 1, size, to) != size)
            done = file_error("cannot write", to_path, error);
    }
    if (done && fgetc(stream->file) != EOF)
        done = error_set(error, ERROR_CORRUPT, "%s is longer than it was written", stream->path);
    fclose(stream->file);
    crypto_generichash_final(&state, hash, HASH_BYTES);
    if (done && !bytes_equal(bytes_of(hash, HASH_BYTES),
                             bytes_of(header->content_hash.data, header->content_hash.len)))
        done = error_set(error, ERROR_CORRUPT, "%s has been altered: its content is not what was written",
                         stream->path);
    return done;
}

/* The directory's entry of the file is on disk too. */
static bool sync_directory_of(const char *path, struct error *error)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    return directory_sync(dirname(copy), error);
}

static bool close_new(FILE *file, const char *path, struct error *error)
{
    bool done = (fflush(file) == 0 && fsync(fileno(file)) == 0) || file_error("cannot write", path, error);
    if (fclose(file) != 0 && done)
        done = file_error("cannot write", path, error);
    return done;
}

static bool write_and_read(const char *copy, const char *part, struct bytes head,
                           const Hopnhat__BackupHeader *header, const uint8_t *stream_key,
                           struct arena *arena, struct error *error)
{
    struct stream out = {.path = part, .sealed = header->has_sealed_key, .head = head};
    struct stream in = {.path = part};
    if (!(out.file = open_new(part, error)))
        return false;
    bool done = put_head(&out, stream_key, error) && put_content(&out, copy, error);
    struct error closing;
    if (!close_new(out.file, part, done ? error : &closing) || !done)
        return false;
    const Hopnhat__BackupHeader *again = get_head(&in, arena, error);
    return again && get_content(&in, again, stream_key, NULL, NULL, error);
}

bool backup_file_write(const char *copy, const char *path, Hopnhat__BackupHeader *header,
                       const uint8_t *recovery_key, struct arena *arena, struct error *error)
{
    uint8_t stream_key[STREAM_KEY_BYTES];
    struct bytes head;
    char *part = arena_format(arena, "%s.part", path);
    if (!part)
        return out_of_memory(error);
    crypto_secretstream_xchacha20poly1305_keygen(stream_key);
    bool done = fill_header(copy, header, recovery_key, stream_key, arena, &head, error) &&
                write_and_read(copy, part, head, header, stream_key, arena, error);
    sodium_memzero(stream_key, sizeof stream_key);
    if (done && rename(part, path) != 0)
        done = file_error("cannot put in place", path, error);
    if (!done)
        unlink(part);
    return done && sync_directory_of(path, error);
}

Hopnhat__BackupHeader *backup_file_header(const char *path, struct arena *arena, struct error *error)
{
    struct stream stream = {.path = path};
    Hopnhat__BackupHeader *header = get_head(&stream, arena, error);
    if (header)
        fclose(stream.file);
    return header;
}

static bool open_key(const char *path, const Hopnhat__BackupHeader *header, const struct recovery_key *key,
                     uint8_t stream_key[STREAM_KEY_BYTES], struct error *error)
{
    if (!header->has_sealed_key)
        return true;
    if (!key || !key->has_secret)
        return error_set(error, ERROR_REFUSED,
                         "%s is sealed: name the file of its recovery key (with the secret)", path);
    if (header->sealed_key.len != STREAM_KEY_BYTES + crypto_box_SEALBYTES ||
        crypto_box_seal_open(stream_key, header->sealed_key.data, header->sealed_key.len, key->public_key,
                             key->secret_key) != 0)
        return error_set(error, ERROR_REFUSED, "%s is sealed to another recovery key", path);
    return true;
}

bool backup_file_extract(const char *path, const struct recovery_key *key, const char *to,
                         struct arena *arena, struct error *error)
{
    struct stream stream = {.path = path};
    uint8_t stream_key[STREAM_KEY_BYTES] = {0};
    Hopnhat__BackupHeader *header = get_head(&stream, arena, error);
    if (!header)
        return false;
    FILE *out = NULL;
    if (!open_key(path, header, key, stream_key, error) || !(out = open_new(to, error))) {
        fclose(stream.file);
        return false;
    }
    bool done = get_content(&stream, header, stream_key, out, to, error);
    struct error closing;
    sodium_memzero(stream_key, sizeof stream_key);
    if (!close_new(out, to, done ? error : &closing))
        done = false;
    if (!done)
        unlink(to);
    return done;
}
