#include "hub/reconcile.h"

#include "hub/admission.h"
#include "hub/registry.h"
#include "store/key.h"
#include "store/pieces.h"

struct bucket {
    struct digest digest;
    size_t size_bytes, records;
    bool chosen;
};

struct comparison {
    const Hopnhat__Reconcile *request;
    struct transaction transaction;
    struct bucket *buckets;
    struct arena records; /* of one record at a time */
    struct arena *arena;
    Hopnhat__Reconciled *answer;
};

static bool is_sound(const Hopnhat__Reconcile *request)
{
    return request->buckets > 0 && request->buckets <= LIMIT_RECONCILE_BUCKETS &&
           request->first < request->buckets && request->digests.len > 0 && request->digests.len % 8 == 0 &&
           request->digests.len / 8 <= request->buckets - request->first;
}

/* The number after the last bucket that the request speaks of. */
static uint32_t end_of(const Hopnhat__Reconcile *request)
{
    return request->first + (uint32_t)(request->digests.len / 8);
}

/* Calls `visit` for every record of the group in a bucket that the request speaks of. */
static bool each_record(struct comparison *comparison, struct error *error,
                        bool (*visit)(struct comparison *, uint32_t bucket, uint32_t type, const uint8_t *id))
{
    struct key prefix = {0};
    struct cursor cursor;
    bool done = true;
    key_add(&prefix, comparison->request->group, strlen(comparison->request->group) + 1);
    cursor_open(&cursor, &comparison->transaction, HUB_FEED);
    for (bool more = cursor_seek(&cursor, key_bytes(&prefix));
         more && done && cursor_within(&cursor, key_bytes(&prefix)); more = cursor_next(&cursor)) {
        if (cursor.value.size != FEED_ROW_BYTES || cursor.value.data[0] == HOPNHAT__ITEM_KIND__ITEM_LEFT)
            continue;
        uint32_t bucket = digest_bucket(cursor.value.data + 5, comparison->request->buckets);
        if (bucket >= comparison->request->first && bucket < end_of(comparison->request))
            done = visit(comparison, bucket, get_u32_be(cursor.value.data + 1), cursor.value.data + 5);
    }
    cursor_close(&cursor);
    return done || out_of_memory(error);
}

static bool sum_record(struct comparison *comparison, uint32_t bucket, uint32_t type, const uint8_t *id)
{
    Hopnhat__Record *record = hub_record(&comparison->transaction, type, id, &comparison->records);
    if (record) {
        struct digest digest = digest_record(record);
        digest_add(&comparison->buckets[bucket].digest, &digest);
        comparison->buckets[bucket].size_bytes += hopnhat__record__get_packed_size(record);
        comparison->buckets[bucket].records++;
    }
    arena_reset(&comparison->records);
    return record != NULL;
}

static bool collect_record(struct comparison *comparison, uint32_t bucket, uint32_t type, const uint8_t *id)
{
    if (!comparison->buckets[bucket].chosen)
        return true;
    Hopnhat__Record *record = hub_record(&comparison->transaction, type, id, comparison->arena);
    if (!record)
        return false;
    feed_strip(record);
    comparison->answer->records[comparison->answer->n_records++] = record;
    return true;
}

/* Chooses differing buckets while they fit the credit; *records is how many records are in them. */
static bool choose(struct comparison *comparison, size_t *records, struct error *error)
{
    const Hopnhat__Reconcile *request = comparison->request;
    Hopnhat__Reconciled *answer = comparison->answer;
    size_t credit_bytes = request->credit_bytes < LIMIT_FEED_BYTES ? request->credit_bytes : LIMIT_FEED_BYTES;
    size_t size = 0;
    uint32_t at = request->first;
    for (; at < end_of(request); at++) {
        struct bucket *bucket = &comparison->buckets[at];
        if (bucket->digest.low == get_u64_le(request->digests.data + 8 * (size_t)(at - request->first)))
            continue;
        if (answer->n_differing && size + bucket->size_bytes > credit_bytes)
            break;
        if (bucket->size_bytes > LIMIT_BUCKET_BYTES)
            return error_set(error, ERROR_LIMIT, "a bucket holds %zu bytes; read the group from the start",
                             bucket->size_bytes);
        bucket->chosen = true;
        size += bucket->size_bytes;
        *records += bucket->records;
        answer->differing[answer->n_differing++] = at;
    }
    answer->next = at;
    return true;
}

