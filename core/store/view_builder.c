#include "store/view_builder.h"

#include "base/limits.h"
#include "base/log.h"
#include "store/view_changes.h"

#include <stdlib.h>

enum { STEP_RECORDS = 5000, STEP_ROWS = 50000 };
enum { SCRATCH_BYTES = 512 * 1024 * 1024 };

struct view_builder {
    struct views *views;
    struct view_builder_options options;
    struct collation *collation;
    struct catalog *catalog; /* its own copy of what the source had in force under `tag` */
    uint32_t tag;
    uint8_t shape[VIEWS_SHAPE_BYTES];
    struct arena scratch; /* of one record */
    struct view_changes changes;
    struct source_row *rows;
    uint64_t damaged; /* rows of the views, up to which they have been built anew */
};

struct view_builder *view_builder_new(struct views *views, const struct view_builder_options *options,
                                      struct error *error)
{
    struct view_builder *builder = calloc(1, sizeof *builder);
    if (!builder) {
        out_of_memory(error);
        return NULL;
    }
    builder->views = views;
    builder->options.records = options && options->records ? options->records : STEP_RECORDS;
    builder->options.rows = options && options->rows ? options->rows : STEP_ROWS;
    arena_init(&builder->scratch, SCRATCH_BYTES);
    view_changes_init(&builder->changes);
    builder->collation = collation_open(error);
    if (builder->collation)
        return builder;
    view_builder_free(builder);
    return NULL;
}

void view_builder_rest(struct view_builder *builder)
{
    arena_release(&builder->scratch);
    view_changes_release(&builder->changes);
    free(builder->rows);
    builder->rows = NULL;
}

void view_builder_free(struct view_builder *builder)
{
    if (!builder)
        return;
    view_builder_rest(builder);
    catalog_free(builder->catalog);
    collation_close(builder->collation);
    free(builder);
}

/* Keeps a copy of the catalog that is in force in the snapshot. */
static bool take_catalog(struct view_builder *builder, struct transaction *snapshot, uint32_t tag,
                         struct error *error)
{
    struct bytes packed;
    if (builder->catalog && builder->tag == tag)
        return true;
    bool found = builder->views->source.catalog(snapshot, &packed);
    struct catalog *catalog = found ? catalog_load(packed, error) : catalog_empty(error);
    if (!catalog)
        return false;
    catalog_free(builder->catalog);
    builder->catalog = catalog;
    builder->tag = tag;
    views_shape(catalog, builder->collation, builder->shape);
    return true;
}

/* The state that the step begins with; views that are of something else are emptied. */
static void begin_state(struct view_builder *builder, struct transaction *transaction,
                        const struct source_head *head, struct views_state *state)
{
    uint64_t damaged = environment_damaged(builder->views->environment);
    bool whole = damaged == builder->damaged, there = views_load_state(transaction, state);
    builder->damaged = damaged;
    if (whole && there && state->identity == head->identity && state->position <= head->rev &&
        memcmp(state->shape, builder->shape, sizeof state->shape) == 0) {
        /* Far behind, after trouble: as if they were begun anew. */
        if (head->rev - state->position > 2 * (uint64_t)LIMIT_FOLLOWER_LAG)
            state->target = head->rev;
        return;
    }
    if (there)
        log_info("the views are built anew: %s",
                 !whole ? "a row is not what was written"
                 : state->identity != head->identity || state->position > head->rev
                     ? "the store is another one"
                     : "the catalog has changed");
    for (unsigned database = 0; database < VIEW_DATABASES; database++)
        transaction_clear(transaction, database);
    *state = (struct views_state){.identity = head->identity, .target = head->rev};
    memcpy(state->shape, builder->shape, sizeof state->shape);
}

/* What the record puts in now; for one that cannot be read nothing but the mark that says so. */
static bool contribute(struct view_builder *builder, struct transaction *snapshot,
                       const struct source_row *row, struct contribution *now, struct error *error)
{
    const Hopnhat__Record *record = NULL;
    struct arena *scratch = &builder->scratch;
    *now = (struct contribution){0};
    if (builder->views->source.read(snapshot, row->type, row->id, scratch, &record, error) &&
        (!record || contribution_make(builder->catalog, builder->collation, record, scratch, now, error)))
        return true;
    if (error->code != ERROR_CORRUPT && error->code != ERROR_LIMIT)
        return false;
    char id[RECORD_ID_TEXT_BYTES];
    struct record_id parsed;
    memcpy(parsed.bytes, row->id, sizeof parsed.bytes);
    record_id_format(&parsed, id);
    log_warning("the views leave out the record %s of type %u: %s", id, row->type, error->text);
    *now = (struct contribution){.flags = CONTRIBUTION_SKIPPED};
    return true;
}

