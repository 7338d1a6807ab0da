#include "agent/reconcile.h"

#include "agent/mirror.h"
#include "store/key.h"
#include "store/pieces.h"
#include "store/rows.h"

#include <stdlib.h>

/* The hub may hold much more than the mirror does: enough buckets, that one of the hub's stays small. */
enum { RECORDS_PER_BUCKET = 32, FEWEST_BUCKETS = 256 };

bool reconcile_begin(struct agent *agent, struct reconciliation *round, const char *group,
                     struct error *error)
{
    struct transaction transaction;
    *round = (struct reconciliation){.buckets = FEWEST_BUCKETS};
    if (!agent_read(agent, &transaction, error))
        return false;
    uint64_t records = transaction_count(&transaction, AGENT_MIRROR);
    transaction_abort(&transaction);
    while (round->buckets < LIMIT_RECONCILE_BUCKETS &&
           (uint64_t)round->buckets * RECORDS_PER_BUCKET < records)
        round->buckets *= 2;
    memcpy(round->group, group, strlen(group) + 1);
    return true;
}

static bool is_of_group(const Hopnhat__Record *record, const char *group)
{
    return record->group && strcmp(record->group, group) == 0;
}

static void sum_buckets(struct agent *agent, struct transaction *transaction,
                        const struct reconciliation *round, struct digest *sums)
{
    struct cursor cursor;
    cursor_open(&cursor, transaction, AGENT_MIRROR);
    for (bool here = cursor_seek(&cursor, bytes_of(NULL, 0)); here; here = cursor_next(&cursor)) {
        uint32_t bucket = digest_bucket(cursor.key.data + 4, round->buckets);
        if (bucket < round->next)
            continue;
        arena_reset(&agent->scratch);
        const Hopnhat__Record *record =
            row_unpack(transaction, cursor.value, &hopnhat__record__descriptor, &agent->scratch);
        if (!record || !is_of_group(record, round->group))
            continue;
        struct digest digest = digest_record(record);
        digest_add(&sums[bucket], &digest);
    }
    cursor_close(&cursor);
    arena_reset(&agent->scratch);
}

Hopnhat__Reconcile *reconcile_ask(struct agent *agent, const struct reconciliation *round,
                                  size_t digest_bytes, size_t credit_bytes, struct arena *arena,
                                  struct error *error)
{
    struct transaction transaction;
    size_t left = round->buckets - round->next, most = digest_bytes / 8 + 1;
    uint32_t count = (uint32_t)(left < most ? left : most);
    Hopnhat__Reconcile *question = arena_alloc(arena, sizeof *question);
    struct digest *sums = arena_alloc(arena, round->buckets * sizeof *sums);
    uint8_t *digests = arena_alloc(arena, 8 * (size_t)count);
    char *group = arena_string(arena, round->group, strlen(round->group));
    if (!question || !sums || !digests || !group) {
        out_of_memory(error);
        return NULL;
    }
    if (!agent_read(agent, &transaction, error))
        return NULL;
    sum_buckets(agent, &transaction, round, sums);
    bool sound = transaction_is_sound(&transaction, error);
    transaction_abort(&transaction);
    hopnhat__reconcile__init(question);
    question->group = group;
    question->first = round->next;
    question->buckets = round->buckets;
    question->credit_bytes = (uint32_t)credit_bytes;
    question->digests = (ProtobufCBinaryData){8 * (size_t)count, digests};
    for (uint32_t i = 0; i < count; i++)
        put_u64_le(digests + 8 * (size_t)i, sums[round->next + i].low);
    return sound ? question : NULL;
}

/* An answer on its way in. */
struct answer {
    struct agent *agent;
    struct transaction transaction;
    const struct reconciliation *round;
    const Hopnhat__Reconciled *message;
    struct marks marks;
    uint8_t (*listed)[RECORD_KEY_BYTES]; /* keys of the answer's records, ascending */
    bool differs[LIMIT_RECONCILE_BUCKETS];
};

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, RECORD_KEY_BYTES);
}

