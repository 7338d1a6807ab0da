#include "hub/custody_piece.h"

#include "base/defect.h"
#include "base/log.h"
#include "hub/admission.h"
#include "hub/custody.h"
#include "hub/registry.h"
#include "store/key.h"
#include "store/pieces.h"
#include "store/rows.h"

#include <inttypes.h>

/* --- making --- */

/* The chain's link before that change. False: it is not known any more. */
static bool link_before(struct transaction *transaction, const struct replica *replica, uint64_t seq,
                        uint8_t link[LINK_BYTES], struct arena *arena)
{
    struct key key;
    if (seq == 1) {
        chain_start(replica->number, link);
        return true;
    }
    key_dot(&key, replica->number, seq - 1);
    const Hopnhat__LogRow *row =
        row_get(transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
    const struct gap *gap = gaps_at(&replica->gaps, seq - 1);
    const uint8_t *from = row && row->link.len == LINK_BYTES ? row->link.data
                          : gap && gap->to == seq - 1        ? gap->link
                                                             : NULL;
    if (from)
        memcpy(link, from, LINK_BYTES);
    return from;
}

/* Reads changes from push->first on; *link is the chain's after the last of them, in the arena. */
static bool collect(struct transaction *transaction, const struct replica *replica, size_t most_bytes,
                    Hopnhat__Push *push, const uint8_t **link, struct arena *arena)
{
    size_t bytes = 0;
    push->changes = arena_alloc(arena, CUSTODY_PIECE_CHANGES * sizeof *push->changes);
    push->admitted = arena_alloc(arena, CUSTODY_PIECE_CHANGES * sizeof *push->admitted);
    if (!push->changes || !push->admitted)
        return false;
    for (uint64_t seq = push->first; seq <= replica->watermark && push->n_changes < CUSTODY_PIECE_CHANGES;
         seq++) {
        struct key key;
        key_dot(&key, replica->number, seq);
        const Hopnhat__LogRow *row =
            row_get(transaction, HUB_LOG, key_bytes(&key), &hopnhat__log_row__descriptor, arena);
        if (!row || row->link.len != LINK_BYTES || (push->n_changes && bytes + row->logged.len > most_bytes))
            break;
        push->admitted[push->n_admitted++] = row->admitted;
        push->changes[push->n_changes++] = row->logged;
        bytes += row->logged.len;
        *link = row->link.data;
    }
    return push->n_changes > 0;
}

/* The same changes are sealed to the same bytes, so that a piece may travel in parts. */
static Hopnhat__CustodyPiece *seal(const struct hub *hub, const struct replica *replica,
                                   const Hopnhat__Push *push, struct arena *arena, struct error *error)
{
    uint8_t seed[LINK_KEY_BYTES];
    size_t size = hopnhat__push__get_packed_size(push);
    Hopnhat__CustodyPiece *piece = arena_alloc(arena, sizeof *piece);
    uint8_t *packed = arena_alloc(arena, size), *sealed = arena_alloc(arena, size + SEAL_BYTES);
    if (!piece || !packed || !sealed) {
        out_of_memory(error);
        return NULL;
    }
    hopnhat__push__pack(push, packed);
    keys_seed(&hub->custody_keys, bytes_of(packed, size), seed);
    bool done = keys_seal(hub->custody_keys.public_key, seed, bytes_of(packed, size), sealed, error);
    keys_wipe(seed, sizeof seed);
    hopnhat__custody_piece__init(piece);
    piece->replica = replica->number;
    piece->first = push->first;
    piece->last = push->first + push->n_changes - 1;
    piece->sealed = (ProtobufCBinaryData){size + SEAL_BYTES, sealed};
    return done ? piece : NULL;
}

Hopnhat__CustodyPiece *custody_piece_make(struct hub *hub, const struct replica *replica, uint64_t first,
                                          size_t most_bytes, struct arena *arena, struct error *error)
{
    struct transaction transaction;
    Hopnhat__Push push = HOPNHAT__PUSH__INIT;
    uint8_t text[SIGNED_LINK_BYTES], signature[SIGNATURE_BYTES], before[LINK_BYTES];
    const uint8_t *link = NULL;
    push.first = first;
    if (!transaction_begin(&transaction, hub->environment, false, error))
        return NULL;
    if (!collect(&transaction, replica, most_bytes, &push, &link, arena)) {
        error_set(error, ERROR_CORRUPT, "headquarters' log has lost its change %" PRIu64, first);
        if (transaction.failed)
            *error = transaction.error;
        transaction_abort(&transaction);
        return NULL;
    }
    chain_signed_text(replica->number, first + push.n_changes - 1, link, text);
    keys_sign(&hub->signing_keys, bytes_of(text, sizeof text), signature);
    push.signature = (ProtobufCBinaryData){sizeof signature, signature};
    push.has_before = link_before(&transaction, replica, first, before, arena);
    push.before = (ProtobufCBinaryData){sizeof before, before};
    Hopnhat__CustodyPiece *piece = seal(hub, replica, &push, arena, error);
    transaction_abort(&transaction);
    return piece;
}

/* --- taking back --- */

static Hopnhat__Push *open_piece(const struct hub *hub, const Hopnhat__CustodyPiece *piece,
                                 struct arena *arena, struct error *error)
{
    Hopnhat__Push *push = NULL;
    size_t size = piece->sealed.len > SEAL_BYTES ? piece->sealed.len - SEAL_BYTES : 0;
    uint8_t *packed = arena_alloc(arena, size + 1);
    if (packed && size &&
        keys_open(&hub->custody_keys, bytes_of(piece->sealed.data, piece->sealed.len), packed))
        push = hopnhat__push__unpack(&arena->protobuf, size, packed);
    if (push && push->n_changes && push->first == piece->first &&
        push->first + push->n_changes - 1 == piece->last)
        return push;
    error_set(error, ERROR_REFUSED, "a piece is not one of this hub's, or has been altered");
    return NULL;
}

/* A change of a piece, with the chain's link after it. */
struct piece_change {
    struct change change;
    uint8_t link[LINK_BYTES];
};

static bool unpack_changes(const struct hub *hub, const struct replica *replica, const Hopnhat__Push *push,
                           size_t skip, const uint8_t *previous, struct piece_change *changes,
                           struct arena *arena, struct error *error)
{
    uint8_t text[SIGNED_LINK_BYTES];
    for (size_t i = skip; i < push->n_changes; i++) {
        struct bytes stored = bytes_of(push->changes[i].data, push->changes[i].len);
        if (!change_unpack(&changes[i].change, (struct dot){replica->number, push->first + i}, stored, arena,
                           error) ||
            !chain_next(previous, changes[i].change.logged, changes[i].link, error))
            return false;
        previous = changes[i].link;
    }
    chain_signed_text(replica->number, push->first + push->n_changes - 1, previous, text);
    return keys_verify(hub->signing_keys.public_key, bytes_of(text, sizeof text),
                       bytes_of(push->signature.data, push->signature.len)) ||
           error_set(error, ERROR_REFUSED, "a piece's chain is not that of headquarters' log");
}

static bool offer_changes(struct admission *admission, struct replica *replica, const Hopnhat__Push *push,
                          size_t skip, struct piece_change *changes, struct error *error)
{
    for (size_t i = skip; i < push->n_changes; i++) {
        Hopnhat__Refusal *refusal;
        struct offer offer = {
            .replica = replica,
            .seq = push->first + i,
            .stored = bytes_of(push->changes[i].data, push->changes[i].len),
            .change = &changes[i].change,
            .link = changes[i].link,
            .reading = admission->receipt,
            .admitted = i < push->n_admitted ? push->admitted[i] : 0,
        };
        switch (admission_offer(admission, &offer, &refusal, error)) {
        case ADMITTED:
        case ADMITTED_BEFORE:
            break;
        case ADMITTED_REFUSED: /* it was not, then; it is kept where an operator finds it */
            log_warning("a change of headquarters' former log went to quarantine: %s", error->text);
            break;
        case ADMITTED_FAILED:
            return false;
        default:
            return true; /* it waits for a catalog: another agent's piece may bring that */
        }
    }
    return true;
}

static bool take_piece(struct admission *admission, const Hopnhat__CustodyPiece *piece, struct arena *arena,
                       struct error *error)
{
    struct hub *hub = admission->hub;
    struct replica *replica = registry_replica(hub, piece->replica);
    const Hopnhat__Push *push = open_piece(hub, piece, arena, error);
    if (!push)
        return false;
    if (piece->replica == hub->own_replica || (replica && replica->office[0]))
        return error_set(error, ERROR_REFUSED, "a piece of a log that is not a former one of headquarters");
    if (!replica && !(replica = registry_add_replica(hub, piece->replica, NULL)))
        return out_of_memory(error);
    const bool gap = push->first > replica->watermark + 1;
    if ((gap && !(custody_gap_counts(hub, replica, push->first) && push->before.len == LINK_BYTES)) ||
        piece->last <= replica->watermark || DEFECT(CUSTODY_FORGOTTEN))
        return true;
    size_t skip = gap ? 0 : (size_t)(replica->watermark + 1 - push->first);
    struct piece_change *changes = arena_alloc(arena, push->n_changes * sizeof *changes);
    if (!changes)
        return out_of_memory(error);
    if (!unpack_changes(hub, replica, push, skip, gap ? push->before.data : replica->link, changes, arena,
                        error))
        return false;
    if (gap && !registry_note_gap(hub, replica, push->first - 1, push->before.data, error))
        return false;
    replica->offered_from = 0; /* who has more says so */
    return offer_changes(admission, replica, push, skip, changes, error);
}

/* Adds a part of a piece to what has come of it, and takes the piece where that is all. */
static bool take_part(struct admission *admission, const uint8_t giver[LINK_KEY_BYTES],
                      const Hopnhat__Piece *part, struct arena *arena, struct error *error)
{
    const struct bytes transfer = bytes_of(giver, LINK_KEY_BYTES);
    const Hopnhat__CustodyPiece *piece = NULL;
    if (!pieces_sound(part))
        return error_set(error, ERROR_REFUSED, "a part of a piece that cannot be");
    pieces_add(&admission->transaction, HUB_PIECE, transfer, part);
    struct bytes whole = pieces_whole(&admission->transaction, HUB_PIECE, transfer, arena);
    if (!whole.data)
        return true;
    pieces_clear(&admission->transaction, HUB_PIECE, transfer);
    piece = hopnhat__custody_piece__unpack(&arena->protobuf, whole.size, whole.data);
    return piece ? take_piece(admission, piece, arena, error)
                 : error_set(error, ERROR_REFUSED, "what came in parts is no piece");
}

bool custody_pieces_take(struct hub *hub, const uint8_t giver[LINK_KEY_BYTES],
                         const Hopnhat__Custody *custody, uint64_t wall_ms, struct error *error)
{
    struct admission admission;
    struct arena arena;
    struct error reload;
    bool done = true;
    if (!admission_begin(&admission, hub, wall_ms, error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    for (size_t i = 0; i < custody->n_pieces && done; i++)
        done = take_piece(&admission, custody->pieces[i], &arena, error);
    if (done && custody->piece)
        done = take_part(&admission, giver, custody->piece, &arena, error);
    arena_release(&arena);
    if (done)
        return admission_commit(&admission, error);
    if (!admission_abort(&admission, &reload))
        error_prefix(error, "%s; and before that", reload.text);
    return false;
}
