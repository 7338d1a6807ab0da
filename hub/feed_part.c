#include "hub/feed_part.h"

#include "hub/admission.h"
#include "store/key.h"

/* A part ends where it has so many own changes, or takes so much memory here: an echo is a few bytes on the
 * wire and a change of many records to find it by. */
enum { MOST_ECHOES = 500, ECHO_BYTES = 9, PART_ARENA_BYTES = LIMIT_MESSAGE_ARENA_BYTES / 4 };

bool part_is_full(const struct part *part)
{
    return part->size_bytes >= part->credit_bytes || part->echo_count == MOST_ECHOES ||
           part->arena->used_bytes > PART_ARENA_BYTES;
}

bool part_add_item(struct part *part, Hopnhat__FeedItem *item)
{
    Hopnhat__Feed *feed = part->feed;
    if (feed->n_items == part->item_capacity) {
        size_t capacity = part->item_capacity ? 2 * part->item_capacity : 64;
        Hopnhat__FeedItem **grown = arena_alloc(part->arena, capacity * sizeof(Hopnhat__FeedItem *));
        if (!grown)
            return out_of_memory(part->error);
        if (feed->n_items)
            memcpy(grown, feed->items, feed->n_items * sizeof *grown);
        feed->items = grown;
        part->item_capacity = capacity;
    }
    feed->items[feed->n_items++] = item;
    part->size_bytes += hopnhat__feed_item__get_packed_size(item) + 4;
    return true;
}

void feed_strip(Hopnhat__Record *record)
{
    record->group = NULL; /* the message says it */
    record->has_joined = record->has_last_replica = record->has_last_seq = record->has_altered = false;
    for (size_t i = 0; i < record->n_fields; i++) {
        record->fields[i]->n_absent = 0;
        record->fields[i]->has_changed = false;
        for (size_t j = 0; j < record->fields[i]->n_entries; j++)
            record->fields[i]->entries[j]->has_rev = false;
    }
}

/* Leaves the fields changed since `base` (all for 0), and what agents need not know. */
static void trim_record(Hopnhat__Record *record, uint64_t base)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->n_fields; i++)
        if (base == 0 || record->fields[i]->changed > base)
            record->fields[kept++] = record->fields[i];
    record->n_fields = kept;
    feed_strip(record);
}

Hopnhat__FeedItem *part_read_item(struct part *part, uint32_t group, uint64_t base, struct bytes row,
                                  uint64_t rev, struct echo *echo, bool *is_echo)
{
    Hopnhat__FeedItem *item = arena_alloc(part->arena, sizeof *item);
    if (!item || row.size != FEED_ROW_BYTES) {
        error_set(part->error, item ? ERROR_CORRUPT : ERROR_MEMORY, "a row of the feed cannot be read");
        return NULL;
    }
    hopnhat__feed_item__init(item);
    item->group = group;
    item->has_kind = true;
    item->kind = row.data[0];
    uint32_t type = get_u32_be(row.data + 1);
    if (item->kind == HOPNHAT__ITEM_KIND__ITEM_LEFT) {
        item->record = record_new(part->arena, type, row.data + 5);
        if (item->record) {
            item->record->has_rev = true;
            item->record->rev = rev;
        }
    } else {
        item->record = hub_record(part->transaction, type, row.data + 5, part->arena);
        if (item->record) {
            bool whole = item->record->joined > base;
            *is_echo =
                echo_find(part->transaction, part->reader, item->record, base, whole, &part->scratch, echo);
            arena_reset(&part->scratch);
            echo->group = group;
            item->kind = whole ? HOPNHAT__ITEM_KIND__ITEM_WHOLE : HOPNHAT__ITEM_KIND__ITEM_DELTA;
            trim_record(item->record, whole ? 0 : base);
        }
    }
    if (!item->record)
        error_set(part->error, ERROR_CORRUPT,
                  "a row of the feed names a record that is not there: run verify");
    return item->record ? item : NULL;
}

bool part_add_echo(struct part *part, const struct echo *echo)
{
    if (part->echo_count == part->echo_capacity) {
        size_t capacity = part->echo_capacity ? 2 * part->echo_capacity : 64;
        struct echo *grown = arena_alloc(part->arena, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(part->error);
        if (part->echo_count)
            memcpy(grown, part->echoes, part->echo_count * sizeof *grown);
        part->echoes = grown;
        part->echo_capacity = capacity;
    }
    part->echoes[part->echo_count++] = *echo;
    part->size_bytes += ECHO_BYTES;
    return true;
}

bool part_is_large(const struct part *part, const Hopnhat__FeedItem *item)
{
    size_t slice = part->credit_bytes > LEAST_PIECE_BYTES ? part->credit_bytes : LEAST_PIECE_BYTES;
    return hopnhat__feed_item__get_packed_size(item) > 2 * slice;
}

bool part_add_piece(struct part *part, Hopnhat__FeedItem *item, bool ahead, bool *whole)
{
    struct arena *arena = part->arena;
    size_t slice = part->credit_bytes > LEAST_PIECE_BYTES ? part->credit_bytes : LEAST_PIECE_BYTES;
    Hopnhat__FeedPiece *to = arena_alloc(arena, sizeof *to);
    uint32_t group = item->group;
    item->group = 0;
    uint8_t *packed = arena_alloc(arena, hopnhat__feed_item__get_packed_size(item));
    if (!to || !packed)
        return out_of_memory(part->error);
    const struct bytes all = bytes_of(packed, hopnhat__feed_item__pack(item, packed));
    struct pieces_held *held = &part->held[pieces_place(part->held, pieces_id(all))];
    hopnhat__feed_piece__init(to);
    to->group = group;
    to->piece = pieces_cut(all, held, slice, arena);
    if (!to->piece)
        return out_of_memory(part->error);
    *whole = pieces_is_last(to->piece);
    *held = *whole && !ahead
                ? (struct pieces_held){0}
                : (struct pieces_held){.id = to->piece->id,
                                       .total_bytes = to->piece->total,
                                       .held_bytes = to->piece->offset + (uint32_t)to->piece->data.len};
    part->feed->piece = to;
    part->size_bytes = part->credit_bytes; /* nothing else in this part */
    return true;
}
