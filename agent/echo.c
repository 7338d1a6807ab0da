#include "agent/echo.h"

#include "agent/log.h"
#include "model/bag.h"
#include "model/merge.h"

static bool apply(struct agent *agent, struct transaction *transaction, const struct agent_group *group,
                  const struct echo *echo, const struct marks *marks, struct arena *arena)
{
    const struct change *change = marks->at_hand;
    const Hopnhat__Edit *edit = change->body->edits[echo->edit];
    const struct merge_source source = {
        0}; /* the hub names only changes that met nothing absent or refused */
    uint64_t time = change->body->time + ((uint64_t)echo->moved_ms << 16);
    const struct merge_stamp stamp = {.time = time, .rank = echo->rank};
    struct error error;
    Hopnhat__Record *record = mirror_get(transaction, edit->type, edit->record.data, arena);
    const Hopnhat__Record *former = record ? record_copy(arena, record) : NULL;
    struct mirror_before before = mirror_before(record);
    if (!record)
        record = record_new(arena, edit->type, edit->record.data);
    if (!record || (before.there && !former)) {
        agent_fail_memory(transaction);
        return true;
    }
    if (!merge_edit(record, change, echo->edit, &stamp, &source, arena, &error)) {
        if (error.code == ERROR_MEMORY)
            transaction_fail(transaction, &error);
        return error.code == ERROR_MEMORY;
    }
    record->group = arena_string(arena, group->name, strlen(group->name));
    record->has_rev = true;
    record->rev = echo->rev;
    log_release(agent, transaction, record);
    log_admitted(transaction, change->dot, time, arena);
    mirror_number(agent, record, former, draft_get(transaction, record->type, record->id.data, arena));
    mirror_store(agent, transaction, record, &before, marks, arena);
    return true;
}

bool echo_apply(struct agent *agent, struct transaction *transaction, const struct agent_group *group,
                const struct echo *echo, const struct marks *marks)
{
    arena_reset(&agent->scratch);
    return echo->edit < marks->at_hand->body->n_edits &&
           apply(agent, transaction, group, echo, marks, &agent->scratch);
}
