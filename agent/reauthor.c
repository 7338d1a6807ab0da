#include "agent/reauthor.h"

#include "agent/draft.h"
#include "agent/log.h"
#include "base/defect.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>

/* A log that is cut, and the new seqs of its changes. */
struct branch {
    uint64_t replica, number, common, head;
    uint64_t *renamed; /* of change common + 1 + i; 0: refused, not authored again */
};

struct reauthor {
    struct agent *agent;
    struct transaction *transaction;
    struct branch *branches; /* oldest log first */
    size_t count;
    struct own_log *log; /* the new one */
    struct arena arena;  /* of one change at a time */
    struct error *error;
};

static const struct branch *branch_of(const struct reauthor *reauthor, struct dot dot)
{
    for (size_t i = 0; i < reauthor->count; i++)
        if (reauthor->branches[i].replica == dot.replica)
            return dot.seq > reauthor->branches[i].common ? &reauthor->branches[i] : NULL;
    return NULL;
}

/* The name that the entry has from now on. False: its change was refused, or is not there at all. */
static bool rename_entry(const struct reauthor *reauthor, struct entry_id *id)
{
    const struct branch *branch = branch_of(reauthor, id->dot);
    if (!branch || DEFECT(REAUTHOR_OLD_NAMES))
        return true;
    uint64_t seq = id->dot.seq <= branch->head ? branch->renamed[id->dot.seq - branch->common - 1] : 0;
    id->dot = (struct dot){reauthor->log->replica, seq};
    return seq != 0;
}

/* A growing list in the arena. */
struct list {
    struct entry_list entries;
    size_t capacity;
};

static bool list_add(struct reauthor *reauthor, struct list *list, struct entry_id id)
{
    if (list->entries.count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct entry_id *larger = arena_alloc(&reauthor->arena, capacity * sizeof *larger);
        if (!larger)
            return out_of_memory(reauthor->error);
        if (list->entries.count)
            memcpy(larger, list->entries.ids, list->entries.count * sizeof *larger);
        list->entries.ids = larger;
        list->capacity = capacity;
    }
    list->entries.ids[list->entries.count++] = id;
    return true;
}

/* What an op supersedes, under the new names; in the place of an entry of a refused change what that one
 * superseded. */
static bool rename_superseded(struct reauthor *reauthor, const struct change *change, const Hopnhat__Op *op,
                              struct entry_list *superseded)
{
    struct list todo = {0}, done = {0};
    for (size_t i = 0; i < op_superseded_count(op); i++)
        if (!list_add(reauthor, &todo, op_superseded(change, op, i)))
            return false;
    for (size_t i = 0; i < todo.entries.count; i++) {
        struct entry_id id = todo.entries.ids[i], renamed = id;
        struct entry_list older = {0};
        if (rename_entry(reauthor, &renamed)) {
            if (!list_add(reauthor, &done, renamed))
                return false;
        } else if (log_refused(reauthor->transaction, id, &reauthor->arena, &older)) {
            for (size_t j = 0; j < older.count; j++)
                if (!list_add(reauthor, &todo, older.ids[j]))
                    return false;
        }
    }
    *superseded = done.entries;
    return true;
}

static uint64_t position_of(Hopnhat__Tombstone *tombstone, uint64_t replica)
{
    for (size_t i = 0; i < tombstone->n_replicas; i++)
        if (tombstone->replicas[i] == replica)
            return i;
    tombstone->replicas[tombstone->n_replicas] = replica;
    return tombstone->n_replicas++;
}

/* A tombstone with the entries that it lists under their new names. */
static bool rename_tombstone(struct reauthor *reauthor, struct bytes *value)
{
    struct arena *arena = &reauthor->arena;
    Hopnhat__Tombstone *from = hopnhat__tombstone__unpack(&arena->protobuf, value->size, value->data);
    Hopnhat__Tombstone to = HOPNHAT__TOMBSTONE__INIT;
    if (!from)
        return true; /* not ours to judge: the hub will */
    to.replicas = arena_alloc(arena, (from->n_replicas + 1) * sizeof *to.replicas);
    to.seen = arena_alloc(arena, from->n_seen * sizeof *to.seen);
    if (!to.replicas || !to.seen)
        return out_of_memory(reauthor->error);
    for (size_t i = 0; i + 3 <= from->n_seen; i += 3) {
        if (from->seen[i] >= from->n_replicas)
            return true;
        struct entry_id id = {{from->replicas[from->seen[i]], from->seen[i + 1]},
                              (uint32_t)from->seen[i + 2]};
        if (!rename_entry(reauthor, &id))
            continue;
        to.seen[to.n_seen++] = position_of(&to, id.dot.replica);
        to.seen[to.n_seen++] = id.dot.seq;
        to.seen[to.n_seen++] = id.index;
    }
    uint8_t *packed = arena_alloc(arena, hopnhat__tombstone__get_packed_size(&to));
    if (!packed)
        return out_of_memory(reauthor->error);
    *value = bytes_of(packed, hopnhat__tombstone__pack(&to, packed));
    return true;
}

