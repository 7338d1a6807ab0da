/* A part of the feed under construction, shared by feed*.c: items, own changes by name, and pieces. Functions
 * that return false (or NULL) have filled part->error. */
#ifndef HOPNHAT_HUB_FEED_PART_H
#define HOPNHAT_HUB_FEED_PART_H

#include "hub/echo.h"
#include "hub/feed.h"

struct part {
    struct transaction *transaction;
    struct arena *arena;
    Hopnhat__Feed *feed;
    size_t item_capacity, size_bytes, credit_bytes;
    const struct feed_reader *reader;
    struct echo *echoes;
    size_t echo_count, echo_capacity;
    struct pieces_held *held; /* by the agent, PIECES_AT_ONCE of them */
    struct arena scratch;     /* of the search for one echo */
    struct error *error;
};

/* Whether it holds as much as it should. */
bool part_is_full(const struct part *part);

/* The item of a row of the feed at that rev, as the fields changed since `base`; *is_echo: *echo says all of
 * it. NULL: ERROR_CORRUPT, ERROR_MEMORY. */
Hopnhat__FeedItem *part_read_item(struct part *part, uint32_t group, uint64_t base, struct bytes row,
                                  uint64_t rev, struct echo *echo, bool *is_echo);

/* Whether the item is so large that it travels in pieces. */
bool part_is_large(const struct part *part, const Hopnhat__FeedItem *item);

bool part_add_item(struct part *part, Hopnhat__FeedItem *item);
bool part_add_echo(struct part *part, const struct echo *echo);

/* Adds the piece of the item that follows on what the agent holds; *whole: it is the last. The agent keeps
 * what comes ahead until it has come in its turn. */
bool part_add_piece(struct part *part, Hopnhat__FeedItem *item, bool ahead, bool *whole);

/* feed_ahead.c: in a catch-up adds what is urgent, less than `end`, and still to come: what is marked before
 * what travels ahead by its type. The cursors do not move, and all of it comes once more in its turn. */
bool part_read_ahead(struct part *part, const struct hub *hub, struct feed_state *state, enum urgency end);

#endif
