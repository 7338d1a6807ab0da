#include "agent/feed.h"

#include "agent/echo.h"
#include "agent/erasure.h"
#include "agent/feed_groups.h"
#include "agent/feed_pieces.h"
#include "agent/log.h"
#include "agent/mirror.h"
#include "base/defect.h"
#include "base/log.h"

/* A part on its way in. */
struct part {
    struct agent *agent;
    struct transaction transaction;
    const Hopnhat__Feed *feed;
    struct marks marks;
    struct error *error;
};

static bool malformed(struct error *error, const char *what)
{
    return error_set(error, ERROR_CORRUPT, "the hub sent a part of the feed with %s", what);
}

static void mark_mismatch(struct part *part, struct agent_group *group)
{
    part->agent->digest_mismatches += !group->reconcile;
    group->reconcile = group->dirty = true;
    log_with(LOG_LEVEL_WARNING, "HOPNHAT_GROUP", group->name,
             "the mirror of the group %s is not what the hub has: it is being reconciled", group->name);
}

static void apply_left(struct part *part, const struct agent_group *group, const Hopnhat__Record *record)
{
    struct arena *arena = &part->agent->scratch;
    const Hopnhat__Record *mirrored = mirror_get(&part->transaction, record->type, record->id.data, arena);
    if (mirrored && mirrored->group && (DEFECT(LEFT_ALWAYS) || strcmp(mirrored->group, group->name) == 0))
        mirror_remove(part->agent, &part->transaction, mirrored, &part->marks, arena);
}

/* The fields sent replace the mirror's; the others stay. */
static void apply_delta(struct part *part, struct agent_group *group, Hopnhat__Record *record)
{
    struct arena *arena = &part->agent->scratch;
    Hopnhat__Record *mirrored = mirror_get(&part->transaction, record->type, record->id.data, arena);
    if (!mirrored) { /* the hub takes it for known here: the digests will not agree */
        mark_mismatch(part, group);
        return;
    }
    struct mirror_before before = mirror_before(mirrored);
    mirror_number(part->agent, record, mirrored,
                  draft_get(&part->transaction, record->type, record->id.data, arena));
    for (size_t i = 0; i < record->n_fields; i++)
        if (!record_field_replace(arena, mirrored, record->fields[i])) {
            agent_fail_memory(&part->transaction);
            return;
        }
    mirrored->group = group->name;
    mirrored->has_rev = record->has_rev;
    mirrored->rev = record->rev;
    mirror_store(part->agent, &part->transaction, mirrored, &before, &part->marks, arena);
}

static bool apply_item(struct part *part, const Hopnhat__FeedItem *item)
{
    struct agent_group *group = feed_group(part->agent, item->group);
    if (!group || item->record->id.len != RECORD_ID_BYTES || item->record->type == 0)
        return malformed(part->error, "a record that is not well formed");
    arena_reset(&part->agent->scratch);
    log_release(part->agent, &part->transaction, item->record);
    switch (item->kind) {
    case HOPNHAT__ITEM_KIND__ITEM_LEFT:
        apply_left(part, group, item->record);
        break;
    case HOPNHAT__ITEM_KIND__ITEM_WHOLE: {
        Hopnhat__Record *record = arena_copy(&part->agent->scratch, item->record, sizeof *record);
        if (!record) {
            agent_fail_memory(&part->transaction);
            break;
        }
        record->group = group->name;
        mirror_put(part->agent, &part->transaction, record, &part->marks, &part->agent->scratch);
        break;
    }
    default:
        apply_delta(part, group, item->record);
    }
    return true;
}

static enum feed_outcome apply_piece(struct part *part)
{
    Hopnhat__FeedItem *item;
    struct arena arena;
    if (part->feed->n_items) {
        malformed(part->error, "items beside a piece of one");
        return FEED_MALFORMED;
    }
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    enum feed_outcome outcome = feed_pieces_take(&part->transaction, part->feed->piece,
                                                 part->feed->n_ahead > 0, &arena, &item, part->error);
    if (item && !apply_item(part, item))
        outcome = FEED_MALFORMED;
    arena_release(&arena);
    return outcome;
}

/* Takes the own change that is named, if it is not at hand. What follows it mostly are its other edits. */
static void take_change(struct part *part, struct dot dot, struct arena *arena, struct change *change)
{
    if (part->marks.at_hand && dot_compare(change->dot, dot) == 0)
        return;
    arena_reset(arena);
    part->marks.at_hand = log_change(&part->transaction, dot, arena, change) ? change : NULL;
}