/* The difference between what the record put in before and what it does now. */
static bool take_record(struct view_builder *builder, struct transaction *transaction,
                        struct transaction *snapshot, const struct source_row *row, struct views_state *state,
                        struct error *error)
{
    struct contribution before = {0}, now;
    struct key key;
    struct bytes stored;
    arena_reset(&builder->scratch);
    key_record(&key, row->type, row->id);
    bool was = transaction_get(transaction, VIEW_CONTRIBUTION, key_bytes(&key), &stored);
    if (was && !contribution_unpack(stored, &builder->scratch, &before, error))
        return false;
    if (!contribute(builder, snapshot, row, &now, error))
        return false;
    state->skipped += (now.flags & CONTRIBUTION_SKIPPED) != 0;
    state->skipped -= (before.flags & CONTRIBUTION_SKIPPED) != 0;
    return view_changes_add(&builder->changes, row->type, row->id, was ? &before : NULL, &now,
                            &builder->scratch, error);
}

static bool take_records(struct view_builder *builder, struct transaction *transaction,
                         struct transaction *snapshot, const struct source_head *head,
                         struct views_state *state, bool *more, struct error *error)
{
    size_t count;
    bool all;
    if (!builder->rows)
        builder->rows = malloc(builder->options.records * sizeof *builder->rows);
    if (!builder->rows)
        return out_of_memory(error);
    if (!builder->views->source.next(snapshot, state->position, builder->rows, builder->options.records,
                                     &count, &all, error))
        return false;
    *more = !all;
    for (size_t i = 0; i < count; i++) {
        if (!take_record(builder, transaction, snapshot, &builder->rows[i], state, error))
            return false;
        state->position = builder->rows[i].rev;
        if (view_changes_count(&builder->changes) < builder->options.rows || i + 1 == count)
            continue;
        *more = true;
        break;
    }
    if (!*more)
        state->position = head->rev;
    return true;
}

static bool step_in(struct view_builder *builder, struct transaction *transaction,
                    struct transaction *snapshot, struct views_state *state, bool *more, struct error *error)
{
    struct source_head head;
    builder->views->source.head(snapshot, &head);
    if (!transaction_is_sound(snapshot, error) || !take_catalog(builder, snapshot, head.catalog_tag, error))
        return false;
    begin_state(builder, transaction, &head, state);
    view_changes_reset(&builder->changes);
    if (!take_records(builder, transaction, snapshot, &head, state, more, error))
        return false;
    view_changes_apply(&builder->changes, transaction);
    views_save_state(transaction, state);
    return true;
}

/* Whether there is nothing to do, told without a transaction that writes. */
static bool is_up_to_date(struct view_builder *builder, struct error *error)
{
    struct transaction transaction, snapshot;
    struct views_state state;
    struct source_head head;
    if (!builder->catalog || !transaction_begin(&transaction, builder->views->environment, false, error))
        return false;
    transaction.takes_damaged = true;
    bool there = views_load_state(&transaction, &state) &&
                 environment_damaged(builder->views->environment) == builder->damaged;
    transaction_abort(&transaction);
    if (!there || !transaction_begin(&snapshot, builder->views->source.environment, false, error))
        return false;
    builder->views->source.head(&snapshot, &head);
    bool same = !snapshot.failed && state.identity == head.identity && state.position == head.rev &&
                head.catalog_tag == builder->tag;
    transaction_abort(&snapshot);
    return same;
}

bool view_builder_step(struct view_builder *builder, bool *more, struct error *error)
{
    struct transaction transaction, snapshot;
    struct views_state state = {0};
    *more = false;
    if (is_up_to_date(builder, error))
        return views_sync(builder->views, error);
    if (!transaction_begin(&transaction, builder->views->environment, true, error))
        return false;
    if (!transaction_begin(&snapshot, builder->views->source.environment, false, error)) {
        transaction_abort(&transaction);
        return false;
    }
    transaction.takes_damaged = true; /* it is found, and all is built anew */
    bool done = step_in(builder, &transaction, &snapshot, &state, more, error);
    transaction_abort(&snapshot);
    if (!done) {
        transaction_abort(&transaction);
        return false;
    }
    transaction.unsynced = *more && views_unsynced(builder->views); /* they are caught up with before long */
    if (!transaction_commit(&transaction, error))
        return false;
    builder->views->position = state.position;
    builder->views->target = state.target;
    builder->views->skipped = state.skipped;
    return *more || views_sync(builder->views, error);
}

bool view_builder_catch_up(struct view_builder *builder, struct error *error)
{
    bool more = true, done = true;
    while (done && more)
        done = view_builder_step(builder, &more, error);
    view_builder_rest(builder);
    return done;
}