static bool is_listed(const struct answer *answer, const uint8_t *key)
{
    return answer->message->n_records &&
           bsearch(key, answer->listed, answer->message->n_records, RECORD_KEY_BYTES, compare_keys) != NULL;
}

static bool is_sound(const struct reconciliation *round, const Hopnhat__Reconciled *message,
                     size_t replica_count)
{
    if (strcmp(message->group, round->group) != 0 || message->n_watermarks != replica_count ||
        message->next < round->next || (message->next == round->next && !message->piece) ||
        message->next > round->buckets || (message->piece && !pieces_sound(message->piece)))
        return false;
    for (size_t i = 0; i < message->n_differing; i++)
        if (message->differing[i] < round->next || message->differing[i] >= message->next)
            return false;
    for (size_t i = 0; i < message->n_records; i++)
        if (message->records[i]->id.len != RECORD_ID_BYTES || message->records[i]->type == 0)
            return false;
    return true;
}

/* Finds the mirrored record of the group at or after *key in a bucket that the answer speaks of, and moves
 * *key past it. NULL: no more. */
static Hopnhat__Record *next_compared(struct answer *answer, struct key *key, uint32_t *bucket)
{
    struct agent *agent = answer->agent;
    struct cursor cursor;
    Hopnhat__Record *found = NULL;
    cursor_open(&cursor, &answer->transaction, AGENT_MIRROR);
    for (bool here = cursor_seek(&cursor, key_bytes(key)); here && !found; here = cursor_next(&cursor)) {
        *bucket = digest_bucket(cursor.key.data + 4, answer->round->buckets);
        if (*bucket < answer->round->next || *bucket >= answer->message->next)
            continue;
        arena_reset(&agent->scratch);
        Hopnhat__Record *record =
            row_unpack(&answer->transaction, cursor.value, &hopnhat__record__descriptor, &agent->scratch);
        if (record && is_of_group(record, answer->round->group))
            found = record;
    }
    cursor_close(&cursor);
    if (found) {
        key_record(key, found->type, found->id.data);
        key_add(key, "", 1);
    }
    return found;
}

/* Records in differing buckets that the hub does not list go. The others in the buckets are now known to be
 * the hub's, read at these marks. */
static void take_mirrored(struct answer *answer)
{
    struct agent *agent = answer->agent;
    struct key key = {0}, record_key;
    Hopnhat__Record *record;
    uint32_t bucket;
    while ((record = next_compared(answer, &key, &bucket))) {
        key_record(&record_key, record->type, record->id.data);
        if (!answer->differs[bucket])
            draft_confirm(agent, &answer->transaction, record, &answer->marks, &agent->scratch);
        else if (!is_listed(answer, record_key.data))
            mirror_remove(agent, &answer->transaction, record, &answer->marks, &agent->scratch);
    }
    arena_reset(&agent->scratch);
}

static void take_listed(struct answer *answer)
{
    struct agent *agent = answer->agent;
    char group[LIMIT_GROUP_NAME_BYTES + 1];
    memcpy(group, answer->round->group, sizeof group);
    for (size_t i = 0; i < answer->message->n_records; i++) {
        Hopnhat__Record record = *answer->message->records[i];
        arena_reset(&agent->scratch);
        record.group = group;
        log_release(agent, &answer->transaction, &record);
        mirror_put(agent, &answer->transaction, &record, &answer->marks, &agent->scratch);
    }
    arena_reset(&agent->scratch);
}

/* At the end the cursor stands where the hub stood at the first answer: what changed since comes by the feed.
 */
static void take_end(struct answer *answer, uint64_t rev)
{
    struct agent_group *group = agent_group(answer->agent, answer->round->group, false);
    if (!group || answer->message->next < answer->round->buckets)
        return;
    group->base = group->position = rev;
    group->reconcile = false;
    group->dirty = true;
}

