#include "agent/write.h"

#include "agent/draft.h"
#include "agent/erasure.h"
#include "agent/log.h"
#include "agent/records.h"
#include "base/text.h"
#include "model/check.h"
#include "model/urgency.h"

struct writing {
    struct agent *agent;
    struct transaction *transaction;
    struct arena *arena;
    struct change change;
    struct bytes stored;
    bool urgent; /* a record in it is marked so */
    struct error *error;
};

/* The office has been told of every erasure that has come: copies of the edits that say so. NULL on error. */
static struct new_edit *name_erasures(struct writing *writing, const struct new_edit *edits, size_t count)
{
    struct arena *arena = writing->arena;
    struct new_edit *named = arena_copy(arena, edits, count * sizeof *named);
    if (!named)
        out_of_memory(writing->error);
    for (size_t i = 0; named && i < count; i++)
        if (!erasure_name(agent_erasure(writing->transaction, edits[i].type, edits[i].record, arena),
                          &named[i], arena, writing->error))
            return NULL;
    return named;
}

static bool pack(struct writing *writing, const struct new_edit *edits, size_t count, const char *author,
                 uint64_t wall_ms)
{
    struct agent *agent = writing->agent;
    const struct own_log *log = agent_present_log(agent);
    struct new_change change = {
        .replica = log->replica,
        .time = clock_next(&agent->clock, wall_ms),
        .catalog_tag = catalog_tag(agent->catalog),
        .author = author,
        .edits = edits,
        .edit_count = count,
    };
    struct dot dot = {log->replica, log->head + 1};
    if (agent->has_seed_key)
        brief_seed(agent->seed_key, dot, change.seed);
    else
        agent->entropy.fill(agent->entropy.context, change.seed, sizeof change.seed);
    return change_pack(&change, writing->arena, &writing->stored, writing->error) &&
           change_unpack(&writing->change, dot, writing->stored, writing->arena, writing->error);
}

static void note_urgency(struct writing *writing, const Hopnhat__Edit *edit)
{
    const struct catalog_type *type = catalog_type(writing->agent->catalog, edit->type);
    const Hopnhat__Record *record =
        type && type_definition(type)->urgent
            ? agent_record(writing->transaction, edit->type, edit->record.data, writing->arena)
            : NULL;
    writing->urgent =
        writing->urgent || (record && urgency_of(writing->agent->catalog, record) == URGENCY_MARKED);
}

/* Each edit is checked against what people see now, which is what stands before it: a change has one edit for
 * a record. */
static bool apply(struct writing *writing, size_t edit)
{
    const Hopnhat__Edit *ops = writing->change.body->edits[edit];
    const struct writer writer = {&writing->agent->office};
    Hopnhat__RefusalReason reason;
    Hopnhat__Record *before = agent_record(writing->transaction, ops->type, ops->record.data, writing->arena);
    if (writing->transaction->failed) {
        *writing->error = writing->transaction->error;
        return false;
    }
    return check_edit(writing->agent->catalog, &writing->change, edit, before, &writer, &reason,
                      writing->error) &&
           draft_add(writing->agent, writing->transaction, &writing->change, edit, before, writing->arena,
                     writing->error) &&
           (note_urgency(writing, ops), true);
}

static bool write_all(struct writing *writing, const struct new_edit *edits, size_t count, const char *author,
                      uint64_t wall_ms)
{
    const struct new_edit *named = name_erasures(writing, edits, count);
    if (!named || !pack(writing, named, count, author, wall_ms)) {
        if (writing->error->code == ERROR_CORRUPT)
            writing->error->code = ERROR_INPUT;
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (!apply(writing, i))
            return false;
    struct own_log *log = agent_present_log(writing->agent);
    Hopnhat__LogRow times = HOPNHAT__LOG_ROW__INIT;
    times.has_written_ms = times.has_ahead_ms = true;
    times.written_ms = wall_ms;
    times.ahead_ms = (int64_t)time_ms(writing->change.body->time) - (int64_t)wall_ms;
    log_append(writing->transaction, log, &writing->change, writing->stored, &times);
    if (writing->urgent)
        log->urgent = log->head;
    return true;
}

static bool check_call(const struct new_edit *edits, size_t count, const char *author, struct error *error)
{
    if (count == 0)
        return error_set(error, ERROR_USAGE, "there is nothing to write");
    if (count > LIMIT_EDITS_PER_CHANGE)
        return error_set(error, ERROR_LIMIT, "%zu records in one change; the most is %d", count,
                         LIMIT_EDITS_PER_CHANGE);
    for (size_t i = 0; i < count; i++)
        if (edits[i].op_count == 0)
            return error_set(error, ERROR_USAGE,
                             "there is nothing to write: that is what the record says already");
    if (author && (!text_is_utf8(bytes_of_string(author)) || strlen(author) > LIMIT_AUTHOR_BYTES))
        return error_set(error, ERROR_INPUT, "the author's name is no text of at most %d bytes",
                         LIMIT_AUTHOR_BYTES);
    return true;
}

bool agent_write_in(struct agent *agent, struct transaction *transaction, const struct new_edit *edits,
                    size_t count, const char *author, uint64_t wall_ms, struct dot *dot, struct error *error)
{
    struct arena arena;
    struct writing writing = {.agent = agent, .transaction = transaction, .arena = &arena, .error = error};
    if (!check_call(edits, count, author, error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool written = write_all(&writing, edits, count, author, wall_ms);
    if (written && dot)
        *dot = writing.change.dot;
    arena_release(&arena);
    return written;
}

bool agent_write(struct agent *agent, const struct new_edit *edits, size_t count, const char *author,
                 uint64_t wall_ms, struct dot *dot, struct error *error)
{
    struct transaction transaction;
    if (!check_call(edits, count, author, error) || !agent_begin(agent, &transaction, error))
        return false;
    if (agent_write_in(agent, &transaction, edits, count, author, wall_ms, dot, error))
        return agent_commit(agent, &transaction, error);
    agent_abort(agent, &transaction);
    return false;
}

bool agent_write_check(const struct agent *agent, const struct new_edit *edit, const Hopnhat__Record *before,
                       struct error *error)
{
    const struct own_log *log = agent_present_log(agent);
    const struct new_change change = {
        .replica = log->replica, .catalog_tag = catalog_tag(agent->catalog), .edits = edit, .edit_count = 1};
    const struct writer writer = {&agent->office};
    Hopnhat__RefusalReason reason;
    struct change unpacked;
    struct bytes stored;
    struct arena arena;
    if (!check_call(edit, 1, NULL, error))
        return false;
    arena_init(&arena, LIMIT_MESSAGE_ARENA_BYTES);
    bool taken = change_pack(&change, &arena, &stored, error) &&
                 change_unpack(&unpacked, (struct dot){log->replica, log->head + 1}, stored, &arena, error) &&
                 check_edit(agent->catalog, &unpacked, 0, before, &writer, &reason, error);
    if (!taken && error->code == ERROR_CORRUPT)
        error->code = ERROR_INPUT;
    arena_release(&arena);
    return taken;
}