/* Where the records of the one bucket are too large for the credit, a piece of them takes their place. */
static bool cut(struct comparison *comparison, struct error *error)
{
    const Hopnhat__Reconcile *request = comparison->request;
    Hopnhat__Reconciled *answer = comparison->answer, all = HOPNHAT__RECONCILED__INIT;
    const struct pieces_held held = pieces_told(request->held);
    static char nothing[] = "";
    size_t most = request->credit_bytes > LEAST_PIECE_BYTES ? request->credit_bytes : LEAST_PIECE_BYTES;
    all.group = nothing;
    all.differing = answer->differing;
    all.n_differing = answer->n_differing;
    all.records = answer->records;
    all.n_records = answer->n_records;
    if (answer->n_differing != 1 || hopnhat__reconciled__get_packed_size(&all) <= 2 * most)
        return true;
    answer->piece = pieces_cut_message(&all.base, &held, most, comparison->arena);
    if (!answer->piece)
        return out_of_memory(error);
    answer->next = answer->differing[0] + pieces_is_last(answer->piece);
    answer->n_differing = answer->n_records = 0;
    return true;
}

static bool compare(struct comparison *comparison, struct error *error)
{
    const Hopnhat__Reconcile *request = comparison->request;
    Hopnhat__Reconciled *answer = comparison->answer;
    comparison->buckets = arena_alloc(comparison->arena, request->buckets * sizeof *comparison->buckets);
    answer->differing = arena_alloc(comparison->arena, request->buckets * sizeof *answer->differing);
    if (!comparison->buckets || !answer->differing)
        return out_of_memory(error);
    if (!each_record(comparison, error, sum_record))
        return false;
    size_t records = 0;
    if (!choose(comparison, &records, error))
        return false;
    answer->records = arena_alloc(comparison->arena, records * sizeof(Hopnhat__Record *));
    if (!answer->records)
        return out_of_memory(error);
    return each_record(comparison, error, collect_record) && cut(comparison, error);
}

static bool start_answer(struct hub *hub, const struct feed_reader *reader, struct comparison *comparison)
{
    Hopnhat__Reconciled *answer = arena_alloc(comparison->arena, sizeof *answer);
    if (!answer)
        return false;
    hopnhat__reconciled__init(answer);
    answer->group =
        arena_string(comparison->arena, comparison->request->group, strlen(comparison->request->group));
    answer->rev = hub->rev;
    answer->watermarks = arena_alloc(comparison->arena, reader->log_count * sizeof *answer->watermarks);
    if (!answer->group || !answer->watermarks)
        return false;
    for (size_t i = 0; i < reader->log_count; i++) {
        const struct replica *replica = registry_replica(hub, reader->logs[i]);
        answer->watermarks[answer->n_watermarks++] = replica ? replica->watermark : 0;
    }
    comparison->answer = answer;
    return true;
}

bool reconcile_group(struct hub *hub, const struct feed_reader *reader, const Hopnhat__Reconcile *request,
                     struct arena *arena, Hopnhat__Reconciled **answer, struct error *error)
{
    struct comparison comparison = {.request = request, .arena = arena};
    if (!is_sound(request))
        return error_set(error, ERROR_CORRUPT, "a Reconcile that is not well formed");
    if (!office_is_in(reader->office, bytes_of_string(request->group)))
        return error_set(error, ERROR_REFUSED, "office %s is not in that group", reader->office->code);
    if (!start_answer(hub, reader, &comparison))
        return out_of_memory(error);
    if (!transaction_begin(&comparison.transaction, hub->environment, false, error))
        return false;
    arena_init(&comparison.records, LIMIT_MESSAGE_ARENA_BYTES);
    bool compared = compare(&comparison, error);
    compared = transaction_is_sound(&comparison.transaction, error) && compared;
    transaction_abort(&comparison.transaction);
    arena_release(&comparison.records);
    *answer = comparison.answer;
    return compared;
}