static bool apply_echoes(struct part *part, uint64_t head, struct arena *arena)
{
    const Hopnhat__Feed *feed = part->feed;
    struct echo echo = {0}, before;
    struct change change;
    if (feed->n_own % ECHO_NUMBERS || part->marks.count == 0)
        return malformed(part->error, "own changes that are not well formed");
    for (size_t i = 0; i < feed->n_own / ECHO_NUMBERS && !part->transaction.failed; i++) {
        before = echo;
        struct agent_group *group = NULL;
        if (echo_unpack(feed->own, i, part->marks.watermarks[0], head, &before, &echo) &&
            echo.log < part->marks.count)
            group = feed_group(part->agent, echo.group);
        if (!group)
            return malformed(part->error, "own changes that are not well formed");
        take_change(part, (struct dot){part->marks.replicas[echo.log], echo.seq}, arena, &change);
        if (!part->marks.at_hand || !echo_apply(part->agent, &part->transaction, group, &echo, &part->marks))
            mark_mismatch(part, group);
    }
    return true;
}

/* Own changes that came back by name. */
static bool apply_own(struct part *part, uint64_t head)
{
    struct arena arena;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool sound = apply_echoes(part, head, &arena);
    part->marks.at_hand = NULL;
    arena_release(&arena);
    return sound;
}

/* How far what is urgent has been read: as the part says, and at the head all of it. */
static void take_ahead(struct part *part, uint64_t head)
{
    const Hopnhat__Feed *feed = part->feed;
    uint64_t *ahead = part->agent->ahead;
    for (size_t i = 0; i < sizeof part->agent->ahead / sizeof *ahead; i++)
        ahead[i] = head ? head : feed->n_ahead > i ? feed->ahead[i] : ahead[i];
}

/* The rev of the head that the part ends at; 0: it does not. */
static uint64_t head_of(struct part *part)
{
    const Hopnhat__Feed *feed = part->feed;
    const struct agent_group *first = feed_group(part->agent, 0);
    if (feed->has_advance)
        return first ? first->base + feed->advance : 0;
    return feed->head && feed->n_after == 1 ? feed->after[0] : 0;
}

/* Whether the agent stands where the part begins: at the cursors that it names, or at the head. */
static bool stands_there(struct part *part)
{
    const Hopnhat__Feed *feed = part->feed;
    if (feed->has_advance)
        return part->agent->at_head && feed->n_groups == 0;
    return feed->has_from && feed_cursors_hash(part->agent) == feed->from;
}

static bool take_digest(struct part *part, const Hopnhat__GroupDigest *told, bool *equal)
{
    struct agent_group *group = feed_group(part->agent, told->group);
    struct digest digest;
    if (!group || told->digest.len != DIGEST_BYTES)
        return malformed(part->error, "a digest that is not well formed");
    digest_load(&digest, told->digest.data);
    if (digest_equal(&digest, &group->digest))
        return true;
    *equal = false;
    mark_mismatch(part, group);
    return true;
}

static bool check_holds(struct part *part, uint64_t head)
{
    struct digest all[AGENT_GROUPS];
    const struct agent_group *group;
    size_t count = 0;
    while (count < AGENT_GROUPS && (group = feed_group(part->agent, (uint32_t)count)))
        all[count++] = group->digest;
    return digest_check(all, count, head) == part->feed->check;
}

/* Whether the mirror has something from past the head: the part is of an older bundle. */
static bool is_past(const struct part *part, uint64_t head)
{
    bool past = false;
    for (size_t i = 0; i < sizeof part->agent->ahead / sizeof *part->agent->ahead; i++)
        past = past || part->agent->ahead[i] > head;
    return past;
}

/* Equal cursor, equal digest: else what differs is found and fetched. Where only the check tells that
 * something does, the digests of the next session tell where. */
static bool compare_digests(struct part *part, uint64_t head)
{
    const Hopnhat__Feed *feed = part->feed;
    struct agent_group *group;
    if (is_past(part, head)) {
        part->agent->digests_equal = false;
        return true;
    }
    bool equal = feed->has_check ? check_holds(part, head) : feed->n_digests > 0;
    for (size_t i = 0; i < feed->n_digests; i++)
        if (!take_digest(part, feed->digests[i], &equal))
            return false;
    for (uint32_t place = 0; equal && (group = feed_group(part->agent, place)); place++)
        if (group->reconcile) {
            group->reconcile = false; /* a part was missing, and has come by another way */
            group->dirty = true;
        }
    part->agent->digests_equal = equal;
    return true;
}