static bool rename_op(struct reauthor *reauthor, const struct change *change, size_t edit, size_t place,
                      struct new_op *to)
{
    const Hopnhat__Op *op = change->body->edits[edit]->ops[place];
    *to = (struct new_op){
        .field = op->field, .kind = op->kind, .value = change_value(change, change->first_op[edit] + place)};
    if (!rename_superseded(reauthor, change, op, &to->superseded))
        return false;
    if (op->field != HOPNHAT__SYSTEM_FIELD__SYSTEM_DELETED || to->value.size == 0)
        return true;
    return rename_tombstone(reauthor, &to->value);
}

static bool rename_edits(struct reauthor *reauthor, const struct change *change, struct new_edit *edits)
{
    for (size_t i = 0; i < change->body->n_edits; i++) {
        const Hopnhat__Edit *edit = change->body->edits[i];
        edits[i] = (struct new_edit){.type = edit->type, .op_count = edit->n_ops};
        memcpy(edits[i].record, edit->record.data, RECORD_ID_BYTES);
        edits[i].ops = arena_alloc(&reauthor->arena, edit->n_ops * sizeof *edits[i].ops);
        if (!edits[i].ops)
            return out_of_memory(reauthor->error);
        for (size_t j = 0; j < edit->n_ops; j++)
            if (!rename_op(reauthor, change, i, j, &edits[i].ops[j]))
                return false;
    }
    return true;
}

static bool store_failed(struct reauthor *reauthor)
{
    if (reauthor->transaction->failed)
        *reauthor->error = reauthor->transaction->error;
    return reauthor->transaction->failed;
}

/* What was erased of the change is not in the one that was made of it either. */
static bool erase_again(struct reauthor *reauthor, const struct change *change, struct change *made,
                        struct bytes *stored)
{
    bool *takes = arena_alloc(&reauthor->arena, change->op_count * sizeof *takes);
    if (!takes)
        return out_of_memory(reauthor->error);
    for (size_t i = 0; i < change->op_count; i++)
        takes[i] = change_is_erased(change, i);
    return change_erase(made, takes, &reauthor->arena, stored, reauthor->error) &&
           change_unpack(made, made->dot, *stored, &reauthor->arena, reauthor->error);
}

/* Logs the change again, at the end of the new log. */
static bool author_again(struct reauthor *reauthor, struct dot old)
{
    struct agent *agent = reauthor->agent;
    struct change change, made;
    struct new_change again = {0};
    struct bytes stored;
    const Hopnhat__LogRow *row = log_row(reauthor->transaction, old, &reauthor->arena);
    if (!row)
        return !store_failed(reauthor) && error_set(reauthor->error, ERROR_CORRUPT, "the own log has a gap");
    if (!change_unpack(&change, old, bytes_of(row->logged.data, row->logged.len), &reauthor->arena,
                       reauthor->error))
        return false;
    struct new_edit *edits = arena_alloc(&reauthor->arena, change.body->n_edits * sizeof *edits);
    if (!edits)
        return out_of_memory(reauthor->error);
    if (!rename_edits(reauthor, &change, edits))
        return false;
    again.replica = reauthor->log->replica;
    again.time = change.body->time;
    again.catalog_tag = change.body->catalog;
    again.author = change.body->author;
    again.edits = edits;
    again.edit_count = change.body->n_edits;
    agent->entropy.fill(agent->entropy.context, again.seed, sizeof again.seed);
    struct dot dot = {reauthor->log->replica, reauthor->log->head + 1};
    if (!change_pack(&again, &reauthor->arena, &stored, reauthor->error) ||
        !change_unpack(&made, dot, stored, &reauthor->arena, reauthor->error) ||
        (change.logged->n_erased && !erase_again(reauthor, &change, &made, &stored)))
        return false;
    log_append(reauthor->transaction, reauthor->log, &made, stored, row);
    return !store_failed(reauthor);
}

