#include "hub/history.h"

#include "hub/quarantine.h"
#include "hub/registry.h"
#include "model/clock.h"
#include "model/merge.h"

#include <stdlib.h>

enum { STEP_ARENA_BYTES = 64 * 1024 * 1024 };

/* How far the changes of one replica have been merged again. */
struct replayed {
    uint64_t replica, seq;
};

/* What stands for the store while changes are merged again. */
struct replay {
    struct transaction *snapshot;
    struct replayed *replicas;
    size_t replica_count, replica_capacity;
    struct dot *released; /* those merged again that had been refused at first */
    size_t released_count, released_capacity;
};

/* A list of changes, newest first. */
struct steps {
    struct dot *dots;
    size_t count, capacity;
};

/* Room for one more in a malloc'd array of items of that size. */
static bool grow(void **items, size_t size, size_t count, size_t *capacity, struct error *error)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 64;
    void *grown = realloc(*items, wanted * size);
    if (!grown)
        return out_of_memory(error);
    *items = grown;
    *capacity = wanted;
    return true;
}

static bool was_seen(void *context, struct entry_id id)
{
    const struct replay *replay = context;
    for (size_t i = 0; i < replay->replica_count; i++)
        if (replay->replicas[i].replica == id.dot.replica)
            return id.dot.seq <= replay->replicas[i].seq;
    return false;
}

/* A change that was released counts as refused until its turn. */
static bool was_refused(void *context, struct entry_id id, struct arena *arena, struct entry_list *superseded)
{
    struct replay *replay = context;
    for (size_t i = 0; i < replay->released_count; i++)
        if (dot_compare(replay->released[i], id.dot) == 0)
            return false;
    if (!quarantine_row(replay->snapshot, id.dot, arena))
        return false;
    *superseded = quarantine_superseded(replay->snapshot, id, arena);
    return true;
}

static bool note_replica(struct replay *replay, struct dot dot, struct error *error)
{
    for (size_t i = 0; i < replay->replica_count; i++)
        if (replay->replicas[i].replica == dot.replica) {
            if (dot.seq > replay->replicas[i].seq)
                replay->replicas[i].seq = dot.seq;
            return true;
        }
    void *items = replay->replicas;
    if (!grow(&items, sizeof *replay->replicas, replay->replica_count, &replay->replica_capacity, error))
        return false;
    replay->replicas = items;
    replay->replicas[replay->replica_count++] = (struct replayed){dot.replica, dot.seq};
    return true;
}

static bool note_released(struct replay *replay, struct dot dot, struct arena *arena, struct error *error)
{
    void *items = replay->released;
    if (!quarantine_row(replay->snapshot, dot, arena))
        return true;
    if (!grow(&items, sizeof *replay->released, replay->released_count, &replay->released_capacity, error))
        return false;
    replay->released = items;
    replay->released[replay->released_count++] = dot;
    return true;
}

/* The changes of the span, newest first. */
static bool collect(struct transaction *snapshot, const Hopnhat__Record *record,
                    const struct history_span *span, struct steps *steps, struct arena *scratch,
                    struct error *error)
{
    struct history_step step;
    struct dot dot = {record->last_replica, record->last_seq};
    bool before_joining = false;
    for (; dot.seq; dot = step.previous) {
        void *items = steps->dots;
        arena_reset(scratch);
        if (!history_step(snapshot, record, dot, scratch, &step, error))
            return false;
        if (time_ms(step.time) > span->as_of_ms || step.rev > span->until_rev) {
            before_joining = before_joining || step.rev <= span->from;
            continue;
        }
        if (steps->count == HISTORY_REPLAYED)
            return error_set(error, ERROR_LIMIT, "the record has more than %d changes up to then",
                             HISTORY_REPLAYED);
        if (!grow(&items, sizeof *steps->dots, steps->count, &steps->capacity, error))
            return false;
        steps->dots = items;
        steps->dots[steps->count++] = dot;
    }
    if (steps->count == 0)
        return error_set(error, ERROR_NOT_FOUND, "the record was not there yet");
    return !before_joining ||
           error_set(error, ERROR_REFUSED, "the record came into this office's group later");
}

static bool replay_steps(struct replay *replay, const Hopnhat__Record *record, const struct steps *steps,
                         Hopnhat__Record *result, struct arena *scratch, struct arena *arena,
                         struct error *error)
{
    const struct merge_source source = {.context = replay, .seen = was_seen, .refused = was_refused};
    for (size_t i = steps->count; i-- > 0;) {
        struct history_step step;
        arena_reset(scratch);
        if (!history_step(replay->snapshot, record, steps->dots[i], scratch, &step, error))
            return false;
        struct merge_stamp stamp = {.time = step.time, .rank = step.rank, .rev = step.rev};
        if (!merge_edit(result, &step.change, step.edit, &stamp, &source, arena, error) ||
            !note_replica(replay, step.dot, error) || !note_released(replay, step.dot, scratch, error))
            return false;
        result->has_rev = true;
        result->rev = step.rev;
    }
    return true;
}

Hopnhat__Record *history_replay(struct transaction *snapshot, const Hopnhat__Record *record,
                                const struct history_span *span, struct arena *arena, struct error *error)
{
    struct replay replay = {.snapshot = snapshot};
    struct steps steps = {0};
    struct arena scratch;
    Hopnhat__Record *result = record_new(arena, record->type, record->id.data);
    arena_init(&scratch, STEP_ARENA_BYTES);
    bool done = (result || out_of_memory(error)) &&
                collect(snapshot, record, span, &steps, &scratch, error) &&
                replay_steps(&replay, record, &steps, result, &scratch, arena, error);
    arena_release(&scratch);
    free(steps.dots);
    free(replay.replicas);
    free(replay.released);
    return done ? result : NULL;
}