static bool list_keys(struct answer *answer, struct arena *arena)
{
    answer->listed = arena_alloc(arena, answer->message->n_records * RECORD_KEY_BYTES);
    if (!answer->listed)
        return false;
    for (size_t i = 0; i < answer->message->n_records; i++) {
        put_u32_be(answer->listed[i], answer->message->records[i]->type);
        memcpy(answer->listed[i] + 4, answer->message->records[i]->id.data, RECORD_ID_BYTES);
    }
    qsort(answer->listed, answer->message->n_records, RECORD_KEY_BYTES, compare_keys);
    return true;
}

/* Keeps a piece; where it is the last, *all is the message with what came in pieces in its place. */
static bool take_piece(struct answer *answer, struct arena *arena, Hopnhat__Reconciled *all,
                       struct error *error)
{
    const Hopnhat__Piece *piece = answer->message->piece;
    const struct pieces_held held = pieces_add(&answer->transaction, AGENT_PIECE, PIECES_OF_RECONCILE, piece);
    if (held.id != piece->id || held.held_bytes < piece->total)
        return true;
    struct bytes whole = pieces_whole(&answer->transaction, AGENT_PIECE, PIECES_OF_RECONCILE, arena);
    const Hopnhat__Reconciled *inner =
        whole.size ? hopnhat__reconciled__unpack(&arena->protobuf, whole.size, whole.data) : NULL;
    if (!inner)
        return error_set(error, ERROR_CORRUPT, "the hub sent records in pieces that do not fit");
    *all = *answer->message;
    all->differing = inner->differing;
    all->n_differing = inner->n_differing;
    all->records = inner->records;
    all->n_records = inner->n_records;
    all->piece = NULL;
    answer->message = all;
    pieces_clear(&answer->transaction, AGENT_PIECE, PIECES_OF_RECONCILE);
    return true;
}

static bool take_all(struct answer *answer, size_t replica_count, uint64_t rev, struct arena *arena,
                     struct error *error)
{
    Hopnhat__Reconciled all;
    if (answer->message->piece && !take_piece(answer, arena, &all, error))
        return false;
    if (!is_sound(answer->round, answer->message, replica_count))
        return error_set(error, ERROR_CORRUPT, "the hub sent a comparison that does not fit");
    for (size_t i = 0; i < answer->message->n_differing; i++)
        answer->differs[answer->message->differing[i]] = true;
    if (!list_keys(answer, arena)) {
        agent_fail_memory(&answer->transaction);
        return true;
    }
    take_mirrored(answer);
    take_listed(answer);
    take_end(answer, rev);
    return true;
}

bool reconcile_take(struct agent *agent, struct reconciliation *round, const Hopnhat__Reconciled *message,
                    const uint64_t *replicas, size_t replica_count, struct error *error)
{
    struct arena arena;
    struct answer answer = {
        .agent = agent,
        .round = round,
        .message = message,
        .marks = {.replicas = replicas, .watermarks = message->watermarks, .count = replica_count},
    };
    uint64_t rev = round->rev ? round->rev : message->rev;
    if (!is_sound(round, message, replica_count))
        return error_set(error, ERROR_CORRUPT, "the hub sent a comparison that does not fit");
    if (!agent_begin(agent, &answer.transaction, error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool taken = take_all(&answer, replica_count, rev, &arena, error);
    arena_release(&arena);
    if (!taken) {
        agent_abort(agent, &answer.transaction);
        return false;
    }
    if (!agent_commit(agent, &answer.transaction, error))
        return false;
    round->rev = rev;
    round->next = message->next;
    if (round->next == round->buckets)
        round->group[0] = '\0';
    return true;
}

bool reconcile_give_up(struct agent *agent, struct reconciliation *round, struct error *error)
{
    struct transaction transaction;
    if (!agent_begin(agent, &transaction, error))
        return false;
    struct agent_group *group = agent_group(agent, round->group, false);
    if (group) {
        mirror_remove_group(agent, &transaction, round->group, NULL);
        group = agent_group(agent, round->group, false);
    }
    if (group) {
        group->base = group->position = 0;
        group->reconcile = false;
        group->dirty = true;
    }
    round->group[0] = '\0';
    return agent_commit(agent, &transaction, error);
}
