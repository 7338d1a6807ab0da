#include "hub/feed_part.h"
#include "store/key.h"

enum { MOST_AHEAD_LOOKS = 10000 };

/* Adds the row's record where it is still to come in a group of the reader; a large one piece by piece, in
 * parts of its own. *whole: no more of it is to come. */
static bool add_ahead(struct part *part, const struct feed_state *state, const struct urgent_row *row,
                      bool *whole)
{
    struct key key;
    struct bytes stored;
    struct echo echo;
    bool is_echo;
    uint32_t group = 0;
    while (group < state->group_count && strcmp(state->cursors[group].group, row->group) != 0)
        group++;
    key_feed(&key, row->group, row->rev);
    *whole = true;
    if (group == state->group_count || row->rev <= state->cursors[group].position ||
        !transaction_get(part->transaction, HUB_FEED, key_bytes(&key), &stored))
        return true;
    Hopnhat__FeedItem *item =
        part_read_item(part, group, state->cursors[group].base, stored, row->rev, &echo, &is_echo);
    if (!item || !part_is_large(part, item))
        return item && part_add_item(part, item);
    *whole = false;
    return part->feed->n_items || part_add_piece(part, item, true, whole);
}

/* Reads on what is of that urgency, in the order of revs. */
static bool read_lane(struct part *part, const struct hub *hub, enum urgency urgency,
                      struct feed_state *state)
{
    struct cursor cursor;
    struct urgent_row row;
    struct key key;
    size_t looks = 0;
    bool more, done = true, whole = true;
    key_number(&key, state->ahead[urgency] + 1);
    cursor_open(&cursor, part->transaction, HUB_URGENT);
    for (more = cursor_seek(&cursor, key_bytes(&key));
         more && done && whole && !part_is_full(part) && looks++ < MOST_AHEAD_LOOKS;
         more = cursor_next(&cursor)) {
        if (!urgent_read(&cursor, &row))
            continue;
        done = row.urgency != urgency || add_ahead(part, state, &row, &whole);
        if (whole)
            state->ahead[urgency] = row.rev;
    }
    if (!more && whole)
        state->ahead[urgency] = hub->rev;
    cursor_close(&cursor);
    return done;
}

bool part_read_ahead(struct part *part, const struct hub *hub, struct feed_state *state, enum urgency end)
{
    Hopnhat__Feed *feed = part->feed;
    for (enum urgency lane = URGENCY_MARKED; lane < end; lane++)
        if (state->takes_ahead && !state->at_head && state->ahead[lane] < hub->urgent_rev &&
            !read_lane(part, hub, lane, state))
            return false;
    state->piece_ahead = feed->piece && !pieces_is_last(feed->piece->piece);
    if (feed->n_items == 0 && !feed->piece)
        return true;
    feed->ahead = arena_copy(part->arena, state->ahead, sizeof state->ahead);
    feed->n_ahead = URGENCY_NONE;
    return feed->ahead || out_of_memory(part->error);
}
