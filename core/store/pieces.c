#include "store/pieces.h"

#include "base/limits.h"
#include "store/key.h"

#include <xxhash.h>

/* A row: prefix, offset (4, big endian) -> id (8), size of the whole (4), the piece. */
enum { OFFSET_BYTES = 4, HEAD_BYTES = 12 };

uint64_t pieces_id(struct bytes whole)
{
    return XXH3_64bits(whole.data, whole.size);
}

static struct key key_at(struct bytes prefix, uint32_t offset)
{
    struct key key = {0};
    key_add(&key, prefix.data, prefix.size);
    key_add_u32(&key, offset);
    return key;
}

static bool is_piece(const struct cursor *cursor, struct bytes prefix)
{
    return cursor_within(cursor, prefix) && cursor->key.size == prefix.size + OFFSET_BYTES &&
           cursor->value.size > HEAD_BYTES;
}

struct pieces_held pieces_held(struct transaction *transaction, unsigned database, struct bytes prefix)
{
    struct pieces_held held = {0};
    struct key end = key_at(prefix, UINT32_MAX);
    struct cursor last;
    cursor_open(&last, transaction, database);
    if (cursor_seek_before(&last, key_bytes(&end)) && is_piece(&last, prefix)) {
        held.id = get_u64_be(last.value.data);
        held.total_bytes = get_u32_be(last.value.data + 8);
        held.held_bytes = get_u32_be(last.key.data + prefix.size) + (uint32_t)(last.value.size - HEAD_BYTES);
    }
    cursor_close(&last);
    return held;
}

void pieces_clear(struct transaction *transaction, unsigned database, struct bytes prefix)
{
    struct key start = key_at(prefix, 0);
    struct cursor cursor;
    cursor_open(&cursor, transaction, database);
    for (bool here = cursor_seek(&cursor, key_bytes(&start)); here && is_piece(&cursor, prefix);
         here = cursor_next(&cursor))
        cursor_delete(&cursor);
    cursor_close(&cursor);
}

Hopnhat__Piece *pieces_cut(struct bytes whole, const struct pieces_held *held, size_t most,
                           struct arena *arena)
{
    Hopnhat__Piece *piece = arena_alloc(arena, sizeof *piece);
    if (!piece)
        return NULL;
    hopnhat__piece__init(piece);
    piece->id = pieces_id(whole);
    piece->total = (uint32_t)whole.size;
    if (held->id == piece->id && held->held_bytes <= whole.size)
        piece->offset = held->held_bytes;
    size_t left = whole.size - piece->offset;
    piece->has_offset = piece->offset != 0;
    piece->data.len = left < most ? left : most;
    piece->data.data = (uint8_t *)(uintptr_t)whole.data + piece->offset;
    return piece;
}

Hopnhat__Piece *pieces_cut_message(const ProtobufCMessage *message, const struct pieces_held *held,
                                   size_t most, struct arena *arena)
{
    uint8_t *packed = arena_alloc(arena, protobuf_c_message_get_packed_size(message));
    if (!packed)
        return NULL;
    return pieces_cut(bytes_of(packed, protobuf_c_message_pack(message, packed)), held, most, arena);
}

bool pieces_is_last(const Hopnhat__Piece *piece)
{
    return piece->offset + piece->data.len == piece->total;
}

struct pieces_held pieces_told(const Hopnhat__PieceHeld *told)
{
    return told ? (struct pieces_held){told->id, told->total, told->size} : (struct pieces_held){0};
}

/* What is lost with it: of what is whole, which has been of use already, as good as nothing. */
static uint32_t loss(const struct pieces_held *held)
{
    return held->held_bytes && held->held_bytes == held->total_bytes ? 1 : held->held_bytes;
}

size_t pieces_place(const struct pieces_held held[PIECES_AT_ONCE], uint64_t id)
{
    size_t least = 0;
    for (size_t i = 0; i < PIECES_AT_ONCE; i++) {
        if (held[i].held_bytes && held[i].id == id)
            return i;
        if (loss(&held[i]) < loss(&held[least]))
            least = i;
    }
    return least;
}

bool pieces_sound(const Hopnhat__Piece *piece)
{
    return piece->total > 0 && piece->total <= LIMIT_PIECED_BYTES && piece->offset <= piece->total &&
           piece->data.len <= piece->total - piece->offset;
}

struct pieces_held pieces_add(struct transaction *transaction, unsigned database, struct bytes prefix,
                              const Hopnhat__Piece *piece)
{
    struct pieces_held held = pieces_held(transaction, database, prefix);
    if (held.id != piece->id || held.total_bytes != piece->total) {
        if (piece->offset != 0)
            return held;
        pieces_clear(transaction, database, prefix);
        held = (struct pieces_held){.id = piece->id, .total_bytes = piece->total};
    }
    if (piece->offset > held.held_bytes || piece->offset + piece->data.len <= held.held_bytes)
        return held;
    size_t known = held.held_bytes - piece->offset, fresh = piece->data.len - known;
    struct key key = key_at(prefix, held.held_bytes);
    uint8_t *row = transaction_reserve(transaction, database, key_bytes(&key), HEAD_BYTES + fresh);
    if (!row)
        return held;
    put_u64_be(row, piece->id);
    put_u32_be(row + 8, piece->total);
    memcpy(row + HEAD_BYTES, piece->data.data + known, fresh);
    held.held_bytes += (uint32_t)fresh;
    return held;
}

struct bytes pieces_whole(struct transaction *transaction, unsigned database, struct bytes prefix,
                          struct arena *arena)
{
    const struct pieces_held held = pieces_held(transaction, database, prefix);
    struct key start = key_at(prefix, 0);
    struct cursor cursor;
    size_t size = 0;
    if (held.total_bytes == 0 || held.held_bytes != held.total_bytes)
        return bytes_of(NULL, 0);
    uint8_t *whole = arena_alloc(arena, held.total_bytes);
    cursor_open(&cursor, transaction, database);
    for (bool here = whole && cursor_seek(&cursor, key_bytes(&start));
         here && is_piece(&cursor, prefix) && size + cursor.value.size - HEAD_BYTES <= held.total_bytes;
         here = cursor_next(&cursor)) {
        memcpy(whole + size, cursor.value.data + HEAD_BYTES, cursor.value.size - HEAD_BYTES);
        size += cursor.value.size - HEAD_BYTES;
    }
    cursor_close(&cursor);
    if (whole && size == held.total_bytes && pieces_id(bytes_of(whole, size)) == held.id)
        return bytes_of(whole, size);
    pieces_clear(transaction, database, prefix);
    return bytes_of(NULL, 0);
}