static enum feed_outcome apply_all(struct part *part)
{
    const Hopnhat__Feed *feed = part->feed;
    enum feed_outcome outcome = FEED_APPLIED;
    log_refuse(part->agent, &part->transaction, feed->refusals, feed->n_refusals, true);
    if (feed->piece && (outcome = apply_piece(part)) != FEED_APPLIED)
        return outcome;
    for (size_t i = 0; i < feed->n_items && !part->transaction.failed; i++)
        if (!apply_item(part, feed->items[i]))
            return FEED_MALFORMED;
    uint64_t head = head_of(part);
    if (!apply_own(part, head))
        return FEED_MALFORMED;
    if (!feed_cursors_move(part->agent, feed, head)) {
        malformed(part->error, "cursors that cannot be");
        return FEED_MALFORMED;
    }
    if (head) {
        draft_refresh_head(part->agent, &part->transaction, &part->marks);
        feed_pieces_forget(&part->transaction); /* of records that have changed since: nothing else is left */
        if (!compare_digests(part, head))
            return FEED_MALFORMED;
        if (part->agent->digests_equal)
            erasure_at_head(part->agent, &part->transaction);
    }
    take_ahead(part, head);
    return FEED_APPLIED;
}

/* What is held in pieces is of no use: it is sent from its start again. */
static void forget_pieces(struct agent *agent)
{
    struct transaction transaction;
    struct error error;
    if (!agent_begin(agent, &transaction, &error))
        return;
    feed_pieces_forget(&transaction);
    agent_commit(agent, &transaction, &error);
}

static enum feed_outcome give_up(struct part *part, enum feed_outcome outcome)
{
    bool failed = part->transaction.failed;
    if (failed)
        *part->error = part->transaction.error;
    agent_abort(part->agent, &part->transaction);
    return failed ? FEED_FAILED : outcome;
}

/* The watermarks that a part was read at: as the hub has acknowledged where it does not name them. All that
 * has been acknowledged so far was so before the part was read. */
static bool find_marks(struct part *part, const uint64_t *replicas, size_t replica_count,
                       uint64_t *acknowledged)
{
    const Hopnhat__Feed *feed = part->feed;
    for (size_t i = 0; i < replica_count; i++) {
        const struct own_log *log = agent_log(part->agent, replicas[i]);
        acknowledged[i] = log ? log->acknowledged : 0;
    }
    part->marks = (struct marks){.replicas = replicas,
                                 .watermarks = feed->n_watermarks ? feed->watermarks : acknowledged,
                                 .count = replica_count};
    return feed->n_watermarks == 0 || feed->n_watermarks == replica_count;
}

enum feed_outcome feed_apply(struct agent *agent, const Hopnhat__Feed *feed, const uint64_t *replicas,
                             size_t replica_count, struct error *error)
{
    uint64_t acknowledged[LIMIT_LOGS_PER_AGENT];
    struct part part = {.agent = agent, .feed = feed, .error = error};
    if (!find_marks(&part, replicas, replica_count, acknowledged) || !feed_groups_are_sound(feed)) {
        malformed(error, "watermarks or groups that cannot be");
        return FEED_MALFORMED;
    }
    if (!agent_begin(agent, &part.transaction, error))
        return FEED_FAILED;
    if (!feed_groups_take(agent, &part.transaction, feed, &part.marks, error))
        return give_up(&part, FEED_MALFORMED);
    if (!stands_there(&part))
        return give_up(&part, FEED_LATE);
    enum feed_outcome outcome = apply_all(&part);
    if (outcome != FEED_APPLIED) {
        outcome = give_up(&part, outcome);
        if (feed->piece && outcome == FEED_MALFORMED)
            forget_pieces(agent);
        return outcome;
    }
    if (!agent_commit(agent, &part.transaction, error))
        return FEED_FAILED;
    agent->at_head = feed->head || feed->has_advance;
    agent->heads += agent->at_head;
    arena_reset(&agent->scratch);
    return FEED_APPLIED;
}

bool feed_fits(struct agent *agent, const Hopnhat__Feed *feed)
{
    const struct marks marks = {0};
    struct transaction transaction;
    struct error error;
    if (!feed_groups_are_sound(feed) || !agent_begin(agent, &transaction, &error))
        return false;
    bool fits = feed_groups_take(agent, &transaction, feed, &marks, &error) && feed->has_from &&
                feed_cursors_hash(agent) == feed->from;
    agent_abort(agent, &transaction);
    return fits;
}
