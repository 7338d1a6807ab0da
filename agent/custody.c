#include "agent/custody.h"

#include "base/log.h"
#include "store/key.h"

enum { LAST_BYTES = 8, RUNS = 256, GIVEN = 256 };

bool custody_holds(struct transaction *transaction)
{
    return transaction_count(transaction, AGENT_CUSTODY) > 0;
}

/* Adds the piece to the last run, or begins another. */
static void extend(Hopnhat__Custody *custody, uint64_t replica, uint64_t first, uint64_t last)
{
    uint64_t *run = custody->n_have ? custody->have + custody->n_have - 3 : NULL;
    if (run && run[0] == replica && first <= run[2] + 1) {
        if (last > run[2])
            run[2] = last;
        return;
    }
    if (custody->n_have == (size_t)3 * RUNS)
        return;
    custody->have[custody->n_have++] = replica;
    custody->have[custody->n_have++] = first;
    custody->have[custody->n_have++] = last;
}

void custody_list(struct transaction *transaction, Hopnhat__Custody *custody, struct arena *arena)
{
    struct cursor cursor;
    custody->have = arena_alloc(arena, (size_t)3 * RUNS * sizeof *custody->have);
    if (!custody->have) {
        agent_fail_memory(transaction);
        return;
    }
    cursor_open(&cursor, transaction, AGENT_CUSTODY);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor))
        if (cursor.key.size == 16 && cursor.value.size > LAST_BYTES)
            extend(custody, get_u64_be(cursor.key.data), get_u64_be(cursor.key.data + 8),
                   get_u64_be(cursor.value.data));
    cursor_close(&cursor);
}

static Hopnhat__CustodyPiece *piece_at(const struct cursor *cursor, struct arena *arena)
{
    Hopnhat__CustodyPiece *piece = arena_alloc(arena, sizeof *piece);
    if (!piece)
        return NULL;
    hopnhat__custody_piece__init(piece);
    piece->replica = get_u64_be(cursor->key.data);
    piece->first = get_u64_be(cursor->key.data + 8);
    piece->last = get_u64_be(cursor->value.data);
    piece->sealed.len = cursor->value.size - LAST_BYTES;
    piece->sealed.data = arena_copy(arena, cursor->value.data + LAST_BYTES, piece->sealed.len);
    return piece->sealed.data ? piece : NULL;
}

/* A part of the piece. */
static size_t give_part(struct transaction *transaction, const Hopnhat__CustodyPiece *piece,
                        const struct pieces_held *held, size_t most_bytes, Hopnhat__Custody *custody,
                        struct arena *arena)
{
    custody->piece = pieces_cut_message(&piece->base, held, most_bytes, arena);
    if (custody->piece)
        return custody->piece->data.len;
    agent_fail_memory(transaction);
    return 0;
}

size_t custody_give(struct transaction *transaction, const struct custody_want *want, size_t most_bytes,
                    Hopnhat__Custody *custody, struct arena *arena)
{
    struct cursor cursor;
    struct key key;
    size_t bytes = 0;
    key_number(&key, want->replica);
    custody->pieces = arena_alloc(arena, GIVEN * sizeof *custody->pieces);
    cursor_open(&cursor, transaction, AGENT_CUSTODY);
    for (bool here = custody->pieces && cursor_seek(&cursor, key_bytes(&key));
         here && cursor_within(&cursor, key_bytes(&key)) && custody->n_pieces < GIVEN;
         here = cursor_next(&cursor)) {
        if (cursor.key.size != 16 || cursor.value.size <= LAST_BYTES ||
            get_u64_be(cursor.value.data) < want->from)
            continue;
        if (custody->n_pieces && bytes + cursor.value.size > most_bytes)
            break;
        Hopnhat__CustodyPiece *piece = piece_at(&cursor, arena);
        if (!piece) {
            agent_fail_memory(transaction);
            break;
        }
        if (want->takes_parts && cursor.value.size > 2 * most_bytes) {
            bytes = give_part(transaction, piece, &want->held, most_bytes, custody, arena);
            break;
        }
        custody->pieces[custody->n_pieces++] = piece;
        bytes += cursor.value.size;
    }
    cursor_close(&cursor);
    if (!custody->pieces)
        agent_fail_memory(transaction);
    return bytes;
}

/* False: not kept. */
static bool keep(struct transaction *transaction, const Hopnhat__CustodyPiece *piece)
{
    struct key key;
    if (piece->first == 0 || piece->last < piece->first || piece->sealed.len == 0)
        return false;
    if (transaction_count(transaction, AGENT_CUSTODY) >= LIMIT_CUSTODY_PIECES) {
        log_warning(
            "LIMIT_CUSTODY_PIECES is reached: no more of headquarters' log is kept; is the hub backed up?");
        return false;
    }
    key_dot(&key, piece->replica, piece->first);
    uint8_t *room =
        transaction_reserve(transaction, AGENT_CUSTODY, key_bytes(&key), LAST_BYTES + piece->sealed.len);
    if (!room)
        return false;
    put_u64_be(room, piece->last);
    memcpy(room + LAST_BYTES, piece->sealed.data, piece->sealed.len);
    return true;
}

static void drop(struct transaction *transaction, uint64_t replica, uint64_t last)
{
    struct cursor cursor;
    struct key key;
    key_number(&key, replica);
    cursor_open(&cursor, transaction, AGENT_CUSTODY);
    for (bool here = cursor_seek(&cursor, key_bytes(&key)); here && cursor_within(&cursor, key_bytes(&key));
         here = cursor_next(&cursor))
        if (cursor.value.size >= LAST_BYTES && get_u64_be(cursor.value.data) <= last)
            cursor_delete(&cursor);
    cursor_close(&cursor);
}

/* Adds a part of a piece to what has come of it; once it is whole it is kept. False: not kept. */
static bool keep_part(struct transaction *transaction, const Hopnhat__Piece *part)
{
    struct arena arena;
    if (!pieces_sound(part))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    pieces_add(transaction, AGENT_PIECE, PIECES_OF_CUSTODY, part);
    struct bytes whole = pieces_whole(transaction, AGENT_PIECE, PIECES_OF_CUSTODY, &arena);
    const Hopnhat__CustodyPiece *piece =
        whole.data ? hopnhat__custody_piece__unpack(&arena.protobuf, whole.size, whole.data) : NULL;
    if (whole.data)
        pieces_clear(transaction, AGENT_PIECE, PIECES_OF_CUSTODY);
    const bool kept = !whole.data || (piece && keep(transaction, piece));
    arena_release(&arena);
    return kept;
}

bool custody_take(struct agent *agent, const Hopnhat__Custody *custody, bool *full, struct error *error)
{
    bool kept = true;
    struct transaction transaction;
    if (custody->n_pieces == 0 && custody->n_drop == 0 && !custody->piece)
        return true;
    if (!agent_begin(agent, &transaction, error))
        return false;
    for (size_t i = 0; i + 1 < custody->n_drop; i += 2)
        drop(&transaction, custody->drop[i], custody->drop[i + 1]);
    for (size_t i = 0; i < custody->n_pieces; i++)
        kept = keep(&transaction, custody->pieces[i]) && kept;
    if (custody->piece)
        kept = keep_part(&transaction, custody->piece) && kept;
    *full = *full || !kept;
    return agent_commit(agent, &transaction, error);
}
