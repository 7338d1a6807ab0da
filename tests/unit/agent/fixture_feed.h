/* Parts of the feed, as the test's hub sends them. */
#ifndef HOPNHAT_TESTS_UNIT_AGENT_FIXTURE_FEED_H
#define HOPNHAT_TESTS_UNIT_AGENT_FIXTURE_FEED_H

#include "unit/agent/fixture.h"

#include <xxhash.h>

/* A part of the feed from cursors (base, position) that are the same for all of `group_count` groups. */
static inline Hopnhat__Feed *feed_from(struct fixture *fixture, size_t group_count, uint64_t base,
                                       uint64_t position)
{
    uint8_t cursors[16 * 8];
    Hopnhat__Feed *feed = arena_alloc(&fixture->arena, sizeof *feed);
    hopnhat__feed__init(feed);
    for (size_t i = 0; i < group_count; i++) {
        put_u64_le(cursors + 16 * i, base);
        put_u64_le(cursors + 16 * i + 8, position);
    }
    feed->has_from = true;
    feed->from = (uint32_t)XXH3_64bits(cursors, 16 * group_count);
    feed->items = arena_alloc(&fixture->arena, 16 * sizeof *feed->items);
    feed->after = arena_alloc(&fixture->arena, 16 * sizeof *feed->after);
    feed->groups = arena_alloc(&fixture->arena, 8 * sizeof *feed->groups);
    feed->digests = arena_alloc(&fixture->arena, 8 * sizeof *feed->digests);
    feed->watermarks = arena_alloc(&fixture->arena, 8 * sizeof *feed->watermarks);
    feed->n_watermarks = 1;
    return feed;
}

static inline void add_group(struct fixture *fixture, Hopnhat__Feed *feed, const char *name)
{
    feed->groups[feed->n_groups++] = arena_string(&fixture->arena, name, strlen(name));
}

static inline void add_item(struct fixture *fixture, Hopnhat__Feed *feed, Hopnhat__ItemKind kind,
                            uint32_t group, Hopnhat__Record *record)
{
    Hopnhat__FeedItem *item = arena_alloc(&fixture->arena, sizeof *item);
    hopnhat__feed_item__init(item);
    item->has_kind = true;
    item->kind = kind;
    item->group = group;
    item->record = record;
    feed->items[feed->n_items++] = item;
}

static inline void set_head(Hopnhat__Feed *feed, uint64_t rev)
{
    feed->has_head = feed->head = true;
    feed->after[0] = rev;
    feed->n_after = 1;
}

static inline void add_digest(struct fixture *fixture, Hopnhat__Feed *feed, uint32_t group,
                              Hopnhat__Record *const *records, size_t count)
{
    struct digest sum = {0, 0};
    for (size_t i = 0; i < count; i++) {
        struct digest one = digest_record(records[i]);
        digest_add(&sum, &one);
    }
    Hopnhat__GroupDigest *digest = arena_alloc(&fixture->arena, sizeof *digest);
    hopnhat__group_digest__init(digest);
    digest->group = group;
    digest->digest.len = DIGEST_BYTES;
    digest->digest.data = arena_alloc(&fixture->arena, DIGEST_BYTES);
    digest_store(&sum, digest->digest.data);
    feed->digests[feed->n_digests++] = digest;
}

/* The group's digest is what the mirror's is now. */
static inline void add_equal_digest(struct fixture *fixture, Hopnhat__Feed *feed, uint32_t place,
                                    const char *name)
{
    static const struct digest nothing;
    const struct agent_group *group = agent_group(fixture->agent, name, false);
    add_digest(fixture, feed, place, NULL, 0);
    digest_store(group ? &group->digest : &nothing, feed->digests[feed->n_digests - 1]->digest.data);
}

/* The part is from the cursors (base, position) of two groups. */
static inline void set_from(Hopnhat__Feed *feed, const uint64_t numbers[4])
{
    uint8_t cursors[32];
    for (size_t i = 0; i < 4; i++)
        put_u64_le(cursors + 8 * i, numbers[i]);
    feed->from = (uint32_t)XXH3_64bits(cursors, sizeof cursors);
}

/* What the test's hub has: the records of joining. */
static inline void add_joined(struct fixture *fixture, Hopnhat__Record **records, size_t *count)
{
    const Hopnhat__Joined *joined = make_joined(fixture);
    for (size_t i = 0; i < joined->n_records; i++)
        records[(*count)++] = joined->records[i];
}

/* A session in which everything has come: what there was at joining and partner 1, named Lao, all at rev 5.
 * Returns the Pull that is held. */
static inline const Hopnhat__Message *catch_up(struct fixture *fixture)
{
    Hopnhat__Record *records[4];
    size_t count = 0;
    add_joined(fixture, records, &count);
    records[count++] = hub_partner(fixture, 1, 3, "Lao");
    open_session(fixture, 0);
    const Hopnhat__Message *pull = sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
    Hopnhat__Feed *feed = feed_from(fixture, 2, 0, 0);
    add_group(fixture, feed, "everyone");
    add_group(fixture, feed, "office:hue");
    for (size_t i = 0; i < count; i++)
        add_item(fixture, feed, HOPNHAT__ITEM_KIND__ITEM_WHOLE, 0, records[i]);
    set_head(feed, 5);
    add_digest(fixture, feed, 0, records, count);
    add_digest(fixture, feed, 1, NULL, 0);
    answer(fixture, pull, HOPNHAT__MESSAGE__BODY_FEED, feed);
    assert_true(status_of(fixture).caught_up);
    return sent(fixture, HOPNHAT__MESSAGE__BODY_PULL);
}

#endif