static bool author_branch(struct reauthor *reauthor, struct branch *branch)
{
    uint64_t length = branch->head - branch->common;
    branch->renamed = calloc((size_t)length + 1, sizeof *branch->renamed);
    if (!branch->renamed)
        return out_of_memory(reauthor->error);
    for (uint64_t i = 0; i < length; i++) {
        struct dot old = {branch->replica, branch->common + 1 + i};
        arena_reset(&reauthor->arena);
        if (log_is_refused(reauthor->transaction, old))
            continue;
        if (!author_again(reauthor, old))
            return false;
        branch->renamed[i] = reauthor->log->head;
    }
    return true;
}

/* The records of the new log's changes show them, in the place of what was cut. */
static void rename_drafts(struct reauthor *reauthor, const struct marks *cut)
{
    struct change change;
    for (uint64_t seq = 1; seq <= reauthor->log->head && !reauthor->transaction->failed; seq++) {
        struct dot dot = {reauthor->log->replica, seq};
        arena_reset(&reauthor->arena);
        if (!log_change(reauthor->transaction, dot, &reauthor->arena, &change))
            continue;
        for (size_t i = 0; i < change.body->n_edits; i++)
            draft_rename(reauthor->agent, reauthor->transaction, change.body->edits[i], dot, cut,
                         &reauthor->arena);
    }
}

static bool run(struct reauthor *reauthor)
{
    struct agent *agent = reauthor->agent;
    uint64_t replicas[LIMIT_LOGS_PER_AGENT], commons[LIMIT_LOGS_PER_AGENT];
    reauthor->log = agent_new_log(agent);
    if (!reauthor->log)
        return out_of_memory(reauthor->error);
    for (size_t i = 0; i < reauthor->count; i++)
        if (!author_branch(reauthor, &reauthor->branches[i]))
            return false;
    for (size_t i = 0; i < reauthor->count; i++) {
        const struct branch *branch = &reauthor->branches[i];
        log_info("the log %016" PRIx64 " is not the hub's after change %" PRIu64
                 ": what follows was authored again as %016" PRIx64,
                 branch->replica, branch->common, reauthor->log->replica);
        arena_reset(&reauthor->arena);
        struct own_log *cut = agent_log(agent, branch->replica);
        if (cut->urgent > branch->common)
            reauthor->log->urgent = reauthor->log->head; /* what was marked is in it, somewhere */
        log_cut(reauthor->transaction, cut, branch->common, &reauthor->arena);
        replicas[i] = branch->replica;
        commons[i] = branch->common;
    }
    rename_drafts(reauthor,
                  &(struct marks){.replicas = replicas, .watermarks = commons, .count = reauthor->count});
    return !store_failed(reauthor);
}

static int older_first(const void *a, const void *b)
{
    const struct branch *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static bool make_branches(struct reauthor *reauthor, const struct fork *forks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct own_log *log = agent_log(reauthor->agent, forks[i].replica);
        if (!log || forks[i].common > log->head || count > LIMIT_LOGS_PER_AGENT)
            return error_set(reauthor->error, ERROR_INTERNAL, "a log that is not ours parts from the hub's");
        reauthor->branches[reauthor->count++] = (struct branch){
            .replica = log->replica, .number = log->number, .common = forks[i].common, .head = log->head};
    }
    qsort(reauthor->branches, reauthor->count, sizeof *reauthor->branches, older_first);
    return true;
}

bool agent_reauthor(struct agent *agent, const struct fork *forks, size_t count, struct error *error)
{
    struct transaction transaction;
    struct reauthor reauthor = {.agent = agent, .transaction = &transaction, .error = error};
    reauthor.branches = calloc(count + 1, sizeof *reauthor.branches);
    if (!reauthor.branches)
        return out_of_memory(reauthor.error);
    bool done = make_branches(&reauthor, forks, count) && agent_begin(agent, &transaction, error);
    if (done) {
        arena_init(&reauthor.arena, LIMIT_MESSAGE_ARENA_BYTES);
        done = run(&reauthor);
        if (done)
            done = agent_commit(agent, &transaction, error);
        else
            agent_abort(agent, &transaction);
        arena_release(&reauthor.arena);
    }
    for (size_t i = 0; i < reauthor.count; i++)
        free(reauthor.branches[i].renamed);
    free(reauthor.branches);
    return done;
}
